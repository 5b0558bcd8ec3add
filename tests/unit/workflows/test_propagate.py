"""Labels carried between labelled frames: what is kept, who is joined with whom, what follows the images."""

import json

import cv2
import numpy as np
import pytest
import torch
from builders import assert_same_records
from video_files import frame_image, write_video

from videopose.cli.main import main
from videopose.errors import DatasetError, InputError
from videopose.image_motion.optical_flow import create_flow
from videopose.image_motion.propagation import blend_paths, follow_points
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.io.results import read_result
from videopose.skeletons import make_skeleton
from videopose.types import FILLED, SEEN, Frame, Poses, Record, pose_source
from videopose.workflows.propagate import PropagateLabels, PropagateOptions, labels_of

TWO = make_skeleton("two", ["left_hand", "right_hand"], [("left_hand", "right_hand")])


def person(x, y, track_id=1, scores=(1.0, 0.5)):
    """One person whose hands are 20 pixels apart."""
    keypoints = np.array([[[x, y, scores[0]], [x + 20, y, scores[1]]]], np.float32)
    return Poses(keypoints, np.ones(1, np.float32), np.array([[x - 5, y - 5, x + 25, y + 5]], np.float32),
                 np.array([track_id]))  # fmt: skip


def people(*each):
    names = ("keypoints", "score", "xyxy", "track_id")
    return Poses(*(np.concatenate([getattr(one, name) for one in each]) for name in names))


def moving_records(shifts):
    """Images of one texture, moved to the right by each of the shifts."""
    random = np.random.default_rng(0).uniform(0, 255, (20, 40)).astype(np.uint8)
    large = np.kron(random, np.ones((8, 8), np.uint8))
    images = [torch.from_numpy(np.repeat(np.roll(large, shift, axis=1)[None, :120, 64:264], 3, 0)) for shift in shifts]
    return [Record(Frame(k, k / 25, image.contiguous())) for k, image in enumerate(images)]


def propagated(labels, records, **options):
    stage = PropagateLabels(labels, TWO, create_flow("dis"), PropagateOptions(**options))
    return list(stage(records))


def test_poses_follow_the_image_not_the_straight_line():
    shifts = [0, 4, 8, 8, 8]  # moves, then stands still: half way along a straight line would be 4
    labels = {0: person(60, 60), 4: person(68, 60)}
    found = [record.poses.keypoints[0, 0, 0] for record in propagated(labels, moving_records(shifts))]

    assert found == pytest.approx([60 + shift for shift in shifts], abs=0.7)


def test_labelled_frames_come_out_exactly_as_they_are():
    labels = {1: person(60.25, 60), 4: people(person(61.5, 60), person(120, 30, track_id=7))}
    out = propagated(labels, moving_records([0] * 6))

    for index, given in labels.items():
        assert out[index].poses is given


def test_frames_outside_of_the_labels_stay_empty():
    out = propagated({2: person(60, 60), 4: person(60, 60)}, moving_records([0] * 7))

    assert [len(record.poses) for record in out] == [0, 0, 1, 1, 1, 0, 0]
    assert [record.frame.index for record in out] == list(range(7))


def test_people_labelled_on_one_side_only_are_not_carried():
    labels = {0: people(person(60, 60), person(120, 30, track_id=7)), 3: person(60, 60)}
    out = propagated(labels, moving_records([0] * 4))

    assert [record.poses.track_id.tolist() for record in out] == [[1, 7], [1], [1], [1]]


def test_people_without_ids_are_joined_by_where_they_are_carried_to():
    labels = {
        0: people(person(40, 30, -1), person(60, 90, -1)),
        3: people(person(66, 90, -1), person(46, 30, -1)),
    }
    out = propagated(labels, moving_records([0, 2, 4, 6]))

    for k in (1, 2):
        assert out[k].poses.keypoints[:, 0, 0] == pytest.approx([40 + 2 * k, 60 + 2 * k], abs=0.7)
        assert out[k].poses.track_id.tolist() == [-1, -1]


def test_labels_too_far_apart_are_not_joined():
    labels = {0: person(60, 60), 3: person(60, 60), 9: person(60, 60)}
    out = propagated(labels, moving_records([0] * 10), max_span=3)

    assert [len(record.poses) for record in out] == [1, 1, 1, 1, 0, 0, 0, 0, 0, 1]


def test_a_frame_labelled_with_nobody_stays_empty_and_nobody_is_carried_across_it():
    labels = {0: person(60, 60), 3: Poses.empty(2), 6: person(60, 60)}
    stage = PropagateLabels(labels, TWO, create_flow("dis"), PropagateOptions(head="none"))

    out = list(stage(moving_records([0] * 7)))

    assert [len(record.poses) for record in out] == [1, 0, 0, 0, 0, 0, 1]


def test_a_keypoint_labelled_on_one_side_fades():
    first, last = person(60, 60, scores=(1.0, 0.0)).keypoints[0], person(60, 60, scores=(1.0, 0.8)).keypoints[0]
    path = np.repeat(first[None, :, :2], 3, 0).astype(np.float64)
    blended = blend_paths(first, last, path, path, np.array([0, 0.5, 1]))

    assert blended[:, 1, 2] == pytest.approx([0, 0.4, 0.8])
    assert blended[1, 1, :2] == pytest.approx([80, 60])
    assert blended[0, 1].tolist() == [0, 0, 0]


def test_drift_is_taken_back_in_proportion_to_time():
    first, last = person(0, 0).keypoints[0], person(10, 0).keypoints[0]
    still = np.repeat(first[None, :, :2], 3, 0).astype(np.float64)
    stays = np.repeat(last[None, :, :2], 3, 0).astype(np.float64)
    blended = blend_paths(first, last, still, stays, np.array([0, 0.25, 1]))

    assert blended[:, 0, 0] == pytest.approx([0, 2.5, 10])


