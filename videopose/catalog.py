"""Find a recipe, a config or a protocol by name: the only module that knows the folder names."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path
from types import ModuleType

from videopose.errors import UnknownNameError, VideoPoseError, nearest_name

PUBLISHED = "published"
"""Folder of configs whose networks are fetched when they are first used."""


def recipe(name: str) -> ModuleType:
    """Import the recipe `pipelines/<name>.py`.

    Raises:
        UnknownNameError: there is no such recipe.
    """
    return _module("videopose.pipelines", "recipe", name)


def protocol(name: str) -> ModuleType:
    """Import the scoring protocol `eval/protocols/<name>.py`; its `PROTOCOL` says what it offers.

    Raises:
        UnknownNameError: there is no such protocol.
    """
    known = protocol_names()
    if name not in known:
        raise UnknownNameError(f"no protocol is named {name!r}. {nearest_name(name, known)}")
    return importlib.import_module(f"videopose.eval.protocols.{name}")


def protocol_names() -> tuple[str, ...]:
    """List the scoring protocols."""
    _folder("videopose.eval.protocols")  # says what to do where it is not installed
    names: tuple[str, ...] = importlib.import_module("videopose.eval.protocols").NAMES
    return names


def evaluation(name: str) -> ModuleType:
    """Import a module of `eval/` that is no protocol, by its dotted name: `reports.build`, `benchmarks.networks`.

    Raises:
        UnknownNameError: there is no such module.
    """
    return _module("videopose.eval", "evaluation", name)


def config_file(kind: str, name: str) -> Path:
    """Find `configs/<kind>/<name>.yaml`, or take `name` as a path if it ends in .yaml or .yml, or is a folder.

    Args:
        kind: `pipelines`, `train` or `models`.
        name: of a shipped config, those of published networks included; or a path. A folder holds one YAML file, or
            one of them is called `pipeline.yaml`.

    Raises:
        UnknownNameError: there is no such shipped config, or it cannot be told which file of the folder is meant.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    shipped = {**_configs(f"{kind}/{PUBLISHED}"), **_configs(kind)}
    if name in shipped:
        return shipped[name]
    if Path(name).is_dir():
        return _only_yaml(Path(name))
    hint = nearest_name(name, shipped)
    raise UnknownNameError(f"no config named {name!r} in {kind}. {hint} A path must end in .yaml, or be a folder.")


def is_config(kind: str, name: str) -> bool:
    """Check whether `config_file` would take a name for a shipped config, or for a file by its ending."""
    return name.endswith((".yaml", ".yml")) or name in _configs(kind) or name in _configs(f"{kind}/{PUBLISHED}")


def _only_yaml(folder: Path) -> Path:
    if (folder / "pipeline.yaml").is_file():
        return folder / "pipeline.yaml"
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")])
    if len(files) != 1:
        raise UnknownNameError(
            f"{folder}: holds {len(files)} YAML files; name one of them, or call the one that is meant pipeline.yaml"
        )
    return files[0]


def config_folder(kind: str) -> Path:
    """Find the folder of the shipped configs of a kind."""
    return _folder("videopose.configs") / kind


def config_names(kind: str) -> list[str]:
    """List the shipped configs of a kind, those of published networks left out; see `published_names`."""
    return sorted(_configs(kind))


def published_names() -> list[str]:
    """List the pipelines of published networks."""
    return sorted(_configs(f"pipelines/{PUBLISHED}"))


def _configs(kind: str) -> dict[str, Path]:
    return {path.stem: path for path in (_folder("videopose.configs") / kind).glob("*.yaml")}


def asset(name: str) -> Path:
    """Find a file that ships inside the package (default weights and their cards)."""
    return _folder("videopose") / "assets" / name


def _folder(package: str) -> Path:
    try:
        folder = resources.files(package)
    except ModuleNotFoundError as error:
        raise VideoPoseError(f"{package} is not installed; run `pip install -e .` in the checkout") from error
    return Path(str(folder))


def _module(package: str, kind: str, name: str) -> ModuleType:
    folder = _folder(package)
    files = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    known = [".".join(file.parts) for file in files if not file.name.startswith("_")]
    if name not in known:
        raise UnknownNameError(f"no {kind} is named {name!r}. {nearest_name(name, known)}")
    return importlib.import_module(f"{package}.{name}")
