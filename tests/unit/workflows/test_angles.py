"""`videopose angles` and `plot`: from a result to tables and figures, as a user calls them."""

import json
import sys
from fractions import Fraction

import numpy as np
import pandas
import pyarrow.parquet as pq
import pytest

from videopose.cli.main import main
from videopose.config import validate
from videopose.errors import ConfigError, InputError
from videopose.io.result import ResultHeader
from videopose.io.results import read_result, write_result
from videopose.skeletons import make_skeleton, skeleton_named
from videopose.types import FILLED, Frame, Poses, Record, VideoInfo
from videopose.workflows.angles import AngleOptions, measure_angles

SKELETON = skeleton_named("coco17")
BODY = {
    "nose": (25, -70), "left_shoulder": (0, -50), "right_shoulder": (0, -50), "left_elbow": (0, -25),
    "right_elbow": (0, -25), "left_wrist": (0, 0), "right_wrist": (0, 0), "left_hip": (0, 0), "right_hip": (0, 0),
    "left_knee": (0, 40), "right_knee": (0, 40), "left_ankle": (0, 80), "right_ankle": (0, 80),
}  # fmt: skip
RATE = 20


def bending(frames=40):
    """(T, K, 3) somebody who swings both heels up to the back by 2 degrees a frame, then stands."""
    out = np.full((frames, len(SKELETON), 3), [0, 0, 0.9], np.float32)
    for name, xy in BODY.items():
        out[:, SKELETON.index_of(name), :2] = xy
    bent = np.radians(np.minimum(np.arange(frames), 30) * 2.0)
    for side in ("left", "right"):
        out[:, SKELETON.index_of(f"{side}_ankle"), :2] = np.stack([-40 * np.sin(bent), 40 + 40 * np.cos(bent)], 1)
    for name in ("left_eye", "right_eye", "left_ear", "right_ear"):
        out[:, SKELETON.index_of(name)] = 0
    out[..., :2] += np.where(out[..., 2:] > 0, [300, 200], 0)
    return out


def saved(path, *people, source=None):
    """Write people, each (T, K, 3); NaN scores leave a person out of a frame."""
    header = ResultHeader(VideoInfo("clip.mp4", (480, 640), Fraction(RATE), 40, 2.0), SKELETON)
    with write_result(path, header) as writer:
        for t in range(len(people[0])):
            here = [row for row, each in enumerate(people) if np.isfinite(each[t]).all()]
            keypoints = np.stack([people[row][t] for row in here]) if here else np.zeros((0, 17, 3), np.float32)
            boxes = np.tile(np.float32([250, 100, 350, 300]), (len(here), 1))
            ids = np.array([3 + row for row in here], np.int64)
            marks = None if source is None else np.stack([source[t]] * len(here))
            writer.write(
                Record(Frame(t, t / RATE, None),
                       poses=Poses(keypoints, np.full(len(here), 0.9, np.float32), boxes, ids, source=marks))
            )  # fmt: skip
    return path


def run(tmp_path, *options, people=None, source=None):
    poses = saved(tmp_path / "clip.json", *(people or [bending()]), source=source)
    code = main(["angles", str(poses), "-o", str(tmp_path / "angles.csv"), *options])
    assert code == 0
    text = (tmp_path / "angles.csv").read_text()
    return json.loads(text.splitlines()[0][2:]), pandas.read_csv(tmp_path / "angles.csv", comment="#")


def test_angles_speeds_and_ranges_are_those_of_the_movement(tmp_path, capsys):
    header, table = run(tmp_path)

    assert table.frame.tolist() == list(range(40))
    assert table.track_id.unique().tolist() == [3]
    np.testing.assert_allclose(table.right_knee, np.minimum(np.arange(40), 30) * 2.0, atol=0.01)
    np.testing.assert_allclose(table.right_knee_speed[1:29], 2 * RATE, atol=0.5)
    np.testing.assert_allclose(table.trunk, 90, atol=0.01)
    assert np.isnan(table.right_knee_speed[[0, 39]]).all()
    assert header["units"] == {
        "angles": "degrees", "speeds": "degrees per second", "hips_speed": "pixels/s", "limbs": "pixels"
    }  # fmt: skip
    person = header["people"]["3"]
    assert person["ranges"]["left_knee"] == {"least": 0.0, "most": 60.0, "range": 60.0}
    assert person["limbs"]["left_thigh"] == {"median": 40.0, "full": 40.0, "spread": 0.0, "frames": 40}
    assert person["metres_per_pixel"] is None
    assert "right_knee          0.0 to   60.0°, range 60.0°" in capsys.readouterr().err


