import json

import pytest
from click.testing import CliRunner

from videopose.cli.main import main

PERSON = {"image_id": 4, "category_id": 1, "keypoints": [float(value) for value in range(1, 52)], "score": 0.5}


@pytest.fixture
def results(tmp_path):
    path = tmp_path / "results.json"
    path.write_text(json.dumps([PERSON, {**PERSON, "track_id": 3}]))
    return path


def test_a_file_is_converted_and_what_is_lost_is_said_once_on_stderr(results, tmp_path, capsys):
    code = main(["convert", str(results), "-o", str(tmp_path / "out.json"), "--to", "posetrack18"])

    said = capsys.readouterr()
    assert code == 0
    assert said.out == f"{tmp_path / 'out.json'}\n"
    assert said.err.count("keypoints derived, not measured: head_bottom") == 1
    assert len(json.loads((tmp_path / "out.json").read_text())["annotations"]) == 2


def test_a_folder_is_converted_file_by_file_and_notes_are_not_repeated(results, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / f"{name}.json").write_text(results.read_text())

    code = main(["convert", str(folder), "-o", str(tmp_path / "out"), "--to", "hieve"])

    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.json", "b.json"]
    assert capsys.readouterr().err.count("keypoints lost") == 1


def test_an_existing_file_is_kept(results, tmp_path, capsys):
    (tmp_path / "out.json").write_text("mine")

    code = main(["convert", str(results), "-o", str(tmp_path / "out.json"), "--to", "coco"])

    assert code == 1
    assert "out.json: exists already. Give another -o, or --overwrite" in capsys.readouterr().err
    assert (tmp_path / "out.json").read_text() == "mine"


def test_a_malformed_file_leaves_nothing_behind(tmp_path, capsys):
    (tmp_path / "bad.json").write_text(json.dumps([{**PERSON, "image_id": "four"}]))

    code = main(["convert", str(tmp_path / "bad.json"), "-o", str(tmp_path / "out.json"), "--to", "coco"])

    assert code == 1
    assert "bad.json: [0].image_id is the string 'four'; a number is needed" in capsys.readouterr().err
    assert not list(tmp_path.glob("out*"))


def test_the_formats_are_listed():
    from videopose.cli.convert import command

    listed = CliRunner().invoke(command, ["--list"])

    assert listed.exit_code == 0
    assert "posetrack18" in listed.output
    assert "read, write" in listed.output
