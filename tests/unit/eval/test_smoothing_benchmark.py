"""The smoothing benchmark: what its numbers count."""

from dataclasses import replace

import numpy as np
import pytest

from videopose.catalog import evaluation
from videopose.geometry.keypoints import boxes_around
from videopose.tracking.options import SmoothingOptions
from videopose.tracking.track_table import collect
from videopose.types import Frame, Poses, Record

benchmark = evaluation("benchmarks.smoothing")
SKELETON = benchmark.SKELETON
NO_REPAIR = {"repair_swaps": False, "reject_outliers": False}


def a_case(frames=40, jitter=0.0, seed=0):
    """One person walking, estimated with jitter given in person sizes."""
    rng = np.random.default_rng(seed)
    shape = np.random.default_rng(1).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [80, 200]
    true = shape + 300 + np.arange(frames)[:, None, None] * [3.0, 0.0]
    size = 1.2 * np.sqrt(np.prod(np.ptp(shape, axis=0)))
    estimated = true + rng.normal(0, jitter * size, true.shape)
    records = []
    for t in range(frames):
        keypoints = np.concatenate([estimated[t], np.full((len(SKELETON), 1), 0.4)], axis=1).astype(np.float32)[None]
        box = boxes_around(keypoints, padding=1.2)
        poses = Poses(keypoints, np.full(1, 0.8, np.float32), box, np.full(1, 1))
        records.append(Record(Frame(t, t / 25, None), poses=poses))
    truth = np.concatenate([true, np.full((*true.shape[:2], 1), 2)], axis=2).astype(np.float32)
    person = benchmark.TruePerson(1, np.arange(frames), truth)
    return benchmark.Case(collect(records), (person,), SKELETON)


def numbers(case, cleaned):
    return benchmark.score(case, cleaned).numbers()


def test_the_truth_has_no_errors():
    found = numbers(a_case(), benchmark.clean(a_case(), None))

    assert found["position_error"] == pytest.approx(0, abs=1e-4)
    assert found["acceleration_error"] == pytest.approx(0, abs=1e-4)
    assert found["pck"] == 100


def test_jitter_is_measured_in_percent_of_the_person():
    case = a_case(400, jitter=0.02)

    found = numbers(case, benchmark.clean(case, None))

    assert found["position_error"] == pytest.approx(2 * np.sqrt(np.pi / 2), rel=0.05)  # mean of a Rayleigh variable
    assert found["acceleration_error"] == pytest.approx(2 * np.sqrt(6) * np.sqrt(np.pi / 2), rel=0.05)


def test_smoothing_is_seen_to_help():
    case = a_case(100, jitter=0.02)

    raw, smooth = (numbers(case, benchmark.clean(case, options)) for options in (None, SmoothingOptions(**NO_REPAIR)))

    assert smooth["position_error"] < 0.8 * raw["position_error"]
    assert smooth["acceleration_error"] < 0.5 * raw["acceleration_error"]


def test_lost_poses_are_wrong_until_they_are_filled():
    case = benchmark.with_losses(a_case(80), seed=0, share=0.3)
    share = 1 - len(case.table) / 80

    lost, filled = (
        numbers(case, benchmark.clean(case, options)) for options in (None, SmoothingOptions(method="none"))
    )

    assert 0.05 < share < 0.7
    assert lost["pck"] == pytest.approx(100 * (1 - share))
    assert np.isnan(lost["filled_error"])
    assert filled["filled_error"] == pytest.approx(0, abs=1e-3)
    assert filled["pck"] == 100


def test_cleaning_leaves_the_case_as_it_was():
    case = a_case(30, jitter=0.02)
    before = case.table.keypoints.copy()

    benchmark.clean(case, SmoothingOptions())

    assert np.array_equal(case.table.keypoints, before)


def test_rows_are_means_over_seeds_with_their_spread(monkeypatch):
    monkeypatch.setattr(benchmark, "METHODS", ("rts",))
    cases = [("walk", seed, [a_case(30, jitter=0.02, seed=seed)]) for seed in (0, 1)]

    rows = benchmark.measure(cases)

    assert [(row["input"], row["method"]) for row in rows] == [("walk", "raw"), ("walk", "rts")]
    each = [numbers(case, case.table)["position_error"] for _, _, (case,) in cases]
    assert rows[0]["position_error"] == pytest.approx(np.mean(each), abs=1e-3)
    assert rows[0]["position_error_spread"] == pytest.approx(np.ptp(each), abs=1e-3)
    assert "filled_error" not in rows[0]


def test_simulated_detections_carry_the_ids_of_whom_they_are_of():
    frames = 20
    case = a_case(frames)
    (person,) = case.people
    video = evaluation("benchmarks.tracking").TrueVideo(
        "walk",
        np.arange(frames) / 25,
        (np.array([7]),) * frames,
        tuple(person.keypoints[t][None] for t in range(frames)),
        tuple(boxes_around(person.keypoints[t][None], padding=1.2) for t in range(frames)),
    )
    level = replace(benchmark.LEVELS["low"], miss=0.0, false_start=0.0, duplicate=0.0)

    found = benchmark.simulated_case(benchmark.simulate(video, level, 0))

    assert found.people[0].track_id == 7
    assert (found.table.track_id == 7).all()
    assert len(found.table) == frames
