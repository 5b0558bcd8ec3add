"""Names and folders as file systems have them: a path is a path, and only what it names is read."""

import os
import shutil
import threading

import av
import cv2
import pytest
from video_files import frame_image, number_in, write_video

from videopose.errors import InputError, VideoError
from videopose.io._image_files import missing_behind
from videopose.io._media import demuxer_log, readable_name, writable_name
from videopose.io.reader import open_video

ODD_NAMES = ["concat:a.mp4", "http:b.mp4", "file:c.mp4", "a:b.mp4", "data:x.mp4", "pipe:0", "%03d.mp4", "-x.mp4"]


def numbers_of(frames):
    return [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index) for frame in frames]


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", num_frames=5)


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize("name", [*ODD_NAMES, os.fsdecode(b"caf\xe9.mp4"), "n" * 251 + ".mp4"])
def test_a_name_is_a_name_whatever_stands_in_it(clip, name, backend, monkeypatch):
    monkeypatch.chdir(clip.parent)
    shutil.copy(clip, os.fsencode(name))

    reader = open_video(name, backend=backend)

    assert numbers_of(reader) == list(range(5))
    reader.info.path.encode("utf-8")


def test_names_that_are_no_text_are_spelled_out():
    assert readable_name(os.fsdecode(b"caf\xe9.mp4")) == writable_name(os.fsdecode(b"caf\xe9.mp4")) == r"caf\xe9.mp4"
    assert readable_name("café.mp4") == writable_name("café.mp4") == "café.mp4"


@pytest.mark.parametrize("name", ["list.m3u8", "list.ffconcat", "innocent.mp4", "stream.sdp"])
def test_a_file_that_names_others_is_refused_unless_allowed(clip, name):
    segment = clip.with_name("clip.ts")
    write_video(segment, num_frames=5)
    text = {
        "list.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{segment.name}\n#EXT-X-ENDLIST\n",
        "stream.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    }.get(name, f"ffconcat version 1.0\nfile {segment.name}\n")
    path = clip.with_name(name)
    path.write_text(text)

    with pytest.raises(VideoError, match=r"is a list that names other files.*--allow-references"):
        open_video(path)
    if name == "stream.sdp":
        with pytest.raises(VideoError, match="is a list"):
            open_video(path, allow_references=True)
    else:
        assert numbers_of(open_video(path, allow_references=True)) == list(range(5))


@pytest.mark.parametrize("path", ["-", "/dev/stdin", "http://localhost:9/x.mp4", "rtsp://camera/1"])
def test_streams_and_addresses_are_not_read(path):
    with pytest.raises(VideoError, match="streams and addresses are not read. Save the clip to a file first"):
        open_video(path)


def test_a_nul_in_a_name_is_an_error():
    with pytest.raises(VideoError, match="no file can have this name: it holds a NUL byte"):
        open_video("a\0b.mp4")


def test_a_name_that_is_too_long_is_an_error():
    with pytest.raises(VideoError, match=r"cannot be read \(File name too long\)"):
        open_video("n" * 300 + ".mp4")


def test_a_pipe_is_no_clip(tmp_path):
    os.mkfifo(tmp_path / "clip.mp4")

    with pytest.raises(VideoError, match="is no file but a pipe or a device"):
        open_video(tmp_path / "clip.mp4")


def _images(folder, names):
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), frame_image(number)[..., ::-1])


def test_what_is_hidden_or_no_file_is_no_frame(tmp_path):
    _images(tmp_path, ["0.png", "1.png", "2.png", ".trash.png"])
    for name in ("._0.png", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    os.mkfifo(tmp_path / "3.png")
    (tmp_path / "4.png").mkdir()

    for path in (tmp_path, tmp_path / "*.png", tmp_path / "*"):
        reader = open_video(path)
        assert numbers_of(reader) == [0, 1, 2]
        assert reader.gaps == []
    assert len(open_video(tmp_path / ".t*.png")) == 1


def test_images_whose_names_are_no_text_are_read(tmp_path):
    _images(tmp_path, ["0.png", "1.png"])
    (tmp_path / "1.png").rename(tmp_path / os.fsdecode(b"caf\xe9.png"))

    assert numbers_of(open_video(tmp_path)) == [0, 1]


def test_a_folder_of_videos_says_how_to_run_them(clip):
    with pytest.raises(VideoError, match=r"a folder of 1 videos, not of one video's images.*clip\.mp4"):
        open_video(clip.parent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_an_error(tmp_path):
    folder = tmp_path / "album"
    folder.mkdir(mode=0)

    with pytest.raises(VideoError, match=r"cannot be read \(Permission denied"):
        open_video(folder)


def test_holes_in_the_numbers_of_images_are_said(tmp_path, caplog):
    _images(tmp_path, [f"img_{number:06}.png" for number in (1, 2, 3, 5, 6, 9)])

    reader = open_video(tmp_path)

    assert numbers_of(reader) == [0, 1, 2, 3, 4, 5]
    assert "are passed over (--keep-holes keeps them as gaps): 1 behind img_000003.png, 2 behind img_000006.png" in (
        caplog.text
    )


def test_holes_can_be_kept_as_gaps(tmp_path):
    _images(tmp_path, [f"img_{number:06}.png" for number in (1, 2, 3, 5, 6, 9)])

    reader = open_video(tmp_path, keep_holes=True, frame_rate=10)
    frames = list(reader)

    assert [frame.index for frame in frames] == [0, 1, 2, 4, 5, 8]
    assert frames[-1].time == pytest.approx(0.8)
    assert [(gap.first, gap.last) for gap in reader.gaps] == [(3, 3), (6, 7)]
    assert reader.gaps[0].reason == "there is no image of this number"


@pytest.mark.parametrize("names", [["a.png", "b.png"], ["a1.png", "b2.png"], ["20240101.png", "20250607.png", "3.png"]])
def test_names_that_do_not_count_have_no_holes(tmp_path, names):
    _images(tmp_path, names)

    with pytest.raises(InputError, match="do not count frames, so holes cannot be kept"):
        open_video(tmp_path, keep_holes=True)


@pytest.mark.parametrize(
    ("numbers", "missing"),
    [((0, 5, 10, 15), [0, 0, 0, 0]), ((0, 5, 15, 20), [0, 1, 0, 0]), ((1, 2, 4), [0, 1, 0]), ((1, 2, 9999), [])],
)
def test_names_may_count_in_steps(tmp_path, numbers, missing):
    assert missing_behind([tmp_path / f"f{number:05}.jpg" for number in numbers]) == missing


def test_holes_of_a_video_file_make_no_sense(clip):
    with pytest.raises(InputError, match="--keep-holes is for folders of images"):
        open_video(clip, keep_holes=True)


def test_ffmpegs_log_level_is_put_back_by_many_threads(clip):
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    threads = [threading.Thread(target=lambda: [open_video(clip) for _ in range(3)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (av.logging.get_level(), av.logging.get_skip_repeated()) == before


def test_ffmpegs_log_level_stays_raised_until_the_last_reader_leaves():
    before = av.logging.get_level()
    with demuxer_log():
        inner = demuxer_log()
        inner.__enter__()
        raised = av.logging.get_level()
    still = av.logging.get_level()
    inner.__exit__(None, None, None)

    assert raised == still == av.logging.WARNING
    assert av.logging.get_level() == before
