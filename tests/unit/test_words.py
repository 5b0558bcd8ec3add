"""The words of the code: docstrings open with a verb of the field, and an image is called image."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [path for room in ("videopose", "pipelines", "eval") for path in sorted((ROOT / room).rglob("*.py"))]
NOT_AT_THE_START = {
    "Bring", "Carry", "Forget", "Give", "Go", "Have", "Hear", "Judge", "Lay", "Let", "Leave", "Look", "Need", "Put",
    "Say", "Sign", "Spoil", "Take", "Tell", "Throw", "Turn",
}  # fmt: skip
"""Verbs that leave open what is computed, read, written, returned or checked."""
METAPHORS = ("hold themselves", "let go", "come out from behind", "a image ", "hardly anything speaks for")


def _docstrings(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", "module"), text


def test_there_is_something_to_read():
    assert len(FILES) > 250


@pytest.mark.parametrize("room", ["videopose", "pipelines", "eval"])
def test_docstrings_open_with_a_verb_of_the_field(room):
    wrong = [
        f"{path.relative_to(ROOT)}: {name}: {text.splitlines()[0]}"
        for path in FILES
        if path.is_relative_to(ROOT / room)
        for name, text in _docstrings(path)
        if re.match(r"[A-Za-z]*", text)[0] in NOT_AT_THE_START or text.startswith("Make sure")
    ]

    assert wrong == []


def test_docstrings_have_no_metaphors_a_reader_must_solve():
    wrong = [
        f"{path.relative_to(ROOT)}: {name}: {found}"
        for path in FILES
        for name, text in _docstrings(path)
        for found in METAPHORS
        if found in text
    ]

    assert wrong == []


def test_an_image_is_called_image():
    wrong = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in FILES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"picture(?!type)", line, flags=re.IGNORECASE)  # PictureType is PyAV's
    ]

    assert wrong == []
    assert [path for path in FILES if "picture" in path.name] == []
