"""The pages of the documentation as a reader takes them: what is written as sh and python is run, page by page.

A block marked `console` needs data, a GPU or a network; its commands and options are checked like all others
(`test_readme.py`).
"""

import re
import shlex
from pathlib import Path

import pytest
from demo_clip import write_demo_clip

from videopose.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs/index.md", *sorted((ROOT / "docs/howto").glob("*.md"))]

pytestmark = pytest.mark.slow


def blocks_of(path):
    """Return language and text of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def test_there_is_something_to_run():
    languages = [language for page in PAGES for language, _ in blocks_of(page)]

    assert languages.count("sh") >= 8
    assert languages.count("python") >= 5


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if any(kind in ("sh", "python") for kind, _ in blocks_of(page))],
    ids=lambda p: p.stem,
)
def test_every_block_of_a_page_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    pytest.importorskip("pandas", reason="pandas is not installed; pip install -e '.[test]'")
    write_demo_clip(tmp_path / "clip.mp4", num_frames=20)
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}

    for language, block in blocks_of(page):
        if language == "sh":
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                assert words[0] == "videopose", f"{page.name}: {line}"
                assert main(words[1:]) == 0, f"{page.name}: {line}"
        elif language == "python":
            exec(compile(block, str(page), "exec"), names)