def test_gaps_and_what_is_doubtful_filled_or_impossible_give_nothing(tmp_path):
    one, source = bending(), np.zeros((40, 17), np.uint8)
    knee, ankle = SKELETON.index_of("right_knee"), SKELETON.index_of("left_ankle")
    one[5, knee, 2] = 0.2
    source[10:12, ankle] = FILLED
    one[20, knee, :2] += [60, -20]
    other = bending()
    other[15:18] = np.nan

    header, table = run(tmp_path, people=[one], source=source)

    assert np.flatnonzero(table.right_knee.isna()).tolist() == [5, 20]
    assert np.flatnonzero(table.left_knee.isna()).tolist() == [10, 11]
    assert header["people"]["3"]["keypoints_left_out"] == {"doubtful": 1, "filled": 2, "impossible": 2}
    (tmp_path / "b").mkdir()
    _, table = run(tmp_path / "b", people=[other])
    assert np.flatnonzero(table.trunk.isna()).tolist() == [15, 16, 17]


@pytest.mark.parametrize(
    ("options", "rows"),
    [(["--min-score", "0.1"], [20]), (["--keep-impossible"], [5]), (["--max-stretch", "5"], [5]),
     (["--min-score", "0.95"], list(range(40)))],
)  # fmt: skip
def test_every_bound_is_an_option(tmp_path, options, rows):
    one = bending()
    knee = SKELETON.index_of("right_knee")
    one[5, knee, 2] = 0.2
    one[20, knee, :2] += [60, -20]

    _, table = run(tmp_path, *options, people=[one])

    assert np.flatnonzero(table.right_knee.isna()).tolist() == rows


def test_filled_keypoints_are_used_where_that_is_asked_for(tmp_path):
    source = np.zeros((40, 17), np.uint8)
    source[10:12] = FILLED

    _, table = run(tmp_path, "--keep-filled", source=source)

    assert not table.left_knee.isna().any()


def test_where_people_look_can_be_said(tmp_path):
    header, table = run(tmp_path, "--facing", "left")

    assert table.right_knee.min() == pytest.approx(-60, abs=0.01)
    assert header["people"]["3"]["facing"] == "left"


@pytest.mark.parametrize(
    ("option", "scale"),
    [(["--height", "1.75"], 1.75 / (80 / 0.491)), (["--height", "3=1.75"], 1.75 / (80 / 0.491)),
     (["--calibrate", "100,100,100,300=2.5"], 2.5 / 200)],
)  # fmt: skip
def test_lengths_are_metres_where_a_length_is_known(tmp_path, option, scale):
    walking = bending()
    walking[..., 0] += np.where(walking[..., 2] > 0, np.arange(40)[:, None] * 2, 0)

    header, table = run(tmp_path, *option, people=[walking])

    assert header["people"]["3"]["metres_per_pixel"] == pytest.approx(scale, rel=1e-4)
    assert header["units"]["limbs"] == "m"
    assert header["people"]["3"]["limbs"]["left_thigh"]["median"] == pytest.approx(40 * scale, abs=1e-4)
    np.testing.assert_allclose(table.hips_speed[1:39], 2 * RATE * scale, rtol=0.01)


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--height", "tall"], 2, "--height tall: write metres, as 1.75, or an id and metres, as 2=1.75"),
        (["--height", "175"], 2, "--height 175: write metres"),
        (["--height", "7=1.8"], 1, "nobody has the id 7 whose height is given. Known: 3"),
        (["--calibrate", "1,2,3=4"], 2, "--calibrate 1,2,3=4: write two points in pixels and metres"),
        (["--calibrate", "1,2,1,2=4"], 2, "the two points are one; give the ends of a segment"),
        (["--id", "9"], 1, "nobody has the id 9. Known: 3"),
        (["--min-score", "2"], 1, "angles: min_score"),
        (["--plot", "x.gif"], 1, "x.gif: plots are written as .png or .html"),
    ],
)
def test_what_cannot_be_measured_is_one_line(tmp_path, capsys, options, code, message):
    poses = saved(tmp_path / "clip.json", bending())

    assert main(["angles", str(poses), "-o", str(tmp_path / "a.csv"), *options]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()


def test_results_without_ids_or_angles_are_refused(tmp_path):
    header = ResultHeader(VideoInfo("clip.mp4", (480, 640), Fraction(25)), SKELETON)
    with write_result(tmp_path / "nobody.json", header):
        pass
    with pytest.raises(InputError, match=r"nobody is tracked. Run videopose track on it first"):
        measure_angles(read_result(tmp_path / "nobody.json"))
    face = ResultHeader(header.video, make_skeleton("face", ["nose", "left_eye"], []))
    with write_result(tmp_path / "face.json", face):
        pass
    with pytest.raises(InputError, match="keypoints nose, left_eye give no angle"):
        measure_angles(read_result(tmp_path / "face.json"))
    with pytest.raises(ConfigError, match="angles: max_stretch"):
        validate(AngleOptions, {"max_stretch": 0.5}, source="angles")


def test_parquet_holds_the_same_and_the_header(tmp_path):
    poses = saved(tmp_path / "clip.json", bending(), bending())
    for suffix in ("csv", "parquet"):
        assert main(["angles", str(poses), "-o", str(tmp_path / f"a.{suffix}")]) == 0

    one, other = pandas.read_csv(tmp_path / "a.csv", comment="#"), pandas.read_parquet(tmp_path / "a.parquet")

    pandas.testing.assert_frame_equal(one, other, check_dtype=False)
    assert one.track_id.tolist()[:4] == [3, 4, 3, 4]
    header = json.loads(pq.read_schema(tmp_path / "a.parquet").metadata[b"videopose"])
    assert list(header["people"]) == ["3", "4"]


def test_a_motion_file_is_laid_out_as_opensim_reads_it(tmp_path, capsys):
    poses = saved(tmp_path / "clip.json", bending(), bending())

    assert main(["angles", str(poses), "-o", str(tmp_path / "a.mot")]) == 1
    assert "a motion file is of one person; choose one of 3, 4 with --id" in capsys.readouterr().err
    assert main(["angles", str(poses), "-o", str(tmp_path / "a.mot"), "--id", "4"]) == 0

    lines = (tmp_path / "a.mot").read_text().splitlines()
    end = lines.index("endheader")
    names = lines[end + 1].split("\t")
    assert lines[:2] == ["Coordinates", "version=1"]
    assert {"nRows=40", f"nColumns={len(names)}", "inDegrees=yes"} <= set(lines[:end])
    assert names[:2] == ["time", "right_knee"]
    assert float(lines[end + 12].split("\t")[1]) == pytest.approx(20, abs=0.01)
    assert len(lines) == end + 42


def test_plots_show_everybody_and_are_the_same_each_time(tmp_path):
    pytest.importorskip("matplotlib")
    one = bending()
    one[15:18] = np.nan
    poses = saved(tmp_path / "clip.json", one, bending())
    for name in ("a", "b"):
        assert main(["plot", str(poses), "-o", str(tmp_path / f"{name}.html")]) == 0
        assert (
            main(["angles", str(poses), "-o", str(tmp_path / f"{name}.csv"), "--plot", str(tmp_path / f"{name}.png")])
            == 0
        )
    assert main(["plot", str(poses), "--id", "4"]) == 0

    page = (tmp_path / "a.html").read_text()
    assert page.count("<svg") == 2
    assert "clip.mp4, person 3" in page
    assert "http://" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    )
    assert page == (tmp_path / "b.html").read_text()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "clip.png").read_bytes()[:4] == b"\x89PNG"


