"""What the documents say of the checkout is so: its rooms, its files, its version."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml

from videopose import catalog
from videopose.config import Options
from videopose.training.run import TrainOptions

ROOT = Path(__file__).parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TOP = ("videopose", "pipelines", "configs", "eval", "tests", "docs")
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _name(path):
    return path.relative_to(ROOT).as_posix()


def _rooms_there_are():
    inner = {path.parent for path in (ROOT / "videopose").rglob("*.py")}
    inner |= {path.parent for path in (ROOT / "eval").glob("*/*.py")}
    inner |= {ROOT / "videopose/assets", ROOT / "pipelines", ROOT / "configs"}
    return {path.relative_to(ROOT).as_posix() for path in inner} - {"videopose"}


def _rooms_in_the_table():
    return re.findall(r"^\| `([\w/]+)` \|", CONTRIBUTING, flags=re.MULTILINE)


def test_every_room_is_in_the_table_once_and_every_room_in_the_table_is_there():
    listed = _rooms_in_the_table()

    assert len(listed) == len(set(listed))
    assert {room for room in listed if (ROOT / room).is_dir()} == _rooms_there_are()
    assert [room for room in listed if not (ROOT / room).is_dir()] == ["videopose/images"]
    assert (ROOT / "videopose/images.py").is_file()


def test_six_recipes_have_five_lines_each():
    recipes = CONTRIBUTING.partition("## How to add")[2].partition("\n## ")[0]
    steps = dict(re.findall(r"\*\*(.+?)\*\*\n((?:\d\. .*\n)+)", recipes))

    assert list(steps) == ["A network", "A codec", "A runtime", "A tracker", "A file format", "A protocol"]
    assert {body.count("\n") for body in steps.values()} == {5}


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_paths_in_documents_exist(path):
    for named in re.findall(rf"`((?:{'|'.join(TOP)})/[A-Za-z_][\w./]*)`", path.read_text(encoding="utf-8")):
        there = ROOT / named
        assert there.exists() or there.with_suffix(".py").is_file(), f"{path.name}: {named} does not exist"


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_modules_in_documents_exist(path):
    for named in re.findall(r"\bvideopose(?:\.\w+)+", path.read_text(encoding="utf-8")):
        parts = named.removeprefix("videopose.").split(".")
        home = ROOT if parts[0] in TOP else ROOT / "videopose"
        if home == ROOT or (home / parts[0]).is_dir():
            there = home.joinpath(*parts)
            found = there.is_dir() or there.with_suffix(".py").is_file() or there.parent.with_suffix(".py").is_file()
            assert found, f"{path.name}: {named} does not exist"


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_in_documents_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert (cited["version"], cited["license"]) == (project["version"], project["license"])
    assert cited["cff-version"] == "1.2.0"


def test_the_changelog_says_what_there_is_in_one_unreleased_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.findall(r"^##+ .*", text, flags=re.MULTILINE) == ["## 0.1.0 — unreleased", "### Added"]
    assert len(text.splitlines()) < 60


def _dotted(options, prefix=""):
    """Yield every dotted key of a model of options, sections too."""
    for name, field in options.model_fields.items():
        key = f"{prefix}{name}"
        yield key
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, Options):
                yield from _dotted(part, f"{key}.")


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_options_in_documents_exist(path):
    known = set(_dotted(TrainOptions))
    for recipe in ("topdown", "temporal", "tubes"):
        known |= set(_dotted(catalog.recipe(recipe).PipelineOptions))
    sections = {key.rpartition(".")[0] for key in known}

    text = path.read_text(encoding="utf-8")
    for named in re.findall(r"(?:`|--set )([a-z_]+(?:\.[a-z_0-9]+)+)(?==|`)", text):
        if named.partition(".")[0] in sections and not named.endswith((".py", ".md", ".json")):
            mapping = named.rpartition(".")[0]  # of names the user chooses
            assert named in known or mapping in known - sections, f"{path.name}: {named} is no option"


def test_issue_templates_ask_for_what_the_commands_print():
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))

    assert len(forms) >= 4
    for path in forms:
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert path.name == "config.yml" or {"name", "description", "body"} <= form.keys()
    assert "videopose env" in (ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8")
