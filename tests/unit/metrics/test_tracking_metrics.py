import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scoring_builders import a_tracked_scene

from videopose.errors import ShapeError
from videopose.metrics.clear import ClearCounts, count_box_clear, count_clear
from videopose.metrics.hota import sum_hota
from videopose.metrics.identity import count_identity

SEEDS = st.integers(0, 10_000)


def _clear(scene):
    similarity, *sides = scene
    return count_clear(np.where(similarity >= 0.5, 1 - similarity, np.nan), *sides, nearest_keeps=True)


def _all_numbers(scene):
    similarity, *sides = scene
    clear = _clear(scene)
    values = [clear.mota(), clear.motp(), count_identity(similarity >= 0.5, *sides).idf1()]
    return np.concatenate([*values, *sum_hota(similarity, *sides).numbers().values()])


def _two_people(ids, near=None):
    """Two objects, two predictions with the given ids per frame; pair (0, 0) and (1, 1) are close."""
    frames = len(ids)
    distance = np.full((frames, 1, 2, 2), np.nan)
    distance[:, 0, [0, 1], [0, 1]] = 0.1 if near is None else near
    present = np.ones((frames, 1, 2), bool)
    return distance, present, present, np.tile([0, 1], (frames, 1)), np.array(ids)


def test_an_exchange_of_ids_is_two_switches():
    counts = count_clear(*_two_people([[5, 6], [5, 6], [6, 5], [6, 5]]))

    assert counts.switches.tolist() == [2]
    assert counts.mota().tolist() == [1 - 2 / 8]


def _one_box(overlaps, here=None):
    """One object and predictions 5 and 6 with the given overlaps per frame; those of `here` are there."""
    similarity = np.array(overlaps, float)[:, None, :]
    there = similarity[:, 0] > 0 if here is None else np.array(here, bool)
    ids = np.zeros((len(similarity), 1), int), np.tile([5, 6], (len(similarity), 1))
    return count_box_clear(similarity, np.ones((len(similarity), 1), bool), there, *ids)


def test_a_box_goes_on_with_the_last_frames_id_although_another_overlaps_more():
    counts = _one_box([[0.9, 0], [0.6, 0.9], [0.9, 0]])

    assert (counts.switches[0], counts.detections[0], counts.false_positives[0]) == (0, 3, 1)
    assert counts.distance[0] == pytest.approx(0.1 + 0.4 + 0.1)


def test_a_box_that_was_missed_in_the_last_frame_takes_what_overlaps_most_and_switches():
    counts = _one_box([[0.9, 0], [0.2, 0.1], [0.6, 0.9]])

    assert (counts.switches[0], counts.misses[0], counts.fragmentations[0]) == (1, 1, 1)


def test_a_frame_without_predictions_does_not_end_what_went_on():
    counts = _one_box([[0.9, 0], [0, 0], [0.6, 0.9]])

    assert (counts.switches[0], counts.fragmentations[0], counts.misses[0]) == (0, 0, 1)


def test_an_overlap_of_exactly_the_threshold_is_a_match():
    assert _one_box([[0.5, 0]]).detections[0] == 1
    assert _one_box([[0.4999, 0]]).detections[0] == 0


def test_a_prediction_in_reach_is_kept_although_another_is_nearer():
    distance = np.array([[[[0.1, np.nan]]], [[[0.4, 0.1]]]])
    sides = np.ones((2, 1, 1), bool), np.ones((2, 1, 2), bool), np.zeros((2, 1), int), np.array([[1, 2], [1, 2]])

    counts = count_clear(distance, *sides)

    assert counts.switches.tolist() == [0]
    assert counts.distance.tolist() == [pytest.approx(0.5)]


def test_a_gap_is_a_fragmentation_only_if_the_object_is_found_again():
    near = np.array([[0.1, 0.1], [np.nan, 0.1], [0.1, np.nan]])

    counts = count_clear(*_two_people([[1, 2]] * 3, near))

    assert counts.fragmentations.tolist() == [1]
    assert counts.misses.tolist() == [2]


def test_nobody_there_gives_nan():
    counts = count_clear(np.zeros((3, 1, 0, 0)), *([np.zeros((3, 1, 0), bool)] * 2), *([np.zeros((3, 0), int)] * 2))

    assert np.isnan([counts.mota(), counts.motp(), counts.precision(), counts.recall()]).all()


