"""Files for other programs, opened by those programs where they are installed."""

import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import videopose
from videopose.cli.main import main
from videopose.errors import DatasetError, InputError
from videopose.io.exchange.formats import FORMATS, read_table, write_table
from videopose.io.result import ResultHeader
from videopose.io.results import read_result, write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Poses, Record, VideoInfo

SKELETON = skeleton_named("body19")
KNEE = SKELETON.index_of("left_knee")


def keypoints(seed, people):
    rng = np.random.default_rng(seed)
    points = np.concatenate([rng.uniform(10, 400, (people, 19, 2)).round(2), rng.uniform(0.3, 1, (people, 19, 1))], 2)
    points[:, 3] = 0
    return points.round(4).astype(np.float32)


@pytest.fixture
def poses(tmp_path):
    """Person 7 in frames 0, 2 and 3, person 3 in frames 2 and 3; nobody in 1 and 4; 10 frames per second."""
    path = tmp_path / "clip.json"
    header = ResultHeader(VideoInfo("clip.mp4", (480, 640), Fraction(10), 5, 0.5), SKELETON)
    with write_result(path, header) as writer:
        for t, ids in enumerate(([7], [], [7, 3], [7, 3], [])):
            n = len(ids)
            people = Poses(keypoints(t, n), np.full(n, 0.8, np.float32), np.tile(np.float32([9, 9, 401, 401]), (n, 1)),
                           np.array(ids, np.int64))  # fmt: skip
            writer.write(Record(Frame(t, t / 10, None), poses=people))
    return path


def needed(name):
    if FORMATS[name].needs:
        pytest.importorskip(FORMATS[name].needs, reason=f"{name} needs it: videopose[exports]")


def written(poses, tmp_path, name, *options):
    needed(name)
    path = tmp_path / f"out{FORMATS[name].suffix}"
    assert main(["convert", str(poses), "-o", str(path), "--to", name, *options]) == 0
    return path


@pytest.mark.parametrize("name", ["dlc-csv", "dlc-h5", "sleap", "movement"])
def test_movement_reads_what_is_written_for_it(poses, tmp_path, name):
    path = written(poses, tmp_path, name)
    load = pytest.importorskip("movement.io.load_poses", reason="movement is not installed; it needs a fifth of a GB")
    if name == "movement":
        dataset = pytest.importorskip("xarray").load_dataset(path, engine="scipy")
    else:
        reader = load.from_sleap_file if name == "sleap" else load.from_dlc_file
        dataset = reader(path, fps=10)

    assert dataset.sizes["individuals"] == 2
    knee = dataset.position.sel(keypoints="left_knee", individuals="id7", space=["x", "y"]).to_numpy()
    np.testing.assert_allclose(knee[2], keypoints(2, 2)[0, KNEE, :2], atol=1e-4)
    assert np.isnan(knee[1]).all()


