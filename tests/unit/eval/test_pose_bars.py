"""The pose bars on people made up here: who counts as hard to see, and what a perfect network gets."""

from pathlib import Path

import numpy as np
import pytest

from eval.benchmarks.pose_bars import (
    PoseOutcome,
    hard_bars,
    hard_people,
    pck_bar,
    score_bar,
    similarity_bars,
)
from videopose.data.samples import LabelledImage, PersonLabel
from videopose.skeletons import skeleton_named

COCO = skeleton_named("coco17")


def _person(seed, *, box=(0, 0, 100, 200), visible=None):
    rng = np.random.default_rng(seed)
    keypoints = np.concatenate([rng.uniform(box[:2], box[2:], (17, 2)), np.full((17, 1), 2.0)], 1).astype(np.float32)
    if visible is not None:
        keypoints[:, 2] = visible
    return PersonLabel(np.array(box, np.float32), keypoints, np.ones(17, np.float32), area=8000.0)


def _outcome(people, found=None):
    images = [LabelledImage(str(n), Path("x"), (300, 300), people=(person,)) for n, person in enumerate(people)]
    keypoints = np.stack([person.keypoints for person in people]) if found is None else found
    return PoseOutcome(list(zip(images, people, strict=True)), keypoints, np.ones(len(people), np.float32), COCO)


def test_a_perfect_network_reaches_every_top():
    found = _outcome([_person(seed) for seed in range(4)])
    found.keypoints[..., 2] = 1

    precision, mean = similarity_bars(found, "default")
    assert (precision.value, mean.value) == (pytest.approx(100), pytest.approx(1))
    assert score_bar(found, "default").value == pytest.approx(0)
    assert (precision.floor, mean.floor) == (69, 0.83)


def test_a_confident_network_that_is_wrong_has_the_largest_error():
    people = [_person(seed) for seed in range(3)]
    far = np.stack([person.keypoints for person in people]) + np.array([500, 0, -1], np.float32)

    bar = score_bar(_outcome(people, far), "fast")
    assert bar.value == pytest.approx(1)
    assert bar.samples == 3 * 17


def test_people_hard_to_see_are_told_apart():
    legless = np.where(np.arange(17) >= 13, 0, 2)
    hidden = np.where(np.arange(17) < 6, 1, 2)
    people = [_person(0), _person(1, visible=legless), _person(2, visible=hidden)]
    found = _outcome(people)
    inside = _person(3, box=(10, 10, 60, 60))
    crowded = LabelledImage("9", Path("x"), (300, 300), people=(inside, _person(4)))
    found = PoseOutcome(
        [*found.people, (crowded, inside)],
        np.concatenate([found.keypoints, inside.keypoints[None]]),
        np.ones(4, np.float32),
        COCO,
    )

    groups = hard_people(found)
    assert [rows.tolist() for rows in groups.values()] == [
        [False, True, False, False],
        [False, False, True, False],
        [False, False, False, True],
    ]
    assert [bar.value for bar in hard_bars(found, "default")] == [100, 100, 100]


def test_nobody_of_a_group_is_no_number():
    values = [bar.value for bar in hard_bars(_outcome([_person(0)]), "accurate")]

    assert np.isnan(values).all()


def test_pck_of_the_truth_is_whole():
    skeleton = skeleton_named("lsp14")
    points = np.concatenate([np.random.default_rng(0).uniform(0, 99, (3, 14, 2)), np.full((3, 14, 1), 2.0)], 2)
    people = [
        (LabelledImage(str(row), Path("x"), (99, 99)), PersonLabel(np.zeros(4, np.float32), point, point[:, 2], 1.0))
        for row, point in enumerate(points.astype(np.float32))
    ]
    found = PoseOutcome(people, points.astype(np.float32), np.ones(3, np.float32), skeleton)

    assert pck_bar(found, "accurate").value == pytest.approx(100)
