"""Published detectors against the official code's numbers: outputs, decoding, suppression, letterboxing.

`tests/data/README.models.md` says where they come from.
"""

from pathlib import Path

import detector_inputs as inputs
import numpy as np
import pytest
import torch
from reference_inputs import reference_input, reference_tensor
from torch import nn

from videopose.estimators.detector import FILL, AnchorFreeDetector
from videopose.geometry.placement import place
from videopose.geometry.warp import place_images
from videopose.models import create_model, name_converter, rtmdet, yolox
from videopose.models.weights import load_into
from videopose.models.zoo import IMAGENET_MEAN, IMAGENET_STD
from videopose.runtime.torch import TorchNetwork

CPU = torch.device("cpu")
FOLDER = Path(__file__).parents[1] / "data" / "models"
PIXELS = 1e-3
SCORE = 1e-6
EXPECTED = np.load(FOLDER / "detector_decoding.npz")


def load_by_rule(name, names, gain):
    """Make the weights of the release's names by the rule and bring them to ours; where tensors are shared, the last
    name counts, as in the release."""
    model = create_model(name)
    weights = {key: torch.from_numpy(reference_tensor(key, tuple(shape), gain)) for key, shape in names}
    load_into(model, name_converter(name)(weights), source="the rule")
    return model


def test_rtmdet_m_gives_the_release_s_scores_and_distances():
    names = [(key, value.shape) for key, value in create_model("rtmdet_m").state_dict().items()]
    model = load_by_rule("rtmdet_m", names, gain=2.29)
    blue_first = torch.from_numpy(reference_input("rtmdet_m_person", (1, 3, 256, 320)))

    with torch.inference_mode():
        scores, distances = model.bbox_head(model.neck(model.backbone.levels(blue_first.flip(1))[1:]))

    expected = np.load(FOLDER / "rtmdet_m_person.npz")
    for kind, outputs in {"cls": scores, "reg": distances}.items():
        for stride, output in zip(inputs.STRIDES, outputs, strict=True):
            theirs = expected[f"{kind}{stride}"]
            compare(f"rtmdet_m {kind}{stride}", output[..., ::2, ::2].numpy(), theirs, 1e-4 * np.abs(theirs).max())


def megvii_names():
    """Yield the release's names and shapes of YOLOX-tiny with 80 classes, from ours by the documented rule."""
    rules = {f"stage{k}": f"dark{k + 1}" for k in (1, 2, 3, 4)}
    parts = {"main_conv": "conv1", "short_conv": "conv2", "final_conv": "conv3", "blocks": "m"}
    neck = {
        "reduce_layers.0": "lateral_conv0", "reduce_layers.1": "reduce_conv1", "top_down_blocks.0": "C3_p4",
        "top_down_blocks.1": "C3_p3", "downsamples.0": "bu_conv2", "downsamples.1": "bu_conv1",
        "bottom_up_blocks.0": "C3_n3", "bottom_up_blocks.1": "C3_n4",
    }  # fmt: skip
    for name, value in create_model("yolox_tiny").state_dict().items():
        room, _, rest = name.partition(".")
        words = [parts.get(word, rules.get(word, word)) for word in rest.split(".")]
        shape = list(value.shape)
        if room == "backbone":
            yield "backbone.backbone." + ".".join(words), shape
        elif rest.startswith("out_convs"):
            yield "head.stems." + rest.partition(".")[2], shape
        elif room == "neck":
            place = ".".join(rest.split(".")[:2])
            yield ".".join(["backbone", neck[place], *words[2:]]), shape
        else:
            kind = words[0].removeprefix("multi_level_")
            theirs = f"{kind[5:]}_preds" if kind.startswith("conv_") else kind
            shape = [80, *shape[1:]] if theirs == "cls_preds" else shape
            yield ".".join(["head", theirs, *words[1:]]), shape


def test_yolox_tiny_gives_the_release_s_boxes_and_scores_of_people():
    model = load_by_rule("yolox_tiny", list(megvii_names()), gain=2.2)
    blue_first = torch.from_numpy(reference_input("yolox_tiny", (1, 3, 256, 416)))

    with torch.inference_mode():
        output = model(blue_first.flip(1))

    theirs = np.load(FOLDER / "yolox_tiny.npz")["decoded"][0]
    boxes, score = output.boxes()[0, ::21].numpy(), output.score[0, ::21].sigmoid().numpy()
    ours = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], 1)
    size = boxes[:, 2:] - boxes[:, :2]
    compare("yolox_tiny centres", ours, theirs[:, :2], 1e-4 * np.abs(theirs[:, :2]).max())
    compare("yolox_tiny sizes", size, theirs[:, 2:4], 1e-4 * theirs[:, 2:4].max())
    compare("yolox_tiny scores", score, theirs[:, 4] * theirs[:, 5], 1e-4)


class Fixed(nn.Module):
    """Answers the same whatever it sees."""

    def __init__(self, output):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))
        self.output = output

    def forward(self, images):
        return self.output


def decoded(output, size_hw, **options):
    detector = AnchorFreeDetector(
        TorchNetwork(Fixed(output)),
        device=CPU,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        pixels=1024,
        batch_size=1,
        resize="letterbox",
        input_hw=size_hw,
        **options,
    )
    return detector.detect([torch.zeros(3, *size_hw, dtype=torch.uint8)])[0]


RTMDET = {"min_score": 0.05, "nms_iou": 0.6, "max_people": 100}
CASES = ("plain", "wide", "ties", "borders", "none", "many", "threshold", "touching")


