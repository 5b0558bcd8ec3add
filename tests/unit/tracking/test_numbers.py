"""The numbers inside filters, links, repairs and smoothers: each of these fails when one of them is changed."""

from dataclasses import replace

import numpy as np
import pytest
from tracking_builders import SKELETON, people

from videopose.tracking.cleaning.repair import fill_gaps
from videopose.tracking.cleaning.smoothers import rts
from videopose.tracking.cleaning.smoothing import smooth
from videopose.tracking.cleaning.track_batches import track_batches
from videopose.tracking.crossing import find_crossings
from videopose.tracking.duplicates import split_overlaps
from videopose.tracking.endpoints import TrackletEndpoints, link_cost, measure_endpoints
from videopose.tracking.linking import link
from videopose.tracking.motion import ConstantVelocityKalman
from videopose.tracking.options import LinkingOptions, SmoothingOptions
from videopose.tracking.track_table import TrackTable, collect
from videopose.types import Frame, Record

K = len(SKELETON)
ROW = np.array([0])
OPTIONS = LinkingOptions()


def table_of(tracks, *, rate=25.0):
    """Collect {id: {frame: (x, y, score)}} or with a fourth number, the size; every frame has been looked at."""
    records = []
    for t in range(max(max(row) for row in tracks.values()) + 1):
        here = [(i, row[t]) for i, row in tracks.items() if t in row]
        parts = [people([[at[0], at[1]]], score=at[2], size=at[3] if len(at) > 3 else 100.0) for _, at in here]
        poses = people([])
        if parts:
            poses = replace(
                parts[0],
                keypoints=np.concatenate([part.keypoints for part in parts]),
                score=np.concatenate([part.score for part in parts]),
                xyxy=np.concatenate([part.xyxy for part in parts]),
                track_id=np.array([i for i, _ in here], np.int64),
            )
        records.append(Record(Frame(t, t / rate, None), poses=poses))
    return collect(records)


def fed(motion, frames, *, rate=25.0):
    """Show a motion one person in consecutive frames; give what was seen last and when."""
    seen = None
    for number, poses in enumerate(frames):
        motion.next_frame()
        time = number / rate
        if seen is None:
            motion.add(poses, time, ROW)
        else:
            motion.update(ROW, poses, time, ROW)
        seen = (poses, time)
    return seen


def walk(speed, frames=20, rate=25.0):
    return [people([[300 + speed * t / rate, 300]]) for t in range(frames)]


def center(poses):
    return poses.keypoints[0, :, :2].mean(0)


def test_one_jumping_box_hardly_changes_the_size_a_filter_believes_in():
    motion = ConstantVelocityKalman("keypoints")
    fed(motion, walk(0))
    before = motion._size[0]

    motion.update(ROW, replace(people([[300, 300]]), xyxy=np.array([[0, 0, 900, 900]], np.float32)), 0.8, ROW)

    assert motion._size[0] < before + 0.25 * (900 - before)


@pytest.mark.parametrize("on", ["keypoints"])
def test_velocity_turns_with_the_camera(on):
    motion = ConstantVelocityKalman(on)
    last, time = fed(motion, walk(200))
    quarter = np.array([[0, -1, 600], [1, 0, 0], [0, 0, 1]], np.float64)
    start = center(motion.predict(last, time, None))

    motion.move_camera(quarter)

    moved = center(motion.predict(last, time + 0.2, None)) - center(motion.predict(last, time, None))
    assert np.abs(start @ quarter[:2, :2].T + quarter[:2, 2] - center(motion.predict(last, time, None))).max() < 1
    assert abs(moved[0]) < 3
    assert moved[1] > 25


def test_waving_wrist_unseen_for_a_moment_stays_with_the_body():
    motion = ConstantVelocityKalman("keypoints")
    frames = walk(0)
    for t, poses in enumerate(frames):
        poses.keypoints[0, 10, 0] += 300 * t / 25
    last, time = fed(motion, frames)

    gone = motion.predict(last, time + 0.3, None).keypoints[0, 10, 0] - last.keypoints[0, 10, 0]

    assert 0 < gone < 300 * 0.12


@pytest.mark.parametrize(("gap", "is_aimed"), [(0.5, True), (0.1, False)])
def test_filter_is_aimed_at_what_ended_a_gap_of_half_a_second(gap, is_aimed):
    def after(observation_centric):
        motion = ConstantVelocityKalman("keypoints", observation_centric=observation_centric)
        _, time = fed(motion, walk(0, frames=10))
        back = people([[300 + 100 * gap, 300]])
        motion.update(ROW, back, time + gap, ROW)
        return center(motion.predict(back, time + gap + 0.2, None))[0] - center(back)[0]

    assert (abs(after(True) - after(False)) > 1) == is_aimed
    if is_aimed:
        assert after(True) == pytest.approx(100 * 0.5 * -np.expm1(-0.2 / 0.5), rel=0.1)


def ends(*, time, x, velocity=0.0, steadiness=0.0):
    keypoints = people([[x, 300]]).keypoints
    return TrackletEndpoints(
        np.array([time]), keypoints, np.array([[velocity, 0.0]]), np.array([steadiness]), np.array([100.0]),
        np.zeros((1, 0), np.float32),
    )  # fmt: skip


def cost(tails, heads):
    return float(link_cost(tails, heads, ROW, ROW, OPTIONS)[0])


