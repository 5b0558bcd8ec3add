from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from videopose.config import validate
from videopose.errors import ConfigError, WeightsError
from videopose.estimators.build import (
    DetectorOptions,
    PoseOptions,
    create_detector,
    create_estimator,
    describe_detector,
)
from videopose.estimators.detector import MAX_CANDIDATES, AnchorFreeDetector, input_size
from videopose.models import create_model
from videopose.models.anchor_points import DistanceOutput, DistributionOutput
from videopose.models.weights import load_model
from videopose.models.zoo import normalisation, weights_for_file, weights_table
from videopose.runtime.choice import RuntimeOptions
from videopose.runtime.folding import fold_batch_norm
from videopose.runtime.torch import TorchNetwork
from videopose.types import Detections

CPU = torch.device("cpu")


class OneBox(nn.Module):
    """Answers with fixed boxes, in input pixels, whatever it sees."""

    def __init__(self, boxes, scores):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.boxes, self.scores = torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores)
        self.shapes = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        size = self.boxes[:, 2:] - self.boxes[:, :2]
        sides = torch.full((len(images), len(self.boxes), 4, 200), -100.0)
        for row, (width, height) in enumerate((size / 2).round().long().tolist()):
            for side, distance in enumerate((width, height, width, height)):
                sides[:, row, side, distance] = 100.0
        score = torch.logit(self.scores).expand(len(images), -1)
        return DistributionOutput(
            score, sides, (self.boxes[:, :2] + self.boxes[:, 2:]) / 2, torch.ones(len(self.boxes))
        )


def _detector(model, **options):
    usual = {"pixels": 96 * 96, "min_score": 0.3, "nms_iou": 0.6, "max_people": 100, "batch_size": 8}
    return AnchorFreeDetector(TorchNetwork(model), device=CPU, mean=(0, 0, 0), std=(1, 1, 1), **usual | options)


def _images(*sizes):
    return [torch.zeros(3, *size, dtype=torch.uint8) for size in sizes]


def test_boxes_come_back_in_image_pixels():
    found = _detector(OneBox([[10, 20, 50, 80]], [0.9])).detect(_images((192, 192)))[0]  # twice the input

    assert found.xyxy[0].tolist() == pytest.approx([20, 40, 100, 160])
    assert found.score == pytest.approx([0.9])


def test_weak_overlapping_and_outlying_boxes():
    model = OneBox([[10, 10, 50, 50], [12, 10, 52, 50], [60, 60, 130, 130], [10, 60, 30, 80]], [0.9, 0.8, 0.7, 0.1])
    found = _detector(model).detect(_images((96, 96)))[0]

    assert found.score == pytest.approx([0.9, 0.7])
    assert found.xyxy[1].tolist() == [60, 60, 96, 96]  # cut off at the border


def test_images_of_one_shape_share_batches_and_keep_their_order():
    model = OneBox([[10, 10, 50, 50]], [0.9])
    found = _detector(model, batch_size=2).detect(_images((96, 96), (48, 192), (192, 192), (96, 96)))

    assert len(found) == 4
    assert sorted(model.shapes) == [(1, 3, 64, 192), (1, 3, 96, 96), (2, 3, 96, 96)]  # side by side
    assert found[2].xyxy[0].tolist() == [20, 20, 100, 100]


def test_calibrated_scores_decide_who_is_reported():
    model = OneBox([[10, 10, 50, 50], [60, 60, 90, 90]], [0.5, 0.9])
    found = _detector(model, calibration=(2.0, -1.0), min_score=0.5).detect(_images((96, 96)))[0]

    assert found.score == pytest.approx([1 / (1 + np.exp(1 - 2 * np.log(9)))])  # the other one is at 0.27


class OneDistance(OneBox):
    """The same boxes, their distances said outright, from their top left corners."""

    def forward(self, images):
        distances = torch.cat([torch.zeros(len(self.boxes), 2), self.boxes[:, 2:] - self.boxes[:, :2]], 1)
        score = torch.logit(self.scores).expand(len(images), -1)
        sides = distances.expand(len(images), -1, -1)
        return DistanceOutput(score, sides, self.boxes[:, :2], torch.ones(len(self.boxes)))


def test_distances_and_distributions_are_the_same_boxes():
    boxes, scores = [[10, 10, 50, 60], [60, 60, 90, 90]], [0.8, 0.9]
    found = [_detector(kind(boxes, scores)).detect(_images((96, 96)))[0] for kind in (OneBox, OneDistance)]

    assert np.allclose(found[0].xyxy, found[1].xyxy, atol=1e-3)
    assert found[0].score.tolist() == found[1].score.tolist()


