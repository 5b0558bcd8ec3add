"""Frames with exact index and time, from files the tests write."""

import os
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from video_files import cut, damage_packets, frame_image, level_of, number_in, write_audio, write_video

from videopose.errors import InputError, UnknownNameError, VideoError
from videopose.io.backends.pyav import displayed_size
from videopose.io.base import Selection
from videopose.io.reader import open_video


def numbers_of(frames):
    return [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index) for frame in frames]


def test_every_frame_has_its_index_time_and_image(tmp_path):
    reader = open_video(write_video(tmp_path / "clip.mp4", num_frames=30, rate=25))

    frames = list(reader)

    assert [frame.index for frame in frames] == list(range(30)) == numbers_of(frames)
    assert [frame.time for frame in frames] == pytest.approx([k / 25 for k in range(30)])
    assert reader.info.frame_rate == 25
    assert reader.info.frames == len(reader) == 30
    assert reader.info.duration == pytest.approx(1.2)
    assert frames[0].image.shape == (3, 48, 64)
    assert str(frames[0].image.dtype) == "torch.uint8"


def test_iterating_twice_gives_the_same_frames(tmp_path):
    reader = open_video(write_video(tmp_path / "clip.mp4", num_frames=5))

    assert numbers_of(reader) == numbers_of(reader) == [0, 1, 2, 3, 4]


def test_times_of_a_variable_frame_rate_are_the_containers(tmp_path):
    times = [0.0, 0.04, 0.5, 0.51, 1.0, 1.9, 2.0]

    reader = open_video(write_video(tmp_path / "clip.mp4", num_frames=7, times=times))

    assert [frame.time for frame in reader] == pytest.approx(times, abs=1e-3)