def test_points_may_be_followed_backwards():
    there, back = np.full((40, 60, 2), [2.0, 0], np.float32), np.full((40, 60, 2), [-2.0, 0], np.float32)
    path = follow_points(np.array([[30.0, 20]]), [(there, back)] * 3, backwards=True)

    assert path[:, 0, 0].tolist() == [24, 26, 28, 30]


class Elsewhere:
    """Stands for a head: moves every pose down."""

    def corrected(self, image, carried, paths, drift, xyxy, seconds):
        return carried + np.array([0, 7, 0], np.float32)


@pytest.mark.parametrize(("head_span", "moved"), [(3, 7), (4, 0)])
def test_a_head_is_asked_between_labels_that_are_far_apart(head_span, moved):
    options = PropagateOptions(head_span=head_span)
    stage = PropagateLabels({0: person(60, 60), 3: person(60, 60)}, TWO, create_flow("dis"), options, Elsewhere())
    heights = [record.poses.keypoints[0, 0, 1] for record in stage(moving_records([0] * 4))]

    assert heights == pytest.approx([60, 60 + moved, 60 + moved, 60], abs=0.5)


def test_labels_of_another_video_are_refused():
    with pytest.raises(
        InputError, match="1 of 2 labelled frames are not in the video; check that the labels are of this"
    ):
        propagated({1: person(60, 60), 99: person(60, 60)}, moving_records([0] * 4))


def test_nothing_in_is_nothing_out():
    assert propagated({}, []) == []


def table(*names):
    return make_table("clip", TWO, [FrameEntry(name=name) for name in names], range(len(names)),
                      xy=np.arange(len(names) * 4).reshape(-1, 2, 2))  # fmt: skip


def test_frames_are_told_by_the_numbers_in_image_names():
    found = labels_of(table("b/clip_000012.jpg", "a/clip_000003.jpg"), first_number=1)

    assert {index: poses.keypoints[0, 0, 0] for index, poses in found.items()} == {2: 4, 11: 0}


def test_images_without_numbers_or_of_one_frame_are_refused():
    with pytest.raises(DatasetError, match="image 'portrait.jpg' has no frame number; name images as 000012.jpg"):
        labels_of(table("portrait.jpg"))
    with pytest.raises(DatasetError, match="has two images of one frame; give the labels of one video"):
        labels_of(table("a/1.jpg", "b/1.jpg"))


def coco_labels(path, frames):
    path.write_text(json.dumps({
        "images": [{"id": k + 100, "file_name": f"frame_{k:06d}.png", "width": 64, "height": 48} for k in frames],
        "annotations": [
            {"id": k + 1, "image_id": k + 100, "category_id": 1, "bbox": [5, 10, 20, 20], "area": 400, "iscrowd": 0,
             "num_keypoints": 17, "keypoints": [10 + k, 20, 2] * 17}
            for k in frames
        ],
        "categories": [{"id": 1, "name": "person"}],
    }))  # fmt: skip


def test_the_command_goes_from_coco_labels_to_a_result_and_on(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=9)
    coco_labels(tmp_path / "labels.json", (0, 4, 8))
    out, again = tmp_path / "out.json", tmp_path / "again.json"

    assert main(["annotate", "propagate", str(clip), str(tmp_path / "labels.json"), "-o", str(out)]) == 0
    assert "3 labelled frames, 6 between them filled, 9 in all" in capsys.readouterr().err
    assert [len(record.poses) for record in read_result(out)] == [1] * 9

    assert main(["annotate", "propagate", str(clip), str(out), "-o", str(again)]) == 0
    assert_same_records(list(read_result(again)), list(read_result(out)))


def test_the_command_keeps_its_inputs(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)
    coco_labels(tmp_path / "labels.json", (0, 1))
    labels = str(tmp_path / "labels.json")

    assert main(["annotate", "propagate", str(clip), labels, "-o", labels, "--overwrite"]) == 1
    assert "is what the result is made from" in capsys.readouterr().err


def test_labels_of_images_with_holes_count_the_missing_numbers(tmp_path):
    (tmp_path / "images").mkdir()
    for number in (0, 1, 2, 6, 7, 8):
        cv2.imwrite(str(tmp_path / f"images/frame_{number:06d}.png"), frame_image(number))
    coco_labels(tmp_path / "labels.json", (0, 8))
    words = ["annotate", "propagate", str(tmp_path / "images"), str(tmp_path / "labels.json"), "--set", "head=none"]

    assert main([*words, "-o", str(tmp_path / "out.json"), "--keep-holes"]) == 0
    assert [record.frame.index for record in read_result(tmp_path / "out.json")] == [0, 1, 2, 6, 7, 8]


def test_labels_are_of_the_stream_and_the_list_that_are_asked_for(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=3)
    coco_labels(tmp_path / "labels.json", (0, 2))
    words = ["annotate", "propagate", "--set", "head=none", "-o", str(tmp_path / "out.json"), "--overwrite"]
    (tmp_path / "list.ffconcat").write_text("ffconcat version 1.0\nfile clip.mp4\n")

    assert main([*words, str(clip), str(tmp_path / "labels.json"), "--stream", "7"]) == 1
    assert "stream 7" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "list.ffconcat"), str(tmp_path / "labels.json")]) == 1
    assert "--allow-references" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "list.ffconcat"), str(tmp_path / "labels.json"), "--allow-references"]) == 0


def test_what_is_carried_between_labels_is_marked_as_filled():
    out = propagated({0: person(60, 60), 3: person(60, 60)}, moving_records([0] * 4))

    assert [pose_source(record.poses.sources).tolist() for record in out] == [[SEEN], [FILLED], [FILLED], [SEEN]]
