"""The public names: what README and notebooks call, on arrays, without files where none are needed."""

import dataclasses
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from demo_clip import write_demo_clip

import videopose
from videopose.errors import InputError, UnknownNameError, VideoError

SURFACE = Path(__file__).parents[1] / "api_surface.json"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    pytest.importorskip("matplotlib", reason="the demo's portrait ships with matplotlib")
    path = tmp_path_factory.mktemp("surface") / "clip.mp4"
    write_demo_clip(path, num_frames=12)
    return path


@pytest.fixture(scope="module")
def image(clip):
    frame = videopose.open_video(clip)[5]
    return frame.image.permute(1, 2, 0).numpy().copy()


@pytest.fixture(scope="module")
def detector():
    return videopose.PersonDetector.load("fast", device="cpu")


@pytest.fixture(scope="module")
def estimator():
    return videopose.PoseEstimator.load("fast", device="cpu")


def _names(member):
    return sorted(name for name, _ in inspect.getmembers(member) if not name.startswith("_"))


def test_public_names_are_those_that_are_written_down(request):
    """Removing or adding a public name means editing tests/api_surface.json, on purpose (`--update-golden`)."""
    found = {
        name: _names(getattr(videopose, name)) if inspect.isclass(getattr(videopose, name)) else "function"
        for name in dir(videopose)
        if not name.startswith("_")
    }
    if request.config.getoption("--update-golden"):
        SURFACE.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(SURFACE.read_text())


def test_every_public_name_says_what_it_gives():
    for name in dir(videopose):
        member = getattr(videopose, name)
        if not name.startswith("_"):
            assert inspect.getdoc(member), f"videopose.{name} has no docstring"


def test_importing_the_package_does_not_import_torch():
    code = "import sys, videopose; dir(videopose); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_dir_shows_public_names_alone():
    assert [name for name in dir(videopose) if name.startswith("_")] == ["__version__"]


def test_a_person_is_found_estimated_tracked_and_drawn(image, detector, estimator):
    poses = estimator(image, detector(image))
    tracker = videopose.Tracker("oks")
    tracked = tracker.update(poses, time=0.04)
    drawn = videopose.draw(image, tracked)

    assert len(poses) >= 1
    assert poses.skeleton is estimator.skeleton
    assert sorted(tracked.track_id.tolist()) == list(range(1, len(poses) + 1))
    assert drawn.shape == image.shape
    assert (drawn != image).any()


def test_a_list_of_images_is_a_batch_with_the_same_answers(image, detector, estimator):
    tensor = torch.from_numpy(image).permute(2, 0, 1)
    single = estimator(image, detector(image))
    one, other = estimator([image, tensor], detector([image, tensor]))

    np.testing.assert_allclose(one.keypoints, single.keypoints, atol=0.05)
    np.testing.assert_allclose(other.keypoints, single.keypoints, atol=0.05)


def test_images_and_detections_belong_together(image, detector, estimator):
    with pytest.raises(InputError, match="1 image and detections of 2"):
        estimator(image, detector([image, image]))


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (lambda image: image / 255, r"float64\(360, 640, 3\): levels must be uint8"),
        (lambda image: image.transpose(2, 0, 1), "channels on the wrong side"),
        (lambda image: image[..., 0], "gray"),
        (lambda image: np.concatenate([image, image[..., :1]], 2), "four channels"),
        (lambda image: image[:0], "has no pixels"),
        (lambda image: image.astype(np.int64), "int64 levels"),
    ],
)
def test_what_is_no_image_gets_one_clear_line(image, detector, estimator, spoilt, message):
    for call in (detector, videopose.Predictor("fast", device="cpu"), lambda value: videopose.draw(value, None)):
        with pytest.raises((InputError, AttributeError), match=f"{message}|NoneType"):
            call(spoilt(image))


