import json
from fractions import Fraction

import cv2
import numpy as np
import pytest
from video_files import damage_packets, write_video

from videopose.data.coco import read_coco
from videopose.data.jhmdb import frames_of, read_jhmdb
from videopose.data.samples import ImageCache, LabelledImage, image_size, read_clip, read_image
from videopose.data.sources import SourceOptions, load_source
from videopose.data.teacher import TeacherOptions
from videopose.errors import DatasetError
from videopose.io.reader import open_video
from videopose.skeletons import skeleton_named

BODY = skeleton_named("body19")
NAMES = ["right_ankle", "neck", "head_top"]


def _document():
    return {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 40, "height": 30} for n in range(1, 13)],
        "categories": [{"id": 1, "keypoints": NAMES}],
        "annotations": [
            {"id": 7, "image_id": 1, "bbox": [1, 2, 10, 20], "area": 99, "keypoints": [5, 6, 2, 7, 8, 1, 7, 4, 2]},
            {"id": 8, "image_id": 10, "bbox": [1, 2, 3, 4], "iscrowd": 1},
        ],
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "labels.json").write_text(json.dumps(_document()))
    for n in range(1, 13):
        cv2.imwrite(str(tmp_path / f"{n}.png"), np.full((30, 40, 3), n, np.uint8))
    return tmp_path


def _options(**changes):
    return SourceOptions(name="x", annotations="labels.json", images=".", **changes)


def test_keypoints_are_placed_by_name(folder):
    person = read_coco(folder / "labels.json", folder, BODY)[0].people[0]

    assert person.keypoints[BODY.index_of("right_ankle")].tolist() == [5, 6, 2]
    assert person.keypoints[BODY.index_of("head_bottom")].tolist() == [7, 8, 1]  # "neck" in the file
    assert person.num_labelled == 3
    assert person.xyxy.tolist() == [1, 2, 11, 22]
    assert person.area == 99


def test_labels_may_begin_with_a_byte_order_mark(folder):
    (folder / "labels.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(_document()).encode())

    assert len(read_coco(folder / "labels.json", folder, BODY)) == 12


def test_a_crowd_is_an_ignore_region(folder):
    assert read_coco(folder / "labels.json", folder, BODY)[9].people[0].ignore


def test_a_fold_is_held_out_by_id(folder):
    held_out = load_source(folder, _options(fold="val"), BODY)
    rest = load_source(folder, _options(fold="train"), BODY)

    assert [image.key for image in held_out] == ["10"]
    assert len(rest) == 11


def test_boxes_can_be_enlarged_within_the_image(folder):
    image = load_source(folder, _options(box_padding=2.0), BODY)[0]

    assert image.people[0].xyxy.tolist() == [0, 0, 16, 30]


def test_a_machine_fills_only_what_nobody_labelled(folder):
    guess = np.zeros((17, 3))
    guess[0] = [7, 5, 0.8]  # nose, near the head
    guess[1] = [39, 29, 0.9]  # left eye, far from it
    guess[2] = [7, 6, 0.3]  # right eye, unsure
    guess[16] = [1, 1, 0.9]  # right ankle, labelled by a person
    (folder / "teacher.json").write_text(json.dumps({"1.png": guess.tolist()}))
    teacher = TeacherOptions(file="teacher.json", min_score=0.5, near_head=2.0)
    person = load_source(folder, _options(teacher=teacher), BODY)[0].people[0]

    assert person.keypoints[0].tolist() == [7, 5, 2]
    assert person.weight[0] == pytest.approx(0.4)
    assert person.keypoints[1, 2] == 0
    assert person.keypoints[2, 2] == 0
    assert person.keypoints[16].tolist() == [5, 6, 2]
    assert person.weight[16] == 1


def test_a_labels_probability_is_its_weight(folder):
    document = _document()
    document["annotations"][0]["keypoint_prob"] = [0.5, 1, 0.25]
    (folder / "labels.json").write_text(json.dumps(document))
    person = read_coco(folder / "labels.json", folder, BODY)[0].people[0]

    assert person.weight[[BODY.index_of(name) for name in ("right_ankle", "head_bottom", "head_top")]].tolist() == [
        0.5,
        1,
        0.25,
    ]


def _archive(path, **more):
    points = np.full((1, 17, 2), 70, np.int16)
    np.savez(path, id=np.array([7], np.int32), xy=points, prob=np.full((1, 17), 204, np.uint8), **more)


def test_a_machines_archive_counts_by_its_probability(folder):
    _archive(folder / "teacher.npz")
    teacher = TeacherOptions(file="teacher.npz", key="{person}", weight=1.0)
    person = load_source(folder, _options(teacher=teacher), BODY)[0].people[0]

    assert person.keypoints[0].tolist() == [7, 7, 2]
    assert person.weight[0] == pytest.approx(0.8)


def test_people_whose_sides_may_be_exchanged_are_left_out(folder):
    _archive(folder / "teacher.npz", lr_swap=np.array([True]))
    teacher = TeacherOptions(file="teacher.npz", key="{person}")
    images = load_source(folder, _options(teacher=teacher), BODY)

    assert [person.key for image in images for person in image.people] == ["8"]


def test_an_archive_without_points_is_refused(folder):
    np.savez(folder / "teacher.npz", id=np.array([7]))
    teacher = TeacherOptions(file="teacher.npz")
    with pytest.raises(DatasetError, match=r"teacher\.npz: not an archive of id, xy and prob"):
        load_source(folder, _options(teacher=teacher), BODY)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("images"), "not in COCO's layout: KeyError 'images'"),
        (lambda d: d["annotations"][0].update(image_id=99), r"annotations\[0\] names image 99, not listed"),
        (lambda d: d["annotations"][0].update(bbox="wide"), "not in COCO's layout"),
        (lambda d: d["annotations"][0].update(keypoints=[1, 2]), "not in COCO's layout"),
    ],
)
def test_labels_that_break_the_layout_are_refused(folder, change, message):
    document = _document()
    change(document)
    (folder / "labels.json").write_text(json.dumps(document))

    with pytest.raises(DatasetError, match=message):
        read_coco(folder / "labels.json", folder, BODY)


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ("[]", "is a JSON object, not a list")])
def test_labels_that_are_no_json_object_are_refused(folder, text, message):
    (folder / "labels.json").write_text(text)

    with pytest.raises(DatasetError, match=message):
        load_source(folder, _options(), BODY)


