"""ONNX files of the forms that releases have, recognised and run by OpenVINO and ONNX Runtime."""

import zipfile
from pathlib import Path

import detector_inputs as inputs
import numpy as np
import pytest
import torch
from graphs import write_graph

from videopose.config import validate
from videopose.errors import ConfigError, InputError, UnknownNameError, WeightsError
from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator, describe_pose
from videopose.estimators.detector_outputs import READERS
from videopose.runtime.choice import RuntimeOptions
from videopose.types import Detections

pytest.importorskip("onnx", reason="an optional extra")
pytest.importorskip("onnxruntime", reason="an optional extra")
CPU = torch.device("cpu")
EXPECTED = np.load(Path(__file__).parents[2] / "data" / "models" / "detector_decoding.npz")
RUNTIMES = ("onnxruntime", "openvino")
BOX = (40.0, 60.0, 120.0, 300.0)
"""Of a person, in the pixels of a 320 x 320 input."""
NOBODY = np.zeros((1, 4, 5), np.float32)


def detect(path, image_hw=(320, 320), *, runtime="onnxruntime", colour=(0, 0, 0), images=1, **values):
    options = validate(DetectorOptions, {"weights": str(path), "min_score": 0.3, **values}, source="test")
    detector = create_detector(options, CPU, RuntimeOptions(runtime=runtime, precision="float32"))
    image = torch.tensor(colour, dtype=torch.uint8).view(3, 1, 1).expand(3, *image_hw).contiguous()
    return detector.detect([image] * images)


