"""The README as a reader takes it: every block of code is run, every command and option it names exists."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest
from demo_clip import write_demo_clip

from videopose.cli.main import cli, main
from videopose.workflows.pipelines import load_pipeline

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
ELSEWHERE = ("pip install", "make ")
"""Beginnings of lines that set a machine up; the test of the packages runs them."""


def _prints(line):
    """Leave ids open: they depend on which of two people scores higher."""
    line = re.sub(r"person \d+", "person N", line)
    return re.sub(r"\d+", "N", line) if line.startswith("[[") else line


@pytest.mark.slow
def test_every_block_runs_and_prints_what_the_readme_says(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    pytest.importorskip("pandas", reason="pandas is not installed; pip install -e '.[test]'")
    write_demo_clip(tmp_path / "clip.mp4", num_frames=30)
    monkeypatch.chdir(tmp_path)
    names = {}

    for language, block in BLOCKS:
        capsys.readouterr()
        if language == "sh":
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "videopose" or line.startswith(ELSEWHERE)
                assert words[0] != "videopose" or main(words[1:]) == 0
        elif language == "python":
            exec(compile(block, "README.md", "exec"), names)
            promised = [line.removeprefix("# ") for line in block.splitlines() if line.startswith("# ")]
            printed = capsys.readouterr().out.splitlines()
            assert [_prints(line) for line in printed[: len(promised)]] == [_prints(line) for line in promised]
        else:
            assert language == "json"
            written = Path("clip.poses.json").read_text(encoding="utf-8")
            assert set(re.findall(r'"(\w+)":', block)) <= set(re.findall(r'"(\w+)":', written))
            assert json.loads(written)["schema"] in block
    assert names["drawn"].shape == (360, 640, 3)
    assert [frame.index for frame in names["frames"]] == [10, 15, 20]
    assert (tmp_path / "clip.overlay.mp4").stat().st_size > 10_000


def test_there_are_blocks_of_every_kind():
    assert [language for language, _ in BLOCKS].count("python") >= 3
    assert {language for language, _ in BLOCKS} == {"sh", "json", "python"}


def _documents():
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _command_lines(text):
    """Yield the words behind `videopose` of every command in backticks, or in a fenced block."""
    for found in re.finditer(r"(?:`|^)videopose ([^`\n]*(?:\n(?=--)[^`\n]*)*)", text, flags=re.MULTILINE):
        yield found[1].partition(" #")[0].replace("\n", " ").split()


def _command_of(words):
    """Return the click command some words begin with, and the words behind it."""
    found, rest = cli, list(words)
    while isinstance(found, click.Group) and rest and not rest[0].startswith("-"):
        context = click.Context(found)
        name = rest[0].rstrip(",;.:")
        inner = found.get_command(context, name)
        unnamed = found.get_command(context, "")  # `train CONFIG`, which names no command
        if inner is None and unnamed is not None:
            return unnamed, rest
        if inner is None:
            return None, rest
        found, rest = inner, rest[1:]
    return found, rest


@pytest.mark.parametrize("path", _documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_in_the_documents_exist(path):
    for words in _command_lines(path.read_text(encoding="utf-8")):
        found, rest = _command_of(words)
        assert found is not None, f"{path.name}: videopose {' '.join(words)}: no such command"
        known = {name for parameter in found.params for name in (*parameter.opts, *parameter.secondary_opts)}
        used = {word.partition("=")[0] for word in rest if re.match(r"--\w", word)}
        assert used <= known | {"--help", "--debug", "--version"}, f"{path.name}: videopose {' '.join(words)}"


def test_values_the_readme_sets_are_options():
    values = [value for value in re.findall(r"--set ([\w.]+=[^\s`,]+)", README) if "FILE" not in value]

    assert len(values) >= 2
    load_pipeline("default", [value for value in values if not value.startswith("pose.")])
    load_pipeline("default", [value for value in values if value.startswith("pose.")])


def test_pipelines_the_readme_names_exist():
    for name in re.findall(r"--pipeline ([\w-]+)", README):
        load_pipeline(name, ())