def same(what, found, boxes, scores):
    """Compare by score and, among equal scores, as sets."""
    assert len(found) == len(boxes), what
    ours = np.column_stack([found.score, found.xyxy])
    theirs = np.column_stack([scores, boxes])
    ours, theirs = (rows[np.lexsort(np.round(rows.T, 2)[::-1])] for rows in (ours, theirs))
    difference = np.abs(ours - theirs)
    box, score = (part.max(initial=0) for part in (difference[:, 1:], difference[:, 0]))
    print(f"{what}: {len(boxes)} boxes, max difference {box:.1e} px, score {score:.1e}")
    assert box <= PIXELS
    assert score <= SCORE


@pytest.mark.parametrize("case", CASES)
def test_rtmdet_is_decoded_and_suppressed_as_in_its_release(case):
    output = rtmdet.joined(*([torch.from_numpy(level) for level in part] for part in inputs.rtmdet_outputs(case)))

    found = decoded(output, inputs.size_of(case), **RTMDET)

    same(f"rtmdet {case}", found, EXPECTED[f"rtmdet/{case}/boxes"], EXPECTED[f"rtmdet/{case}/scores"])


@pytest.mark.parametrize("case", ["plain", "wide"])
@pytest.mark.parametrize(("variant", "change"), [("score_0.3", {"min_score": 0.3}), ("max_2", {"max_people": 2})])
def test_rtmdets_thresholds_are_the_release_s(case, variant, change):
    output = rtmdet.joined(*([torch.from_numpy(level) for level in part] for part in inputs.rtmdet_outputs(case)))

    found = decoded(output, inputs.size_of(case), **{**RTMDET, **change})

    name = f"rtmdet_{variant}/{case}"
    same(name, found, EXPECTED[f"{name}/boxes"], EXPECTED[f"{name}/scores"])


@pytest.mark.parametrize(("classes", "case"), [*((1, case) for case in CASES if case != "many"), (80, "plain")])
def test_yolox_is_decoded_and_suppressed_as_in_its_release(classes, case):
    scored, boxes, objects = ([torch.from_numpy(x) for x in part] for part in inputs.yolox_outputs(case, classes))
    output = yolox.joined([level[:, :1] for level in scored], boxes, objects)
    size = inputs.size_of(case)

    found = decoded(output, size, min_score=0.01, nms_iou=0.65, max_people=1000, clamps=False)

    rows = EXPECTED[f"yolox{classes}/{case}/evaluation"]
    rows = rows[rows[:, 6] == 0]
    rows[:, :4] = rows[:, :4].clip(0, [size[1], size[0], size[1], size[0]])  # theirs may lie outside the image
    rows = rows[((rows[:, 2:4] - rows[:, :2]) > 0).all(1)]
    same(f"yolox{classes} {case}", found, rows[:, :4], rows[:, 4] * rows[:, 5])


@pytest.mark.parametrize("name", ["street", "small", "round"])
@pytest.mark.parametrize(("family", "side", "resize"), [
    ("rtmdet", 320, "letterbox"), ("yolox_416x416", 416, "letterbox_down")
])  # fmt: skip
def test_images_are_letterboxed_as_in_the_release(name, family, side, resize):
    size = {"street": (375, 500), "small": (100, 75), "round": (427, 640)}[name]
    blue_first = torch.from_numpy(inputs.image(name, *size)).permute(2, 0, 1)
    placed = place_images([blue_first], (side, side), resize, fill=FILL)[0].float().numpy()
    expected = EXPECTED[f"preprocess/{family}_{name}_sub"]
    if family == "rtmdet":
        mean, std = (255 * np.array(each[::-1], np.float32)[:, None, None] for each in (IMAGENET_MEAN, IMAGENET_STD))
        expected = expected * std + mean

    difference = np.abs(placed[:, ::16, ::16] - expected).max()

    print(f"{family} {name}: scaled to {place(size, (side, side), resize).size_hw}, max difference {difference:.1e}")
    assert difference <= 1.001  # one grey level, for another OpenCV


@pytest.mark.parametrize(("name", "size"), [("street", (375, 500)), ("tall", (500, 333)), ("round", (427, 640))])
def test_rtmdet_nano_finds_in_an_image_what_the_release_finds(name, size):
    model = create_model("rtmdet_nano")
    model = load_by_rule("rtmdet_nano", [(key, value.shape) for key, value in model.state_dict().items()], gain=2.58)
    detector = AnchorFreeDetector(
        TorchNetwork(model), device=CPU, mean=IMAGENET_MEAN, std=IMAGENET_STD, pixels=1024, batch_size=1,
        resize="letterbox", input_hw=(320, 320), **RTMDET,
    )  # fmt: skip

    found = detector.detect([torch.from_numpy(inputs.image(name, *size)[..., ::-1].copy()).permute(2, 0, 1)])[0]

    boxes, scores = EXPECTED[f"end_to_end/{name}/boxes"], EXPECTED[f"end_to_end/{name}/scores"]
    boxes = boxes.clip(0, [size[1], size[0], size[1], size[0]])
    there = ((boxes[:, 2:] - boxes[:, :2]) > 0).all(1)
    boxes, scores = boxes[there], scores[there]
    assert len(found) == len(boxes)
    nearest = np.abs(found.xyxy[:, None] - boxes).max(2).argmin(1)  # the best scores are equal: by position
    assert sorted(nearest) == list(range(len(boxes)))
    difference = np.abs(found.xyxy - boxes[nearest]).max()
    print(f"{name}: max difference {difference:.1e} px")
    assert difference <= 0.02  # the official code's own spread is 0.004
    assert np.abs(found.score - scores[nearest]).max() <= 1e-4


def compare(what, ours, theirs, allowed):
    difference = float(np.abs(ours - theirs).max())
    print(f"{what}: max difference {difference:.1e} of {allowed:.1e}")
    assert difference <= allowed
