"""Everything runs where its tensors live.

There need be no GPU for this: the meta device does no arithmetic, but refuses to be mixed with the CPU as CUDA does.
"""

import numpy as np
import pytest
import torch

from videopose.codecs import create_codec
from videopose.codecs.spatial import SpatialCodec
from videopose.config import validate
from videopose.data.augment_pixels import PixelOptions, augment_pixels
from videopose.geometry.warp import warp_affine
from videopose.skeletons import skeleton_named
from videopose.training.distillation import DistillOptions, Teacher
from videopose.training.losses import distribution_focal, focal, pairwise_giou, quality_focal
from videopose.training.pose_losses import FITTING, pose_loss
from videopose.training.run import TrainOptions, create_task

ELSEWHERE = torch.device("meta")
EVERYTHING = {
    "gray_probability": 1.0,
    "blur_probability": 1.0,
    "motion_blur_probability": 1.0,
    "jpeg_probability": 1.0,
    "erase_probability": 1.0,
    "occluder_probability": 1.0,
}
SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
SMALL = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1]}


def _empty(*shape, **kind):
    return torch.empty(*shape, device=ELSEWHERE, **kind)


def test_the_other_device_is_as_strict_as_a_gpu():
    with pytest.raises(RuntimeError, match="expected device"):
        _empty(3) + torch.zeros(3)


def test_every_change_of_pixels_stays_on_its_device():
    out = augment_pixels(_empty(4, 3, 64, 48), np.random.default_rng(0), PixelOptions(**EVERYTHING))

    assert out.device == ELSEWHERE
    assert out.shape == (4, 3, 64, 48)


@pytest.mark.parametrize("scale", [0.2, 0.9])
def test_crops_are_cut_on_the_images_device(scale):
    image = _empty(3, 200, 160, dtype=torch.uint8)

    assert warp_affine(image, np.diag([scale, scale, 1.0]), (64, 48)).device == ELSEWHERE


@pytest.mark.parametrize(("codec", "loss"), [(codec, loss) for codec, losses in FITTING.items() for loss in losses])
def test_targets_losses_and_decoding_stay_on_their_device(codec, loss):
    made = create_codec(codec, (64, 64))
    target, weights = made.encode(_empty(2, 17, 3))

    assert pose_loss(loss, [target], target, weights, made).device == ELSEWHERE
    assert made.decode(target).device == ELSEWHERE


def test_a_detectors_losses_stay_on_their_device():
    boxes, scores = _empty(5, 4), _empty(5)

    for loss in (
        pairwise_giou(boxes, boxes),
        distribution_focal(_empty(5, 4, 8), boxes),
        focal(scores, scores, scores),
        quality_focal(scores, scores, scores),
    ):
        assert loss.device == ELSEWHERE


def test_a_teachers_targets_are_made_on_the_crops_device():
    teacher = Teacher(DistillOptions(model="fpn_pose.default"), skeleton_named("coco17"))
    height, width = (side // 4 for side in teacher.input_hw)

    class Told:
        def output(self, crops):
            return _empty(2, 19, height, width)

    teacher._network = Told()
    targets, weights = teacher.targets(_empty(2, 3, *teacher.input_hw, dtype=torch.uint8), SpatialCodec((64, 64)))

    assert teacher.loss(_empty(2, 17, 16, 16), targets, weights).device == ELSEWHERE


@pytest.mark.parametrize("codec", ["spatial", "udp"])
def test_a_whole_training_step_of_a_pose_network_stays_on_its_device(data, codec):
    options = {
        "task": "pose",
        "pose": {
            "model": SMALL | {"decoder_width": 8},
            "skeleton": "coco17",
            "codec": codec,
            "input_hw": [64, 64],
            "data": {"sources": [SET], "pixels": EVERYTHING},
        },
        "loop": {"steps": 1, "batch_size": 4},
    }
    task = create_task(validate(TrainOptions, options, source="test"), data)
    batch = task.batch(0, range(4), ELSEWHERE, progress=0.0)
    loss, _ = task.loss(task.build().train().to(ELSEWHERE), batch)
    loss.backward()

    assert {value.device for value in batch.values()} == {ELSEWHERE}
    assert loss.device == ELSEWHERE


def test_a_detectors_batch_is_made_for_its_device(data):
    options = {
        "task": "detector",
        "detector": {"model": SMALL | {"neck_width": 8}, "sizes": [64], "sources": [SET], "pixels": EVERYTHING},
        "loop": {"steps": 1, "batch_size": 2},
    }
    task = create_task(validate(TrainOptions, options, source="test"), data)
    batch = task.batch(0, range(2), ELSEWHERE, progress=0.0)

    assert {value.device for value in batch.values()} == {ELSEWHERE}
