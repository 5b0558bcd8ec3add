"""Find a recipe, a config or a protocol by name: the only module that knows the folder names."""

from __future__ import annotations

import importlib
from importlib import resources
from pathlib import Path
from types import ModuleType

from videopose.errors import UnknownNameError, VideoPoseError, nearest_name


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
    """Find `configs/<kind>/<name>.yaml`, or take `name` as a path if it ends in .yaml or .yml.

    Args:
        kind: `pipelines`, `train` or `models`.
        name: of a shipped config, or a path.

    Raises:
        UnknownNameError: there is no such shipped config.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    known = config_names(kind)
    if name not in known:
        hint = nearest_name(name, known)
        raise UnknownNameError(f"no config named {name!r} in {kind}. {hint} A path must end in .yaml.")
    return _folder("videopose.configs") / kind / f"{name}.yaml"


def config_names(kind: str) -> list[str]:
    """List the shipped configs of a kind."""
    return sorted(path.stem for path in (_folder("videopose.configs") / kind).glob("*.yaml"))


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
