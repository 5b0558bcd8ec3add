import json
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.errors import DatasetError, InputError, UnknownNameError
from videopose.io.exchange.formats import FORMATS, facts, read_table, recognise, write_table
from videopose.io.exchange.head import Head
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.skeletons import skeleton_named

BOTH_WAYS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            bool(each.needs) and find_spec(each.needs) is None, reason=f"{each.needs} is not installed"
        ),
    )
    for name, each in FORMATS.items()
    if each.read and each.write
]
TOLERANCE = {
    "videopose": 0.006,
    "csv": 0.006,
    "parquet": 0.006,
    "ai-challenger": 0.51,
    "mot": 1e-6,
    "sleap": 1e-6,
    "c3d": 1e-3,  # single precision
}  # decimals or whole pixels the file has; else exact
COLUMNS = (
    "xy",
    "keypoint_score",
    "visibility",
    "score",
    "xyxy",
    "head_xyxy",
    "track_id",
    "area",
    "crowd",
    "keypoint_source",
)
OLDER = {"posetrack21": "posetrack18", "hieve": "posetrack17", "crowdpose": "coco"}
"""Formats that cannot be told from an older one."""
MARKS = {"keypoints": "xy", "source": "keypoint_source"}
"""Facts whose column has another name."""


def a_table(seed, skeleton):
    """People in some of four frames, everything filled in, some keypoints absent."""
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(1, 8)), len(skeleton)
    xy = rng.uniform(1, 600, (n, k, 2)).round(2)
    xy[rng.random((n, k)) < 0.2] = np.nan
    here = np.isfinite(xy[..., 0])
    low = rng.uniform(0, 300, (2, n, 2)).round(2)
    boxes = np.concatenate([low, low + rng.uniform(1, 90, (2, n, 2)).round(2)], axis=2)
    frames = [
        FrameEntry(
            name=f"images/seq/{number:06d}.jpg", number=number, size_hw=(480, 640), labelled=True, time=number / 10,
            ignore_regions=(((1.0, 2.0), (30.5, 2.0), (30.5, 40.0)),) if number == 2 else (), crowd_index=0.25,
        )
        for number in (1, 2, 3, 4)
    ]  # fmt: skip
    return make_table(
        "seq", skeleton, frames, np.sort(rng.integers(0, 4, n)), xy=xy,
        keypoint_score=np.where(here, rng.uniform(0.1, 1, (n, k)).round(4), np.nan),
        visibility=np.where(here, rng.integers(1, 3, (n, k)), 0), score=rng.uniform(0.1, 1, n).round(4),
        xyxy=boxes[0], head_xyxy=boxes[1], track_id=rng.permutation(50)[:n], area=rng.uniform(1, 900, n).round(2),
        keypoint_source=np.where(here, rng.integers(0, 3, (n, k)), 0),
    )  # fmt: skip


def _skeleton_of(name):
    return FORMATS[name].skeleton or skeleton_named("coco17")


