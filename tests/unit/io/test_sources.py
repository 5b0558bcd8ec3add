"""Where keypoints come from, in every file that holds it; and the two layouts of tables."""

import csv
import json
from fractions import Fraction

import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import assert_same
from hypothesis import given, settings
from hypothesis import strategies as st
from json_schema import result_complaints

from videopose.cli.main import main
from videopose.errors import DatasetError, InputError
from videopose.io.exchange.formats import read_table, write_table
from videopose.io.result import ResultHeader
from videopose.io.result_table import columns, schema
from videopose.io.results import read_result, write_result
from videopose.skeletons import make_skeleton, skeleton_named
from videopose.types import CORRECTED, FILLED, SEEN, Frame, Poses, Record, VideoInfo

SKELETON = make_skeleton("three", ["left_hip", "=knee", "-ankle"], [])
HEADER = ResultHeader(VideoInfo("clip.mp4", (480, 640), Fraction(25), 9), SKELETON)
WAYS = [(".json", "wide"), (".csv", "wide"), (".parquet", "wide"), (".csv", "long"), (".parquet", "long")]


def poses(seed, people):
    """People with two decimals, sources of all kinds and some keypoints absent."""
    rng = np.random.default_rng(seed)
    shape = (people, len(SKELETON))
    keypoints = np.concatenate([rng.integers(1, 60000, (*shape, 2)) / 100, rng.integers(1, 9999, (*shape, 1)) / 1e4], 2)
    keypoints[rng.random(shape) < 0.3] = 0
    return Poses(
        keypoints.astype(np.float32), (rng.integers(0, 9999, people) / 1e4).astype(np.float32),
        (rng.integers(0, 60000, (people, 4)) / 100).astype(np.float32), rng.permutation(90)[:people] - 1,
        source=rng.integers(0, 3, shape).astype(np.uint8),
    )  # fmt: skip


def written(path, records, header=HEADER, layout="wide"):
    with write_result(path, header, layout=layout) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.fixture
def one(tmp_path):
    """A person of coco17, of whom one keypoint is doubtful, one filled in and one corrected."""
    skeleton = skeleton_named("coco17")
    keypoints = np.full((1, 17, 3), [100, 50, 0.9], np.float32)
    keypoints[0, 3, 2] = 0.1
    source = np.full((1, 17), SEEN, np.uint8)
    source[0, 4], source[0, 5] = FILLED, CORRECTED
    person = Poses(keypoints, np.float32([0.8]), np.float32([[90, 40, 110, 60]]), np.int64([3]), source=source)
    header = ResultHeader(VideoInfo("clip.mp4", (480, 640), Fraction(5), 2), skeleton, {"version": "0"})
    return written(tmp_path / "one.json", [Record(Frame(7, 1.4, None), poses=person)], header)