def test_missing_files_are_named(folder):
    with pytest.raises(DatasetError, match="nowhere.json: cannot read the annotations: No such file"):
        read_coco(folder / "nowhere.json", folder, BODY)
    with pytest.raises(DatasetError, match="none.png: the image does not exist"):
        read_image(folder / "none.png")
    (folder / "text.png").write_text("no image")
    with pytest.raises(DatasetError, match="text.png: the image cannot be decoded"):
        read_image(folder / "text.png")
    with pytest.raises(DatasetError, match=r"text.png: the clip cannot be decoded"):
        read_clip(folder / "text.png")


def test_an_empty_part_is_refused(folder):
    with pytest.raises(DatasetError, match="no image is left in the val part"):
        load_source(folder, _options(fold="val", fold_modulo=100), BODY)


def test_the_cache_keeps_what_fits(folder):
    images = [LabelledImage(str(n), folder / f"{n}.png", (30, 40)) for n in (1, 2)]
    cache = ImageCache(limit_bytes=30 * 40 * 3)

    assert cache.read(images[0]) is cache.read(images[0])
    assert cache.read(images[1]) is not cache.read(images[1])
    assert cache.read(images[1])[0, 0].tolist() == [2, 2, 2]


def test_jhmdb_masks_what_is_outside_the_frame(tmp_path):
    points = [[[10.0, 10.0], [50.0, 20.0], [-3.0, 5.0]]] * 4
    clip = {"clip": "run_01.avi", "action": "run", "split": "val", "keypoints": points}
    document = {"keypoint_names": ["neck", "left_wrist", "belly"], "width": 40, "height": 30, "clips": [clip]}
    (tmp_path / "index.json").write_text(json.dumps(document))
    clips = read_jhmdb(tmp_path / "index.json", tmp_path, BODY)

    assert clips[0].keypoints[0, BODY.index_of("head_bottom")].tolist() == [10, 10, 2]
    assert clips[0].keypoints[0, BODY.index_of("left_wrist"), 2] == 0
    assert [image.frame for image in frames_of(clips, every=3)] == [0, 3]


def test_a_broken_jhmdb_index_is_refused(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"clips": []}))

    with pytest.raises(DatasetError, match="not in JHMDB's layout: KeyError 'keypoint_names'"):
        read_jhmdb(tmp_path / "index.json", tmp_path, BODY)


TURNED = [({"rotation": 90}, (64, 48)), ({"pixel_aspect": Fraction(2)}, (48, 128))]


@pytest.mark.parametrize(("options", "size_hw"), TURNED)
def test_training_clips_are_decoded_as_runs_decode_them(tmp_path, options, size_hw):
    path = write_video(tmp_path / "clip.mp4", num_frames=4, **options)
    shown = [frame.image.permute(1, 2, 0).numpy() for frame in open_video(path)]

    frames = read_clip(path)

    assert image_size(path) == frames[0].shape[:2] == size_hw
    np.testing.assert_array_equal(frames, shown)


def test_a_training_clip_with_a_hole_is_an_error(tmp_path):
    path = damage_packets(write_video(tmp_path / "clip.mp4", num_frames=20, options={"bf": "0"}), [5])

    with pytest.raises(DatasetError, match=r"clip\.mp4: frame 5 of the clip cannot be decoded"):
        read_clip(path)