def test_pandas_reads_deeplabcuts_tables(poses, tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(written(poses, tmp_path, "dlc-csv"), header=[0, 1, 2, 3], index_col=0)
    assert table.index.tolist() == [0, 1, 2, 3, 4]
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    np.testing.assert_allclose(table["videopose", "id3", "left_knee", "x"][2], keypoints(2, 2)[1, KNEE, 0], atol=1e-4)
    assert table["videopose", "id7", "left_ear"].isna().all(axis=None)
    hdf = pandas.read_hdf(written(poses, tmp_path, "dlc-h5"), key="df_with_missing")
    np.testing.assert_allclose(hdf.to_numpy(), table.to_numpy())


def test_sleap_io_reads_tracks_skeleton_and_scores(poses, tmp_path):
    sio = pytest.importorskip("sleap_io", reason="sleap-io is not installed: videopose[exports]")

    labels = sio.load_slp(str(written(poses, tmp_path, "sleap")), open_videos=False)

    assert [track.name for track in labels.tracks] == ["id7", "id3"]
    assert labels.skeletons[0].node_names == list(SKELETON.keypoints)
    assert [frame.frame_idx for frame in labels] == [0, 2, 3]
    assert labels[1].instances[1].score == pytest.approx(0.8)
    assert str(labels.videos[0].filename).endswith("clip.mp4")


def test_pynwb_reads_a_person_alone_under_the_name_tools_look_for(poses, tmp_path):
    path = written(poses, tmp_path, "nwb", "--only", "3")
    pynwb = pytest.importorskip("pynwb")

    with pynwb.NWBHDF5IO(str(path), "r") as opened:
        file = opened.read()
        series = file.processing["behavior"]["PoseEstimation"].pose_estimation_series["left_knee"]
        assert file.subject.subject_id == "id3"
        np.testing.assert_allclose(series.data[2], keypoints(2, 2)[1, KNEE, :2], atol=1e-4)
        assert series.rate == 10


def test_markers_are_metres_above_the_image_where_the_scale_is_known(poses, tmp_path, capsys):
    path = written(poses, tmp_path, "trc", "--only", "7", "--metres-per-pixel", "0.01")

    lines = path.read_text().splitlines()
    assert lines[2].split("\t")[:5] == ["10", "10", "5", "19", "m"]
    assert [name for name in lines[3].split("\t")[2:] if name] == list(SKELETON.keypoints)
    cells = lines[5 + 2].split("\t")
    place = 2 + 3 * KNEE
    x, y = keypoints(2, 2)[0, KNEE, :2]
    assert [float(each) for each in cells[place : place + 3]] == pytest.approx([x / 100, -y / 100, 0], abs=1e-6)
    assert (cells[0], cells[1]) == ("2", "0.200000")
    with pytest.raises(InputError, match="its markers are in m, not in pixels of an image"):
        read_table(path)
    code = main(["convert", str(poses), "-o", str(tmp_path / "x.json"), "--to", "coco", "--metres-per-pixel", "1"])
    assert code == 1
    assert "is in pixels; leave the metres out, or write trc or c3d" in capsys.readouterr().err


def test_another_library_reads_c3d(poses, tmp_path):
    ezc3d = pytest.importorskip("ezc3d", reason="ezc3d is not installed")

    file = ezc3d.c3d(str(written(poses, tmp_path, "c3d")))

    labels = file["parameters"]["POINT"]["LABELS"]["value"]
    knee = file["data"]["points"][:, labels.index("id3_left_knee")]
    np.testing.assert_allclose(knee[:2, 2], keypoints(2, 2)[1, KNEE, :2] * [1, -1], atol=1e-3)
    assert np.isnan(knee[0, 1])
    assert file["parameters"]["POINT"]["RATE"]["value"][0] == 10


def test_cvat_gets_a_keyframe_in_every_frame_and_an_end(poses, tmp_path):
    text = written(poses, tmp_path, "cvat").read_text()

    track = text[text.index('<track id="7"') : text.index("</track>")]
    frames = [line.split('"')[1] for line in track.splitlines() if line.startswith("<skeleton")]
    assert frames == ["0", "1", "2", "3", "4"]
    assert track.count('<points label="left_knee" keyframe="1" outside="0"') == 3
    assert track.count('<points label="left_ear" keyframe="1" outside="0"') == 0
    assert "<original_size><width>640</width><height>480</height></original_size>" in text


def test_pycocotools_and_supervision_read_coco(poses, tmp_path):
    path = written(poses, tmp_path, "coco")
    coco = pytest.importorskip("pycocotools.coco").COCO(str(path))

    assert len(coco.getAnnIds()) == 5
    assert all(each["segmentation"] == [] for each in coco.loadAnns(coco.getAnnIds()))
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    data = supervision.DetectionDataset.from_coco(str(tmp_path), str(path))
    assert len(data) == 5


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.read and each.write])
def test_every_format_is_read_as_a_result(poses, tmp_path, name):
    if name == "mot" or FORMATS[name].skeleton:
        pytest.skip("boxes without keypoints, or another skeleton")
    result = videopose.read_result(written(poses, tmp_path, name))

    arrays = result.to_arrays()

    people = [record.poses.keypoints[:, KNEE, 0].tolist() for record in result if record.poses and len(record.poses)]
    assert sorted(people[1]) == pytest.approx(sorted(keypoints(2, 2)[:, KNEE, 0].tolist()), abs=0.01)
    assert np.isfinite(arrays.keypoints[..., KNEE, 0]).sum() == 5
    assert result.header.skeleton.keypoints == SKELETON.keypoints
    assert len(result.to_table()) == 5 * 19


