from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose import catalog
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import skeleton_named

posetrack = catalog.protocol("posetrack")
SKELETON = skeleton_named("posetrack15")
SEEDS = st.integers(0, 10_000)
MEASURES = ("ap", "precision", "recall", "mota", "motp", "mot_precision", "mot_recall", "idf1", "hota", "deta", "assa")


def a_sequence(seed, frames=5, people=3):
    """Walking people and predictions of them: noise, misses, strangers, ids that change."""
    rng = np.random.default_rng(seed)
    body = rng.uniform(0, 100, (people, 15, 2)) + 200 * np.arange(people)[:, None, None]
    entries = [FrameEntry(name=f"{number:04d}.jpg", number=number) for number in range(frames)]
    rows, xy, guess, ids, new = [], [], [], [], []
    for frame in range(frames):
        for person in range(people):
            rows.append(frame)
            xy.append(body[person] + 5 * frame)
            ids.append(person)
            guess.append(xy[-1] + rng.normal(0, rng.choice([1, 6, 15]), (15, 2)))
            new.append(10 + person + 50 * int(rng.random() < 0.15))
    real = np.array(xy)
    real[rng.random(real.shape[:2]) < 0.15] = np.nan
    heads = np.nan_to_num(np.nanmin(real, axis=1, keepdims=True))[:, 0]
    truth = make_table(
        "seq", SKELETON, entries, rows, xy=real, track_id=ids, head_xyxy=np.hstack([heads, heads + 15]), source="gt"
    )
    found = make_table(
        "seq", SKELETON, entries, rows, xy=np.array(guess), track_id=new, keypoint_score=rng.random((len(rows), 15)),
        source="pred",
    )  # fmt: skip
    return truth, found[rng.random(len(rows)) > 0.1]


def numbers_of(*pairs, rules=posetrack.CORRECTED):
    counts = [posetrack.score_sequence(truth, found, rules) for truth, found in pairs]
    return posetrack.numbers(counts, rules)


def assert_same(a, b):
    for measure in MEASURES:
        np.testing.assert_allclose(
            list(a[measure].values()), list(b[measure].values()), rtol=0, atol=1e-9, err_msg=measure
        )


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_a_perfect_prediction_scores_hundred_everywhere(seed):
    truth, _ = a_sequence(seed)
    found = replace(truth, keypoint_score=np.random.default_rng(seed).random(truth.keypoint_score.shape))

    numbers = numbers_of((truth, found))

    for measure in MEASURES:
        assert numbers[measure]["total"] == pytest.approx(100), measure


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_order_of_people_changes_nothing(seed):
    truth, found = a_sequence(seed)
    rng = np.random.default_rng(seed)

    shuffled = tuple(table[np.lexsort((rng.random(len(table)), table.frame))] for table in (truth, found))

    assert_same(numbers_of(shuffled), numbers_of((truth, found)))


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_the_order_of_predicted_frames_changes_nothing(seed):
    truth, found = a_sequence(seed)
    order = np.random.default_rng(seed).permutation(len(found.frames))

    shuffled = found.on_frames([found.frames[place] for place in order], np.argsort(order))

    assert_same(numbers_of((truth, shuffled)), numbers_of((truth, found)))


@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS)
def test_the_order_of_files_changes_nothing(first, second):
    one, two = a_sequence(first), a_sequence(second, people=2)

    assert_same(numbers_of(one, two), numbers_of(two, one))


@settings(max_examples=15, deadline=None)
@given(SEEDS)
def test_relabelling_ids_changes_nothing(seed):
    truth, found = a_sequence(seed)
    rng = np.random.default_rng(seed)

    relabelled = tuple(replace(table, track_id=rng.permutation(500)[table.track_id]) for table in (truth, found))

    assert_same(numbers_of(relabelled), numbers_of((truth, found)))


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(0, 100))
def test_dropping_a_person_never_raises_the_number_of_keypoints_found(seed, person):
    truth, found = a_sequence(seed)

    fewer = found[np.arange(len(found)) != person % len(found)]

    before, after = (
        sum(right.sum() for right in posetrack.score_sequence(truth, each, posetrack.CORRECTED).keypoints.right)
        for each in (found, fewer)
    )
    assert after <= before


@settings(max_examples=10, deadline=None)
@given(SEEDS, SEEDS)
def test_two_halves_scored_apart_and_merged_are_the_whole(first, second):
    pairs = [a_sequence(first), a_sequence(second)]
    halves = [posetrack.score_sequence(*pair, posetrack.CORRECTED) for pair in pairs]

    weighted = posetrack.numbers(halves, posetrack.CORRECTED, [1, 1])

    assert_same(weighted, numbers_of(*pairs))
    assert_same(posetrack.numbers(halves, posetrack.CORRECTED, [2, 0]), numbers_of(pairs[0], pairs[0]))


def test_a_frame_marked_as_labelled_counts_although_nobody_is_there():
    truth, found = a_sequence(1)
    frames = tuple(replace(frame, labelled=True) for frame in truth.frames)
    nobody = replace(truth, frames=frames)[truth.frame != 2]

    notes = Counter()
    for rules in (posetrack.POSEVAL, posetrack.CORRECTED):
        notes[rules] = posetrack.score_sequence(nobody, found, rules).frames

    assert notes[posetrack.POSEVAL] == 4
    assert notes[posetrack.CORRECTED] == 5


def test_an_empty_head_box_takes_the_persons_usual_size():
    truth, found = a_sequence(2)
    boxes = truth.head_xyxy.copy()
    boxes[4] = 0

    corrected = numbers_of((replace(truth, head_xyxy=boxes), found))

    assert_same(corrected, numbers_of((truth, found)))


def test_without_predicted_ids_ap_is_scored_and_tracking_is_not():
    truth, found = a_sequence(3)

    numbers = numbers_of((truth, replace(found, track_id=np.full(len(found), -1))))

    assert numbers["ap"] == numbers_of((truth, found))["ap"]
    assert np.isnan(numbers["mota"]["total"])


def test_of_two_predictions_with_one_id_the_better_keeps_it():
    truth, found = a_sequence(4)
    twice = replace(found, track_id=np.where(found.frame == 1, 10, found.track_id))

    scored = posetrack.score_sequence(truth, twice, posetrack.CORRECTED)

    assert scored.notes["duplicate_ids"] == int((found.frame == 1).sum()) - 1