def test_a_first_frame_that_is_not_at_zero_keeps_its_time(tmp_path):
    reader = open_video(write_video(tmp_path / "clip.mkv", num_frames=4, times=[3.2, 3.24, 3.28, 3.32]))

    frames = list(reader)

    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time for frame in frames] == pytest.approx([3.2, 3.24, 3.28, 3.32], abs=1e-3)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_frames_stored_out_of_order_come_in_order(tmp_path, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(tmp_path / name, num_frames=40, codec=codec, options={"bf": "2", "b": "4M"})

    frames = list(open_video(path))

    assert [frame.index for frame in frames] == list(range(40)) == numbers_of(frames)
    assert all(np.diff([frame.time for frame in frames]) > 0)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_display_rotation_is_applied(tmp_path, rotation):
    reader = open_video(write_video(tmp_path / "clip.mp4", num_frames=2, rotation=rotation))

    image = next(iter(reader)).image.permute(1, 2, 0).numpy()

    expected = np.rot90(frame_image(0), rotation // 90)
    assert reader.info.rotation == rotation
    assert reader.info.size_hw == image.shape[:2] == expected.shape[:2]
    assert np.abs(image.astype(int) - expected).mean() < 5


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize(
    ("pixel_aspect", "rotation", "size_hw"),
    [
        (Fraction(4, 3), None, (48, 85)),
        (Fraction(1, 2), None, (96, 64)),
        (Fraction(3, 2), 90, (96, 48)),
        (Fraction(64, 63), None, (48, 64)),  # one pixel wider: an encoder's rounding
    ],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_pixels_that_are_not_square_are_shown_as_players_show_them(
    tmp_path, name, backend, pixel_aspect, rotation, size_hw
):
    path = write_video(tmp_path / name, num_frames=3, pixel_aspect=pixel_aspect, rotation=rotation)

    reader = open_video(path, backend=backend)
    frames = list(reader)

    assert reader.info.size_hw == size_hw
    assert [tuple(frame.image.shape) for frame in frames] == [(3, *size_hw)] * 3
    corner = np.rot90(np.pad(np.ones((12, 16)), ((0, 36), (0, 48))), (rotation or 0) // 90)
    red = frames[0].image[0].float().numpy() - frames[0].image[1].float().numpy() > 100
    expected = cv2.resize(corner, size_hw[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    assert (red != expected).mean() < 0.03


def test_a_pixel_ratio_that_cannot_be_is_passed_over():
    assert displayed_size((48, 64), Fraction(1000)) == (48, 64)
    assert displayed_size((48, 64), Fraction(0)) == displayed_size((48, 64), None) == (48, 64)


def test_images_may_be_drawn_on(tmp_path):
    reader = open_video(write_video(tmp_path / "clip.mov", num_frames=3, codec="png", pix_fmt="rgb24"))

    first, *_ = frames = list(reader)
    first.image.zero_()

    assert [int(frame.image.max() > 0) for frame in frames] == [0, 1, 1]
    assert next(iter(reader)).image.max() > 0


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "size_hw"),
    [
        ("gray.mkv", "ffv1", "gray", (48, 64)),
        ("ten_bit.mkv", "ffv1", "yuv420p10le", (48, 64)),
        ("alpha.mkv", "ffv1", "bgra", (48, 64)),
        ("odd.mkv", "ffv1", "yuv420p", (47, 63)),
        ("odd_rgb.mkv", "ffv1", "bgr0", (31, 33)),
    ],
)
def test_unusual_pixels_become_rgb(tmp_path, name, codec, pix_fmt, size_hw):
    path = write_video(tmp_path / name, num_frames=3, codec=codec, pix_fmt=pix_fmt, size_hw=size_hw)

    frames = list(open_video(path))

    assert numbers_of(frames) == [0, 1, 2]
    assert frames[0].image.shape == (3, *size_hw)
    red = frames[0].image[:, : size_hw[0] // 5, : size_hw[1] // 5].float().mean((1, 2))
    assert (red[0] > 200) == (pix_fmt != "gray")


def test_a_damaged_packet_costs_only_its_frame(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [14])

    reader = open_video(path)
    frames = list(reader)

    assert [frame.index for frame in frames] == [k for k in range(30) if k != 14]
    gap = reader.gaps[0]
    assert (len(reader.gaps), gap.first, gap.last) == (1, 14, 14)
    assert (gap.start, gap.end) == pytest.approx((14 / 25, 15 / 25))
    assert gap.reason == "Invalid data found when processing input"


def test_frames_behind_damage_keep_their_index_time_and_image(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [14, 15])

    later = [frame for frame in open_video(path) if frame.index >= 20]

    assert [frame.index for frame in later] == list(range(20, 30)) == numbers_of(later)
    assert later[0].time == pytest.approx(20 / 25)


def test_the_gap_travels_with_the_record_behind_it(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [14])

    records = list(open_video(path).records())

    assert {record.frame.index: len(record.gaps) for record in records if record.gaps} == {15: 1}


def test_a_gap_at_the_end_is_reported(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [28, 29])
    reader = open_video(path)

    frames = list(reader)

    assert frames[-1].index == 27
    assert [(gap.first, gap.last) for gap in reader.gaps] == [(28, 29)]
    assert reader.gaps[0].end == pytest.approx(30 / 25)


@pytest.mark.parametrize("name", ["clip.mkv", "clip.ts"])
def test_packets_the_container_lost_are_a_gap_and_shift_no_index(tmp_path, name):
    path = damage_packets(write_video(tmp_path / name, num_frames=60, options={"bf": "0"}), [25])

    reader = open_video(path)
    frames = list(reader)

    assert reader.gaps[0].first == 25
    assert {"clip.mkv": "EBML", "clip.ts": "corrupt"}[name] in reader.gaps[0].reason
    assert frames[-1].index == 59
    assert frames[-1].time - frames[0].time == pytest.approx(59 / 25, abs=0.01)


def test_a_variable_frame_rate_is_no_gap(tmp_path):
    reader = open_video(write_video(tmp_path / "clip.mkv", num_frames=5, times=[0, 0.04, 0.08, 2.0, 2.04]))

    assert [frame.index for frame in reader] == [0, 1, 2, 3, 4]
    assert reader.gaps == []


def test_strict_makes_a_gap_an_error(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [14])

    with pytest.raises(VideoError, match=r"clip\.mp4: frame 14 \(0\.56 s\) cannot be decoded: Invalid data.*--strict"):
        list(open_video(path, strict=True))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts", "clip.h264"])
@pytest.mark.parametrize("first", [0, 1, 9, 10, 11, 23, 29])
def test_seeking_lands_on_the_exact_frame(tmp_path, name, first):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(tmp_path / name, num_frames=30, codec=codec, options={"bf": "2"})
    whole = list(open_video(path))

    frames = list(open_video(path, frames=(first, None)))

    assert [frame.index for frame in frames] == list(range(first, 30))
    assert [frame.time for frame in frames] == [frame.time for frame in whole[first:]]
    assert all((a.image == b.image).all() for a, b in zip(frames, whole[first:], strict=True))


@pytest.mark.parametrize("since", [8, 11, 15, 21])
def test_going_on_behind_damage_gives_what_an_unbroken_run_gives(tmp_path, since):
    path = damage_packets(write_video(tmp_path / "clip.mp4", options={"bf": "0"}), [10, 14])
    reader = open_video(path)
    whole = {frame.index: frame for frame in reader}

    for frame in reader.frames(since=since):
        assert (frame.image == whole[frame.index].image).all()


def test_seconds_choose_frames(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=30, rate=25)

    assert [frame.index for frame in open_video(path, start=0.4, end=0.6)] == [10, 11, 12, 13, 14]


def test_frame_range_and_every_count_over_the_whole_file(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=30)

    reader = open_video(path, frames=(4, 20), every=5)

    frames = list(reader)
    assert [frame.index for frame in frames] == [4, 9, 14, 19] == numbers_of(frames)
    assert len(reader) == 4
    assert [frame.index for frame in reader.frames(since=10)] == [14, 19]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every = 0"),
        ({"start": 2.0, "end": 1.0}, "end = 1 s is not after start = 2 s"),
        ({"frames": (-1, 3)}, "indices count from 0"),
        ({"frames": (5, 3)}, "frames 5-3: the last comes before the first"),
    ],
)
def test_a_selection_that_makes_no_sense_is_an_error(options, message):
    with pytest.raises(InputError, match=message):
        Selection(**options)


def test_an_empty_selection_names_what_there_is(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=30, rate=25)

    with pytest.raises(VideoError, match=r"none of its frames is selected; it has frames 0-29, 0\.00-1\.20 s"):
        open_video(path, start=60)


def test_an_mp4_cut_before_its_index_is_an_error(tmp_path):
    path = cut(write_video(tmp_path / "clip.mp4"), 0.6)

    with pytest.raises(VideoError, match=r"clip\.mp4: cut off: the index .* is missing .* Copy it again"):
        open_video(path)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv"])
def test_a_file_that_is_cut_off_says_how_far_it_goes(tmp_path, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    path = write_video(tmp_path / name, num_frames=60, codec=codec, muxer={"movflags": "faststart"})
    cut(path, 0.6)

    with pytest.raises(VideoError, match=r"the file is cut off after frame (\d+) .*--frames 0-\1$"):
        open_video(path)


def test_frames_before_the_cut_can_still_be_read(tmp_path):
    path = cut(write_video(tmp_path / "clip.mp4", num_frames=60, muxer={"movflags": "faststart"}), 0.6)

    assert numbers_of(open_video(path, frames=(0, 9))) == list(range(10))


def test_frames_beyond_the_cut_are_an_error(tmp_path):
    path = cut(write_video(tmp_path / "clip.mp4", num_frames=60, muxer={"movflags": "faststart"}), 0.6)

    with pytest.raises(VideoError, match="cut off after frame"):
        open_video(path, frames=(0, 58))


def test_an_empty_file_is_an_error(tmp_path):
    (tmp_path / "clip.mp4").touch()

    with pytest.raises(VideoError, match=r"clip\.mp4: the file is empty \(0 bytes\)"):
        open_video(tmp_path / "clip.mp4")


def test_sound_without_images_is_an_error(tmp_path):
    path = write_audio(tmp_path / "clip.m4a")

    with pytest.raises(VideoError, match=r"clip\.m4a: it has no video stream, only audio"):
        open_video(path)


def test_text_named_mp4_is_an_error(tmp_path):
    (tmp_path / "clip.mp4").write_text("Dear diary, today I filmed nothing.\n" * 50)

    with pytest.raises(VideoError, match=r"clip\.mp4: not a video \(Invalid data"):
        open_video(tmp_path / "clip.mp4")


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(VideoError, match=r"nowhere\.mp4: no such file"):
        open_video(tmp_path / "nowhere.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_an_error(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=2)
    path.chmod(0)

    with pytest.raises(VideoError, match=r"cannot be read \(Permission denied"):
        open_video(path)


def test_a_file_the_disk_does_not_give_is_an_error(tmp_path):
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")

    with pytest.raises(VideoError, match=r"loop\.mp4: cannot be read \(.*\)\. Check its permissions"):
        open_video(tmp_path / "loop.mp4")


def test_a_video_of_damaged_packets_only_is_an_error(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", num_frames=5, options={"bf": "0"}), range(5))

    with pytest.raises(VideoError, match=r"none of its frames can be decoded \(Invalid data"):
        open_video(path)


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean opencv"):
        open_video("clip.mp4", backend="open_cv")


def test_decord_says_when_it_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "decord", None)
    path = write_video(tmp_path / "clip.mp4", num_frames=2)

    with pytest.raises(InputError, match="decord is not installed"):
        open_video(path, backend="decord")


@pytest.mark.parametrize("backend", ["opencv", "decord"])
@pytest.mark.parametrize("damaged", [[], [14]])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts"])
def test_the_other_backends_give_the_same_frames_and_gaps(tmp_path, backend, damaged, name):
    if backend == "decord":
        pytest.importorskip("decord", reason="decord is not installed")
    path = damage_packets(write_video(tmp_path / name, num_frames=40, options={"bf": "0"}), damaged)
    reference = open_video(path)
    expected = list(reference)

    reader = open_video(path, backend=backend)
    frames = list(reader)

    assert [(frame.index, frame.time) for frame in frames] == [(frame.index, frame.time) for frame in expected]
    assert numbers_of(frames) == numbers_of(expected)
    assert reader.gaps == reference.gaps


def test_opencv_turns_the_image_once(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=2, rotation=90)

    image = next(iter(open_video(path, backend="opencv"))).image

    assert image.shape == (3, 64, 48)


def test_images_of_a_folder_come_in_natural_order(tmp_path):
    for number in (0, 1, 2, 10, 11):
        cv2.imwrite(str(tmp_path / f"img{number}.png"), frame_image(number)[..., ::-1])
    (tmp_path / "notes.txt").write_text("no image")

    reader = open_video(tmp_path, frame_rate=10)
    frames = list(reader)

    assert [frame.image[0, -1, -1] in range(level_of(n), level_of(n) + 3) for frame, n in
            zip(frames, (0, 1, 2, 10, 11), strict=True)] == [True] * 5  # fmt: skip
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert reader.info.frame_rate == Fraction(10)
    assert frames[0].image[:, 0, 0].tolist() == [255, 0, 0]


def test_a_glob_chooses_images(tmp_path):
    for number in (1, 2, 3):
        cv2.imwrite(str(tmp_path / f"{'a' if number < 3 else 'b'}{number}.png"), frame_image(number))

    assert len(list(open_video(tmp_path / "a*.png"))) == 2


def test_an_image_that_does_not_open_is_a_gap(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame_image(number))
    (tmp_path / "1.png").write_bytes(b"not an image")
    reader = open_video(tmp_path)

    assert [frame.index for frame in reader] == [0, 2]
    assert [(gap.first, gap.last, gap.reason) for gap in reader.gaps] == [(1, 1, "1.png is not an image")]


def test_gray_and_transparent_images_become_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), frame_image(0)[..., 0])
    cv2.imwrite(str(tmp_path / "1.png"), np.dstack([frame_image(1), np.full((48, 64), 9, np.uint8)]))
    cv2.imwrite(str(tmp_path / "2.png"), frame_image(2).astype(np.uint16) * 257)

    assert [tuple(frame.image.shape) for frame in open_video(tmp_path)] == [(3, 48, 64)] * 3
    assert numbers_of(open_video(tmp_path)) == [0, 1, 2]


def test_a_folder_without_images_is_an_error(tmp_path):
    with pytest.raises(VideoError, match="a folder without images"):
        open_video(tmp_path)


def test_a_glob_without_matches_is_an_error(tmp_path):
    with pytest.raises(VideoError, match="no file matches"):
        open_video(tmp_path / "*.png")


def test_images_of_different_sizes_are_an_error(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), frame_image(0))
    cv2.imwrite(str(tmp_path / "1.png"), frame_image(1, (20, 20)))

    with pytest.raises(VideoError, match=r"1\.png: 20x20 pixels, but the images before it have 64x48"):
        list(open_video(tmp_path))


def test_a_frame_rate_for_a_file_is_an_error(tmp_path):
    path = write_video(tmp_path / "clip.mp4", num_frames=2)

    with pytest.raises(InputError, match="has its own timestamps"):
        open_video(path, frame_rate=10)


@pytest.mark.parametrize("frame_rate", [0, -1, 1e-9, 5e-324, 1e300, float("nan"), float("inf")])
def test_a_frame_rate_is_a_positive_number(tmp_path, frame_rate):
    with pytest.raises(InputError, match="give images per second, more than 0"):
        open_video(tmp_path, frame_rate=frame_rate)


@pytest.mark.parametrize("frame_rate", [1e-6, 0.01, 1 / 3, 1000, 1e6])
def test_an_image_an_hour_is_a_frame_rate_too(tmp_path, frame_rate):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame_image(number))
    reader = open_video(tmp_path, frame_rate=frame_rate)

    assert [frame.time * frame_rate for frame in reader] == pytest.approx([0, 1, 2])


def test_an_image_size_that_changes_is_brought_to_the_first(tmp_path):
    parts = [
        write_video(tmp_path / f"{k}.h264", num_frames=5, size_hw=size) for k, size in enumerate([(48, 64), (96, 128)])
    ]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    frames = list(open_video(joined))

    assert {tuple(frame.image.shape) for frame in frames} == {(3, 48, 64)}
    assert len(frames) == 10


def test_reference_images_that_are_never_shown_are_no_gap(tmp_path):
    source = write_video(tmp_path / "source.webm", num_frames=20, codec="libvpx", options={"bf": "0"})
    path = tmp_path / "clip.webm"
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if not packet.size:
                continue
            data = bytearray(bytes(packet))
            pts = packet.pts
            packet.stream = stream
            made.mux(packet)
            if pts and not packet.is_keyframe:
                hidden = av.Packet(bytes([data[0] & ~0x10]) + bytes(data[1:]))  # the bit that says "show me"
                hidden.pts = hidden.dts = pts + 5
                hidden.time_base, hidden.stream = Fraction(1, 1000), stream
                made.mux(hidden)

    reader = open_video(path)

    assert [frame.index for frame in reader] == list(range(20))
    assert reader.gaps == []
