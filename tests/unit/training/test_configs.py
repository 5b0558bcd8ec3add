"""Every shipped training config is one a training can begin with, but for the data."""

import pytest
import torch

from videopose.catalog import config_file
from videopose.config import load
from videopose.models import architecture_named, create_model
from videopose.skeletons import skeleton_named
from videopose.training.optim import learning_rate
from videopose.training.pose_losses import resolve
from videopose.training.run import TrainOptions

FOLDER = config_file("train", "pose").parent
CONFIGS = sorted(path.stem for path in FOLDER.glob("*.yaml"))
PUBLISHED = {
    "hrnet": ("hrnet_w32", "msra", "mse"),
    "rtmpose": ("rtmpose_s", "simcc", "simcc"),
    "cpn": ("cpn_50", "megvii", "ohkm"),
    "deeppose": ("deeppose_50", "regression", "smooth_l1"),
    "teacher": ("hrnet_w32", "spatial", "cross_entropy"),
    "tinypose": ("tinypose", "dark3", "softmax"),
    "tinypose_fast": ("tinypose", "dark3", "softmax"),
    "pose": ("fpn_pose", "spatial", "cross_entropy"),
    "pose_finish": ("fpn_pose", "spatial", "cross_entropy"),
    "pose_taught": ("fpn_pose", "spatial", "cross_entropy"),
    "pose_distilled": ("fpn_pose", "spatial", "cross_entropy"),
    "pose_student": ("fpn_pose", "spatial", "cross_entropy"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shipped_config_is_whole(name):
    options = load(TrainOptions, config_file("train", name))

    assert getattr(options, options.task) is not None
    assert options.loop.batch_size % (options.loop.processes * options.loop.accumulate) == 0
    assert options.loop.evaluate_every <= options.loop.steps
    assert learning_rate(options.loop.steps, options.loop.steps, options.optimiser) < options.optimiser.learning_rate


@pytest.mark.parametrize(("name", "expected"), PUBLISHED.items())
def test_a_pose_config_learns_as_it_says(name, expected):
    pose = load(TrainOptions, config_file("train", name)).pose

    assert (pose.architecture, *resolve(pose.architecture, pose.codec, pose.loss)) == expected
    assert all(side % 32 == 0 for side in pose.input_hw)


def test_the_student_is_taught_by_what_the_teacher_config_makes():
    teacher = load(TrainOptions, config_file("train", "teacher")).pose
    student = load(TrainOptions, config_file("train", "pose_distilled")).pose

    assert student.distill.model == teacher.architecture
    assert student.distill.weights == "runs/teacher/weights.safetensors"  # where `videopose train teacher` puts it
    assert teacher.skeleton == student.skeleton
    assert architecture_named(student.architecture).codec == "spatial"


def test_the_teachers_heatmaps_have_the_grid_its_codec_reads():
    pose = load(TrainOptions, config_file("train", "teacher")).pose
    network = create_model(pose.architecture, num_keypoints=len(skeleton_named(pose.skeleton))).to("meta")

    assert network(torch.empty(1, 3, *pose.input_hw, device="meta")).shape == (1, 19, 64, 48)