@pytest.mark.parametrize("shape", [(0, 1, 2, 3), (3, 1, 2, 0), (3, 1, 0, 2)])
def test_without_frames_or_predictions_or_objects_there_are_only_misses_and_false_positives(shape):
    frames, channels, objects, predictions = shape
    counts = count_clear(
        np.zeros(shape), np.ones((frames, channels, objects), bool), np.ones((frames, channels, predictions), bool),
        np.tile(np.arange(objects), (frames, 1)), np.tile(np.arange(predictions), (frames, 1)),
    )  # fmt: skip

    assert (counts.misses[0], counts.false_positives[0]) == (frames * objects, frames * predictions)


def test_distance_of_the_wrong_shape_is_an_error():
    _, *sides = _two_people([[1, 2]])

    with pytest.raises(ShapeError, match="distance has shape"):
        count_clear(np.zeros((1, 1, 2, 3)), *sides)


def test_half_a_track_under_another_id_has_idf1_of_one_half():
    distance, *sides = _two_people([[1, 2]] * 2 + [[3, 4]] * 2)

    assert count_identity(np.isfinite(distance), *sides).idf1().tolist() == [0.5]


def test_hota_of_a_perfect_tracker_is_one():
    distance, *sides = _two_people([[1, 2]] * 4, near=0.0)

    numbers = sum_hota(np.where(np.isfinite(distance), 1.0, 0.0), *sides).numbers()

    assert all(value[0] == pytest.approx(1) for value in numbers.values())


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_relabelling_ids_changes_nothing(seed):
    similarity, truth, predicted, truth_id, predicted_id = a_tracked_scene(seed)
    rng = np.random.default_rng(seed)
    relabel = rng.permutation(100)

    changed = (similarity, truth, predicted, relabel[truth_id] - 50, relabel[predicted_id] * 7)

    np.testing.assert_allclose(_all_numbers(changed), _all_numbers(a_tracked_scene(seed)), rtol=0, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_order_of_people_in_a_frame_changes_nothing(seed):
    similarity, truth, predicted, truth_id, predicted_id = scene = a_tracked_scene(seed)
    rng = np.random.default_rng(seed)
    shuffled = [each.copy() for each in scene]
    for frame in range(len(similarity)):
        rows, columns = rng.permutation(truth_id.shape[1]), rng.permutation(predicted_id.shape[1])
        shuffled[0][frame] = similarity[frame][:, rows][:, :, columns]
        shuffled[1][frame], shuffled[2][frame] = truth[frame][:, rows], predicted[frame][:, columns]
        shuffled[3][frame], shuffled[4][frame] = truth_id[frame][rows], predicted_id[frame][columns]

    np.testing.assert_allclose(_all_numbers(tuple(shuffled)), _all_numbers(scene), rtol=0, atol=1e-12)


def test_of_two_claims_to_an_id_the_first_row_or_the_nearest_wins():
    distance = np.array([[[[0.1], [np.nan]]], [[[np.nan], [0.1]]], [[[0.3], [0.2]]]])
    sides = np.ones((3, 1, 2), bool), np.ones((3, 1, 1), bool), np.tile([0, 1], (3, 1)), np.full((3, 1), 9)

    first, nearest = (count_clear(distance, *sides, nearest_keeps=keeps) for keeps in (False, True))

    assert first.distance.tolist() == [pytest.approx(0.5)]
    assert nearest.distance.tolist() == [pytest.approx(0.4)]
    assert first.contested.tolist() == nearest.contested.tolist() == [1]


@settings(max_examples=20, deadline=None)
@given(SEEDS, SEEDS)
def test_counts_of_two_sequences_add_up_to_those_of_both(first, second):
    scenes = [a_tracked_scene(first), a_tracked_scene(second)]

    total = _clear(scenes[0]) + _clear(scenes[1]) + ClearCounts.zero(1)

    assert total.objects[0] == sum(scene[1].sum() for scene in scenes)
    assert total.detections[0] + total.false_positives[0] == sum(scene[2].sum() for scene in scenes)


def test_channels_are_tracked_independently():
    scenes = [a_tracked_scene(seed) for seed in (1, 2)]
    ids = scenes[0][3:]
    both = [np.concatenate([scene[part] for scene in scenes], axis=1) for part in range(3)]

    together = _clear((*both, *ids))

    alone = [_clear((*scene[:3], *ids)) for scene in scenes]
    assert together.switches.tolist() == [each.switches[0] for each in alone]
    assert together.distance == pytest.approx([each.distance[0] for each in alone])