def test_nobody_is_an_empty_answer():
    assert len(_detector(OneBox([[10, 10, 50, 50]], [0.01])).detect(_images((96, 96)))[0]) == 0
    assert _detector(OneBox([[10, 10, 50, 50]], [0.9])).detect([]) == []


@pytest.mark.parametrize("image_hw", [(360, 640), (1920, 1088), (37, 4000), (352, 352)])
def test_inputs_are_whole_cells_of_about_the_asked_area(image_hw):
    height, width = input_size(image_hw, 352 * 352)

    assert height % 32 == width % 32 == 0
    assert height * width < 2 * 352 * 352


def test_folding_changes_no_answer():
    torch.manual_seed(0)
    model = create_model("fpn_detector")
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.2, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    image = torch.rand(1, 3, 64, 96)
    folded = fold_batch_norm(model)

    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert torch.allclose(model(image).score, folded(image).score, atol=1e-4)
    hrnet = create_model("hrnet_w16", num_keypoints=17)
    crop = torch.rand(1, 3, 64, 64)
    assert torch.allclose(hrnet(crop), fold_batch_norm(hrnet)(crop), atol=1e-5)


def test_a_pose_network_is_no_detector():
    with pytest.raises(ConfigError, match=r"detector.model = fpn_pose.default: is a pose network"):
        create_detector(DetectorOptions(model="fpn_pose.default"), CPU)
    with pytest.raises(ConfigError, match=r"pose.model = fpn_detector.default: is a detector"):
        create_estimator(PoseOptions(model="fpn_detector.default"), CPU)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none.pth: no such checkpoint; check the path"):
        create_estimator(PoseOptions(model="hrnet_w32", weights=str(tmp_path / "none.pth")), CPU)


def test_an_own_checkpoint_of_hrnet_runs(tmp_path):
    torch.save(create_model("hrnet_w32", num_keypoints=17).state_dict(), tmp_path / "own.pth")
    options = validate(PoseOptions, {"model": "hrnet_w32", "weights": str(tmp_path / "own.pth")}, source="test")
    estimator = create_estimator(options, CPU)
    from videopose.types import Detections

    poses = estimator.estimate(
        [torch.randint(0, 256, (3, 80, 60), dtype=torch.uint8)],
        [Detections(np.array([[5, 5, 50, 70]], np.float32), np.ones(1, np.float32))],
    )
    assert poses[0].keypoints.shape == (1, 17, 3)
    assert estimator.network.codec.name == "msra"


def test_the_shipped_networks_load_and_find_nobody_in_noise_free_gray():
    detector = create_detector(DetectorOptions(), CPU)
    estimator = create_estimator(PoseOptions(), CPU)

    assert len(detector.detect([torch.full((3, 240, 320), 128, dtype=torch.uint8)])[0]) == 0
    assert estimator.skeleton.name == "body19"


def test_an_exported_network_that_is_not_there_says_so():
    with pytest.raises(WeightsError, match=r"a.xml: no such exported network; check the path"):
        create_estimator(PoseOptions(weights="a.xml"), CPU)


def test_an_exported_network_gives_the_same_poses(tmp_path):
    pytest.importorskip("onnxruntime", reason="an optional extra")
    pytest.importorskip("onnxscript", reason="an optional extra")
    from videopose.runtime.export import export

    path = tmp_path / "pose.onnx"
    model, weights = load_model("fpn_pose.default")
    export(model, path, input_hw=weights.input_hw, form="onnx")
    image = torch.randint(0, 256, (3, 120, 90), dtype=torch.uint8)
    people = Detections(np.array([[5, 5, 80, 110]], np.float32), np.ones(1, np.float32))
    plain = PoseOptions(model="fpn_pose.default")
    ours = create_estimator(plain, CPU, RuntimeOptions(runtime="torch", precision="float32")).estimate(
        [image], [people]
    )[0]
    plain = plain.model_copy(update={"weights": str(path)})
    theirs = create_estimator(plain, CPU, RuntimeOptions(runtime="onnxruntime")).estimate([image], [people])[0]

    assert np.abs(ours.keypoints - theirs.keypoints).max() < 1e-2


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        (DetectorOptions, {"batch_size": 0}, "batch_size = 0: .*greater than or equal to 1"),
        (DetectorOptions, {"every": 0}, "every = 0: .*greater than or equal to 1"),
        (DetectorOptions, {"pixels": -5}, "pixels = -5: .*greater than or equal to 1024"),
        (DetectorOptions, {"source": "file"}, "boxes must name the file, as --boxes FILE does"),
        (DetectorOptions, {"boxes": "det.txt"}, "boxes = det.txt does nothing with source: network; set source: file"),
        (PoseOptions, {"batch_size": 0}, "batch_size = 0: .*greater than or equal to 1"),
        (PoseOptions, {"padding": 0}, "padding = 0: .*greater than 0"),
        (PoseOptions, {"input_hw": [50, 64]}, "multiples of 32"),
    ],
)
def test_values_no_network_can_work_with_are_refused(section, values, message):
    with pytest.raises(ConfigError, match=message):
        validate(section, values, source="test")