@pytest.mark.parametrize("name", BOTH_WAYS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_round_trip_loses_nothing_that_the_format_holds(name, seed, tmp_path_factory):
    table = a_table(seed, _skeleton_of(name))
    path = tmp_path_factory.mktemp("exchange") / f"seq{FORMATS[name].suffix}"

    write_table(table, path, name)

    back = read_table(path, name)
    if name == "nwb":  # whose people come in the order of their names
        table, back = (each[np.lexsort((each.track_id, each.frame))] for each in (table, back))
    held, slack = FORMATS[name].holds, TOLERANCE.get(name, 1e-8)
    for column in {MARKS.get(fact, fact) for fact in held} & set(COLUMNS):
        np.testing.assert_allclose(getattr(back, column), getattr(table, column), rtol=0, atol=slack, err_msg=column)
    for fact in {"name", "size_hw", "time", "ignore_regions", "crowd_index"} & held:
        assert [getattr(frame, fact) for frame in back.frames] == [getattr(frame, fact) for frame in table.frames]


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_a_format_cannot_hold_is_said_once_per_kind(name, tmp_path):
    table = a_table(1, _skeleton_of(name))

    said = write_table(table, tmp_path / f"out{FORMATS[name].suffix}", name)

    lost = facts(table) - FORMATS[name].holds
    assert len([sentence for sentence in said if "are lost" in sentence]) == len(lost)
    assert len(set(said)) == len(said)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_writing_twice_gives_the_same_bytes(name, tmp_path):
    if name == "nwb":
        pytest.skip("NWB gives its objects random ids")
    table = a_table(2, _skeleton_of(name))
    paths = [tmp_path / f"{number}{FORMATS[name].suffix}" for number in (1, 2)]

    for path in paths:
        write_table(table, path, name)

    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize(
    ("name", "recognised"),
    [
        pytest.param(
            each.values[0],
            OLDER.get(each.values[0], each.values[0]),
            marks=each.marks,
        )
        for each in BOTH_WAYS
    ],
)
def test_a_format_is_recognised(name, recognised, tmp_path):
    path = tmp_path / f"seq{FORMATS[name].suffix}"

    write_table(a_table(3, _skeleton_of(name)), path, name)

    assert recognise(path) == recognised


def test_a_list_of_people_by_name_is_not_taken_for_results(tmp_path):
    path = tmp_path / "seq.json"
    write_table(a_table(3, _skeleton_of("ai-challenger")), path, "ai-challenger")

    assert [name for name, form in FORMATS.items() if form.matches and form.matches(Head(path))] == ["ai-challenger"]


@pytest.mark.parametrize(("suffix", "name"), [(".mat", "lsp"), (".parquet", "parquet"), (".PARQUET", "parquet")])
def test_a_file_that_its_ending_tells_is_not_opened(suffix, name, tmp_path):
    assert recognise(tmp_path / f"missing{suffix}") == name


@pytest.mark.parametrize("suffix", [".json", ".parquet", ".csv"])
def test_own_results_round_trip_in_every_suffix(suffix, tmp_path):
    table = a_table(4, skeleton_named("body19"))

    write_table(table, tmp_path / f"seq{suffix}", "videopose")

    back = read_table(tmp_path / f"seq{suffix}")
    np.testing.assert_allclose(back.xy, table.xy, rtol=0, atol=0.006)
    np.testing.assert_array_equal(back.track_id, table.track_id)
    assert [frame.number for frame in back.frames] == [0, 1, 2, 3]  # names count from 1


def test_a_neck_is_derived_from_the_shoulders_and_marked():
    coco = a_table(5, skeleton_named("coco17"))

    table = to_skeleton(coco, skeleton_named("posetrack15"))

    shoulders = [coco.skeleton.index_of(f"{side}_shoulder") for side in ("left", "right")]
    neck = table.skeleton.index_of("head_bottom")
    np.testing.assert_allclose(table.xy[:, neck], coco.xy[:, shoulders].mean(axis=1))
    assert table.derived == {"head_bottom"}
    assert np.isnan(table.xy[:, table.skeleton.index_of("head_top")]).all()


def test_a_derived_keypoint_and_an_absent_one_are_named(tmp_path):
    said = write_table(a_table(6, skeleton_named("coco17")), tmp_path / "seq.json", "posetrack18")

    assert "keypoints derived, not measured: head_bottom" in said
    assert "keypoints absent, as the input has none of that name: head_top" in said
    assert any(sentence.startswith("keypoints lost") and "left_eye" in sentence for sentence in said)


def test_without_deriving_the_neck_is_absent(tmp_path):
    write_table(a_table(6, skeleton_named("coco17")), tmp_path / "seq.json", "posetrack18", derive=False)

    table = read_table(tmp_path / "seq.json")
    assert not table.present[:, table.skeleton.index_of("head_bottom")].any()


def test_skeletons_without_a_common_keypoint_cannot_be_converted():
    boxes = make_table("seq", FORMATS["mot"].read.__globals__["SKELETON"], [FrameEntry()], [0])

    with pytest.raises(InputError, match="shares no keypoint with coco17"):
        to_skeleton(boxes, skeleton_named("coco17"))


def test_a_misspelt_format_names_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError, match="Did you mean posetrack18"):
        write_table(a_table(1, skeleton_named("coco17")), tmp_path / "x.json", "posetrak18")


def test_a_ground_truth_format_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="the format mpii can be read, but not written"):
        write_table(a_table(1, skeleton_named("mpii16")), tmp_path / "x.mat", "mpii")


def test_a_file_of_no_known_format_is_an_error(tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"hello": 1}))

    with pytest.raises(DatasetError, match=r"x.json: of no format known here; name it with --from"):
        recognise(path)


def test_frames_of_a_video_are_named_in_coco_as_cvat_names_them(tmp_path):
    table = a_table(7, skeleton_named("coco17"))
    frames = [replace(frame, name="", number=position) for position, frame in enumerate(table.frames)]
    write_table(replace(table, frames=tuple(frames)), tmp_path / "seq.json", "coco")

    document = json.loads((tmp_path / "seq.json").read_text())

    assert [image["file_name"] for image in document["images"][:2]] == ["frame_000000.png", "frame_000001.png"]
    tracked = [entry for entry in document["annotations"] if "track_id" in entry]
    assert tracked
    assert all(entry["attributes"] == {"track_id": entry["track_id"]} for entry in tracked)
