"""The containers: what they refuse, how they are cut, joined, printed and compared."""

import numpy as np
import pytest
import torch
from builders import assert_same, some_poses

from videopose.errors import InputError, ShapeError
from videopose.skeletons import skeleton_named
from videopose.tracking.tubes.track import Track
from videopose.types import Detections, Frame, PersonCrops, Poses, Record, TrackingFeatures

COCO = skeleton_named("coco17")


def fields_of(poses):
    return {name: getattr(poses, name) for name in ("keypoints", "score", "xyxy", "track_id")}


def posed(num_people):
    return Poses(**fields_of(some_poses(num_people)), skeleton=COCO)


def crops_of(num_people):
    return PersonCrops(
        torch.arange(num_people).view(-1, 1, 1, 1).float(),
        np.tile(np.eye(3), (num_people, 1, 1)),
        Detections(some_poses(num_people).xyxy, np.ones(num_people, np.float32)),
    )


def test_containers_check_their_shapes_at_birth():
    with pytest.raises(ShapeError, match=r"Detections.score has shape \(1,\), but \(2\) is needed"):
        Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32))
    with pytest.raises(ShapeError, match=r"Poses.keypoints has shape \(1, 17, 2\), but \(any, any, 3\) is needed"):
        Poses(np.zeros((1, 17, 2), np.float32), np.zeros(1), np.zeros((1, 4)), np.zeros(1))


@pytest.mark.parametrize(
    ("field", "dtype", "message"),
    [
        ("keypoints", np.float64, r"Poses.keypoints is float64, but float32 is needed; use .astype\(np.float32\)"),
        ("score", np.float16, "Poses.score is float16, but float32 is needed"),
        ("xyxy", np.int64, "Poses.xyxy is int64, but float32 is needed"),
        ("track_id", np.int32, r"Poses.track_id is int32, but int64 is needed; use .astype\(np.int64\)"),
    ],
)
def test_containers_check_their_numbers_at_birth(field, dtype, message):
    values = fields_of(some_poses(2))

    with pytest.raises(InputError, match=message):
        Poses(**values | {field: values[field].astype(dtype)})


def test_detections_check_their_numbers_at_birth():
    with pytest.raises(InputError, match="Detections.xyxy is float64, but float32 is needed"):
        Detections(np.zeros((1, 4)), np.zeros(1, np.float32))
    with pytest.raises(InputError, match="Detections.score is float64, but float32 is needed"):
        Detections(np.zeros((1, 4), np.float32), np.zeros(1))


def test_a_skeleton_must_have_as_many_keypoints():
    assert Poses(**fields_of(some_poses(1)), skeleton=COCO).skeleton is COCO
    with pytest.raises(InputError, match=r"Poses.skeleton: body19 has 19 keypoints, Poses.keypoints 17; give the"):
        Poses(**fields_of(some_poses(1)), skeleton=skeleton_named("body19"))


def test_a_mask_moves_every_field_together():
    poses = Poses(**fields_of(some_poses(4)), skeleton=COCO)
    kept = poses[np.array([True, False, False, True])]

    assert kept.track_id.tolist() == [1, 4]
    assert (kept.keypoints == poses.keypoints[[0, 3]]).all()
    assert kept.skeleton is COCO
    assert len(Poses.empty(17)) == 0


@pytest.mark.parametrize("row", [1, -2, np.int64(1)])
def test_a_number_gives_one_row(row):
    poses, boxes = some_poses(3), Detections(np.eye(3, 4, dtype=np.float32), np.float32([1, 2, 3]))

    assert_same(poses[row], poses[1:2])
    assert_same(boxes[row], boxes[1:2])
    assert_same(posed(3)[row], posed(3)[1:2])
    assert_same(crops_of(3)[row], crops_of(3)[1:2])


def test_a_row_that_is_not_there_is_an_index_error():
    with pytest.raises(IndexError, match="out of bounds"):
        some_poses(3)[3]


def test_poses_are_put_one_after_another():
    one, two = Poses(**fields_of(some_poses(2)), skeleton=COCO), some_poses(3, seed=1)

    both = Poses.concatenate([one, Poses.empty(17), two])

    assert_same(both[:2], one)
    assert_same(both[2:], Poses(**fields_of(two), skeleton=COCO))