def cells(size=(320, 320)):
    return sum((size[0] // s) * (size[1] // s) for s in inputs.STRIDES)


def rows_of(columns, score_at, box=BOX, score=0.9, centre=True):
    """Rows of all cells, one of which says the box."""
    rows = np.zeros((1, cells(), columns), np.float32)
    x1, y1, x2, y2 = box
    rows[0, 7, :4] = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1) if centre else box
    rows[0, 7, score_at] = score
    return rows


def yolox_rows(box=BOX):
    """A decoded row brought back to what the head says at cell 7 of the first level."""
    rows = rows_of(85, [4, 5], box)
    x, y, w, h = rows[0, 7, :4]
    rows[0, 7, :4] = x / 8 - 7, y / 8, np.log(w / 8), np.log(h / 8)
    return rows


def levels(box=BOX):
    """RTMDet's maps, one cell of which says the box."""
    scores = {f"cls{s}": np.full((1, 1, 320 // s, 320 // s), -9, np.float32) for s in inputs.STRIDES}
    sides = {f"box{s}": np.zeros((1, 4, 320 // s, 320 // s), np.float32) for s in inputs.STRIDES}
    scores["cls16"][0, 0, 5, 4] = np.log(9)
    sides["box16"][0, :, 5, 4] = 4 * 16 - box[0], 5 * 16 - box[1], box[2] - 4 * 16, box[3] - 5 * 16
    return scores | sides


def detr(person=1, classes=91):
    logits, boxes = np.full((1, 30, classes), -9, np.float32), np.full((1, 30, 4), 0.5, np.float32)
    x1, y1, x2, y2 = (value / 320 for value in BOX)
    logits[0, 3, person], boxes[0, 3] = np.log(9), ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    logits[0, 4, 5] = 5.0
    return {"dets": boxes, "labels": logits}


def suppressed(columns=5, *, row=BOX):
    boxes = np.zeros((1, 4, columns), np.float32)
    boxes[0, :2, :5] = (*row, 0.9), (200, 10, 260, 90, 0.8)
    if columns > 5:
        boxes[0, 1, 5] = 3
    return boxes


LABELS = np.array([[0, 3, 0, 0]], np.int64)
FORMS = {
    "yolox": {"output": yolox_rows()},
    "yolox_decoded": {"output": rows_of(85, [4, 5])},
    "yolov8": {"output0": rows_of(84, 4).transpose(0, 2, 1).copy()},
    "boxes": {"dets": suppressed(), "labels": LABELS},
    "rtmdet": levels(),
    "corners": {
        "boxes": rows_of(4, [], centre=False),
        "scores": rows_of(6, 0)[..., :6] * np.eye(6, dtype=np.float32)[0],
    },
    "detr": detr(),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("kind", FORMS)
def test_a_detector_is_recognised_by_its_outputs_and_finds_its_box(tmp_path, kind, runtime):
    path = write_graph(tmp_path / "x.onnx", FORMS[kind])
    told = {"outputs": kind} if kind == "yolox_decoded" else {}

    (found,) = detect(path, runtime=runtime, **told)

    assert found.xyxy[0] == pytest.approx(BOX, abs=1e-3)
    assert found.score == pytest.approx([0.81 if "yolox" in kind else 0.9], abs=1e-5)


def test_every_reader_is_tried():
    assert set(FORMS) == set(READERS) - {"points"}


@pytest.mark.parametrize(("outputs", "score"), [
    ({"output0": rows_of(56, 4).transpose(0, 2, 1).copy()}, 0.9),  # a pose head of YOLOv8
    ({"output0": suppressed(6)}, 0.9),  # suppressed inside, the class beside
    ({"dets": suppressed(), "keypoints": np.zeros((1, 4, 17, 3), np.float32)}, 0.9),  # RTMO: both boxes are people's
    ({"dets": suppressed()}, 0.9),
    (detr(person=0, classes=7), 0.9),
])  # fmt: skip
def test_other_forms_of_the_same(tmp_path, outputs, score):
    (found,) = detect(write_graph(tmp_path / "x.onnx", outputs))

    assert found.xyxy[0] == pytest.approx(BOX, abs=1e-3)
    assert found.score[0] == pytest.approx(score, abs=1e-5)
    assert len(found) == (2 if "keypoints" in outputs or list(outputs) == ["dets"] else 1)


def test_rtmdets_maps_are_decoded_as_in_its_release(tmp_path):
    logits, sides = inputs.rtmdet_outputs("plain")
    outputs = {f"cls{k}": each for k, each in enumerate(logits)} | {f"box{k}": each for k, each in enumerate(sides)}

    (found,) = detect(write_graph(tmp_path / "x.onnx", outputs), min_score=0.05, nms_iou=0.6)

    assert found.xyxy == pytest.approx(EXPECTED["rtmdet/plain/boxes"], abs=1e-3)
    assert found.score == pytest.approx(EXPECTED["rtmdet/plain/scores"], abs=1e-6)


def test_yolox_rows_are_decoded_as_in_its_release(tmp_path):
    scored, boxes, objects = (
        np.concatenate([each.reshape(1, each.shape[1], -1) for each in part], 2)
        for part in inputs.yolox_outputs("plain", 80)
    )
    sure = [1 / (1 + np.exp(-each.astype(np.float64))) for each in (objects, scored)]
    rows = np.concatenate([boxes, *sure], 1).transpose(0, 2, 1).astype(np.float32)

    (found,) = detect(write_graph(tmp_path / "x.onnx", {"output": rows}), min_score=0.01, nms_iou=0.65)

    people = EXPECTED["yolox80/plain/evaluation"]
    people = people[people[:, 6] == 0]
    assert found.xyxy == pytest.approx(people[:, :4], abs=1e-3)
    assert found.score == pytest.approx(people[:, 4] * people[:, 5], abs=1e-6)


def test_detrs_queries_are_decoded_as_in_the_release(tmp_path):
    logits, boxes = inputs.detr_outputs()
    path = write_graph(tmp_path / "x.onnx", {"dets": boxes, "labels": logits}, size=(384, 384))
    people = EXPECTED["detr/375x500/labels"] == 1
    lowest = float(EXPECTED["detr/375x500/scores"].min())

    (found,) = detect(path, (375, 500), min_score=lowest, nms_iou=1.0, max_people=300)

    theirs = EXPECTED["detr/375x500/boxes"][people]
    assert len(found) == len(theirs) > 5
    distance = np.abs(found.xyxy[:, None] - theirs).max(2)
    assert distance.min(0).max() < 1e-3
    assert found.score == pytest.approx(EXPECTED["detr/375x500/scores"][people], abs=1e-6)


# what the network is given of an image of one colour (10, 100, 200): its means of red or blue and of the other end
IMAGENET = [(np.array([10, 100, 200]) / 255 - (0.485, 0.456, 0.406))[k] / (0.229, 0.224, 0.225)[k] for k in range(3)]
PROBE = np.zeros((3, 5), np.float32)
PROBE[0, 2] = PROBE[2, 3] = 1.0


def seen(path, **values):
    """Return what the first and last colour of the input were on average, read from a box's sides."""
    (found,) = detect(path, colour=(10, 100, 200), max_people=1, **values)
    return found.xyxy[0, 2] - BOX[0] - 10, found.xyxy[0, 3] - BOX[1] - 10


@pytest.mark.parametrize(("stem", "values", "expected"), [
    (None, {}, (IMAGENET[2], IMAGENET[0])),  # RTMDet: blue first, normalised
    (12, {}, (200, 10)),  # YOLOX, by its first convolution
    (None, {"channels": "rgb"}, (IMAGENET[0], IMAGENET[2])),
    (None, {"values": "bytes"}, (200, 10)),
    (None, {"values": "unit", "channels": "rgb"}, (10 / 255, 200 / 255)),
])  # fmt: skip
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_colours_and_values_are_the_release_s_or_what_options_say(tmp_path, stem, values, expected, runtime):
    boxes = {"dets": suppressed(row=(*BOX[:2], BOX[0] + 10, BOX[1] + 10)), "labels": LABELS}
    path = write_graph(tmp_path / "x.onnx", boxes, probe=PROBE, stem=stem)

    assert seen(path, runtime=runtime, **values) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(("last", "dtype"), [(True, "uint8"), (False, "uint8"), (True, "float32")])
def test_bytes_and_colours_that_come_last_are_known_by_the_input(tmp_path, runtime, last, dtype):
    boxes = {"dets": suppressed(row=(*BOX[:2], BOX[0] + 10, BOX[1] + 10)), "labels": LABELS}
    path = write_graph(tmp_path / "x.onnx", boxes, probe=PROBE, last=last, dtype=dtype)

    expected = (200, 10) if dtype == "uint8" else (IMAGENET[2], IMAGENET[0])
    assert seen(path, runtime=runtime) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("kind", "resize", "expected"), [
    ("boxes", "", (80, 120, 240, 320)),  # 320 x 640 shrinks to 160 x 320, at the top left
    ("yolov8", "", (80, 0, 240, 320)),  # in the middle, so 80 rows lower
    ("detr", "", (80, 60, 240, 300)),  # stretched: twice as wide, not higher
    ("boxes", "stretch", (80, 60, 240, 300)),
    ("yolov8", "letterbox", (80, 120, 240, 320)),
])  # fmt: skip
def test_images_are_brought_in_as_the_release_does_or_as_options_say(tmp_path, kind, resize, expected):
    (found,) = detect(
        write_graph(tmp_path / "x.onnx", FORMS[kind]), (320, 640), **({"resize": resize} if resize else {})
    )

    assert found.xyxy[0] == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("batch", [1, 2])
def test_a_fixed_batch_takes_any_number_of_images(tmp_path, runtime, batch):
    path = write_graph(tmp_path / "x.onnx", FORMS["boxes"], batch=batch)

    found = detect(path, images=3, runtime=runtime)

    assert [len(each) for each in found] == [1, 1, 1]
    assert found[2].xyxy[0] == pytest.approx(BOX)


def test_an_open_size_is_640_or_what_is_asked_for(tmp_path):
    path = write_graph(tmp_path / "x.onnx", FORMS["boxes"], size=None)

    assert detect(path)[0].xyxy[0] == pytest.approx(np.array(BOX) / 2)  # in an input twice as large
    assert detect(path, input_hw=(320, 320))[0].xyxy[0] == pytest.approx(BOX)
    with pytest.raises(ConfigError, match=r"detector.input_hw = \(64, 64\): .*x.onnx takes \(320, 320\) alone"):
        detect(write_graph(tmp_path / "x.onnx", FORMS["boxes"]), input_hw=(64, 64))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_zip_is_read_where_it_is(tmp_path, runtime):
    write_graph(tmp_path / "end2end.onnx", FORMS["boxes"])
    with zipfile.ZipFile(tmp_path / "sdk.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "end2end.onnx", "../20230831/yolox/end2end.onnx")
        archive.writestr("20230831/pipeline.json", "{}")
    (tmp_path / "end2end.onnx").unlink()

    (found,) = detect(tmp_path / "sdk.zip", runtime=runtime)

    assert found.xyxy[0] == pytest.approx(BOX)
    assert [path.name for path in tmp_path.rglob("*")] == ["sdk.zip"]


def test_what_cannot_be_recognised_is_answered_with_what_was_seen(tmp_path):
    path = write_graph(tmp_path / "x.onnx", {"out": np.zeros((1, 100, 7), np.float32)})

    with pytest.raises(ConfigError, match="x.onnx: no outputs of a detector that is known") as caught:
        detect(path)

    seen = "takes images (any, 3, 320, 320) float32; gives out (any, 100, 7) float32. Set detector.outputs to one of "
    assert seen in str(caught.value)


def test_outputs_are_for_files_from_elsewhere_alone():
    options = validate(DetectorOptions, {"outputs": "yolox"}, source="test")
    with pytest.raises(ConfigError, match=r"detector.outputs = yolox: is for a .onnx, .xml or .zip file"):
        create_detector(options, CPU)


@pytest.mark.slow
def test_an_exported_detector_finds_what_its_model_finds(tmp_path):
    """OpenVINO's own format, and the card of the model, which the file does not hold."""
    from videopose.models.weights import load_model
    from videopose.runtime.export import export

    model, _ = load_model("rtmdet_nano.default")
    export(model, tmp_path / "own.xml", input_hw=(96, 160), form="openvino")
    image = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 90, 160), np.uint8))
    usual = {"resize": "letterbox", "input_hw": (96, 160), "min_score": 1e-5, "nms_iou": 1.0, "max_people": 3}
    plain = RuntimeOptions(runtime="torch", precision="float32")

    ours = create_detector(DetectorOptions(**usual), CPU, plain).detect([image])[0]
    file = DetectorOptions(weights=str(tmp_path / "own.xml"), **usual)
    theirs = create_detector(file, CPU, RuntimeOptions(runtime="openvino", precision="float32")).detect([image])[0]

    assert len(ours) == 3
    assert theirs.xyxy == pytest.approx(ours.xyxy, abs=0.05)
    assert theirs.score == pytest.approx(ours.score, abs=1e-4)


# pose networks


def estimate(path, runtime="onnxruntime", **values):
    options = validate(PoseOptions, {"weights": str(path), **values}, source="test")
    estimator = create_estimator(options, CPU, RuntimeOptions(runtime=runtime, precision="float32"))
    box = Detections(np.array([[0, 0, 96, 128]], np.float32), np.ones(1, np.float32))  # crops have its shape
    image = torch.full((3, 200, 160), 90, dtype=torch.uint8)
    return estimator, estimator.estimate([image] * 3, [box] * 3)


def bins(*, keypoints=17, x=60, y=90):
    """SimCC's outputs of crops of 128 x 96 whose keypoints all lie at one place."""
    along_x, along_y = np.zeros((1, keypoints, 192), np.float32), np.zeros((1, keypoints, 256), np.float32)
    along_x[..., 2 * x] = along_y[..., 2 * y] = 1.0
    return {"simcc_x": along_x, "simcc_y": along_y}


def heatmaps(*, keypoints=17, x=15, y=22):
    maps = np.zeros((1, keypoints, 32, 24), np.float32)
    maps[..., y, x] = 1.0
    return {"heatmaps": maps}


CROP = {"size": (128, 96)}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("batch", [None, 1])
def test_simcc_of_two_outputs_in_either_order(tmp_path, runtime, batch):
    plain = bins()
    turned = dict(reversed(plain.items()))
    places = []
    for outputs in (plain, turned):
        estimator, poses = estimate(
            write_graph(tmp_path / "x.onnx", outputs, batch=batch, **CROP), runtime, padding=1.0
        )
        places.append(poses[2].keypoints[0, 3])
        assert estimator.skeleton.name == "coco17"
        assert estimator.network.codec.name == "simcc"

    assert places[0] == pytest.approx([60, 90, 1], abs=1e-3)
    assert places[1] == pytest.approx(places[0])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_heatmaps_of_any_batch(tmp_path, runtime):
    estimator, poses = estimate(write_graph(tmp_path / "x.onnx", heatmaps(), **CROP), runtime, padding=1.0)

    assert poses[1].keypoints[0, 5] == pytest.approx([60, 88, 1], abs=1e-3)
    assert estimator.network.codec.name == "msra"
    assert estimate(tmp_path / "x.onnx", codec="udp")[0].network.codec.name == "udp"


def test_the_number_of_keypoints_tells_the_skeleton_where_it_can(tmp_path):
    sixteen = write_graph(tmp_path / "16.onnx", heatmaps(keypoints=16), **CROP)
    fourteen = write_graph(tmp_path / "14.onnx", heatmaps(keypoints=14), **CROP)
    seventeen = write_graph(tmp_path / "17.onnx", heatmaps(), **CROP)

    assert describe_pose(PoseOptions(weights=str(sixteen))).skeleton == "mpii16"
    with pytest.raises(
        ConfigError, match=r"14.onnx: gives 14 keypoints; of so many are .*crowdpose14.* Set pose.skeleton"
    ):
        estimate(fourteen)
    assert describe_pose(PoseOptions(weights=str(fourteen), skeleton="aic14")).skeleton == "aic14"
    assert describe_pose(PoseOptions(weights=str(seventeen), skeleton="posetrack17")).skeleton == "posetrack17"
    with pytest.raises(ConfigError, match=r"pose.skeleton = mpii16: has 16 keypoints, but .*17.onnx gives 17"):
        estimate(seventeen, skeleton="mpii16")
    with pytest.raises(UnknownNameError, match="no skeleton is named 'coco'"):
        estimate(seventeen, skeleton="coco")


def test_a_file_of_the_model_is_described_by_it(tmp_path):
    """What `videopose models export` wrote does not say what it was written from."""
    path = write_graph(tmp_path / "x.onnx", {"maps": np.zeros((1, 19, 64, 48), np.float32)}, size=(256, 192))

    card = describe_pose(PoseOptions(weights=str(path)))

    assert (card.name, card.codec, card.skeleton) == ("tinypose.default", "dark3", "body19")


@pytest.mark.parametrize(("outputs", "message"), [
    ({"dets": NOBODY, "keypoints": np.zeros((1, 4, 17, 3), np.float32)}, "x.onnx: finds people in whole images: takes"),
    ({"out": np.zeros((1, 51), np.float32)}, r"no outputs of a pose network .*gives out \(any, 51\) float32. Known"),
])  # fmt: skip
def test_no_pose_network_of_single_people_says_so(tmp_path, outputs, message):
    with pytest.raises(ConfigError, match=message):
        estimate(write_graph(tmp_path / "x.onnx", outputs, **CROP))


def test_colours_of_a_pose_network_are_what_options_say(tmp_path):
    """The score of each keypoint is what was seen of the first colour."""
    maps = {"heatmaps": np.zeros((1, 17, 32, 24), np.float32)}
    path = write_graph(tmp_path / "x.onnx", maps, **CROP)
    card = {name: describe_pose(PoseOptions(weights=str(path), **{name: value})) for name, value in
            {"channels": "bgr", "values": "bytes"}.items()}  # fmt: skip

    assert card["channels"].channels == "bgr"
    assert card["values"].std == pytest.approx((1 / 255,) * 3)
    network = create_estimator(PoseOptions(weights=str(path), channels="bgr"), CPU).network.model
    assert type(network).__name__ == "BlueFirst"


# what is refused


def test_a_network_of_something_else_says_what_it_takes(tmp_path):
    from onnx import TensorProto, helper

    takes = helper.make_tensor_value_info("words", TensorProto.INT64, [1, 9])
    gives = helper.make_tensor_value_info("out", TensorProto.INT64, [1, 9])
    graph = helper.make_graph([helper.make_node("Identity", ["words"], ["out"])], "test", [takes], [gives])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(InputError, match=r"x.onnx: is not a network of images alone, .*: takes words \(1, 9\) int64"):
        detect(tmp_path / "x.onnx")


def test_operators_of_its_own_are_refused_wherever_they_are(tmp_path):
    import onnx
    from onnx import helper

    model = onnx.load(write_graph(tmp_path / "x.onnx", FORMS["boxes"]))
    inner = helper.make_graph([helper.make_node("Evil", [], ["a"], domain="my.ops")], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["labels"], ["b"], then_branch=inner, else_branch=inner))
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(WeightsError, match=r"x.onnx: needs operators of its own \(my.ops.Evil\), which are programs"):
        detect(tmp_path / "x.onnx")


@pytest.mark.parametrize(("location", "message"), [
    ("../secret.bin", r"x.onnx: reads numbers from ../secret.bin, outside its folder; it is refused"),
    ("/etc/passwd", "x.onnx: reads numbers from /etc/passwd, outside its folder"),
    ("numbers.bin", "x.onnx: its numbers are in numbers.bin, which is not beside it; put it there"),
])  # fmt: skip
@pytest.mark.parametrize("in_node", [True, False])
def test_numbers_outside_the_folder_are_refused(tmp_path, location, message, in_node):
    import onnx

    model = onnx.load(write_graph(tmp_path / "x.onnx", FORMS["boxes"]))
    tensor = model.graph.initializer[0]
    if in_node:
        tensor = onnx.TensorProto(name="far", dims=[1], data_type=1)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if in_node:
        model.graph.node.append(onnx.helper.make_node("Constant", [], ["far"], value=tensor))
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())

    with pytest.raises(WeightsError, match=message):
        detect(tmp_path / "x.onnx")


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(("members", "message"), [
    ({"readme.txt": b"x"}, "x.zip: holds no single .onnx file; unpack it and name one"),
    ({"a.onnx": b"x", "b.onnx": b"x"}, "x.zip: holds no single .onnx file"),
    ({"end2end.onnx": b"\0" * (1 << 20)}, "x.zip: end2end.onnx is larger than a network may be; it is not read"),
    ({"end2end.onnx": b"no network at all"}, "x.zip: not a readable ONNX file"),
])  # fmt: skip
def test_a_zip_without_one_network_says_so(tmp_path, members, message):
    with pytest.raises(WeightsError, match=message):
        detect(zipped(tmp_path / "x.zip", members))


def test_a_cut_off_zip_says_so(tmp_path):
    write_graph(tmp_path / "a.onnx", FORMS["boxes"])
    path = zipped(tmp_path / "x.zip", {"end2end.onnx": (tmp_path / "a.onnx").read_bytes()})
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(WeightsError, match="x.zip: not a readable zip"):
        detect(path)


def test_what_is_taken_for_granted_is_said(tmp_path, caplog):
    detect(write_graph(tmp_path / "x.onnx", FORMS["yolov8"]))

    taken = "yolov8 as outputs, rgb with values unit, 320 x 320 pixels, letterbox_middle"
    assert caplog.messages[0].endswith(f"x.onnx: taken for {taken}; detector.… options say otherwise")
