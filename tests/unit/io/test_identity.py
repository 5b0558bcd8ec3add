"""Files are told apart by their content, and a clip that is replaced while it is read is noticed."""

import os

import pytest

from videopose.errors import InputError
from videopose.io.identity import (
    WatchedClip,
    clip_identity,
    difference,
    file_identity,
    files_identity,
    video_identity,
)

MIB = 1 << 20


@pytest.mark.parametrize("place", [0, MIB - 1, 4 * MIB, 5 * MIB - 1])
def test_a_video_is_told_by_its_ends(tmp_path, place):
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(5 * MIB))
    before = video_identity(path)
    change(path, place)

    assert video_identity(path) != before


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 1])
def test_a_video_of_any_size_is_told_by_its_last_byte(tmp_path, size):
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(size))
    before = video_identity(path)
    if size:
        change(path, size - 1)

    assert (video_identity(path) == before) is (size == 0)


@pytest.mark.parametrize("place", [0, 2 * MIB + 17, 5 * MIB - 1])
def test_other_files_are_told_by_all_of_their_content(tmp_path, place):
    path = tmp_path / "boxes.txt"
    path.write_bytes(bytes(5 * MIB))
    before = file_identity(path)
    change(path, place)

    assert file_identity(path) != before


def change(path, place):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"x")


@pytest.mark.parametrize("pattern", ["", "*.png"])
def test_images_are_told_by_their_content(tmp_path, pattern):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(bytes(3 * MIB))
    before = clip_identity(tmp_path / pattern)
    change(tmp_path / "1.png", MIB + 5)

    assert clip_identity(tmp_path / pattern) != before


def test_images_are_told_by_their_names_and_order(tmp_path):
    (tmp_path / "1.png").write_text("a")
    (tmp_path / "2.png").write_text("b")
    before = clip_identity(tmp_path)
    (tmp_path / "2.png").rename(tmp_path / "0.png")
    moved = clip_identity(tmp_path)
    (tmp_path / "notes.txt").write_text("not an image")

    assert moved != before
    assert clip_identity(tmp_path) == moved


def test_a_file_that_is_not_there_is_said_not_to_be(tmp_path):
    path = tmp_path / "boxes.txt"
    missing = files_identity({"detector.boxes": path})
    path.write_text("1")

    assert difference(missing, files_identity({"detector.boxes": path})) == [
        f"detector.boxes ({path}) has other content"
    ]


def test_a_swapped_file_is_named_by_option_and_path():
    before = {"pose.weights": {"name": "hrnet_w32.mine", "sha256": "1", "data_sha256": "2"}}
    other = {"pose.weights": {"name": "hrnet_w32.mine", "sha256": "1", "data_sha256": "3"}}
    renamed = {"pose.weights": {"name": "hrnet_w32.yours", "sha256": "1", "data_sha256": "2"}}

    assert difference(before, other) == ["pose.weights (hrnet_w32.mine) has other content"]
    assert difference(before, renamed) == ['pose.weights.name was "hrnet_w32.mine" and is "hrnet_w32.yours"']


@pytest.fixture
def watched(tmp_path):
    """Watch a clip of 100 bytes."""
    (tmp_path / "clip.mp4").write_bytes(bytes(100))
    watched = WatchedClip(tmp_path / "clip.mp4")
    watched.identify()
    return watched


def test_a_touched_or_renamed_clip_is_the_same(tmp_path, watched):
    path = tmp_path / "clip.mp4"
    os.utime(path, (1, 1))
    watched.check()
    path.rename(tmp_path / "x")
    (tmp_path / "x").rename(path)

    watched.check()


def test_a_clip_replaced_by_its_copy_is_the_same(tmp_path, watched):
    (tmp_path / "copy").write_bytes((tmp_path / "clip.mp4").read_bytes())
    (tmp_path / "copy").replace(tmp_path / "clip.mp4")

    watched.check()


@pytest.mark.parametrize("how", ["written", "replaced", "gone"])
def test_another_clip_is_noticed(tmp_path, watched, how):
    path = tmp_path / "clip.mp4"
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    if how == "written":
        change(path, 50)
    elif how == "replaced":
        (tmp_path / "other").write_bytes(b"x" * 100)
        (tmp_path / "other").replace(path)
    else:
        path.unlink()
    if how != "gone":
        os.utime(path, ns=times)  # as `cp -p` does

    with pytest.raises(InputError, match=r"clip\.mp4: was replaced while it was read\. Put the former one back"):
        watched.check()


def test_an_image_replaced_by_one_of_the_same_size_is_noticed(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_text("same")
    watched = WatchedClip(tmp_path)
    watched.identify()
    (tmp_path / "1.png").write_text("else")

    with pytest.raises(InputError, match="was replaced while it was read"):
        watched.check()


def test_a_clip_nobody_can_read_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.mp4: cannot be read \(No such file"):
        WatchedClip(tmp_path / "nothing.mp4").identify()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.ffconcat", "ffconcat version 1.0\nfile 'part one.ts'\nfile two.ts\n"),
        ("list.ffconcat", "\ufeffffconcat version 1.0\r\nfile part\\ one.ts\r\nfile two.ts\r\n"),
        ("list.m3u8", '#EXTM3U\n#EXT-X-MAP:URI="two.ts"\n#EXTINF:1,\npart one.ts\nhttp://nowhere/3.ts\n'),
        ("list.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\ninner.m3u8\nlist.m3u8\n"),
    ],
)
def test_a_list_of_files_is_told_by_the_files_it_names(tmp_path, name, text):
    (tmp_path / "inner.m3u8").write_text("#EXTM3U\n#EXTINF:1,\npart one.ts\n#EXTINF:1,\ntwo.ts\n")
    parts = [tmp_path / "part one.ts", tmp_path / "two.ts"]
    for part in parts:
        part.write_bytes(bytes(1000))
    clip = tmp_path / name
    clip.write_bytes(text.encode())
    watched = WatchedClip(clip)
    before = watched.identify()

    for part in parts:
        change(part, 500)
        with pytest.raises(InputError, match="was replaced while it was read"):
            watched.check()
        assert clip_identity(clip) != before
        part.write_bytes(bytes(1000))
        assert clip_identity(clip) == before
