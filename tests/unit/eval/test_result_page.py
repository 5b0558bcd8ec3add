"""`videopose report`: one page that needs nothing from anywhere, and says what is in a result."""

import re

import pytest
from annotation_builders import save, walkers
from click.testing import CliRunner
from desk_server import SIZE, write_case

from videopose.cli.report import command
from videopose.errors import InputError


def invoke(*words):
    done = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def case(tmp_path):
    records = walkers(size_hw=SIZE)
    for record in records[20:]:
        record.poses.track_id[:] = [2, 1, 3]
    return write_case(tmp_path, records)


def test_the_page_shows_counts_people_and_doubtful_moments(case, tmp_path):
    page = tmp_path / "page.html"
    invoke(*case, "-o", page)
    text = page.read_text()

    assert "40 of 40" in text
    assert "1 and 2: way" in text
    assert "ids exchanged?" in text
    assert text.count("data:image/jpeg;base64,") == 1
    assert text.count("<rect") == 3
    assert text.count("<polyline") == 6
    assert "&quot;version&quot;: &quot;t&quot;" in text
    assert "<script" not in text
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', text) == []


def test_the_default_name_is_beside_the_clip_and_nothing_is_overwritten(case):
    clip, result = case
    invoke(clip, result)
    assert clip.with_name("clip.report.html").is_file()
    with pytest.raises(InputError, match="is already there"):
        invoke(clip, result)
    before = clip.with_name("clip.report.html").read_bytes()
    invoke(clip, result, "--overwrite")
    assert clip.with_name("clip.report.html").read_bytes() == before


def test_a_result_without_people_has_a_page(case, tmp_path):
    clip, _ = case
    empty = [type(each)(each.frame, poses=each.poses[[]]) for each in walkers(size_hw=SIZE)]
    result = save(tmp_path / "empty.json", empty)
    invoke(clip, result, "-o", tmp_path / "empty.html")

    assert "None." in (tmp_path / "empty.html").read_text()
