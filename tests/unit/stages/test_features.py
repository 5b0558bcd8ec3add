"""Tracking features of images: flow moves points, the camera's motion is found, appearance tells people apart."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from videopose.catalog import recipe
from videopose.errors import InputError, WeightsError
from videopose.image_motion.appearance import HistogramAppearance
from videopose.image_motion.camera_motion import camera_motion
from videopose.image_motion.optical_flow import create_flow, warp_points
from videopose.skeletons import skeleton_named
from videopose.stages.estimate import EstimatePoses
from videopose.stages.features import EstimateWithFlow, MeasureFeatures
from videopose.stages.track import TrackPoses
from videopose.tracking.options import FeatureOptions, TrackerOptions
from videopose.types import Detections, Frame, Poses, Record

SKELETON = skeleton_named("coco17")
FLOW_ERROR = 0.7  # pixels: dense flow on smooth texture is good to a fraction of a pixel
SHIFT = np.array([5.0, -3.0])


def texture(height=240, width=320, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height // 8, width // 8, 3)).astype(np.float32)
    return np.clip(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def moved(image, shift):
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float64)
    return cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REFLECT)


def a_record(number, image, centers):
    shape = np.random.default_rng(1).uniform(-20, 20, (len(SKELETON), 2))
    xy = np.asarray(centers, np.float32).reshape(-1, 1, 2) + shape
    keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.9)], axis=2).astype(np.float32)
    xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
    n = len(keypoints)
    poses = Poses(keypoints, np.full(n, 0.9, np.float32), xyxy, np.full(n, -1, np.int64))
    return Record(Frame(number, number / 25, torch.from_numpy(image).permute(2, 0, 1).contiguous()), poses=poses)


@pytest.mark.parametrize("name", ["dis", "farneback"])
def test_flow_carries_points_with_the_image(name):
    image = texture()
    points = np.array([[[100, 100], [200, 150]]], np.float32)

    carried = warp_points(create_flow(name)(image, moved(image, SHIFT)), points)

    assert np.abs(carried - points - SHIFT).max() < FLOW_ERROR


def test_points_outside_take_the_border_flow():
    flow = np.full((10, 10, 2), 2.0, np.float32)

    assert warp_points(flow, np.array([[-5.0, 50.0]], np.float32)).tolist() == [[-3.0, 52.0]]


def test_learned_flow_is_called_like_raft(tmp_path):
    class Shift(torch.nn.Module):
        def forward(self, before: torch.Tensor, after: torch.Tensor) -> list[torch.Tensor]:
            return [torch.zeros_like(before[:, :2]), torch.ones_like(before[:, :2])]

    path = tmp_path / "flow.pt"
    torch.jit.script(Shift()).save(str(path))

    flow = create_flow("torch", path)(texture(37, 51), texture(37, 51))

    assert flow.shape == (37, 51, 2)
    assert (flow == 1).all()


def test_missing_flow_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.pt: cannot be loaded as TorchScript"):
        create_flow("torch", tmp_path / "none.pt")


def test_learned_flow_needs_a_file():
    with pytest.raises(InputError, match=r"give the TorchScript file in flow_path"):
        create_flow("torch")


@pytest.mark.skipif(hasattr(cv2, "optflow"), reason="this OpenCV has TV-L1")
def test_absent_tvl1_says_what_to_install():
    with pytest.raises(InputError, match="install opencv-contrib-python, or use dis"):
        create_flow("tvl1")


def test_camera_motion_is_found():
    grey = texture()[..., 0]
    matrix = cv2.getRotationMatrix2D((160, 120), 3, 1.02)
    after = cv2.warpAffine(grey, matrix, (320, 240), borderMode=cv2.BORDER_REFLECT)

    found = camera_motion(grey, after, np.zeros((0, 4), np.float32))

    assert np.abs(found[:2, :2] - matrix[:, :2]).max() < 0.01
    assert np.abs(found[:2, 2] - matrix[:, 2]).max() < 1.0


def test_camera_without_texture_is_not_measured():
    blank = np.zeros((100, 100), np.uint8)

    assert camera_motion(blank, blank, np.zeros((0, 4), np.float32)) is None


def test_frames_in_which_the_camera_cannot_be_measured_come_through():
    records = [a_record(t, np.zeros((100, 100, 3), np.uint8), [[50, 50]]) for t in range(3)]

    features = [record.features for record in MeasureFeatures(FeatureOptions(camera=True))(records)]

    assert [each.camera is None for each in features] == [False, True, True]


def test_same_clothes_look_more_alike_than_others():
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :100], image[:, 100:200], image[:, 200:] = (200, 30, 30), (30, 30, 200), (190, 40, 35)
    xyxy = np.array([[0, 0, 100, 200], [100, 0, 200, 200], [200, 0, 300, 200]], np.float32)

    appearance = HistogramAppearance()(image, xyxy)

    assert np.allclose(np.linalg.norm(appearance, axis=1), 1, atol=1e-5)
    assert appearance[0] @ appearance[2] > appearance[0] @ appearance[1] + 0.3


def test_cues_are_measured_only_when_asked_for():
    records = [a_record(0, texture(), [[100, 100]])]

    assert next(iter(MeasureFeatures(FeatureOptions())(records))).features is None


def test_cues_hold_a_queue_of_carried_poses():
    image = texture()
    records = [a_record(t, moved(image, SHIFT * t), [[150 + 5 * t, 120 - 3 * t]]) for t in range(4)]
    options = FeatureOptions(flow="dis", queue=2, camera=True, appearance=True)

    features = [record.features for record in MeasureFeatures(options)(records)]

    assert [len(each.propagated) for each in features] == [0, 1, 2, 2]
    expected = records[3].poses.keypoints[..., :2]
    assert np.abs(features[3].propagated[0] - expected).max() < FLOW_ERROR
    assert np.abs(features[3].propagated[1] - expected).max() < 2 * FLOW_ERROR
    assert np.abs(features[3].camera[:2, 2] - SHIFT).max() < FLOW_ERROR
    assert features[3].appearance.shape == (1, 40)


def test_flow_tracker_follows_a_jump_that_the_image_shows():
    """The person moves by four widths in a frame: too far for OKS, unless flow tells."""
    image = texture()
    leap = np.array([12.0, 0.0])
    records = [a_record(t, moved(image, leap * t), [[60 + 12 * t, 120]]) for t in range(8)]
    options = TrackerOptions.model_validate({"name": "flow", "tolerance": 0.3, "min_similarity": 0.6})

    with_flow = [
        r.poses.track_id.tolist() for r in TrackPoses(options, SKELETON)(MeasureFeatures(options.features)(records))
    ]
    without = [r.poses.track_id.tolist() for r in TrackPoses(options, SKELETON)(records)]

    assert with_flow == [[1]] * 8
    assert without != with_flow


class Echo:
    """Answers with one pose per box, in the box's corners and middle."""

    skeleton = SKELETON

    def estimate(self, images, boxes):
        out = []
        for each in boxes:
            low, high = each.xyxy[:, None, :2], each.xyxy[:, None, 2:]
            part = np.linspace(0, 1, len(SKELETON), dtype=np.float32)[None, :, None]
            xy = low + part * (high - low)
            score = np.full((*xy.shape[:2], 1), 0.9, np.float32)
            ids = np.full(len(each), -1, np.int64)
            out.append(Poses(np.concatenate([xy, score], axis=2), each.score, each.xyxy, ids))
        return out


