"""A teacher's heatmaps arrive where its keypoints are, a student comes near it, and resuming stays exact."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_toy import steps_on_one_batch

from videopose.codecs import create_codec
from videopose.codecs.spatial import SpatialCodec
from videopose.config import validate
from videopose.errors import ConfigError, WeightsError
from videopose.geometry.affine import apply
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.skeletons import skeleton_named
from videopose.training.checkpoint import load_state
from videopose.training.distillation import DistillOptions, Teacher
from videopose.training.run import TrainOptions, create_task, run_training

SMALL = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}
SET = {"annotations": "labels.json", "images": ".", "name": "drawn"}
CODECS = ["spatial", "msra", "udp", "megvii"]
BODY = skeleton_named("body19")


def _teacher_file(folder, *, codec="spatial", input_hw=(64, 64), skeleton="coco17", name="fpn_pose", options=SMALL):
    torch.manual_seed(5)
    model = create_model(name, num_keypoints=len(skeleton_named(skeleton)), input_hw=input_hw, **options)
    card = Weights(f"{name}.test", "", skeleton=skeleton, input_hw=input_hw, codec=codec, options=options)
    save_weights(folder / "teacher.safetensors", model.state_dict(), card)
    return str(folder / "teacher.safetensors")


def _options(weights, *, loop=None, data=None, **distill):
    return validate(
        TrainOptions,
        {
            "task": "pose",
            "pose": {
                "model": SMALL,
                "input_hw": [32, 32],
                "data": {"sources": [SET], **(data or {})},
                "distill": {"model": "fpn_pose", "weights": weights, "min_score": 0.0, **distill},
            },
            "loop": {
                "steps": 4,
                "batch_size": 4,
                "save_every": 1,
                "precision": "32-true",
                "threads": 1,
                **(loop or {}),
            },
            "optimiser": {"warmup_steps": 2},
        },
        source="test",
    )


def _as_told(teacher, output):
    """Let the teacher answer with an output of our own."""

    class Told:
        def output(self, crops):
            return output

    teacher._network = Told()
    return teacher


@pytest.fixture(scope="module")
def teachers(tmp_path_factory):
    paths = {codec: _teacher_file(tmp_path_factory.mktemp(codec), codec=codec, input_hw=(256, 192)) for codec in CODECS}
    return {codec: Teacher(DistillOptions(model="fpn_pose", weights=path), BODY) for codec, path in paths.items()}


@pytest.mark.parametrize("codec", CODECS)
@given(place=st.tuples(st.floats(20, 130), st.floats(20, 160)))
@settings(max_examples=8, deadline=None)
def test_a_keypoint_the_teacher_sees_lies_at_the_same_place_for_the_student(teachers, codec, place):
    teacher, student = teachers[codec], SpatialCodec((192, 160))
    x, y = apply(teacher.from_student_crop(student.input_hw), place)
    drawn, _ = create_codec(codec, (256, 192)).encode(torch.tensor([[[x, y, 2.0]] * 17]))
    output = drawn.clamp_min(1e-9).log() if codec == "spatial" else drawn
    targets, weights = _as_told(teacher, output).targets(torch.zeros(1, 3, 256, 192, dtype=torch.uint8), student)

    height, width = student.heatmap_hw
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    middle = np.array([(targets[0, 0] * columns).sum(), (targets[0, 0] * rows).sum()])
    # rounding of the teacher's targets to its own pixels is the most it may be off
    assert apply(student.crop_from_heatmap, middle) == pytest.approx(place, abs=2.5)
    assert targets[0, :17].sum((1, 2)).numpy() == pytest.approx(np.ones(17), abs=1e-4)
    assert weights[0, 0] > 0.9


def test_keypoints_the_teacher_does_not_know_have_no_weight(tmp_path):
    teacher = Teacher(DistillOptions(model="fpn_pose", weights=_teacher_file(tmp_path), min_score=0), BODY)
    targets, weights = teacher.targets(torch.zeros(2, 3, 64, 64, dtype=torch.uint8), SpatialCodec((32, 32)))

    assert (weights[:, :17] > 0).all()
    assert (weights[:, 17:] == 0).all()
    assert targets.isfinite().all()


def test_a_teacher_is_not_asked_where_it_is_unsure(tmp_path):
    teacher = Teacher(DistillOptions(model="fpn_pose", weights=_teacher_file(tmp_path), min_score=0.5), BODY)
    output = torch.zeros(1, 17, 16, 16)
    output[0, 0, 8, 8] = 30.0
    _, weights = _as_told(teacher, output).targets(torch.zeros(1, 3, 64, 64, dtype=torch.uint8), SpatialCodec((32, 32)))

    assert weights[0, 0] > 0.9
    assert (weights[0, 1:] == 0).all()


def test_a_keypoint_outside_the_students_crop_has_no_weight(tmp_path):
    teacher = Teacher(DistillOptions(model="fpn_pose", weights=_teacher_file(tmp_path, input_hw=(64, 128))), BODY)
    output = torch.zeros(1, 17, 16, 32)
    output[0, :, 8, 2] = 30.0  # left of the square the student sees
    student = SpatialCodec((32, 32))
    _, weights = _as_told(teacher, output).targets(torch.zeros(1, 3, 64, 128, dtype=torch.uint8), student)

    assert weights.max() < 0.01


def test_temperature_flattens_the_targets(tmp_path):
    path = _teacher_file(tmp_path)
    output = torch.zeros(1, 17, 16, 16)
    output[0, :, 8, 8] = 5.0
    peaks = []
    for temperature in (1.0, 4.0):
        teacher = Teacher(DistillOptions(model="fpn_pose", weights=path, temperature=temperature), BODY)
        crops = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
        peaks.append(float(_as_told(teacher, output).targets(crops, SpatialCodec((32, 32)))[0][0, 0].max()))

    assert peaks[1] < 0.5 * peaks[0]


def test_a_student_comes_near_its_teacher(tmp_path, data):
    options = _options(_teacher_file(tmp_path), data={"min_keypoints": 0})
    task = create_task(options, data)

    def nobody_has_labelled_anything(batch):
        batch["weights"] = torch.zeros_like(batch["weights"])

    found = steps_on_one_batch(task, 4, rate=2e-2, steps=25, change=nobody_has_labelled_anything)

    parts = [named for _, named in found]
    assert parts[-1]["label_loss"] == 0
    assert parts[-1]["teacher_loss"] < 0.5 * parts[0]["teacher_loss"]


def test_the_teacher_sees_the_students_view_with_clean_pixels(tmp_path, data):
    task = create_task(_options(_teacher_file(tmp_path)), data)
    cpu = torch.device("cpu")
    whole = task.batch(1, range(4), cpu, progress=0.0)
    parts = [task.batch(1, rows, cpu, progress=0.0) for rows in (range(2), range(2, 4))]

    assert whole["teacher_crops"].shape == (4, 3, 64, 64)
    assert whole["teacher_crops"].dtype == torch.uint8
    assert torch.equal(whole["teacher_crops"], torch.cat([part["teacher_crops"] for part in parts]))


def test_resuming_with_a_teacher_is_exact(tmp_path, data):
    options = _options(_teacher_file(tmp_path), flip_test=True, temperature=2.0)
    run_training(options, data, tmp_path / "whole")
    run_training(options, data, tmp_path / "halves", stop_after=2)
    run_training(options, data, tmp_path / "halves", resume=True)
    whole, halves = (load_state(tmp_path / run / "last.pt")["model"] for run in ("whole", "halves"))

    assert all(torch.equal(whole[key], halves[key]) for key in whole)
    assert not any("teacher" in key for key in whole)


def test_a_teacher_that_is_not_there_is_named(tmp_path, data):
    with pytest.raises(WeightsError, match="nobody.safetensors: no such checkpoint; check the path"):
        create_task(_options("nobody.safetensors"), data)


def test_a_teacher_without_heatmaps_is_refused(tmp_path, data):
    path = _teacher_file(tmp_path, codec="simcc", name="rtmpose_t", options={})
    options = _options(path)
    pose = options.pose.model_copy(update={"distill": DistillOptions(model="rtmpose_t", weights=path)})

    with pytest.raises(ConfigError, match=r"pose.distill.model = rtmpose_t: gives no heatmaps \(simcc\)"):
        create_task(options.model_copy(update={"pose": pose}), data)


def test_a_student_that_gives_no_distributions_is_refused(tmp_path, data):
    options = _options(_teacher_file(tmp_path))
    pose = options.pose.model_copy(update={"architecture": "hrnet_small", "model": {}})

    with pytest.raises(ConfigError, match="pose.distill: a student needs codec spatial, not msra"):
        create_task(options.model_copy(update={"pose": pose}), data)


def test_a_teacher_of_other_keypoints_is_refused(tmp_path):
    hands = replace(BODY, name="hands", keypoints=tuple(f"finger{k}" for k in range(19)))

    with pytest.raises(ConfigError, match="has no keypoint of skeleton hands"):
        Teacher(DistillOptions(model="fpn_pose", weights=_teacher_file(tmp_path)), hands)
