"""Decoding that begins anywhere gives the images of a plain decode, whatever container and codec."""

import av
import numpy as np
import pytest
from video_files import damage_packets, write_video

from videopose.io.reader import open_video

KINDS = {
    "h264.mp4": ("libx264", "yuv420p", {"bf": "2"}),
    "open_gop.mkv": ("libx264", "yuv420p", {"bf": "3", "x264-params": "open-gop=1"}),
    "refresh.mp4": ("libx264", "yuv420p", {"x264-params": "intra-refresh=1"}),
    "hevc.mp4": ("libx265", "yuv420p", {"x265-params": "log-level=none"}),
    "b.ts": ("libx264", "yuv420p", {"bf": "2"}),
    "b.avi": ("libx264", "yuv420p", {"bf": "2"}),
    "raw.h264": ("libx264", "yuv420p", {"bf": "2"}),
    "asp.avi": ("mpeg4", "yuv420p", {"bf": "2", "b": "1M"}),
    "asp.mp4": ("mpeg4", "yuv420p", {"b": "1M"}),
    "mpeg2.mpg": ("mpeg2video", "yuv420p", {"bf": "2", "b": "1M"}),
    "mpeg2.ts": ("mpeg2video", "yuv420p", {"bf": "2", "b": "1M"}),
    "mpeg2.mxf": ("mpeg2video", "yuv420p", {"bf": "2", "b": "1M"}),
    "vp8.webm": ("libvpx", "yuv420p", {}),
    "vp9.webm": ("libvpx-vp9", "yuv420p", {"cpu-used": "8"}),
    "vp9.ivf": ("libvpx-vp9", "yuv420p", {"cpu-used": "8"}),
    "av1.mkv": ("libsvtav1", "yuv420p", {"preset": "12"}),
    "flv1.flv": ("flv", "yuv420p", {"b": "1M"}),
    "wmv.asf": ("wmv2", "yuv420p", {"b": "1M"}),
    "raw.mjpeg": ("mjpeg", "yuvj420p", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "qtrle.mov": ("qtrle", "rgb24", {}),
    "msvideo1.avi": ("msvideo1", "rgb555le", {}),
    "moving.gif": ("gif", "rgb8", {}),
    "raw.nut": ("rawvideo", "yuv420p", {}),
    "ffv1.mkv": ("ffv1", "yuv420p", {}),
    "theora.ogv": ("libtheora", "yuv420p", {}),
    "prores.mov": ("prores", "yuv422p10le", {}),
}
FRAMES = 36


def _written(path):
    codec, pix_fmt, options = KINDS[path.name]
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no encoder {codec}")
    return write_video(
        path, num_frames=FRAMES, codec=codec, pix_fmt=pix_fmt, options={"g": "12", **options}, paint=_hard_to_predict
    )


def _hard_to_predict(number, size_hw):
    y, x = np.mgrid[: size_hw[0], : size_hw[1]]
    waves = 127 + 120 * np.sin((x * (1 + number % 5) + y * number) / 9.0)
    return np.stack([waves, np.roll(waves, number, 1), 255 - waves], -1).astype(np.uint8)


def _triples(count):
    rng = np.random.default_rng(22)
    names = [*rng.permutation(list(KINDS)), *rng.choice(list(KINDS), count - len(KINDS))]
    return [(str(name), int(rng.integers(1, FRAMES - 1))) for name in names]


@pytest.mark.parametrize(("name", "start"), _triples(44))
def test_frames_from_the_middle_are_those_of_a_plain_decode(tmp_path, name, start):
    path = _written(tmp_path / name)
    whole = {frame.index: frame for frame in open_video(path)}

    frames = list(open_video(path, frames=(start, None)))

    assert [frame.index for frame in frames] == [index for index in whole if index >= start]
    for frame in frames:
        assert (frame.image == whole[frame.index].image).all(), f"frame {frame.index}"
        assert frame.time == whole[frame.index].time


@pytest.mark.parametrize("name", KINDS)
def test_single_frames_are_those_of_a_plain_decode(tmp_path, name):
    path = _written(tmp_path / name)
    whole = {frame.index: frame for frame in open_video(path)}

    with open_video(path) as reader:
        for index in np.random.default_rng(4).choice(list(whole), 12).tolist():
            assert (reader[index].image == whole[index].image).all(), f"frame {index}"


@pytest.mark.parametrize("name", KINDS)
def test_all_images_a_plain_decode_gives_are_frames(tmp_path, name):
    path = _written(tmp_path / name)
    with av.open(str(path)) as container:
        plain = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]

    reader = open_video(path)
    frames = list(reader)

    assert [frame.index for frame in frames] == list(range(len(plain)))
    assert reader.gaps == []
    for frame, image in zip(frames, plain, strict=True):
        assert abs(float(frame.image.float().mean()) - float(image.mean())) < 25
    assert (np.diff([frame.time for frame in frames]) > 0).all()


def _spoilt(path, seed):
    """Overwrite half of two packets, at and behind a keyframe, so that the decoder patches the images up."""
    write_video(path, num_frames=30, size_hw=(96, 128), options={"bf": "0", "threads": "1"}, paint=_hard_to_predict)
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for number in (10, 13):
        pos, size = places[number]
        at = pos + size // 3
        data[at : at + size // 2] = rng.integers(0, 256, size // 2, dtype=np.uint8).tobytes()
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("seed", range(6))
def test_images_behind_damage_do_not_depend_on_where_decoding_began(tmp_path, seed):
    reader = open_video(_spoilt(tmp_path / "clip.mp4", seed))
    whole = {frame.index: frame for frame in reader}

    for since in (8, 11, 12, 14, 16, 21):
        for frame in reader.frames(since=since):
            assert (frame.image == whole[frame.index].image).all(), f"frame {frame.index}, begun at {since}"


def test_the_damaged_packet_is_named_before_the_next_image_comes(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", num_frames=30, options={"bf": "0"}), [14])
    decoder = open_video(path)._decoder()

    failed = {ordinal: list(decoder.failed) for ordinal, _ in decoder.images()}

    assert (failed[13], failed[15], failed[29]) == ([], [14], [14])
