"""Containers that say too little, or say what is not so: every image is kept, none is invented."""

import logging
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import damage_packets, frame_image, number_in, set_ts_stamp, write_video

from videopose.errors import VideoError
from videopose.io.reader import open_video


def numbers_of(frames):
    return [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index) for frame in frames]


def steps_of(frames):
    return np.diff([frame.time for frame in frames])


@pytest.mark.parametrize("name", ["clip.avi", "clip.asf", "clip.mxf"])
def test_containers_with_decode_stamps_only_are_counted_as_decoded(tmp_path, name):
    path = write_video(tmp_path / name, num_frames=40, options={"bf": "2"})

    reader = open_video(path)
    frames = list(reader)

    assert [frame.index for frame in frames] == list(range(40)) == numbers_of(frames)
    assert reader.gaps == []
    assert steps_of(frames) == pytest.approx([0.04] * 39, abs=1e-3)


def test_a_damaged_packet_in_such_a_container_moves_no_later_frame(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.avi", num_frames=40, options={"bf": "2"}), [14])

    reader = open_video(path)
    frames = list(reader)

    lost = sum(gap.last - gap.first + 1 for gap in reader.gaps)
    assert len(frames) + lost == 40
    later = [frame for frame in frames if frame.index >= 22]
    assert [frame.index for frame in later] == list(range(22, 40)) == numbers_of(later)


@pytest.mark.parametrize("b_frames", ["0", "2"])
@pytest.mark.parametrize("wrong", ["repeated", "later", "earlier", "zero", "hour"])
def test_one_wrong_stamp_costs_no_frame_and_no_other_time(tmp_path, wrong, b_frames, caplog):
    path = write_video(tmp_path / "clip.ts", num_frames=40, options={"bf": b_frames})
    right = [frame.time for frame in open_video(path)]
    here = round(right[20] * 90000)
    ticks = {"repeated": -3600, "later": 18000, "earlier": -18000, "hour": 324000000}.get(wrong, -here)
    set_ts_stamp(path, 20, here + ticks)

    reader = open_video(path)
    frames = list(reader)

    assert [frame.index for frame in frames] == list(range(40)) == numbers_of(frames)
    assert reader.gaps == []
    assert sum(abs(frame.time - time) > 1e-6 for frame, time in zip(frames, right, strict=True)) <= 1
    assert (steps_of(frames) > 0).all()
    assert "1 frame has a wrong or no time stamp" in caplog.text or b_frames == "2"


def _spliced(folder: Path, *, offset: float, b_frames: str) -> Path:
    parts = []
    for number, start in enumerate((0.0, offset)):
        part = folder / f"{number}.ts"
        options = {"output_ts_offset": str(10 + start), "muxdelay": "0"}
        parts.append(write_video(part, num_frames=30, options={"bf": b_frames}, muxer=options).read_bytes())
    path = folder / "spliced.ts"
    path.write_bytes(b"".join(parts))
    return path


@pytest.mark.parametrize("b_frames", ["0", "2"])
@pytest.mark.parametrize(("offset", "said"), [(11, "leaps ahead"), (3601, "leaps ahead"), (0, "back"), (0.6, "back")])
def test_a_clock_that_jumps_invents_no_frames(tmp_path, offset, said, b_frames, caplog):
    with caplog.at_level(logging.WARNING):
        reader = open_video(_spliced(tmp_path, offset=offset, b_frames=b_frames))
        frames = list(reader)

    assert [frame.index for frame in frames] == list(range(60))
    assert [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index % 30) for frame in frames] == [*range(30)] * 2
    assert reader.gaps == []
    assert steps_of(frames[:30]) == pytest.approx([0.04] * 29, abs=1e-3)
    assert steps_of(frames[30:]) == pytest.approx([0.04] * 29, abs=1e-3)
    assert (steps_of(frames) > 0).all()
    assert said in caplog.text


