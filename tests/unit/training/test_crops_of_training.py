"""What a network sees in training is what it sees in use: crop, pixels, and the card that carries both."""

import json

import numpy as np
import pytest
import torch

from videopose.codecs import CODECS
from videopose.config import validate
from videopose.data.samples import ImageCache
from videopose.data.sources import SourceOptions, load_source
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.crops import normalised
from videopose.estimators.topdown import TopDownEstimator
from videopose.geometry.affine import crop_from_box
from videopose.models.weights import describe, read_card
from videopose.models.zoo import IMAGENET_MEAN, IMAGENET_STD, from_card
from videopose.skeletons import skeleton_named
from videopose.training import pose_task
from videopose.training.pose_batches import PoseBatches, PoseDataOptions
from videopose.training.run import TrainOptions, create_task, run_training

CPU = torch.device("cpu")
COCO = skeleton_named("coco17")
SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
SMALL = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}
CROP = (32, 32)  # a third of the drawn people's boxes: pixels are averaged, or left out
STILL = {
    "rotation_probability": 0,
    "full_turn_probability": 0,
    "scale": 0,
    "translation": 0,
    "flip_probability": 0,
    "half_body_probability": 0,
}
UNCHANGED = {
    "brightness": 0,
    "contrast": 0,
    "saturation": 0,
    "gray_probability": 0,
    "blur_probability": 0,
    "motion_blur_probability": 0,
    "jpeg_probability": 0,
    "erase_probability": 0,
    "occluder_probability": 0,
}
LEVEL = 1 / 255


def training(*, codec="spatial", padding=1.1, antialias=True, architecture="fpn_pose", **pose):
    return validate(
        TrainOptions,
        {
            "task": "pose",
            "pose": {
                "architecture": architecture,
                "model": SMALL if architecture == "fpn_pose" else {},
                "skeleton": "coco17",
                "codec": codec,
                "input_hw": CROP,
                "data": {
                    "sources": [SET],
                    "geometry": {**STILL, "padding": padding},
                    "pixels": UNCHANGED,
                    "antialias": antialias,
                },
                "validation": [SET],
                **pose,
            },
            "loop": {"steps": 1, "batch_size": 2, "precision": "32-true", "threads": 1},
        },
        source="test",
    )


@pytest.fixture
def person(data):
    source = validate(SourceOptions, SET, source="test")
    image = load_source(data, source, COCO)[0]
    return torch.from_numpy(ImageCache(0).read(image)).permute(2, 0, 1), image.people[0]


def first_crop(data, options):
    """Make the crop of the person in the first image, whichever number means them."""
    batches = PoseBatches(data, options.pose.data, COCO, seed=0, cache=ImageCache(2**20), codec=options.pose.codec)
    number = next(n for n in range(200) if batches._mixture[n] == (0, 0))
    return batches.make([number], CROP, CPU)[0]


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("codec", CODECS)
def test_a_crop_of_training_is_the_estimators_crop_of_the_same_box(data, person, codec, antialias, tmp_path):
    options = training(codec=codec, antialias=antialias, architecture="hrnet_small")
    card = create_task(options, data, tmp_path).describe("mine")
    network = type("Network", (), {"codec": create_task(options, data, tmp_path).codec(CROP), "skeleton": COCO})()
    estimator = TopDownEstimator(
        network, device=CPU, padding=card.padding, batch_size=1, nms_oks=1, antialias=card.antialias
    )

    image, label = person
    cut = estimator.cut([image], estimator.crop_from_image(label.xyxy[None]))

    assert (first_crop(data, options) - cut / 255).abs().max() <= LEVEL


def test_whether_pixels_are_averaged_makes_a_difference_here(data):
    one, other = (first_crop(data, training(antialias=antialias)) for antialias in (True, False))

    assert (one - other).abs().max() > 20 * LEVEL


