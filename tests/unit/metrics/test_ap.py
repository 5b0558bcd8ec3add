import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import InputError, ShapeError
from videopose.metrics.ap import (
    average_precision,
    average_recall,
    box_numbers,
    box_outcomes,
    join,
    join_ranges,
    match_image,
    pose_numbers,
    pose_outcomes,
)
from videopose.metrics.similarity import coco_box_overlap, coco_oks

COCO_TOLERANCE = 1e-9  # the bar of the scoring issue; what remains is the order of floating-point sums
SIGMAS = np.linspace(0.03, 0.1, 5)


def _poses(seed, images=6):
    """Random images of true and predicted 5-keypoint people, with crowds, blanks, ties and people of every size."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(images):
        people, ghosts = rng.integers(0, 5), rng.integers(0, 3)
        size = rng.uniform(15, 220, people)
        xy = rng.uniform(0, 400, (people, 1, 2)) + rng.uniform(0, 1, (people, 5, 2)) * size[:, None, None]
        truth = np.dstack([xy, rng.integers(0, 3, (people, 5))]).round(2)
        truth[rng.random(people) < 0.15, :, 2] = 0
        low, high = xy.min(1), xy.max(1)
        predicted = np.concatenate(
            [xy + rng.normal(0, 0.05, xy.shape) * size[:, None, None], rng.uniform(0, 400, (ghosts, 5, 2))]
        ).round(2)
        keep = rng.random(len(predicted)) > 0.1
        out.append(
            {
                "predicted": predicted[keep],
                "score": rng.integers(1, 9, keep.sum()) / 10,
                "truth": truth,
                "area": ((high - low).prod(1) * 0.7).round(2),
                "truth_xyxy": np.concatenate([low, high], 1).round(2),
                "crowd": rng.random(people) < 0.15,
            }
        )
    return out


def _ours(images):
    return pose_numbers(join_ranges(pose_outcomes(**image, oks_sigmas=SIGMAS) for image in images))


def _coco(images, kind):
    """Score the same images with pycocotools."""
    coco, cocoeval = pytest.importorskip("pycocotools.coco"), pytest.importorskip("pycocotools.cocoeval")
    truth, found = [], []
    for number, image in enumerate(images, 1):
        for pose, area, box, crowd in zip(
            image["truth"], image["area"], image["truth_xyxy"], image["crowd"], strict=True
        ):
            truth.append(
                {
                    "id": len(truth) + 1, "image_id": number, "category_id": 1, "iscrowd": int(crowd), "area": area,
                    "bbox": [*box[:2], *(box[2:] - box[:2])], "keypoints": pose.ravel().tolist(),
                    "num_keypoints": int((pose[:, 2] > 0).sum()),
                }
            )  # fmt: skip
        for pose, score in zip(image["predicted"], image["score"], strict=True):
            low, high = pose.min(0), pose.max(0)
            entry = {"image_id": number, "category_id": 1, "score": float(score)}
            if kind == "keypoints":
                entry["keypoints"] = np.c_[pose, np.ones(5)].ravel().tolist()
            else:
                entry["bbox"] = [*low, *(high - low)]
            found.append(entry)
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = coco.COCO()
        dataset.dataset = {
            "images": [{"id": number} for number in range(1, len(images) + 1)],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": truth,
        }
        dataset.createIndex()
        tool = cocoeval.COCOeval(dataset, dataset.loadRes(found), kind)
        tool.params.kpt_oks_sigmas = SIGMAS
        tool.evaluate()
        tool.accumulate()
        tool.summarize()
    return np.where(tool.stats == -1, np.nan, tool.stats)


@pytest.mark.parametrize("seed", range(8))
def test_pose_numbers_equal_pycocotools(seed):
    images = _poses(seed)

    ours = np.array(list(_ours(images).values()))

    np.testing.assert_allclose(ours, _coco(images, "keypoints"), rtol=0, atol=COCO_TOLERANCE)


@pytest.mark.parametrize("seed", range(8))
def test_box_numbers_equal_pycocotools(seed):
    images = _poses(seed)

    ours = box_numbers(
        join_ranges(
            box_outcomes(
                np.concatenate([image["predicted"].min(1), image["predicted"].max(1)], 1)
                if len(image["predicted"])
                else np.zeros((0, 4)),
                image["score"],
                image["truth_xyxy"],
                crowd=image["crowd"],
                area=image["area"],
            )
            for image in images
        )
    )

    theirs = _coco(images, "bbox")  # AP AP50 AP75 S M L, AR at 1, 10, 100, then S M L
    chosen = [ours[name] for name in ("AP", "AP50", "AP75", "APS", "APM", "APL", "AR", "ARS", "ARM", "ARL")]
    np.testing.assert_allclose(chosen, np.r_[theirs[:6], theirs[8:]], rtol=0, atol=COCO_TOLERANCE)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_a_perfect_prediction_scores_one_everywhere(seed):
    images = _poses(seed)
    for image in images:
        labelled = (image["truth"][..., 2] > 0).any(1) & ~image["crowd"]
        image["predicted"], image["score"] = image["truth"][labelled][..., :2], np.full(labelled.sum(), 0.9)

    numbers = np.array(list(_ours(images).values()))

    np.testing.assert_allclose(numbers[np.isfinite(numbers)], 1, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_images_and_people_does_not_matter(seed, random):
    images = _poses(seed)
    rng = np.random.default_rng(seed)
    for image in images:  # ties are decided by order, so leave none: of scores, or of people without labels
        image["score"] = rng.random(len(image["score"]))
        image["truth"][..., 2] = np.maximum(image["truth"][..., 2], 1)
    shuffled = []
    for image in random.sample(images, len(images)):
        guess, real = list(range(len(image["score"]))), list(range(len(image["truth"])))
        random.shuffle(guess)
        random.shuffle(real)
        shuffled.append({key: value[guess if key in ("predicted", "score") else real] for key, value in image.items()})

    np.testing.assert_equal(_ours(shuffled), _ours(images))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 5))
def test_dropping_one_person_never_raises_recall(seed, victim):
    images = _poses(seed)
    before = _ours(images)
    image = images[victim]
    if len(image["score"]) == 0:
        return

    image["predicted"], image["score"] = image["predicted"][1:], image["score"][1:]

    after = _ours(images)
    assert not after["AR50"] > before["AR50"] + 1e-12


def test_two_halves_joined_are_the_whole():
    images = [pose_outcomes(**image, oks_sigmas=SIGMAS) for image in _poses(3)]

    halves = [join_ranges(images[:2]), join_ranges(images[2:])]

    assert pose_numbers(join_ranges(halves)) == pose_numbers(join_ranges(images))


def test_a_person_who_counts_is_preferred_to_an_ignored_one():
    outcome = match_image([[0.6, 0.9]], [0.5], [False, True], thresholds=[0.5])

    assert outcome.right.tolist() == [[True]]


def test_a_crowd_takes_any_number_of_predictions():
    outcome = match_image([[0.9], [0.9]], [0.5, 0.4], [True], crowd=[True], thresholds=[0.5])

    assert not outcome.right.any()
    assert not outcome.wrong.any()


def test_the_second_prediction_of_one_person_is_wrong():
    outcome = match_image([[0.9], [0.95]], [0.5, 0.4], [False], thresholds=[0.5])

    assert outcome.right.tolist() == [[True, False]]
    assert outcome.wrong.tolist() == [[False, True]]


def test_small_boxes_neither_help_nor_hurt():
    truth, found = [[0, 0, 50, 50], [100, 100, 110, 110]], [[0, 0, 50, 50], [300, 300, 310, 340]]

    outcome = box_outcomes(found, [0.5, 0.9], truth, min_side=20)["all"]

    assert outcome.truths == 1
    assert average_precision(outcome)[0] == pytest.approx(1)


def test_without_true_people_every_number_is_nan():
    outcome = match_image(np.zeros((1, 0)), [0.5], [])

    assert np.isnan(average_precision(outcome)).all()
    assert np.isnan(average_recall(outcome)).all()


def test_nothing_predicted_scores_zero():
    outcome = match_image(np.zeros((0, 2)), [], [False, False])

    assert average_precision(outcome).tolist() == [0.0] * 10
    assert average_recall(outcome).tolist() == [0.0] * 10


def test_no_images_is_an_error():
    with pytest.raises(InputError, match="no images to score"):
        join([])
    with pytest.raises(InputError, match="no images to score"):
        join_ranges([])


def test_oks_of_a_pose_with_itself_is_one_and_falls_with_distance():
    pose = np.array([[[10.0, 20.0, 2], [30, 40, 1]]])

    near = coco_oks(np.concatenate([pose, pose + 3, pose + 9]), pose, [400], [[0, 0, 40, 50]], [0.05, 0.05])

    assert near[0, 0] == pytest.approx(1)
    assert 1 > near[1, 0] > near[2, 0] > 0


def test_oks_needs_as_many_sigmas_as_keypoints():
    with pytest.raises(ShapeError, match="truth has shape"):
        coco_oks(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), [1], np.zeros((1, 4)), [0.1])


def test_overlap_with_a_crowd_is_the_covered_share_of_the_prediction():
    overlap = coco_box_overlap([[0, 0, 10, 10]], [[0, 0, 5, 100], [0, 0, 5, 100]], [True, False])

    np.testing.assert_allclose(overlap, [[0.5, 50 / 550]])
