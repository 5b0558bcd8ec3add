"""Single frames by index and by time."""

import numpy as np
import pytest
from video_files import damage_packets, number_in, write_video

from videopose.errors import InputError, VideoError
from videopose.io import _packets
from videopose.io.reader import open_video


def number_of(frame):
    return number_in(frame.image.permute(1, 2, 0).numpy(), frame.index)


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", num_frames=40, options={"bf": "2"})


@pytest.fixture
def opens(monkeypatch):
    """Count how often a file is opened for decoding."""
    opened = []
    plain = _packets.open_media
    monkeypatch.setattr(_packets, "open_media", lambda *args, **more: opened.append(args) or plain(*args, **more))
    return opened


def test_frames_are_read_by_index(clip):
    reader = open_video(clip)

    assert [(reader[index].index, number_of(reader[index])) for index in (7, 30, 0, -1)] == [
        (7, 7), (30, 30), (0, 0), (39, 39)
    ]  # fmt: skip
    assert [number_of(frame) for frame in reader[30:4:-5]] == [30, 25, 20, 15, 10, 5]
    assert [number_of(frame) for frame in reader[35:]] == [35, 36, 37, 38, 39]
    assert reader[5:5] == []


def test_a_hundred_random_frames_are_not_a_hundred_opens(clip, opens):
    with open_video(clip) as reader:
        opens.clear()
        for index in np.random.default_rng(0).integers(0, 40, 100).tolist():
            assert number_of(reader[index]) == index

    assert len(opens) <= 25, "only what lies before the second keyframe needs the file opened anew"


def test_reading_on_needs_no_seek(clip, opens, monkeypatch):
    reader = open_video(clip)
    sought = []
    plain = _packets.PacketDecoder.images
    monkeypatch.setattr(
        _packets.PacketDecoder, "images", lambda self, start=0: sought.append(start) or plain(self, start)
    )

    assert [number_of(reader[index]) for index in range(20, 40)] == list(range(20, 40))
    assert len(sought) <= 2


def test_single_frames_disturb_no_iteration(clip):
    reader = open_video(clip)
    iteration = iter(reader)

    for index in range(20):
        assert next(iteration).index == index
        assert number_of(reader[39 - index]) == 39 - index


@pytest.mark.parametrize("index", [40, -41, 1000])
def test_a_frame_that_is_not_there_is_an_error(clip, index):
    with pytest.raises(InputError, match=rf"frame {index} is not in .*clip\.mp4: it has frames 0-39"):
        open_video(clip)[index]


@pytest.mark.parametrize(("seconds", "index"), [(0, 0), (0.4, 10), (0.41, 10), (0.439, 10), (0.44, 11), (1.599, 39)])
def test_frames_are_read_by_time(clip, seconds, index):
    assert open_video(clip).at(seconds).index == index


@pytest.mark.parametrize("seconds", [-0.1, 1.6, 60])
def test_a_time_that_is_not_shown_is_an_error(clip, seconds):
    with pytest.raises(InputError, match=r"s is not in .*clip\.mp4: it is shown from 0\.00 to 1\.60 s"):
        open_video(clip).at(seconds)


def test_a_missing_frame_is_an_error_and_the_others_are_there(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [14])
    reader = open_video(path)

    with pytest.raises(VideoError, match=r"frame 14 \(0\.56 s\) cannot be decoded: Invalid data"):
        reader[14]
    assert reader[15].index == 15
    assert number_of(reader[20]) == 20


def test_a_closed_reader_opens_again(clip):
    reader = open_video(clip)
    reader[12]
    reader.close()
    reader.close()

    assert number_of(reader[13]) == 13


@pytest.mark.parametrize(("name", "rate"), [("clip.mp4", 25), ("clip.mkv", 30), ("clip.ts", 30)])
def test_every_frames_own_time_selects_it(tmp_path, name, rate):
    path = write_video(tmp_path / name, num_frames=30, rate=rate)
    begin = open_video(path)[0].time

    for number in range(30):
        start = begin + number / rate  # no whole number of milliseconds, as Matroska stores
        assert next(iter(open_video(path, start=start))).index == number
        assert number == 0 or len(open_video(path, end=start)) == number