def test_models_are_found_by_name_and_others_are_answered_with_the_nearest():
    assert videopose.PoseEstimator.load("fpn_pose.default", device="cpu").skeleton.name == "body19"
    with pytest.raises(UnknownNameError, match="no pipeline or network is named 'defalt'"):
        videopose.PersonDetector.load("defalt")


def test_overrides_of_a_section_are_checked():
    with pytest.raises(VideoError.__mro__[1], match="min_scor"):
        videopose.PersonDetector.load("fast", overrides=["min_scor=0.5"])


def test_trackers_over_whole_videos_are_named_to_whoever_asks_for_them_online():
    with pytest.raises(InputError, match=r"call videopose\.track"):
        videopose.Tracker("whole-video")


def test_a_whole_video_of_poses_gets_ids(image, detector, estimator):
    poses = estimator(image, detector(image))
    tracked = videopose.track([poses] * 6, [0.04 * index for index in range(6)])

    assert len(tracked) == 6
    assert {tuple(sorted(each.track_id)) for each in tracked} == {tuple(range(1, len(poses) + 1))}
    with pytest.raises(InputError, match="6 frames of poses and 5 times"):
        videopose.track([poses] * 6, [0.04 * index for index in range(5)])
    with pytest.raises(InputError, match="times must increase"):
        videopose.track([poses] * 2, [0.04, 0.04])


def test_poses_without_a_skeleton_must_be_told_theirs(image, detector, estimator):
    poses = dataclasses.replace(estimator(image, detector(image)), skeleton=None)
    with pytest.raises(InputError, match="do not say which skeleton"):
        videopose.Tracker("oks").update(poses, time=0.0)
    with pytest.raises(InputError, match="do not say which skeleton"):
        videopose.draw(image, poses)
    assert videopose.Tracker("oks", skeleton=estimator.skeleton).update(poses, time=0.0).track_id.min() == 1


def test_a_predictor_loads_once_and_gives_what_run_gives(clip, image, tmp_path):
    predictor = videopose.Predictor("fast", device="cpu")
    first = list(predictor.run(clip, tmp_path / "a.json"))
    second = list(predictor.run(clip, tmp_path / "b.json", frames=(0, 5)))
    list(videopose.run(clip, tmp_path / "c.json", pipeline="fast", device="cpu"))

    assert len(first) == 12
    assert len(second) == 6
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    assert len(predictor(image)) == len(predictor([image, image])[1])


def test_a_result_becomes_arrays_and_tables(clip, tmp_path):
    list(videopose.run(clip, tmp_path / "clip.poses.json", pipeline="fast", device="cpu"))
    result = videopose.read_result(tmp_path / "clip.poses.json")
    arrays, table = result.to_arrays(), result.to_table()

    frames, people, keypoints = arrays.keypoints.shape[:3]
    assert (frames, keypoints) == (12, 19)
    assert people == len(arrays.track_id) >= 1
    assert np.isnan(arrays.keypoints).any(-1).any(-1).tolist() == np.isnan(arrays.score).tolist()
    assert table.num_rows == int(np.isfinite(arrays.score).sum()) * 19
    assert table.column_names == ["frame", "time", "track_id", "person_score", "keypoint", "x", "y", "score", "source"]
    assert "track_id" in result._repr_html_()
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    assert isinstance(result.to_dataframe(), pandas.DataFrame)


def test_frames_are_reached_by_index_and_by_time(clip):
    video = videopose.open_video(clip)
    straight = [frame.image for frame in video]

    assert [frame.index for frame in video[2:9:3]] == [2, 5, 8]
    assert torch.equal(video[7].image, straight[7])
    assert torch.equal(video[-1].image, straight[11])
    assert video.at(0.2).index == 5


def test_containers_print_their_shapes(image, detector, estimator):
    poses = estimator(image, detector(image))
    assert f"keypoints=float32({len(poses)}, 19, 3)" in repr(poses)
    assert "<table>" in poses._repr_html_()


def test_modules_of_public_names_are_where_the_table_says():
    for name, home in videopose._HOMES.items():
        assert hasattr(importlib.import_module(home), name)
