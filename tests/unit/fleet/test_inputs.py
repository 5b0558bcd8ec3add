"""Which clips are meant, and where their results go."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError
from videopose.fleet.inputs import find_inputs, is_several


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Make a folder of videos (empty files), one below another, and go there."""
    monkeypatch.chdir(tmp_path)
    for name in ("day/b10.mp4", "day/b9.mp4", "day/.hidden.mp4", "day/notes.md", "day/night/c.MOV", "images/1.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


def pairs(*given, **options):
    return [(each.clip, str(each.output)) for each in find_inputs(given, **options)]


def test_a_folder_stands_for_its_videos_in_natural_order(tree):
    assert is_several(["day"])
    assert pairs("day") == [("day/b9.mp4", "day/b9.poses.json"), ("day/b10.mp4", "day/b10.poses.json")]


def test_folders_inside_folders_are_searched_when_asked(tree):
    found = pairs("day", recursive=True, output=Path("out"))

    assert found == [
        ("day/b9.mp4", "out/b9.poses.json"),
        ("day/b10.mp4", "out/b10.poses.json"),
        ("day/night/c.MOV", "out/night/c.poses.json"),
    ]


def test_a_glob_of_videos_is_many_and_one_of_images_is_a_clip(tree):
    assert is_several(["day/*.mp4"])
    assert [clip for clip, _ in pairs("day/b*.mp4")] == ["day/b9.mp4", "day/b10.mp4"]
    assert pairs("*/night/*.MOV", output=Path("o")) == [("day/night/c.MOV", "o/day/night/c.poses.json")]
    assert not is_several(["images/*.png"])
    assert not is_several(["images"])
    assert pairs("images") == [("images", "images.poses.json")]
    assert pairs("images/*.png", "day/b9.mp4") == [
        ("images/*.png", "images.poses.json"),
        ("day/b9.mp4", "day/b9.poses.json"),
    ]


def test_a_text_lists_clips_from_its_own_folder(tree):
    Path("day/list.txt").write_text("# the best\n\nb9.mp4\nnight/c.MOV\n")

    assert is_several(["day/list.txt"])
    assert pairs("day/list.txt") == [("day/b9.mp4", "day/b9.poses.json"), ("day/night/c.MOV", "day/night/c.poses.json")]
    assert pairs("day/list.txt", output=Path("o"))[1] == ("day/night/c.MOV", "o/night/c.poses.json")


def test_a_table_says_span_boxes_and_result_of_each(tree):
    Path("list.csv").write_text("path,start,end,boxes,output\nday/b9.mp4,1.5,,b.txt,x/one\nday/b9.mp4,,2,,two.csv\n")

    first, second = find_inputs(["list.csv"])

    assert (first.start, first.end, first.boxes, str(first.output)) == (1.5, None, "b.txt", "x/one.poses.json")
    assert (second.start, second.end, second.boxes, str(second.output)) == (None, 2.0, "", "two.csv")
    assert first.is_chosen


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,start\na.mp4,1\n", "names no column `path`"),
        ("path,strat\na.mp4,1\n", "there is no column 'strat'. Did you mean start"),
        ("path,start\na.mp4,soon\n", "line 2: start is 'soon'. Give seconds"),
        ("path,start\n,1\n", "line 2 has no path"),
        ("path\na.mp4,1\n", "line 2 has 2 values for 1 columns"),
        ('path\n"a.mp4\n', "is not CSV"),
        ("path,output\na.mp4,../x.json\n", "line 2: output '../x.json' leads elsewhere"),
        ("path,output\na.mp4,/tmp/x.json\n", "line 2: output '/tmp/x.json' leads elsewhere"),
        ("path,output\na.mp4,x.json\nb.mp4,x.json\n", "x.json: would be the result of a.mp4 and b.mp4"),
        ("path,start\na.mp4,1\na.mp4,2\n", "would be the result of two spans of a.mp4"),
    ],
)
def test_a_damaged_list_is_one_line_that_says_where(tree, text, message):
    Path("list.csv").write_text(text)

    with pytest.raises(InputError) as caught:
        find_inputs(["list.csv"])

    assert message in str(caught.value)


def test_a_list_in_another_encoding_is_said(tree):
    Path("list.txt").write_bytes(b"caf\xe9.mp4\n")

    with pytest.raises(InputError, match="is no text in UTF-8"):
        find_inputs(["list.txt"])


def test_clips_of_one_stem_keep_their_suffix(tree):
    Path("day/b9.mov").touch()

    assert [output for _, output in pairs("day")] == [
        "day/b9.mov.poses.json",
        "day/b9.mp4.poses.json",
        "day/b10.poses.json",
    ]


def test_a_clip_named_twice_is_run_once(tree):
    assert pairs("day", "day/b9.mp4") == pairs("day")


def test_nothing_found_and_one_result_for_many_are_said(tree):
    Path("empty").mkdir()

    with pytest.raises(InputError, match="empty: no videos there"):
        find_inputs(["empty"], recursive=True)
    with pytest.raises(InputError, match=r"all\.json: is one result, for 2 clips. Give a folder with -o"):
        find_inputs(["day"], Path("all.json"))
    assert pairs("day/b9.mp4", output=Path("one.csv")) == [("day/b9.mp4", "one.csv")]


NAMES = st.from_regex(r"(a|b|a\.b){1,2}\.(mp4|mov|avi)", fullmatch=True)


@settings(deadline=None, max_examples=30)
@given(st.sets(st.tuples(st.sampled_from(["", "x/", "x/y/"]), NAMES), min_size=1, max_size=12))
def test_no_two_clips_share_a_result(names):
    listed = [f"{folder}{name}" for folder, name in sorted(names)]

    for output in (None, Path("out")):
        found = find_inputs(listed, output)
        assert [each.clip for each in found] == listed
        assert len({each.output for each in found}) == len(listed)


def test_several_folders_keep_their_names_below_the_output(tree):
    Path("night").mkdir()
    Path("night/b9.mp4").touch()

    assert [output for _, output in pairs("day", "night", output=Path("out"))] == [
        "out/day/b9.poses.json", "out/day/b10.poses.json", "out/night/b9.poses.json",
    ]  # fmt: skip
    assert pairs("day/b9.mp4", tree / "night/b9.mp4", output=Path("out")) == [
        ("day/b9.mp4", "out/day/b9.poses.json"), (str(tree / "night/b9.mp4"), "out/night/b9.poses.json"),
    ]  # fmt: skip