def test_what_surrounds_an_image_is_near_the_middle():
    """A black margin would look like the edge of a dark thing."""
    seen = []

    class Watching(OneBox):
        def forward(self, images):
            seen.append(images * 255)
            return super().forward(images)

    _detector(Watching([[10, 10, 50, 50]], [0.9])).detect(_images((60, 96)))

    assert seen[0].shape == (1, 3, 64, 128)
    assert seen[0][..., 40, 40].tolist() == [pytest.approx([0, 0, 0])]
    assert seen[0][..., 40, 120].tolist() == [pytest.approx([114, 114, 114], abs=0.01)]


def test_sides_that_round_apart_are_scaled_each_by_its_own_factor():
    image_hw = (37, 400)  # 320 of 400 columns, but 30 of 37 rows
    height, width = input_size(image_hw, 96 * 96)
    scale = min(height / image_hw[0], width / image_hw[1])
    rows, columns = (round(side * scale) for side in image_hw)
    assert abs(rows / image_hw[0] - columns / image_hw[1]) > 0.005

    found = _detector(OneBox([[0, 0, columns, 20]], [0.9])).detect(_images(image_hw))[0]

    assert found.xyxy[0].tolist() == pytest.approx([0, 0, image_hw[1], 20 / rows * image_hw[0]], abs=0.05)


def test_of_too_many_candidates_the_best_are_looked_at():
    """Suppression compares each with each: a thousand is the most."""
    count = MAX_CANDIDATES + 1
    boxes = [[2 * (k % 40), 2 * (k // 40), 2 * (k % 40) + 2, 2 * (k // 40) + 2] for k in range(count)]
    scores = np.linspace(0.4, 0.9, count).round(6).tolist()

    found = _detector(OneBox(boxes, scores), max_people=count, nms_iou=1.0).detect(_images((96, 96)))[0]

    assert len(found) == MAX_CANDIDATES
    assert found.score.min() == pytest.approx(scores[1], abs=1e-5)


def test_a_published_detector_gets_the_input_of_its_release(tmp_path):
    torch.save(create_model("rtmdet_nano").state_dict(), tmp_path / "own.pth")
    plain = RuntimeOptions(runtime="torch", precision="float32")
    seen = []

    def watch(values):
        options = validate(
            DetectorOptions, {"model": "rtmdet_nano", "weights": str(tmp_path / "own.pth"), **values}, source="test"
        )
        detector = create_detector(options, CPU, plain)
        detector._model.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
        detector.detect(_images((90, 160)))

    watch({})
    watch({"input_hw": (160, 96)})
    watch({"resize": "shape", "pixels": 96 * 160})

    assert seen == [(320, 320), (160, 96), (96, 160)]


def test_an_input_that_would_not_be_used_is_refused():
    with pytest.raises(ConfigError, match=r"detector.input_hw = \(320, 320\): does nothing with resize: shape"):
        create_detector(DetectorOptions(input_hw=(320, 320)), CPU)
    with pytest.raises(ConfigError, match="multiples of 32"):
        validate(DetectorOptions, {"input_hw": [50, 64]}, source="test")


@pytest.mark.parametrize(
    "name", [w.name for w in weights_table().values() if w.task == "detector" and not w.is_shipped]
)
def test_published_detectors_say_how_images_are_brought_in(name):
    weights = describe_detector(DetectorOptions(model=name))

    assert weights.resize == ("letterbox_down" if "Megvii" in weights.origin else "letterbox")
    assert weights.input_hw == weights_for_file(weights.architecture, Path("x.pth")).input_hw
    assert (weights.mean, weights.std) == normalisation(weights.architecture)
    assert weights.channels == "rgb"  # the converter exchanges blue and red
