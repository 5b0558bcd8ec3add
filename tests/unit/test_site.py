"""The site of the documentation: its pages, what is filled into them, and that nothing is loaded from a network."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from videopose import catalog
from videopose.cli.main import cli

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs/site"


def _module(name):
    sys.path.insert(0, str(SITE))
    try:
        spec = importlib.util.spec_from_file_location(f"docs_site_{name}", SITE / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(SITE))


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    _module("build").assemble(folder)
    return folder


def _pages_of(nav):
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else _pages_of(value)


def test_a_page_that_the_menu_does_not_name_is_added_to_it(tmp_path):
    build = _module("build")
    page = tmp_path / "new.md"
    page.write_text('# A "new" page\n')

    text = build._with_all_pages({**build.places(), page: "new.md"})

    assert {"A 'new' page": "new.md"} in tomllib.loads(text)["project"]["nav"][-1]["More"]


def test_every_page_of_the_site_is_in_its_menu_and_the_other_way_round(assembled):
    nav = tomllib.loads((assembled / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    listed = list(_pages_of(nav))
    there = {path.relative_to(assembled / "docs").as_posix() for path in (assembled / "docs").rglob("*.md")}

    assert len(listed) == len(set(listed))
    assert set(listed) == {page for page in there if not page.startswith("cards/")}


def test_every_command_and_option_is_described(assembled):
    page = (assembled / "docs/reference/cli.md").read_text(encoding="utf-8")

    def check(command, words):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert re.search(rf"^##+ {' '.join([*words, name])}$", page, flags=re.MULTILINE)
            for parameter in inner.params:
                assert not isinstance(parameter, click.Option) or parameter.hidden or parameter.opts[-1] in page
            if isinstance(inner, click.Group):
                check(inner, [*words, name])

    check(cli, ["videopose"])


def test_every_option_of_a_pipeline_is_described(assembled):
    page = (assembled / "docs/reference/config.md").read_text(encoding="utf-8")

    def check(options, prefix):
        for name, field in type(options).model_fields.items():
            value = getattr(options, name)
            if isinstance(value, BaseModel):
                check(value, f"{prefix}{name}.")
            else:
                assert f"| `{prefix}{name}` |" in page, field

    for recipe in ("topdown", "temporal", "tubes"):
        check(catalog.recipe(recipe).PipelineOptions(), "")
    assert "Input pixels a frame is scaled to" in page  # the string below a field


def test_links_out_of_the_site_become_text(assembled):
    for path in (assembled / "docs").rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path}: {target}"
    assert ", `NOTICE`)" in (assembled / "docs/default-models.md").read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    build = _module("build")

    with pytest.raises(SystemExit, match=r"README\.md: the link to nowhere\.md leads nowhere"):
        build.relinked("[x](nowhere.md)", build.ROOT / "README.md", {build.ROOT / "README.md": "README.md"})


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ('<a href="gone.html">x</a>', "a.html: gone.html leads nowhere"),
        ('<a href="#there">x</a><p id="here">', "a.html: #there: there is no such heading"),
        ('<script src="https://example.org/x.js"></script>', "a.html: loads https://example.org/x.js"),
        ('<link rel="stylesheet" href="//example.org/x.css">', "a.html: loads //example.org/x.css"),
        ('<a href="https://example.org/">x</a><a href="#here">y</a><p id="here">', None),
    ],
)
def test_the_check_finds_what_is_wrong_with_a_page(tmp_path, page, problem):
    (tmp_path / "a.html").write_text(page, encoding="utf-8")

    found = _module("check").problems(tmp_path)

    assert problem is None or problem in found
    assert bool(found) == (problem is not None)


def test_a_stylesheet_that_loads_a_font_is_a_problem(tmp_path):
    (tmp_path / "a.css").write_text("@font-face { src: url(https://example.org/a.woff) }", encoding="utf-8")

    assert _module("check").problems(tmp_path) == ["a.css: loads something from elsewhere"]


@pytest.mark.slow
def test_the_site_builds_without_a_problem(tmp_path):
    pytest.importorskip("zensical", reason="zensical is not installed; pip install -e '.[docs]'")

    done = subprocess.run(
        [sys.executable, SITE / "build.py", tmp_path / "out"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems" in done.stdout
    assert (tmp_path / "out/site/index.html").is_file()
