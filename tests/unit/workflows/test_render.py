"""The overlay keeps the clip's times, its sound and the way it is shown."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from builders import some_poses
from video_files import damage_packets, frame_image, number_in, write_video

from videopose.errors import InputError, VideoPoseError
from videopose.io.reader import open_video
from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Poses, Record, VideoInfo
from videopose.workflows.render import render

TICK = 1e-6


def result_of(path, clip, *, people=0, **selection):
    """Write a result for a clip in which `people` stand about."""
    reader = open_video(clip, **selection)
    with write_result(path, ResultHeader(reader.info, skeleton_named("coco17"))) as writer:
        for frame in reader:
            poses = some_poses(people, seed=frame.index) if people else Poses.empty(17)
            writer.write(Record(Frame(frame.index, frame.time, None), poses=poses))
    return path


def times_of(path):
    return [frame.time for frame in open_video(path)]


def test_frame_times_are_kept(tmp_path):
    times = [0.0, 0.04, 0.5, 0.51, 1.0, 1.9, 2.0]
    clip = write_video(tmp_path / "clip.mp4", num_frames=7, times=times)

    render(clip, result_of(tmp_path / "r.json", clip, people=2), tmp_path / "o.mp4")

    assert times_of(tmp_path / "o.mp4") == pytest.approx(times, abs=TICK)


def test_a_late_first_frame_stays_late(tmp_path):
    clip = write_video(tmp_path / "clip.mkv", num_frames=3, times=[3.2, 3.24, 3.28])

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "o.mp4")

    assert times_of(tmp_path / "o.mp4") == pytest.approx([3.2, 3.24, 3.28], abs=1e-3)


def test_images_are_the_clips(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=12)

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "o.mp4")

    frames = list(open_video(tmp_path / "o.mp4"))
    assert [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index) for frame in frames] == list(range(12))


def test_people_are_drawn(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2, size_hw=(120, 160))

    render(clip, result_of(tmp_path / "r.json", clip, people=2), tmp_path / "o.mp4")

    image = next(iter(open_video(tmp_path / "o.mp4"))).image.permute(1, 2, 0).numpy().astype(int)
    assert (np.abs(image - frame_image(0, (120, 160))).max(-1) > 60).mean() > 0.02


def test_a_rotated_clip_is_shown_upright(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2, rotation=90)

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "o.mp4")

    reader = open_video(tmp_path / "o.mp4")
    shown = next(iter(reader)).image.permute(1, 2, 0).numpy()
    assert reader.info.size_hw == (64, 48)
    assert np.abs(shown.astype(int) - np.rot90(frame_image(0))).mean() < 6


def test_odd_sides_are_padded(tmp_path):
    clip = write_video(tmp_path / "clip.mkv", num_frames=2, codec="ffv1", size_hw=(47, 63))

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "o.mp4")

    assert open_video(tmp_path / "o.mp4").info.size_hw == (48, 64)


@pytest.mark.parametrize("name", ["o.mp4", "o.mkv"])
def test_the_sound_is_copied(tmp_path, name):
    clip = write_video(tmp_path / "clip.mp4", num_frames=50, with_audio=True)

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / name)

    assert sound_of(tmp_path / name) == sound_of(clip)


def sound_of(path):
    with av.open(str(path)) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0) if packet.size)


def test_a_part_is_drawn_from_time_zero_with_its_sound(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=50, with_audio=True)

    render(clip, result_of(tmp_path / "r.json", clip, frames=(25, 34)), tmp_path / "o.mp4")

    assert times_of(tmp_path / "o.mp4") == pytest.approx([k / 25 for k in range(10)], abs=TICK)
    with av.open(str(tmp_path / "o.mp4")) as container:
        heard = [packet.pts * packet.time_base for packet in container.demux(audio=0) if packet.size]
    assert heard[0] < 0.07
    assert heard[-1] < 0.4


def test_lost_frames_are_left_out(tmp_path):
    clip = damage_packets(write_video(tmp_path / "clip.mp4", num_frames=10, options={"bf": "0"}), [4])

    render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "o.mp4")

    assert times_of(tmp_path / "o.mp4") == pytest.approx([k / 25 for k in range(10) if k != 4], abs=TICK)


def test_a_folder_of_images_gets_the_results_frame_rate(tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "images" / f"{number}.png"), frame_image(number))
    result = result_of(tmp_path / "r.json", tmp_path / "images", frame_rate=10)

    render(tmp_path / "images", result, tmp_path / "o.mp4")

    assert times_of(tmp_path / "o.mp4") == pytest.approx([0, 0.1, 0.2], abs=TICK)


def test_a_video_that_is_there_is_kept(tmp_path):
    (tmp_path / "o.mp4").write_text("mine")

    with pytest.raises(InputError, match=r"o\.mp4: is already there. Add --overwrite"):
        render("clip.mp4", "r.json", tmp_path / "o.mp4")


def test_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(InputError, match=r"o\.avi: overlays are written as \.mp4, \.mov, \.mkv, \.gif, \.webp"):
        render("clip.mp4", "r.json", tmp_path / "o.avi")


def test_a_result_of_another_video_is_refused(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=3)
    other = write_video(tmp_path / "other.mp4", num_frames=3, size_hw=(96, 64))

    with pytest.raises(InputError, match="is of a video of 64x96 pixels, but .* has 64x48"):
        render(clip, result_of(tmp_path / "r.json", other), tmp_path / "o.mp4")


def test_a_result_longer_than_the_video_is_refused_and_leaves_nothing(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=3)
    longer = write_video(tmp_path / "longer.mp4", num_frames=5)

    with pytest.raises(InputError, match=r"frame 3 is not in .*clip\.mp4"):
        render(clip, result_of(tmp_path / "r.json", longer), tmp_path / "o.mp4")
    assert not list(tmp_path.glob("o.mp4*"))


def test_a_result_without_frames_is_refused(tmp_path):
    header = ResultHeader(VideoInfo("clip.mp4", (48, 64), Fraction(25)), skeleton_named("coco17"))
    with write_result(tmp_path / "r.json", header):
        pass

    with pytest.raises(InputError, match="holds no frame"):
        render("clip.mp4", tmp_path / "r.json", tmp_path / "o.mp4")


def test_a_folder_that_does_not_exist_is_one_line(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)

    with pytest.raises(VideoPoseError, match=r"o\.mp4: there is no folder .*nowhere\. Make it"):
        render(clip, result_of(tmp_path / "r.json", clip), tmp_path / "nowhere" / "o.mp4")


def test_the_clip_itself_is_never_replaced(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)
    before = clip.read_bytes()

    with pytest.raises(InputError, match=r"clip\.mp4: is what the result is made from"):
        render(clip, result_of(tmp_path / "r.json", clip), clip, overwrite=True)
    assert clip.read_bytes() == before