def test_a_batch_of_training_is_what_a_crop_network_feeds(data, tmp_path):
    options = training()
    task = create_task(options, data, tmp_path)
    crops = task._batches.make([0, 1], CROP, CPU)[0]

    fed = task.batch(0, range(2), CPU, 0.0)["images"]

    expected = normalised((crops * 255).round().to(torch.uint8), IMAGENET_MEAN, IMAGENET_STD, torch.float32)
    assert (fed - expected).abs().max() < 0.01
    assert fed.amax((0, 2, 3)).sub(fed.amax((0, 2, 3)).flip(0)).abs().max() > 0.05  # the channels are told apart


def test_weights_of_labels_change_sides_with_the_image(data, tmp_path):
    weights = np.linspace(0.1, 1, len(COCO)).astype(np.float32)
    options = validate(
        PoseDataOptions,
        {"sources": [SET], "geometry": {**STILL, "flip_probability": 1}, "pixels": UNCHANGED},
        source="test",
    )
    batches = PoseBatches(data, options, COCO, seed=0, cache=ImageCache(2**20), codec="spatial")
    for _, label in batches.people[0]:
        label.weight[:] = weights

    _, keypoints, weight = batches.make([0], CROP, CPU)

    left, right = COCO.index_of("left_wrist"), COCO.index_of("right_wrist")
    assert weight[0].tolist() == pytest.approx(weights[COCO.flip_index].tolist())
    label = batches.people[0][batches._mixture[0][1]][1]
    assert weight[0, left] == pytest.approx(label.weight[right])
    mirrored = CROP[1] - 1 - apply_plain(label, CROP)[right, 0]
    assert keypoints[0, left, 0].item() == pytest.approx(mirrored, abs=1e-3)


def apply_plain(label, crop_hw):
    matrix = crop_from_box(label.xyxy, crop_hw, padding=1.25)
    return label.keypoints[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]


def test_a_card_says_what_was_true_in_training_and_the_estimator_obeys(data, tmp_path):
    run_training(training(padding=1.1, antialias=False, bfloat16=True), data, tmp_path / "run")

    file = tmp_path / "run" / "weights.safetensors"
    card = read_card(file)
    assert (card.padding, card.antialias, card.bfloat16) == (1.1, False, True)
    estimator = create_estimator(PoseOptions(model="fpn_pose", weights=str(file)), CPU)
    box = np.array([[10, 10, 40, 70]], np.float32)
    assert np.allclose(estimator.crop_from_image(box), crop_from_box(box, CROP, padding=1.1))
    assert not estimator._antialias


def test_scores_of_training_are_measured_on_the_crops_pipelines_cut(data, tmp_path, monkeypatch):
    made = []

    class Watched(TopDownEstimator):
        def __init__(self, network, **options):
            made.append(options)
            super().__init__(network, **options)

    monkeypatch.setattr(pose_task, "TopDownEstimator", Watched)
    task = create_task(training(padding=1.6, antialias=False), data, tmp_path)

    task.evaluate(task.build(), CPU)

    assert [(options["padding"], options["antialias"]) for options in made] == [(1.6, False)]


def old_card(path, **values):
    row = {"name": "hrnet_w32.mine", "file": "x", "codec": "msra", "origin": "", **values}
    return from_card(json.dumps(row), path)


def test_cards_from_before_get_what_was_true(tmp_path):
    """Training always averaged; checkpoints of others, which name their origin, were trained without."""
    trained, imported = old_card(tmp_path), old_card(tmp_path, origin="pose_hrnet.pth, sha256 0")

    assert (trained.antialias, trained.padding, trained.bfloat16) == (True, 1.25, False)
    assert (imported.antialias, imported.padding, imported.bfloat16) == (False, 1.25, False)
    assert old_card(tmp_path, codec="spatial").bfloat16


def test_the_shipped_networks_cards_say_what_was_true():
    pose, detector = describe("fpn_pose.default"), describe("fpn_detector.default")

    assert (pose.antialias, pose.padding, pose.bfloat16) == (True, 1.25, True)
    assert detector.bfloat16
    published = describe("hrnet_w32.coco_256x192")
    assert (published.antialias, published.padding, published.bfloat16) == (False, 1.25, False)
