"""Whole pipelines side by side on JHMDB: who is scored, and that tubes cost no accuracy on a clip."""

import numpy as np
import pytest
from bright_people import walking_records

from videopose import catalog
from videopose.skeletons import skeleton_named
from videopose.types import Poses, Record

tubes = catalog.evaluation("benchmarks.tubes")
BODY = skeleton_named("body19")


def two_people():
    keypoints = np.stack([np.full((19, 3), 10.0), np.full((19, 3), 50.0)]).astype(np.float32)
    xyxy = np.array([[0, 0, 20, 20], [40, 40, 60, 60]], np.float32)
    frame = walking_records(1)[0].frame
    return Record(frame, poses=Poses(keypoints, np.ones(2, np.float32), xyxy, np.array([1, 2])))


def test_the_person_who_overlaps_the_labelled_box_most_is_scored():
    found = tubes._of_person(two_people(), np.array([35, 35, 60, 60], np.float32), BODY)

    assert np.unique(found[:, :2]).tolist() == pytest.approx([50], abs=1e-3)


def test_a_frame_in_which_nobody_overlaps_is_all_wrong():
    found = tubes._of_person(two_people(), np.array([80, 80, 90, 90], np.float32), BODY)
    truth = np.tile(np.array([20, 20, 2], np.float32), (3, 15, 1))

    counts, _ = tubes._judged(np.stack([found] * 3), truth, np.full(3, 50.0))

    assert np.isnan(found).all()
    assert counts.pooled().tolist() == [0, 0]


@pytest.mark.slow
@pytest.mark.shared
def test_tubes_keep_the_accuracy_of_single_frames_on_a_clip(shared_dir):
    same = ["pose.model=fpn_pose.default"]
    single, along = tubes.measure(shared_dir / "data", ["default", "tubes"], ["clean"], every=12, overrides=same)

    print(single, along, sep="\n")
    assert along.pck[1] >= single.pck[1] - 0.3
    assert along.missed <= single.missed