@pytest.mark.parametrize(("suffix", "layout"), WAYS)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 999), counts=st.lists(st.integers(0, 4), max_size=6))
def test_sources_come_back_from_every_file(suffix, layout, seed, counts, tmp_path_factory):
    path = tmp_path_factory.mktemp("sources") / f"r{suffix}"
    records = [Record(Frame(2 * k, k / 25, None), poses=poses(seed + k, n)) for k, n in enumerate(counts)]

    found = list(read_result(written(path, records, layout=layout)))

    assert [(each.frame.index, each.frame.time) for each in found] == [(2 * k, k / 25) for k in range(len(counts))]
    for record, expected in zip(found, records, strict=True):
        np.testing.assert_array_equal(record.poses.sources, expected.poses.sources)
        for name in ("keypoints", "score", "xyxy", "track_id"):
            np.testing.assert_allclose(getattr(record.poses, name), getattr(expected.poses, name), atol=1e-6)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_long_rows_of_many_parts_come_back(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr("videopose.io.result_csv._BYTES_AT_ONCE", 50)
    monkeypatch.setattr("videopose.io.result_parquet.ROWS_AT_ONCE", 2)
    records = [Record(Frame(k, k / 25, None), poses=poses(k, k % 4)) for k in range(40)]

    found = list(read_result(written(tmp_path / f"r{suffix}", records, layout="long")))

    assert_same(Poses.concatenate([each.poses for each in found]).sources,
                Poses.concatenate([each.poses for each in records]).sources)  # fmt: skip
    assert len(found) == 40


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_an_older_release_are_read(tmp_path, suffix):
    path = written(tmp_path / f"new{suffix}", [Record(Frame(4, 0.16, None), poses=poses(1, 2))])
    expected = list(read_result(path))
    old = tmp_path / f"old{suffix}"
    if suffix == ".parquet":
        table = pq.read_table(path).rename_columns(["index", *pq.read_table(path).column_names[1:]])
        table = table.select(columns(SKELETON, old=True))
        pq.write_table(table.replace_schema_metadata(pq.read_schema(path).metadata), old)
    else:
        head, *rows = path.read_text().splitlines()
        cells = list(csv.reader(rows))
        keep = [place for place, name in enumerate(cells[0]) if not name.endswith("source")]
        cells[0][0] = "index"
        lines = [",".join(row[place] or "0" for place in keep) for row in cells]
        old.write_text("\n".join([head, *lines]) + "\n")

    (found,) = read_result(old)

    assert found.frame.index == 4
    assert_same(found.poses.keypoints, expected[0].poses.keypoints)
    assert not found.poses.sources.any()


@pytest.mark.parametrize("layout", ["wide", "long"])
def test_pandas_sees_what_is_absent_filled_and_doubtful(one, tmp_path, layout):
    path = tmp_path / "out.csv"

    assert main(["convert", str(one), "-o", str(path), "--layout", layout, "--min-score", "0.5"]) == 0

    table = pandas.read_csv(path, comment="#")
    if layout == "long":
        table = table.set_index("keypoint")
        assert table.frame.tolist() == [7] * 17
        assert table.x.isna().sum() == 1
        assert np.isnan(table.x["left_ear"])
        assert table.source[["right_ear", "left_shoulder", "nose"]].tolist() == ["filled", "corrected", "seen"]
    else:
        (row,) = table.itertuples()
        assert (row.frame, row.source, row.nose_source) == (7, "corrected", "seen")
        assert (row.right_ear_source, row.left_shoulder_source) == ("filled", "corrected")
        assert np.isnan([row.left_ear_x, row.left_ear_y, row.left_ear_score]).all()
        assert row.right_ear_x == 100


def test_arrays_and_tables_say_what_is_absent(one, tmp_path):
    path = tmp_path / "out.json"
    main(["convert", str(one), "-o", str(path), "--min-score", "0.5"])
    result = read_result(path)

    arrays, table = result.to_arrays(), result.to_dataframe()

    assert np.flatnonzero(np.isnan(arrays.keypoints[0, 0, :, 0])).tolist() == [3]
    assert arrays.source[0, 0, 3:6].tolist() == [SEEN, FILLED, CORRECTED]
    assert table.x.isna().tolist() == [place == 3 for place in range(17)]
    assert table.source.tolist()[3:6] == ["seen", "filled", "corrected"]


def test_coco_says_what_is_doubtful_and_what_is_filled_and_gives_all_of_it_back(one, tmp_path, capsys):
    path, back = tmp_path / "coco.json", tmp_path / "back.json"
    main(["convert", str(one), "-o", str(path), "--to", "coco", "--min-score", "0.5"])
    said = capsys.readouterr().err
    main(["convert", str(path), "-o", str(back), "--to", "videopose"])

    (person,) = json.loads(path.read_text())["annotations"]
    assert said == "note: 1 of 17 keypoints have a score below 0.5 and are absent\n"
    assert person["keypoints"][2::3] == [2, 2, 2, 0, 1, *[2] * 12]
    assert person["num_keypoints"] == 16
    assert person["segmentation"] == []
    document = json.loads(back.read_text())
    (frame,) = document["frames"]
    assert (frame["index"], frame["time"]) == (7, 1.4)
    assert document["video"]["frame_rate"] == "5/1"
    assert document["provenance"]["version"] == "0"
    assert frame["people"][0]["keypoints"][0] == [100, 50, 0.9]
    assert frame["people"][0]["keypoint_source"][3:6] == ["seen", "filled", "corrected"]


def test_a_result_with_sources_keeps_to_the_schema(one):
    document = json.loads(one.read_text())

    assert result_complaints(one) == []
    assert document["frames"][0]["people"][0]["source"] == "corrected"


def test_a_filled_pose_needs_one_word_and_a_seen_one_none(tmp_path):
    person = poses(3, 2)
    person.source[0], person.source[1] = FILLED, SEEN
    path = written(tmp_path / "r.json", [Record(Frame(0, 0.0, None), poses=person)])

    first, second = json.loads(path.read_text())["frames"][0]["people"]

    assert first["source"] == "filled"
    assert "keypoint_source" not in first
    assert list(second) == ["track_id", "score", "box", "keypoints"]


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_an_unknown_source_is_named(tmp_path, suffix):
    person = poses(3, 1)
    person.source[:] = FILLED
    path = written(tmp_path / f"r{suffix}", [Record(Frame(0, 0.0, None), poses=person)])
    path.write_text(path.read_text().replace("filled", "guessed"))

    with pytest.raises((DatasetError, ValueError), match="'guessed' is not"):
        list(read_result(path))


def test_an_unknown_source_in_coco_is_named(one, tmp_path):
    path = tmp_path / "coco.json"
    write_table(read_table(one), path, "coco")
    path.write_text(path.read_text().replace('"filled"', '"guessed"'))

    with pytest.raises(
        DatasetError, match=r"annotations\[0\].keypoint_source is not a list of 17 words, each one of seen"
    ):
        read_table(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:-1], "the last person has 2 rows, not one for each of 3 keypoints"),
        (lambda rows: [rows[1], rows[0], rows[2]], "a person's rows are not one per keypoint in the skeleton's order"),
        (lambda rows: [rows[0], f"1{rows[1][1:]}", rows[2]], "a person's rows are of different frames"),
    ],
)  # fmt: skip
def test_damaged_long_rows_are_named(tmp_path, change, message):
    path = written(tmp_path / "r.csv", [Record(Frame(0, 0.0, None), poses=poses(3, 1))], layout="long")
    head, names, *rows = path.read_text().splitlines()
    path.write_text("\n".join([head, names, *change(rows)]) + "\n")

    with pytest.raises(DatasetError, match=message):
        list(read_result(path))


def test_the_long_layout_is_one_of_tables_of_keypoints(tmp_path, one):
    nobody = ResultHeader(HEADER.video, make_skeleton("boxes", [], []))
    with pytest.raises(InputError, match="the long layout is one of tables"):
        write_result(tmp_path / "r.json", HEADER, layout="long")
    with pytest.raises(InputError, match="people without keypoints have no rows in the long layout"):
        written(tmp_path / "r.csv", [], nobody, layout="long")
    with pytest.raises(InputError, match="COCO keypoint annotations has no long layout; write csv or parquet"):
        write_table(read_table(one), tmp_path / "r.json", "coco", layout="long")


def test_the_suffix_tells_the_format_where_nobody_says_it(one, tmp_path, capsys):
    assert main(["convert", str(one), "-o", str(tmp_path / "x.parquet")]) == 0
    assert pq.read_schema(tmp_path / "x.parquet").names == columns(skeleton_named("coco17"))
    assert schema(skeleton_named("coco17")).field("nose_source").type == pa.string()
    assert main(["convert", str(one), "-o", str(tmp_path / "x.xyz")]) == 1
    assert "x.xyz: say with --to which format to write; its ending tells of none" in capsys.readouterr().err
