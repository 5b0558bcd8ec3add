"""The tracking benchmark: simulated detections and scores."""

import numpy as np
import pytest

from videopose.catalog import evaluation
from videopose.errors import DatasetError
from videopose.types import Poses
from videopose.workflows.retrack import retrack_options

benchmark = evaluation("benchmarks.tracking")
LEVELS, SKELETON = benchmark.LEVELS, benchmark.SKELETON


def default(name=None):
    return benchmark.tracker_and_smoothing(retrack_options(name, ()))


def a_video(frames=50):
    """Two people who walk past each other."""
    shape = np.random.default_rng(1).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [80, 200]
    keypoints, xyxy = [], []
    for t in range(frames):
        xy = shape + np.array([[[100 + 8 * t, 300]], [[600 - 8 * t, 330]]])
        keypoints.append(np.concatenate([xy, np.full((2, len(SKELETON), 1), 2)], axis=2).astype(np.float32))
        xyxy.append(np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32))
    return benchmark.TrueVideo(
        "walk", np.arange(frames) / 25, (np.array([4, 7]),) * frames, tuple(keypoints), tuple(xyxy)
    )


def perfect(video):
    return [
        Poses(keypoints, np.full(len(track), 0.9, np.float32), xyxy, track)
        for track, keypoints, xyxy in zip(video.track, video.keypoints, video.xyxy, strict=True)
    ]


def numbers(video, tracked):
    truth = [benchmark.TrueFrame(*each) for each in zip(video.track, video.keypoints, video.xyxy, strict=True)]
    return benchmark.count_video(truth, tracked, SKELETON).numbers()


def test_truth_given_as_answer_scores_full_marks():
    found = numbers(a_video(), perfect(a_video()))

    assert found["HOTA"] == pytest.approx(100)
    assert (found["IDF1"], found["MOTA"], found["switches"]) == (100, 100, 0)


def test_exchanged_ids_count_as_two_switches():
    video = a_video()
    wrong = [
        Poses(p.keypoints, p.score, p.xyxy, p.track_id[::-1].copy() if t >= 25 else p.track_id)
        for t, p in enumerate(perfect(video))
    ]

    found = numbers(video, wrong)

    assert found["switches"] == 2
    assert found["IDF1"] == pytest.approx(50)


def test_people_without_an_id_count_for_ap_only():
    video = a_video()
    untracked = [Poses(p.keypoints, p.score, p.xyxy, np.full(2, -1)) for p in perfect(video)]

    found = numbers(video, untracked)

    assert found["AP"] == pytest.approx(100)
    assert found["MOTA"] == 0


def test_same_seed_gives_the_same_detections_and_another_seed_others():
    first, again, other = (benchmark.simulate(a_video(), LEVELS["high"], seed) for seed in (1, 1, 2))

    assert all(np.array_equal(a.keypoints, b.keypoints) for a, b in zip(first.poses, again.poses, strict=True))
    assert len(first.poses) != len(other.poses) or any(
        not np.array_equal(a.keypoints, b.keypoints) for a, b in zip(first.poses, other.poses, strict=True)
    )


def test_higher_levels_are_harder():
    error = []
    for level in ("low", "medium", "high"):
        row = benchmark.measure("oks", default("oks"), level, [benchmark.simulate(a_video(), LEVELS[level], 0)])
        error.append(100 - row.numbers["HOTA"])

    assert error[0] < error[1] < error[2]


def test_dropped_frames_keep_their_times():
    detected = benchmark.simulate(a_video(200), LEVELS["high"], 0)

    assert len(detected.poses) == len(detected.truth.time) < 200
    assert np.diff(detected.truth.time).max() > 0.06


def test_thinned_video_keeps_every_second_frame_with_its_time():
    assert benchmark.thin(a_video(9), 2).time.tolist() == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])


def test_every_third_video_is_held_out():
    reported, chosen_on = benchmark.split([a_video(1)] * 7)

    assert (len(reported), len(chosen_on)) == (5, 2)


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[]")

    with pytest.raises(DatasetError, match=r"x\.json: cannot read annotated tracks"):
        benchmark.read_truth(path)


@pytest.mark.shared
def test_annotated_tracks_are_read(shared_dir):
    videos = benchmark.read_truth(shared_dir / "data" / "tracks" / "bonn_train.json")

    assert len(videos) == 30
    assert videos[0].keypoints[0].shape == (2, 14, 3)
    assert videos[0].keypoints[0][0, SKELETON.index_of("right_knee"), :2].tolist() == pytest.approx([379.34, 341.93])


@pytest.mark.shared
@pytest.mark.slow
def test_default_changes_little_when_every_second_frame_is_dropped(shared_dir):
    reported, _ = benchmark.split(benchmark.read_truth(shared_dir / "data" / "tracks" / "bonn_train.json"))
    hota = []
    for every in (1, 2):
        detected = [benchmark.simulate(benchmark.thin(video, every), LEVELS["low"], 0) for video in reported]
        hota.append(benchmark.measure("default", default(), "low", detected).numbers["HOTA"])

    assert abs(hota[0] - hota[1]) < 3
