from dataclasses import replace

import numpy as np
import pytest
import torch

from videopose.errors import InputError
from videopose.skeletons import skeleton_named
from videopose.stages.detect import BoxesFromFile, DetectPeople, FullFrameBox
from videopose.stages.estimate import EstimatePoses
from videopose.types import Detections, Frame, Poses, Record


class Moving:
    """Sees one person 20 pixels wide, at x = the frame's brightness."""

    def __init__(self):
        self.calls = []

    def detect(self, images):
        self.calls.append(len(images))
        return [_box(float(image[0, 0, 0])) for image in images]


class Still:
    """Puts every keypoint a pixel to the right of where the box says; remembers how many people each call had."""

    skeleton = skeleton_named("coco17")

    def __init__(self):
        self.calls = []

    def estimate(self, images, boxes):
        self.calls.append([len(people) for people in boxes])
        return [_poses(people) for people in boxes]


def _box(x):
    return Detections(np.array([[x, 0, x + 20, 40]], np.float32), np.ones(1, np.float32))


def _poses(people):
    spread = np.linspace(0, 1, 17)[:, None]
    keypoints = [np.concatenate([b[:2] + 1 + spread * (b[2:] - b[:2]), np.ones((17, 1))], 1) for b in people.xyxy]
    array = np.array(keypoints, np.float32).reshape(-1, 17, 3)
    return Poses(array, people.score, people.xyxy, np.full(len(people), -1))


def _records(count):
    return [Record(Frame(k, k / 25, torch.full((3, 60, 300), 2 * k, dtype=torch.uint8))) for k in range(count)]


def test_the_detector_sees_every_nth_frame_in_one_call_a_window():
    detector = Moving()
    out = list(DetectPeople(detector, every=3, window=6)(_records(8)))

    assert [record.detections is not None for record in out] == [k % 6 % 3 == 0 for k in range(8)]
    assert detector.calls == [2, 1]


@pytest.mark.parametrize("at_once", [1, 3])
def test_windows_under_way_together_change_nothing(at_once):
    def poses(number):
        detect, estimate = DetectPeople(Moving(), 2, 4, number), EstimatePoses(Still(), 4, number)
        return [record.poses.keypoints for record in estimate(detect(_records(19)))]

    np.testing.assert_array_equal(poses(at_once), poses(2))


def test_an_interval_that_does_not_divide_the_window_is_refused():
    with pytest.raises(InputError, match=r"detector.every = 3: must divide the window of 16 frames. .*window=15 too"):
        DetectPeople(Moving(), every=3)


def test_with_detections_everywhere_a_window_is_one_call():
    estimator = Still()
    out = list(EstimatePoses(estimator, window=4)(DetectPeople(Moving(), window=4)(_records(6))))

    assert estimator.calls == [[1, 1, 1, 1], [1, 1]]
    assert [record.poses.xyxy[0, 0] for record in out] == [2 * k for k in range(6)]


def test_between_detections_boxes_come_from_the_last_poses():
    estimator = Still()
    stage = EstimatePoses(estimator, window=8, box_padding=1.0)
    out = list(stage(DetectPeople(Moving(), every=4, window=8)(_records(8))))

    assert estimator.calls == [[1, 1]] * 4  # two runs of four frames advance together
    assert [record.poses.xyxy[0, 0] for record in out] == [0, 1, 2, 3, 8, 9, 10, 11]


def test_people_with_low_scores_are_not_followed():
    class Unsure(Still):
        def estimate(self, images, boxes):
            return [Poses(p.keypoints, p.score * 0.01, p.xyxy, p.track_id) for p in super().estimate(images, boxes)]

    out = list(EstimatePoses(Unsure(), window=4)(DetectPeople(Moving(), every=4, window=4)(_records(4))))

    assert [len(record.poses) for record in out] == [1, 0, 0, 0]


def test_a_followed_persons_score_does_not_fade():
    class Halving(Still):
        def estimate(self, images, boxes):
            return [Poses(p.keypoints, p.score * 0.5, p.xyxy, p.track_id) for p in super().estimate(images, boxes)]

    out = list(EstimatePoses(Halving(), window=8)(DetectPeople(Moving(), every=8, window=8)(_records(8))))

    assert [float(record.poses.score[0]) for record in out] == [0.5] * 8


def test_given_boxes_belong_to_frames_by_index():
    out = list(BoxesFromFile({1: _box(7)})(_records(3)))

    assert [len(record.detections) for record in out] == [0, 1, 0]
    assert out[1].detections.xyxy[0, 0] == 7


def test_the_whole_frame_is_one_persons_box():
    assert next(FullFrameBox()(_records(1))).detections.xyxy.tolist() == [[0, 0, 300, 60]]


def test_stages_in_the_wrong_order_say_so():
    with pytest.raises(InputError, match="frame 0 has no detections; a detector stands before EstimatePoses"):
        list(EstimatePoses(Still())(_records(1)))
    without = [Record(Frame(0, 0.0, None))]
    with pytest.raises(InputError, match="frame 0 has no image any more; detectors stand before DropImages"):
        list(DetectPeople(Moving())(without))
    with pytest.raises(InputError, match="EstimatePoses needs images; it stands before DropImages"):
        list(EstimatePoses(Still())([Record(Frame(0, 0.0, None), detections=_box(0))]))


def test_the_first_frame_of_a_shot_is_detected_in_whatever_the_interval():
    """Nobody is followed across a cut: the box of the last scene's person means nothing in the next."""
    records = [replace(record, shot=int(record.frame.index >= 5)) for record in _records(12)]
    out = list(DetectPeople(Moving(), every=4, window=12)(records))

    assert [k for k, record in enumerate(out) if record.detections is not None] == [0, 4, 5, 8]
    poses = list(EstimatePoses(Still(), window=12)(out))
    assert poses[5].poses.xyxy[0, 0] == 10  # its own place, not one followed from frame 4