def test_what_can_be_read_before_a_demuxer_fails_is_kept(tmp_path, caplog):
    path = write_video(tmp_path / "clip.ivf", num_frames=30, codec="libvpx", options={"deadline": "realtime"})
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    data[places[20] : places[20] + 4] = b"\xff\xff\xff\xff"  # an image of 4 GiB
    path.write_bytes(data)

    frames = list(open_video(path))

    assert [frame.index for frame in frames] == list(range(20)) == numbers_of(frames)
    assert "cannot be read behind packet 20" in caplog.text


def test_a_frame_rate_that_cannot_be_is_measured(tmp_path):
    path = write_video(tmp_path / "pal.dv", num_frames=2, size_hw=(576, 720), codec="dvvideo")

    assert open_video(path).info.frame_rate == 25


def test_a_frame_rate_is_checked_against_the_frames(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=20, rate=25, times=[k / 5 for k in range(20)])

    assert float(open_video(path).info.frame_rate) == pytest.approx(5, rel=0.1)


def test_a_wrong_sync_table_is_not_believed(tmp_path, caplog):
    path = write_video(tmp_path / "clip.mp4", num_frames=40, codec="mpeg4", options={"b": "1M"})
    whole = list(open_video(path))
    path.write_bytes(path.read_bytes().replace(b"stss", b"free"))  # read as: every image can be decoded alone

    frames = list(open_video(path, frames=(19, 21)))

    assert [frame.index for frame in frames] == [19, 20, 21]
    assert all((frame.image == whole[frame.index].image).all() for frame in frames)
    assert "decoded from its beginning to reach frame 19: the keyframes" in caplog.text


def test_a_container_that_cannot_be_sought_in_is_decoded_from_its_beginning(tmp_path, caplog):
    path = write_video(tmp_path / "clip.h264", num_frames=20, options={"bf": "2"})

    frames = list(open_video(path, frames=(10, 12)))

    assert [frame.index for frame in frames] == [10, 11, 12] == numbers_of(frames)
    assert "decoded from its beginning to reach frame 10: its packets carry no time stamps" in caplog.text


@pytest.fixture
def two_streams(tmp_path):
    path = tmp_path / "two.mp4"
    with av.open(str(path), "w") as container:
        preview = container.add_stream("mjpeg", rate=25, width=320, height=240, pix_fmt="yuvj420p")
        video = container.add_stream("libx264", rate=25, width=64, height=48, pix_fmt="yuv420p")
        frame = av.VideoFrame.from_ndarray(frame_image(9, (240, 320)), format="rgb24")
        container.mux(preview.encode(frame))
        container.mux(preview.encode(None))
        for number in range(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame_image(number), format="rgb24")))
        container.mux(video.encode(None))
    return path


def test_the_stream_with_the_frames_is_read_and_named(two_streams, caplog):
    reader = open_video(two_streams)

    assert (reader.info.frames, reader.info.size_hw) == (20, (48, 64))
    assert numbers_of(reader) == list(range(20))
    assert "several video streams: 0 (320x240, 1 images), 1 (64x48, 20 images); 1 is read" in caplog.text


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
def test_a_stream_can_be_chosen(two_streams, backend):
    assert open_video(two_streams, stream=0, backend=backend).info.size_hw == (240, 320)
    assert numbers_of(open_video(two_streams, stream=1, backend=backend)) == list(range(20))
    with pytest.raises(VideoError, match="stream 7 is no video stream of this file; these are: 0, 1"):
        open_video(two_streams, stream=7)


@pytest.mark.parametrize("tag", [b"99:00:01.200000000", b"for ever and a day"])
def test_a_duration_that_is_not_so_refuses_no_file(tmp_path, tag):
    path = write_video(tmp_path / "clip.mkv", num_frames=30)
    data = path.read_bytes()
    assert b"00:00:01.200000000" in data
    path.write_bytes(data.replace(b"00:00:01.200000000", tag))

    assert numbers_of(open_video(path)) == list(range(30))