def test_half_a_person_carried_into_a_whole_one_is_not_recovered():
    image = texture()
    half = Detections(np.array([[100, 60, 120, 180]], np.float32), np.array([0.9], np.float32))
    whole = Detections(np.array([[98, 55, 160, 185]], np.float32), np.array([0.4], np.float32))
    frames = [Frame(t, t / 25, torch.from_numpy(image).permute(2, 0, 1)) for t in range(2)]
    records = [Record(frames[0], detections=half), Record(frames[1], detections=whole)]

    _, second = EstimateWithFlow(Echo(), FeatureOptions(flow="dis"))(records)

    assert second.poses.xyxy.tolist() == whole.xyxy.tolist()


def test_missed_person_is_recovered_in_the_box_flow_carries():
    image = texture()
    box = Detections(np.array([[100, 60, 160, 180]], np.float32), np.array([0.9], np.float32))
    frames = [Frame(t, t / 25, torch.from_numpy(moved(image, SHIFT * t)).permute(2, 0, 1)) for t in range(2)]
    records = [Record(frames[0], detections=box), Record(frames[1], detections=Detections.empty())]

    first, second = EstimateWithFlow(Echo(), FeatureOptions(flow="dis"))(records)

    assert len(first.poses) == len(second.poses) == 1
    drift = (
        second.poses.xyxy[0, :2] + second.poses.xyxy[0, 2:] - first.poses.xyxy[0, :2] - first.poses.xyxy[0, 2:]
    ) / 2
    assert np.abs(drift - SHIFT).max() < FLOW_ERROR


def test_missed_people_are_recovered_in_the_pipeline_when_it_is_asked_for():
    topdown = recipe("topdown")
    plain = topdown.PipelineOptions()
    asked = topdown.PipelineOptions.model_validate({"tracker": {"features": {"recover": True}}})

    networks = [topdown.RECIPE(options).networks(torch.device("cpu")) for options in (plain, asked)]

    kinds = [{type(stage) for stage in pipeline.stages} & {EstimatePoses, EstimateWithFlow} for pipeline in networks]
    assert kinds == [{EstimatePoses}, {EstimateWithFlow}]
    assert [pipeline.context.before for pipeline in networks] == [0, 1]


class Doubtful(Echo):
    """As a network does, gives each pose its box's score times that of its keypoints."""

    def estimate(self, images, boxes):
        return [replace(poses, score=poses.score * np.float32(0.8)) for poses in super().estimate(images, boxes)]


def test_recovered_person_keeps_the_score_of_the_box_they_were_found_in():
    image = torch.from_numpy(texture()).permute(2, 0, 1)
    box = Detections(np.array([[100, 60, 160, 180]], np.float32), np.array([0.9], np.float32))
    records = [Record(Frame(t, t / 25, image), detections=Detections.empty() if t else box) for t in range(20)]

    found = [
        record.poses.score.tolist() for record in EstimateWithFlow(Doubtful(), FeatureOptions(flow="dis"))(records)
    ]

    assert found == [[pytest.approx(0.72)]] * 20


def test_camera_motion_on_a_large_image_is_in_its_own_pixels():
    image = texture(480, 640)
    records = [a_record(t, moved(image, np.array([8.0 * t, -4.0 * t])), []) for t in range(2)]

    features = [record.features for record in MeasureFeatures(FeatureOptions(camera=True, max_side=320))(records)]

    assert np.abs(features[1].camera[:2, 2] - [8, -4]).max() < FLOW_ERROR


def test_as_far_back_as_flow_is_followed_the_networks_look():
    topdown = recipe("topdown")
    for queue in (1, 5):
        values = {"tracker": {"features": {"flow": "dis", "queue": queue}}}
        networks = topdown.RECIPE(topdown.PipelineOptions.model_validate(values)).networks(torch.device("cpu"))
        assert networks.context.before == queue
