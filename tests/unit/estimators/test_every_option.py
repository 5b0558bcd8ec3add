"""No option is lost on its way: for each field of the two sections, a value off the default changes the answer."""

import numpy as np
import pytest
import torch
from graphs import write_graph

from videopose import catalog
from videopose.config import validate
from videopose.estimators.build import DetectorOptions, PoseOptions, create_estimator
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.runtime import choice
from videopose.runtime.choice import RuntimeOptions
from videopose.types import Frame, Record

CPU = torch.device("cpu")
BASE = {  # the shipped networks find "people" enough in an image of noise, if they need not be sure
    "detector": {"model": "fpn_detector.default", "min_score": 0.02, "pixels": 128 * 128, "max_people": 5},
    "pose": {"model": "fpn_pose.default", "input_hw": (64, 64)},
}
DETECTOR = {
    "source": {"source": "frame"},
    "boxes": {"source": "file", "boxes": "{folder}/det.txt"},
    "model": {"model": "rtmdet_nano.default"},
    "weights": {"model": "fpn_detector", "weights": "{folder}/detector.safetensors"},
    "pixels": {"pixels": 192 * 192},
    "outputs": {"weights": "{folder}/corners.onnx", "outputs": "detr"},
    "channels": {"channels": "bgr"},
    "values": {"values": "unit"},
    "resize": {"resize": "stretch"},
    "input_hw": {"resize": "letterbox", "input_hw": (128, 192)},
    "min_score": {"min_score": 0.7},
    "nms_iou": {"nms_iou": 0.05},
    "max_people": {"max_people": 2},
    "every": {"every": 2},
    "batch_size": {"batch_size": 1},
}
POSE = {
    "model": {"model": "hrnet_small", "weights": "{folder}/hrnet.safetensors"},
    "weights": {"weights": "{folder}/pose.safetensors"},
    "input_hw": {"input_hw": (96, 64)},
    "skeleton": {"model": "hrnet_small", "weights": "{folder}/hrnet17.pth", "skeleton": "posetrack17"},
    "channels": {"channels": "bgr"},
    "values": {"values": "unit"},
    "codec": {"codec": "msra"},
    "flip_test": {"flip_test": True},
    "padding": {"padding": 1.0},
    "nms_oks": {"nms_oks": 0.0},
    "batch_size": {"batch_size": 3},
}
RUNTIME = {"runtime": "torch", "precision": "float32"}
"""One whose networks' calls can be watched."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random networks of other names, and boxes in a file."""
    path = tmp_path_factory.mktemp("others")
    torch.manual_seed(0)
    for file, name, skeleton, codec in (
        ("detector", "fpn_detector", "", ""),
        ("pose", "fpn_pose", "body19", "spatial"),
        ("hrnet", "hrnet_small", "body19", "msra"),
    ):
        model = create_model(name, num_keypoints=19 if skeleton else None)
        card = Weights(f"{name}.other", "", skeleton=skeleton, codec=codec)
        save_weights(path / f"{file}.safetensors", model.state_dict(), card)
    torch.save(create_model("hrnet_small", num_keypoints=17).state_dict(), path / "hrnet17.pth")
    boxes = np.tile(np.array([0.2, 0.2, 0.9, 0.9], np.float32), (1, 84, 1))
    scores = np.full((1, 84, 2), 0.9, np.float32)
    write_graph(path / "corners.onnx", {"boxes": boxes, "scores": scores}, size=(32, 128))
    (path / "det.txt").write_text("1,-1,10,10,60,80,0.9\n2,-1,20,15,60,80,0.9\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def answer(folder):
    """Return a function from changed options to what the networks say, and what they were given."""
    noise = np.random.default_rng(4).integers(0, 256, (3, 120, 160), np.uint8)
    records = [Record(Frame(k, k / 25, torch.from_numpy(np.roll(noise, 9 * k, 2)))) for k in range(2)]
    topdown = catalog.recipe("topdown")
    known = {}

    def of(section="", values=()):
        changed = {key: str(v).format(folder=folder) if isinstance(v, str) else v for key, v in dict(values).items()}
        options = {name: {**each, **(changed if name == section else {})} for name, each in BASE.items()}
        key = repr((section, options, changed))
        if key not in known:
            given = []

            def watch(module, inputs):
                if type(module).__name__ in ("FpnDetector", "FpnPose", "HRNet"):
                    given.append((type(module).__name__, *inputs[0].shape))

            hook = torch.nn.modules.module.register_module_forward_pre_hook(watch)
            try:
                runtime = {} if ".onnx" in key else RUNTIME  # such files are not for torch
                every = {"window": 2} | runtime | options | ({} if section else changed)
                pipeline = topdown.RECIPE(validate(topdown.PipelineOptions, every, source="test")).networks(CPU)
                out = list(pipeline(records))
            finally:
                hook.remove()
            boxes = [record.detections and record.detections.xyxy.tolist() for record in out]
            numbers = [*boxes, *(record.poses.keypoints.tolist() for record in out)]
            known[key] = (numbers, sorted(given))
        return known[key]

    return of


def test_the_image_is_one_in_which_much_can_change(answer):
    numbers, given = answer()

    assert len(numbers[0]) >= 5
    assert {name for name, *_ in given} == {"FpnDetector", "FpnPose"}
    assert answer() is answer()


@pytest.mark.parametrize("field", DETECTOR)
def test_a_detectors_option_changes_the_answer(answer, field):
    assert answer("detector", DETECTOR[field]) != answer()


@pytest.mark.parametrize("field", POSE)
def test_a_pose_networks_option_changes_the_answer(answer, field):
    assert answer("pose", POSE[field]) != answer()


def test_a_skeleton_that_is_told_names_the_keypoints(folder):
    told = PoseOptions(model="hrnet_small", weights=str(folder / "hrnet17.pth"), skeleton="posetrack17")

    assert create_estimator(told, CPU).skeleton.name == "posetrack17"


def test_what_the_outputs_say_can_be_told(answer):
    corners = {"weights": "{folder}/corners.onnx"}

    assert answer("detector", DETECTOR["outputs"]) != answer("detector", corners)


def test_no_field_is_left_out_here():
    assert set(DETECTOR) == set(DetectorOptions.model_fields)
    assert set(POSE) == set(PoseOptions.model_fields)


@pytest.mark.parametrize("values", [{"precision": "bfloat16"}, {"runtime": "openvino"}])
def test_an_option_of_the_runtime_changes_the_answer(answer, values):
    assert answer("", values) != answer()


@pytest.mark.parametrize("allowed", [True, False])
def test_the_card_decides_whether_auto_means_bfloat16(monkeypatch, tmp_path, allowed):
    """A user's network trained with the shipped one's codec is not run in bfloat16 unasked."""
    monkeypatch.setattr(choice, "instruction_set", lambda: "avx512_bf16")
    model = create_model("hrnet_small", num_keypoints=17)
    card = Weights("hrnet_small.mine", "", codec="spatial", bfloat16=allowed)
    save_weights(tmp_path / "mine.safetensors", model.state_dict(), card)

    options = PoseOptions(model="hrnet_small", weights=str(tmp_path / "mine.safetensors"))
    estimator = create_estimator(options, CPU, RuntimeOptions(runtime="torch"))

    assert estimator.network.model.dtype == (torch.bfloat16 if allowed else torch.float32)


@pytest.mark.parametrize("antialias", [True, False])
def test_the_card_decides_whether_pixels_are_averaged(tmp_path, antialias):
    model = create_model("hrnet_small", num_keypoints=17)
    card = Weights("hrnet_small.mine", "", codec="spatial", input_hw=(64, 64), antialias=antialias, padding=1.0)
    save_weights(tmp_path / "mine.safetensors", model.state_dict(), card)
    estimator = create_estimator(PoseOptions(model="hrnet_small", weights=str(tmp_path / "mine.safetensors")), CPU)
    stripes = torch.zeros(3, 512, 512, dtype=torch.uint8)
    stripes[:, :, ::2] = 200

    cut = estimator.cut([stripes], estimator.crop_from_image(np.array([[0, 0, 512, 512]], np.float32)))

    assert bool((cut[..., 1:-1, 1:-1] == 100).all()) == antialias  # its edges mix with what lies outside