def test_motion_known_at_one_end_only_is_the_motion_that_counts():
    travel = 1000 * 0.5 * -np.expm1(-0.4 / 0.5)
    runner, one_frame = {"velocity": 1000.0, "steadiness": 0.4}, {}

    forward = cost(ends(time=0, x=0, **runner), ends(time=0.4, x=travel, **one_frame))
    backward = cost(ends(time=0, x=0, **one_frame), ends(time=0.4, x=travel, **runner))

    assert forward == pytest.approx(backward)
    assert forward < 4


def test_pieces_of_a_single_frame_may_have_moved_twice_as_far():
    single = cost(ends(time=0, x=0), ends(time=0.4, x=100))

    assert single < OPTIONS.max_cost
    assert cost(ends(time=0, x=0, steadiness=0.4), ends(time=0.4, x=100, steadiness=0.4)) > single


def test_frame_that_shows_little_of_a_person_tells_little_of_the_motion():
    """Of five frames of a walker, the one that tells the slope best shows a single keypoint, on a wrong place."""
    table = table_of({1: {t: (300 + 4 * t, 300, 0.9) for t in range(5)}})
    table.keypoints[0, 1:, 2] = 0.05
    table.keypoints[0, 0, 0] -= 60
    order, edges = table.by_track()

    (_, tails), _ = measure_endpoints(table, order, edges, OPTIONS)

    assert tails.velocity[0, 0] == pytest.approx(100, abs=120)


def test_long_pieces_are_not_preferred_to_those_of_a_second():
    """The next piece stands nearer; a piece of ten seconds further away must not win by its length."""
    first = dict.fromkeys(range(50), (300, 300, 0.9))
    near = dict.fromkeys(range(60, 90), (303, 300, 0.9))
    far = dict.fromkeys(range(60, 360), (330, 300, 0.9))

    linked = link(table_of({1: first, 2: near, 3: far}), OPTIONS)

    assert set(linked.track_id[linked.xyxy[:, 0] < 315].tolist()) <= {1, 3}
    assert linked.track_id[(linked.frame == 70)].tolist() == [1, 3]


def test_two_meetings_of_a_pair_are_two_crossings():
    apart = {t: 30.0 if 10 <= t < 20 or 40 <= t < 50 else 300.0 for t in range(60)}
    table = table_of(
        {1: dict.fromkeys(range(60), (300, 300, 0.9)), 2: {t: (300 + x, 300, 0.9) for t, x in apart.items()}}
    )

    found = find_crossings(table, 0.2)

    assert [(each.begin, each.end) for each in found] == [(10, 19), (40, 49)]


def test_far_shorter_run_goes_although_its_scores_are_higher():
    old = dict.fromkeys([*range(20), 22, 25, 29], (300, 300, 0.9))
    new = dict.fromkeys(range(20, 60), (302, 300, 0.5))

    trimmed, handovers = split_overlaps(table_of({1: old, 2: new}), OPTIONS)

    assert trimmed.track_id[(trimmed.frame >= 20) & (trimmed.score > 0.8)].tolist() == [-1] * 3
    assert (trimmed.track_id == 2).sum() == 40
    assert len(handovers) == 1


def test_filled_poses_are_as_doubtful_as_the_weaker_side():
    table = table_of({1: {0: (300, 300, 0.9), 1: (300, 300, 0.9), 4: (300, 300, 0.3), 5: (300, 300, 0.3)}})

    filled = fill_gaps(table, 1.0)

    assert filled.frame.tolist() == [2, 3]
    assert filled.score.max() < 0.3
    assert filled.keypoints[..., 2].max() < 0.3


def leaping(size, *, start=30, frames=60):
    """Stand still and leap with one wrist by one size within 0.16 s."""
    table = table_of({1: dict.fromkeys(range(frames), (300, 300, 0.9))})
    step = np.clip((np.arange(frames) - start) / 4, 0, 1) * size
    table.keypoints[:, 10, 0] += step.astype(np.float32)
    return table


def test_neither_the_first_nor_the_last_frame_of_a_kick_is_smeared():
    table = leaping(60.0)
    (series,) = track_batches(table, replace_rows(table, slice(0, 0)))

    off = (rts(series) - series.xy)[:, 0, 10, 0] / series.size[0]

    assert np.abs(off[27:38]).max() < 0.012


def replace_rows(table: TrackTable, rows: slice) -> TrackTable:
    return replace(
        table,
        frame=table.frame[rows],
        keypoints=table.keypoints[rows],
        score=table.score[rows],
        xyxy=table.xyxy[rows],
        track_id=table.track_id[rows],
    )


def test_smoothing_swapped_sides_equals_smoothing_right_ones():
    """Left and right wrist have unequal scores, and exchange names in three frames."""
    rng = np.random.default_rng(0)
    table = table_of({1: dict.fromkeys(range(60), (300, 300, 0.9))})
    table.keypoints[..., :2] += rng.normal(0, 3, table.keypoints[..., :2].shape).astype(np.float32)
    table.keypoints[:, 9, 0] -= 60
    table.keypoints[:, 10, 0] += 60
    table.keypoints[:, 10, 2] = 0.3
    wrong = replace(table, keypoints=table.keypoints.copy())
    wrong.keypoints[30:33, [9, 10]] = table.keypoints[30:33, [10, 9]]
    right = replace(table, keypoints=table.keypoints.copy())

    _, plain = smooth(right, SmoothingOptions(), SKELETON)
    _, movement = smooth(wrong, SmoothingOptions(), SKELETON)

    assert movement.swapped == plain.swapped + 3
    assert (wrong.keypoints == right.keypoints).all()
