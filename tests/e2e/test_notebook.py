"""The first steps as a notebook: its cells run in a kernel, and results show themselves."""

import re
from pathlib import Path

import pytest
from demo_clip import write_demo_clip

EXAMPLE = Path(__file__).parents[2] / "docs/examples/first_steps.py"

pytestmark = pytest.mark.slow


def cells_of(text):
    """Split a file in percent format into its cells: kind (code or markdown) and text."""
    parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    assert not parts[0].strip(), "a file in percent format begins with a cell"
    for head, body in zip(parts[1::2], parts[2::2], strict=True):
        if "[markdown]" in head:
            yield "markdown", re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)
        else:
            yield "code", body.strip()


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """Code of each cell -> the HTML it shows, or its text where it has no HTML; '' where it shows nothing."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed; pip install -e '.[test]'")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed; pip install -e '.[test]'")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed; pip install -e '.[test]'")
    pytest.importorskip("pandas", reason="pandas is not installed; pip install -e '.[test]'")
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    folder = tmp_path_factory.mktemp("notebook")
    write_demo_clip(folder / "clip.mp4", num_frames=20)
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
    notebook = nbformat.v4.new_notebook(
        cells=[make[kind](text) for kind, text in cells_of(EXAMPLE.read_text(encoding="utf-8"))]
    )

    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()

    nbformat.validate(notebook)
    return {cell.source: _shown(cell.outputs) for cell in notebook.cells if cell.cell_type == "code"}


def _shown(outputs):
    found = [each["data"] for each in outputs if each["output_type"] == "execute_result"]
    return "".join(data.get("text/html", data["text/plain"]) for data in found)


def _cell_that_ends(executed, last_line):
    (shown,) = (shown for code, shown in executed.items() if code.splitlines()[-1] == last_line)
    return shown


def test_a_run_shows_what_it_is_and_how_it_is_set_going(executed):
    shown = _cell_that_ends(executed, "run")

    assert "Run(&#x27;clip.mp4&#x27;" in shown
    assert "<code>for frame in run" in shown


def test_a_result_shows_its_people(executed):
    shown = _cell_that_ends(executed, "result")

    assert "StoredResult(&#x27;clip.poses.json&#x27;" in shown
    assert "<th>track_id</th>" in shown
    assert shown.count("<tr>") >= 2  # a head and somebody


def test_poses_show_themselves_as_a_table(executed):
    shown = _cell_that_ends(executed, "poses")

    assert "19 keypoints each</p><table>" in shown
    assert shown.count("<tr>") >= 2


def test_arrays_and_drawings_print_their_shapes(executed):
    assert "keypoints=float32(20, " in _cell_that_ends(executed, "arrays")
    assert _cell_that_ends(executed, "drawn.shape") == "(360, 640, 3)"
