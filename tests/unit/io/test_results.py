"""Results in three formats: the same facts, read back, and clear words about a damaged file."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import assert_same_records, some_records
from json_schema import complaints

import videopose
from videopose.errors import DatasetError, InputError, VideoPoseError
from videopose.io.result import ResultHeader
from videopose.io.results import FORMATS, read_result, write_result
from videopose.skeletons import make_skeleton, skeleton_named
from videopose.stages.sink import WriteResult
from videopose.types import Gap, VideoInfo

PIXEL = 0.005
"""Coordinates have two decimals."""

HEADER = ResultHeader(
    VideoInfo("clip.mp4", (120, 160), Fraction(30000, 1001), frames=20, duration=0.667333, rotation=90),
    skeleton_named("coco17"),
    {"version": "0.1.0", "weights": {"pose": "abc"}, "config": {"a": 1}},
    (Gap(3, 4, 0.1, 0.2, 'Invalid "data"'),),
)
SUFFIXES = list(FORMATS)


def write(path, records, header=HEADER):
    with write_result(path, header) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_back(tmp_path, suffix):
    records = some_records(20)

    result = read_result(write(tmp_path / f"r{suffix}", records))

    assert result.header == HEADER
    assert_same_records(list(result), records, atol=PIXEL)
    assert_same_records(list(result), records, atol=PIXEL)  # reading it again gives it again


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_writing_what_was_read_gives_the_same_bytes(tmp_path, suffix):
    first = write(tmp_path / f"a{suffix}", some_records(12))

    second = write(tmp_path / f"b{suffix}", read_result(first))

    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_table_says_what_the_json_says(tmp_path, suffix):
    records = some_records(15)
    as_json = read_result(write(tmp_path / "r.json", records))
    as_table = read_result(write(tmp_path / f"r{suffix}", records))

    assert as_table.header == as_json.header
    assert_same_records(list(as_table), list(as_json))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_video_without_anybody_keeps_its_frames(tmp_path, suffix):
    records = [record for record in some_records(9) if not len(record.poses)]

    assert [record.frame.index for record in read_result(write(tmp_path / f"r{suffix}", records))] == [0, 3, 6]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_without_frames_can_be_read(tmp_path, suffix):
    assert list(read_result(write(tmp_path / f"r{suffix}", []))) == []


def test_the_document_is_the_documented_one(tmp_path):
    document = json.loads(write(tmp_path / "r.json", some_records(2)).read_text())

    assert list(document) == ["schema", "video", "skeleton", "provenance", "gaps", "frames"]
    assert document["schema"] == "videopose/1"
    assert document["video"] == {
        "path": "clip.mp4", "width": 160, "height": 120, "frame_rate": "30000/1001",
        "frames": 20, "duration": 0.667333, "rotation": 90,
    }  # fmt: skip
    assert document["gaps"] == [{"first": 3, "last": 4, "start": 0.1, "end": 0.2, "reason": 'Invalid "data"'}]
    person = document["frames"][1]["people"][0]
    assert list(person) == ["track_id", "score", "box", "keypoints"]
    assert [len(point) for point in person["keypoints"]] == [3] * 17
    assert all(round(value, 2) == value for value in person["box"])


def test_the_schema_file_describes_the_document(tmp_path):
    schema = json.loads((Path(videopose.__file__).parent / "io" / "schema.json").read_text())

    document = json.loads(write(tmp_path / "r.json", some_records(5)).read_text())

    assert complaints(document, schema, "$") == []


@pytest.mark.parametrize(
    ("place", "value"), [(("schema",), "videopose/2"), (("video", "width"), "wide"), (("frames", 1, "people"), None)]
)
def test_the_schema_file_refuses_what_is_wrong(tmp_path, place, value):
    schema = json.loads((Path(videopose.__file__).parent / "io" / "schema.json").read_text())
    document = json.loads(write(tmp_path / "r.json", some_records(5)).read_text())
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value

    assert complaints(document, schema, "$")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_result_that_breaks_off_leaves_no_file(tmp_path, suffix):
    def breaking():
        yield from some_records(3)
        raise KeyboardInterrupt

    stream = WriteResult(tmp_path / f"r{suffix}", HEADER)(breaking())
    with pytest.raises(KeyboardInterrupt):
        list(stream)

    assert list(tmp_path.iterdir()) == []


def test_a_result_nobody_reads_to_its_end_leaves_no_file(tmp_path):
    stream = WriteResult(tmp_path / "r.json", HEADER)(some_records(3))
    next(stream)
    stream.close()

    assert list(tmp_path.iterdir()) == []


def test_the_sink_passes_records_on(tmp_path):
    records = some_records(4)

    assert list(WriteResult(tmp_path / "r.csv", HEADER)(records)) == records


def test_a_folder_that_does_not_exist_is_one_line(tmp_path):
    with pytest.raises(VideoPoseError, match=r"r\.json: cannot be written \(No such file or directory\)"):
        write(tmp_path / "nowhere" / "r.json", [])


def test_an_unknown_suffix_names_the_known_ones(tmp_path):
    with pytest.raises(InputError, match=r"r\.xml: results are written as \.json, \.parquet, \.csv"):
        write_result(tmp_path / "r.xml", HEADER)


def test_a_skeleton_of_its_own_comes_back(tmp_path):
    skeleton = make_skeleton("pair", ["top", "bottom"], [("top", "bottom")])
    header = ResultHeader(HEADER.video, skeleton)

    assert read_result(write(tmp_path / "r.json", [], header)).header.skeleton == skeleton


def test_json_laid_out_by_somebody_else_is_read(tmp_path):
    records = some_records(6)
    path = write(tmp_path / "r.json", records)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))

    assert_same_records(list(read_result(path)), records, atol=PIXEL)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_long_result_comes_back_whole(tmp_path, suffix):
    records = some_records(4000)  # more than what is written, and what is read, in one go

    found = list(read_result(write(tmp_path / f"r{suffix}", records)))

    assert_same_records(found, records, atol=PIXEL + 1e-4)  # and single precision


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_bytes_do_not_depend_on_how_frames_fall_into_blocks(tmp_path, suffix, monkeypatch):
    first = write(tmp_path / f"a{suffix}", some_records(40)).read_bytes()
    monkeypatch.setattr("videopose.io.rows.ROWS_AT_ONCE", 3)

    second = write(tmp_path / f"b{suffix}", some_records(40))

    assert_same_records(list(read_result(second)), some_records(40), atol=PIXEL)
    if suffix != ".parquet":  # whose row groups are these blocks, always of the same length
        assert second.read_bytes() == first


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_coordinate_far_outside_any_image_comes_back(tmp_path, suffix):
    (record,) = some_records(2)[1:]
    record.poses.keypoints[0, 3, :2] = -123456.75, 3e9

    (found,) = read_result(write(tmp_path / f"r{suffix}", [record]))

    assert found.poses.keypoints[0, 3, :2].tolist() == [-123456.75, 3e9]


def test_json_refuses_a_number_that_is_not_finite(tmp_path):
    records = some_records(4)
    records[2].poses.keypoints[1, 0, 0] = np.nan

    with pytest.raises(InputError, match="frame 2 holds a number that is not finite"):
        write(tmp_path / "r.json", records)
    assert list(tmp_path.iterdir()) == []


def test_a_person_with_more_facts_than_documented_is_read(tmp_path):
    path = write(tmp_path / "r.json", some_records(6))
    path.write_text(path.read_text().replace('{"track_id":', '{"name":"Ann","track_id":'))

    assert_same_records(list(read_result(path)), some_records(6), atol=PIXEL)


def test_a_damaged_line_among_many_is_named(tmp_path):
    path = write(tmp_path / "r.json", some_records(30))
    lines = path.read_text().splitlines()
    lines[20] = lines[20].replace("[", "(", 1)
    path.write_text("\n".join(lines))

    with pytest.raises(DatasetError, match="line 21 is damaged or cut off"):
        list(read_result(path))


def test_a_parquet_column_of_another_type_is_named(tmp_path):
    path = write(tmp_path / "r.parquet", some_records(3))
    table = pq.read_table(path)
    texts = table["left_knee_x"].cast("string")
    pq.write_table(table.set_column(table.column_names.index("left_knee_x"), "left_knee_x", texts), path)

    with pytest.raises(DatasetError, match="column 'left_knee_x' holds string, not double"):
        read_result(path)


def test_a_parquet_row_without_a_time_is_damage(tmp_path):
    path = write(tmp_path / "r.parquet", some_records(3))
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "time", pa.nulls(len(table), pa.float64())), path)

    with pytest.raises(DatasetError, match=r"damaged \(a row has no frame or no time\)"):
        list(read_result(path))


def test_a_csv_value_that_is_no_number_is_named(tmp_path):
    path = write(tmp_path / "r.csv", some_records(30))
    lines = path.read_text().splitlines()
    lines[12] = lines[12].replace(".", ".x", 1)
    path.write_text("\n".join(lines))

    with pytest.raises(DatasetError, match="line 13 is damaged"):
        list(read_result(path))


def edited(tmp_path, change):
    path = write(tmp_path / "r.json", some_records(6))
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(schema="coco"), r"r\.json: schema is 'coco', not 'videopose/1'"),
        (lambda d: d.pop("video"), r"r\.json: 'video' is missing from its header"),
        (lambda d: d["video"].update(frame_rate="fast"), r"its header is damaged"),
        (lambda d: d.pop("frames"), r"it has no list of frames"),
        (lambda d: d["frames"][2].pop("time"), r"frame 2: 'time' is missing"),
        (lambda d: d["frames"][2]["people"][1]["keypoints"].pop(), r"frame 2: not a frame of a result"),
        (
            lambda d: d["frames"][1]["people"][0]["keypoints"].pop(),
            r"frame 1: not a frame of a result \(keypoints has shape \(1, 16, 3\), but \(1, 17, 3\)",
        ),
        (lambda d: d["frames"].reverse(), r"frame 4 comes after frame 5"),
        (lambda d: d["frames"][1].update(people=3), r"frame 1: not a frame of a result"),
    ],
)
def test_a_damaged_document_says_where(tmp_path, change, message):
    path = edited(tmp_path, change)

    with pytest.raises(DatasetError, match=message):
        list(read_result(path))


def test_a_json_cut_off_says_so(tmp_path):
    path = write(tmp_path / "r.json", some_records(6))
    path.write_text(path.read_text()[:-40])

    with pytest.raises(DatasetError, match=r"line \d+ is damaged or cut off"):
        list(read_result(path))


def test_a_json_cut_between_lines_says_so(tmp_path):
    path = write(tmp_path / "r.json", some_records(6))
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))

    with pytest.raises(DatasetError, match="cut off after its last whole line"):
        list(read_result(path))


@pytest.mark.parametrize(("suffix", "what"), [(".json", "JSON"), (".parquet", "Parquet"), (".csv", "CSV")])
def test_a_file_that_is_no_result_says_so(tmp_path, suffix, what):
    (tmp_path / f"r{suffix}").write_bytes(b"\xff\xfe\x00 nothing of the kind\n" * 9)

    with pytest.raises(DatasetError, match=rf"r\{suffix}: .*{what}"):
        read_result(tmp_path / f"r{suffix}")


def test_a_foreign_parquet_file_says_so(tmp_path):
    path = write(tmp_path / "r.parquet", some_records(3))
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)

    with pytest.raises(DatasetError, match="a Parquet file, but not a result"):
        read_result(path)


def test_a_csv_line_with_too_few_values_is_named(tmp_path):
    path = write(tmp_path / "r.csv", some_records(6))
    lines = path.read_text().splitlines()
    lines[4] = "3,4"
    path.write_text("\n".join(lines))

    with pytest.raises(DatasetError, match=r"line 5 is damaged \(2 values instead of 77\)"):
        list(read_result(path))


def test_a_missing_column_is_named(tmp_path):
    path = write(tmp_path / "r.csv", some_records(2))
    path.write_text(path.read_text().replace("left_knee_x", "knee"))

    with pytest.raises(DatasetError, match="column 'left_knee_x' is missing"):
        read_result(path)


def test_a_missing_result_says_so(tmp_path):
    with pytest.raises(DatasetError, match=r"r\.json: cannot be read \(No such file"):
        read_result(tmp_path / "r.json")


def test_damage_to_a_parquet_page_is_said_in_one_line(tmp_path):
    """Arrow's own words may go over several lines."""
    path = write(tmp_path / "r.parquet", some_records(30))
    data = path.read_bytes()
    place = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    said = set()
    for value in range(0, 256, 5):
        path.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
        try:
            list(read_result(path))
        except VideoPoseError as error:
            said.add(str(error))

    assert said
    assert not any("\n" in message for message in said)