def test_a_result_is_movements_dataset(poses):
    pytest.importorskip("xarray", reason="xarray is not installed: videopose[exports]")

    dataset = read_result(poses).to_xarray(min_score=0.5)

    low = keypoints(2, 2)[..., 2] < 0.5
    assert dataset.attrs["fps"] == 10
    assert dataset.position.dims == ("time", "space", "keypoints", "individuals")
    assert dataset.coords["individuals"].to_numpy().tolist() == ["id3", "id7"]
    np.testing.assert_allclose(dataset.coords["time"], [0, 0.1, 0.2, 0.3, 0.4])
    found = dataset.position.sel(individuals="id7", space="x").to_numpy()[2]
    assert np.isnan(found).tolist() == (low[0] | (np.arange(19) == 3)).tolist()


@pytest.mark.parametrize("call", ["to_table", "to_dataframe", "to_arrays"])
def test_a_lower_bound_for_scores_gives_nothing_below(poses, call):
    result = read_result(poses)
    least = getattr(result, call)(min_score=0.6)
    score = least.keypoints[..., 2] if call == "to_arrays" else np.asarray(least["score"].to_numpy(), float)
    every = getattr(result, call)()
    before = every.keypoints[..., 2] if call == "to_arrays" else np.asarray(every["score"].to_numpy(), float)

    assert np.nanmin(score) >= 0.6
    assert np.isnan(score).sum() == (np.isnan(before) | (before < 0.6)).sum()


@pytest.mark.parametrize("name", [name for name, each in FORMATS.items() if each.needs and each.write])
def test_a_missing_package_is_one_line(poses, tmp_path, name, monkeypatch, capsys):
    missing = FORMATS[name].needs
    monkeypatch.setitem(sys.modules, missing, None)

    assert main(["convert", str(poses), "-o", str(tmp_path / "x"), "--to", name]) == 1
    assert "pip install 'videopose[exports]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("dlc-csv", lambda text: text.replace("\n2,", "\ntwo,"), "line 7 is no row of numbers behind a frame"),
        ("dlc-csv", lambda text: text.replace("coords", "axes"), "line 4 is no row of numbers"),
        ("dlc-csv", lambda text: text.replace("\n4,", "\n3,"), "its rows are not numbered by frames, each once"),
        ("trc", lambda text: text.replace("0.200000\t", "late\t"), "line 8 is not three numbers for each of 38"),
        ("trc", lambda text: text[5:], "not a TRC file: its first line does not begin with PathFileType"),
        ("cvat", lambda text: text[: len(text) // 2], "not XML, or damaged"),
        ("cvat", lambda text: text.replace("?>", '?><!DOCTYPE a [<!ENTITY b "c">]>', 1), "declares document types"),
        ("cvat", lambda text: text.replace('frame="2"', 'frame="two"'), "has frame='two'; a whole number is"),
        ("cvat", lambda text: text.replace('points="', 'points="x'), "are not two numbers"),
        ("cvat", lambda text: text.replace("skeleton", "polygon"), "has no skeletons; annotate people with"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(poses, tmp_path, name, change, message):
    path = written(poses, tmp_path, name)
    path.write_text(change(path.read_text()))

    with pytest.raises(DatasetError, match=message):
        read_table(path, name)


@pytest.mark.parametrize("name", ["sleap", "nwb", "movement", "c3d"])
def test_a_damaged_binary_file_is_one_line(tmp_path, name):
    needed(name)
    path = tmp_path / f"bad{FORMATS[name].suffix}"
    path.write_bytes(b"\x50\x02" + b"\0\xff" * 700)

    with pytest.raises(DatasetError, match="bad"):
        read_table(path)


def test_people_without_ids_or_twice_in_a_frame_are_refused(poses, tmp_path):
    table = read_table(poses)
    path = tmp_path / "x.csv"
    for ids, message in (
        ([-1] * 5, "nobody has a track id. Run videopose track"),
        ([7, 7, 7, 7, 7], "id 7 is twice in frame 2"),
    ):
        with pytest.raises(DatasetError, match=message):
            write_table(replace(table, track_id=np.array(ids)), path, "dlc-csv")
    with pytest.raises(InputError, match=r"the format dlc-h5 can be written, but not read"):
        read_table(path, "dlc-h5")


def test_only_one_person_is_written(poses, tmp_path, capsys):
    assert set(read_table(written(poses, tmp_path, "dlc-csv", "--only", "3")).track_id.tolist()) == {3}
    assert main(["convert", str(poses), "-o", str(tmp_path / "y.csv"), "--only", "4"]) == 1
    assert "nobody has the id 4. Known: 3, 7" in capsys.readouterr().err