def test_poses_that_do_not_belong_together_are_refused():
    other = Poses(**fields_of(some_poses(1)), skeleton=skeleton_named("posetrack17"))

    with pytest.raises(InputError, match=r"poses of coco17 and posetrack17 are different; map one to the other"):
        Poses.concatenate([posed(1), other])
    with pytest.raises(ShapeError, match=r"Poses.keypoints has shape \(1, 5, 3\), but \(any, 17, 3\) is needed"):
        Poses.concatenate([some_poses(1), some_poses(1, 5)])
    with pytest.raises(InputError, match=r"no poses to concatenate; use Poses.empty\(num_keypoints\) for nobody"):
        Poses.concatenate([])


def test_detections_are_put_one_after_another():
    one = Detections(np.eye(2, 4, dtype=np.float32), np.float32([1, 2]))

    assert_same(Detections.concatenate([one[:1], Detections.empty(), one[1:]]), one)
    assert len(Detections.concatenate([])) == 0


def test_containers_print_their_shapes():
    image = torch.zeros(3, 8, 6, dtype=torch.uint8)
    track = Track(
        4, np.arange(2), np.zeros(2), np.zeros((2, 17, 3), np.float32), np.zeros(2), np.zeros((2, 4), np.float32)
    )

    assert repr(Detections.empty()) == "Detections(xyxy=float32(0, 4), score=float32(0,))"
    assert repr(Poses(**fields_of(some_poses(2)), skeleton=COCO)) == (
        "Poses(keypoints=float32(2, 17, 3), score=float32(2,), xyxy=float32(2, 4), track_id=int64(2,), "
        "skeleton=coco17, source=None)"
    )
    assert "heatmaps=float32(2, 1, 1, 1)" in repr(crops_of(2))
    assert repr(Frame(3, 0.12, image)) == "Frame(index=3, time=0.12, image=uint8(3, 8, 6))"
    assert repr(Record(Frame(0, 0.0, None), poses=some_poses(0))).startswith(
        "Record(frame=Frame(index=0, time=0.0, image=None), detections=None, poses=Poses(keypoints=float32(0, 17, 3)"
    )
    assert repr(TrackingFeatures(propagated=(np.zeros((1, 17, 2), np.float32),))) == (
        "TrackingFeatures(camera=None, propagated=(float32(1, 17, 2)), appearance=None, signature=None)"
    )
    assert repr(track).startswith("Track(track_id=4, index=int64(2,), time=float64(2,), keypoints=float32(2, 17, 3)")


def test_equality_of_containers_is_of_every_field():
    poses = some_poses(2)

    assert_same(poses, some_poses(2))
    assert_same(poses, Poses(poses.keypoints + np.float32(0.01), poses.score, poses.xyxy, poses.track_id), atol=0.02)
    with pytest.raises(AssertionError, match="Poses.track_id"):
        assert_same(poses, Poses(poses.keypoints, poses.score, poses.xyxy, poses.track_id + 1))
    with pytest.raises(AssertionError, match="Poses.skeleton"):
        assert_same(poses, Poses(**fields_of(poses), skeleton=COCO))
    with pytest.raises(AssertionError, match="Record.poses"):
        assert_same(Record(Frame(0, 0.0, None)), Record(Frame(0, 0.0, None), poses=poses))


def test_what_a_record_says_of_its_people_fits_their_number():
    frame, poses = Frame(0, 0.0, None), some_poses(2)

    assert Record(frame, poses=poses, crops=crops_of(2), tube_id=np.arange(2)).crops is not None
    with pytest.raises(ShapeError, match=r"Record.tube_id has shape \(3,\), but \(2\) is needed"):
        Record(frame, poses=poses, tube_id=np.arange(3))
    with pytest.raises(ShapeError, match=r"Record.crops.boxes.xyxy has shape \(3, 4\), but \(2, 4\) is needed"):
        Record(frame, poses=poses, crops=crops_of(3))
    with pytest.raises(ShapeError, match=r"PersonCrops.heatmaps has shape \(1, 1, 1, 1\), but \(2, any, any, any\)"):
        PersonCrops(crops_of(1).heatmaps, np.zeros((2, 3, 3)), crops_of(2).boxes)