def test_a_plot_without_its_package_is_one_line(tmp_path, capsys, monkeypatch):
    poses = saved(tmp_path / "clip.json", bending())
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    assert main(["plot", str(poses), "-o", str(tmp_path / "a.png")]) == 1
    assert "a plot needs matplotlib: pip install 'videopose[plot]'" in capsys.readouterr().err
    assert main(["plot", str(poses), "-o", str(tmp_path / "a.png"), "--id", "9"]) == 1
    assert "nobody has the id 9. Known ids: 3" in capsys.readouterr().err


@pytest.mark.shared
@pytest.mark.slow
def test_knees_of_squats_are_smooth_and_bend_as_knees_do(shared_dir, tmp_path):
    clip = shared_dir / "clips" / "squats.mp4"
    assert main(["run", str(clip), "-o", str(tmp_path / "squats.json"), "-q"]) == 0

    (person,) = measure_angles(read_result(tmp_path / "squats.json"))

    for side in ("left", "right"):
        flexion = person.degrees[f"{side}_knee"]
        inner = 180 - np.abs(flexion)
        assert np.isfinite(flexion).mean() > 0.95
        assert np.nanmin(inner) > 60
        assert np.nanmax(np.abs(np.diff(flexion))) < 30
        assert np.ptp(flexion) > 60


@pytest.mark.parametrize(("how", "score"), [("keep", 0.9), ("fade", 0.45), ("drop", None)])
def test_impossible_keypoints_fade_or_go_when_a_result_is_converted(tmp_path, capsys, how, score):
    one = bending()
    knee = SKELETON.index_of("right_knee")
    one[20, knee, :2] += [60, -20]
    poses = saved(tmp_path / "clip.json", one)

    assert main(["convert", str(poses), "-o", str(tmp_path / "out.csv"), "--impossible", how]) == 0

    table = pandas.read_csv(tmp_path / "out.csv", comment="#")
    found = table.right_knee_score[20]
    assert np.isnan(found) if score is None else found == pytest.approx(score)
    assert table.right_knee_score[19] == pytest.approx(0.9)
    assert ("keypoints make limbs that cannot be" in capsys.readouterr().err) == (how != "keep")
