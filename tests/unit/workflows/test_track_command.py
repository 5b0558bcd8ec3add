"""`videopose track`: saved poses in, another result or a table out."""

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.cli.track import command
from videopose.errors import ConfigError, InputError, UnknownNameError
from videopose.io.exchange.formats import read_table, write_table
from videopose.io.journal_store import JournalStore
from videopose.io.result import ResultHeader
from videopose.io.results import read_result, write_result
from videopose.skeletons import skeleton_named
from videopose.stages.journal import Journal
from videopose.tracking.kept_ids import renamed
from videopose.types import Frame, Poses, Record, VideoInfo
from videopose.workflows.retrack import retrack, retrack_options, retrack_records

SKELETON = skeleton_named("coco17")
SHAPE = np.random.default_rng(1).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [60, 120]


@pytest.fixture
def saved(tmp_path):
    """A result of two people who walk past each other, with true ids 7 and 9."""
    path = tmp_path / "clip.poses.json"
    header = ResultHeader(VideoInfo("clip.mp4", (600, 1000), Fraction(25), 60, 2.4), SKELETON)
    with write_result(path, header) as writer:
        for t in range(60):
            xy = SHAPE + np.array([[[100 + 10 * t, 200]], [[800 - 10 * t, 420]]])
            keypoints = np.concatenate([xy, np.full((2, len(SKELETON), 1), 0.9)], axis=2).astype(np.float32)
            xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
            poses = Poses(keypoints, np.full(2, 0.9, np.float32), xyxy, np.array([7, 9]))
            writer.write(Record(Frame(t, t / 25, None), poses=poses))
    return path


def test_tracking_again_writes_new_ids(saved, tmp_path):
    out = tmp_path / "again.json"

    result = CliRunner().invoke(command, [str(saved), "-o", str(out), "--tracker", "oks"])

    assert result.exit_code == 0, result.output
    assert [record.poses.track_id.tolist() for record in read_result(out)] == [[1, 2]] * 60


def test_provenance_says_how_it_was_tracked(saved, tmp_path):
    out = tmp_path / "again.json"

    retrack(saved, out, retrack_options("oks", ["tracker.max_age=2"]))

    assert read_result(out).header.provenance["retracked"]["tracker"]["max_age"] == 2.0


def test_tracking_twice_gives_the_same_bytes(saved, tmp_path):
    first, second = tmp_path / "a.json", tmp_path / "b.json"

    retrack(saved, first, retrack_options(None, []))
    retrack(saved, second, retrack_options(None, []))

    assert first.read_bytes() == second.read_bytes()


def test_finished_result_is_not_replaced_unasked(saved, tmp_path):
    out = tmp_path / "again.json"
    retrack(saved, out, retrack_options(None, []))

    with pytest.raises(InputError, match="is already there. Add --overwrite"):
        retrack(saved, out, retrack_options(None, []))


def test_source_is_never_replaced(saved):
    with pytest.raises(InputError, match="is what the result is made from"):
        retrack(saved, saved, retrack_options(None, []), overwrite=True)


def test_unknown_tracker_names_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no tracker is named 'kalmann'\. Did you mean kalman"):
        retrack_options("kalmann", [])


def test_compare_prints_a_table_with_perfect_scores(saved):
    result = CliRunner().invoke(command, [str(saved), "--compare", "oks,whole-video", "--truth", str(saved)])

    assert result.exit_code == 0, result.output
    head, oks, whole = result.output.splitlines()
    assert head.split() == ["tracker", "HOTA", "IDF1", "MOTA", "switches", "fragmentations", "AP", "poses/s"]
    assert oks.split()[:5] == ["oks", "100.0", "100.0", "100.0", "0"]
    assert whole.split()[1:5] == ["100.0", "100.0", "100.0", "0"]


def test_compare_without_truth_is_a_usage_error(saved):
    result = CliRunner().invoke(command, [str(saved), "--compare", "oks"])

    assert result.exit_code == 2
    assert "--compare needs --truth FILE" in result.output


def test_no_output_is_a_usage_error(saved):
    result = CliRunner().invoke(command, [str(saved)])

    assert result.exit_code == 2
    assert "say where to write the result: -o OUT" in result.output


@pytest.mark.parametrize("release", ["posetrack17", "posetrack18"])
def test_posetrack_annotations_serve_as_truth(saved, tmp_path, release):
    truth = tmp_path / "truth.json"
    write_table(read_table(saved), truth, release)

    result = CliRunner().invoke(command, [str(saved), "--compare", "oks", "--truth", str(truth)])

    assert result.exit_code == 0, result.output
    assert result.output.splitlines()[1].split()[2:5] == ["100.0", "100.0", "0"]


def test_truth_of_other_people_scores_nothing(saved, tmp_path):
    truth = tmp_path / "truth.json"
    table = read_table(saved)
    write_table(replace(table, xy=table.xy + 2000), truth, "posetrack18")

    result = CliRunner().invoke(command, [str(saved), "--compare", "oks", "--truth", str(truth)])

    assert result.output.splitlines()[1].split()[1:3] == ["0.0", "0.0"]


@pytest.mark.parametrize("name", ["whole-video", "oks", "kalman"])
def test_a_run_that_went_on_writes_the_same_ids_and_poses(saved, tmp_path, name):
    posed = list(read_result(saved))
    whole = list(Journal(iter, JournalStore(tmp_path / "whole", {}), chunk=16)(posed))
    broken = Journal(iter, JournalStore(tmp_path / "broken", {}), chunk=16)(posed)
    for _ in range(40):
        next(broken)
    broken.close()
    list(Journal(iter, JournalStore(tmp_path / "broken", {}), chunk=16)(posed[32:]))
    options = retrack_options(name, [])

    resumed = list(retrack_records(JournalStore(tmp_path / "broken", {}), options, SKELETON))

    unbroken = list(retrack_records(whole, options, SKELETON))
    assert len(resumed) == 60
    for a, b in zip(resumed, unbroken, strict=True):
        assert a.poses.track_id.tolist() == b.poses.track_id.tolist()
        assert a.poses.keypoints.tobytes() == b.poses.keypoints.tobytes()


def test_no_network_library_is_loaded_for_trackers_that_need_none():
    code = "import sys, videopose.workflows.retrack; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


PICTURES = [
    (["--tracker", "flow"], "flow", "--set tracker.name=flow --set tracker.features.flow=dis"),
    (["--set", "tracker.features.camera=true"], "camera", "--set tracker.features.camera=true"),
    (["--set", "tracker.features.recover=true"], "recover", "--set tracker.features.recover=true"),
    (
        ["--set", "tracker.features.appearance=true", "--set", "tracker.appearance_weight=0.5"],
        "appearance",
        "--set tracker.features.appearance=true",
    ),
]


@pytest.mark.parametrize(("arguments", "what", "cure"), PICTURES, ids=[each[1] for each in PICTURES])
def test_what_needs_images_is_refused_on_saved_poses(saved, tmp_path, arguments, what, cure):
    out = tmp_path / "again.json"

    result = CliRunner().invoke(command, [str(saved), "-o", str(out), *arguments])

    assert isinstance(result.exception, InputError)
    assert f"saved poses hold no images, in which tracker.features.{what} would be measured" in str(result.exception)
    assert cure in str(result.exception)
    assert "\n" not in str(result.exception)
    assert not out.exists()


def test_trackers_that_need_images_are_not_compared(saved):
    with pytest.raises(
        InputError, match="saved poses hold no images, in which tracker.features.flow would be measured"
    ):
        CliRunner().invoke(
            command, [str(saved), "--compare", "oks,flow", "--truth", str(saved)], catch_exceptions=False
        )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "tracker.motion=flow",
            "motion: flow follows what features.flow measures, which is none; set features.flow: dis",
        ),
        ("tracker.appearance_weight=0.5", "appearance_weight weighs what features.appearance measures"),
        ("tracker.features.flow_path=raft.pt", "flow_path is read by flow: torch, not by none"),
        ("smoothing.weights=mine.safetensors", "weights are of method: learned, not of rts"),
    ],
)
def test_option_that_would_do_nothing_is_refused(override, message):
    with pytest.raises(ConfigError, match=message) as refused:
        retrack_options(None, [override])
    assert "\n" not in str(refused.value)


def known_people(tmp_path, ids=((7, 9),) * 30):
    """Two people who stand apart, with the ids that each frame gives them."""
    path = tmp_path / "known.json"
    header = ResultHeader(VideoInfo("clip.mp4", (600, 1000), Fraction(25), len(ids), 1.2), SKELETON)
    with write_result(path, header) as writer:
        for t, pair in enumerate(ids):
            xy = SHAPE + np.array([[[150 + t, 200]], [[700, 420]]])
            keypoints = np.concatenate([xy, np.full((2, len(SKELETON), 1), 0.9)], axis=2).astype(np.float32)
            xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
            writer.write(Record(Frame(t, t / 25, None),
                                poses=Poses(keypoints, np.full(2, 0.9, np.float32), xyxy, np.array(pair))))  # fmt: skip
    return path


def ids_in(path, *, left):
    """Return the ids of whoever is on one side, frame by frame."""
    found = []
    for record in read_result(path):
        side = (record.poses.xyxy[:, 0] < 400) == left
        found.append(record.poses.track_id[side].tolist())
    return found


def test_people_keep_their_ids_where_they_overlap(tmp_path):
    known = known_people(tmp_path, [(7, 9)] * 20 + [(8, 9)] * 10)  # the left one was split by mistake

    assert CliRunner().invoke(command, [str(known), "-o", str(tmp_path / "a.json"), "--keep-ids"]).exit_code == 0

    assert ids_in(tmp_path / "a.json", left=True) == [[7]] * 30
    assert ids_in(tmp_path / "a.json", left=False) == [[9]] * 30
    assert read_result(tmp_path / "a.json").header.provenance["ids_kept"] == {"keep_ids": True, "locked": []}


def test_a_locked_person_is_neither_joined_nor_renamed_nor_moved(tmp_path):
    known = known_people(tmp_path, [(7, 1)] * 20 + [(8, 1)] * 10)

    options = ["--lock", "7", "--lock", "1"]
    assert CliRunner().invoke(command, [str(known), "-o", str(tmp_path / "a.json"), *options]).exit_code == 0

    assert ids_in(tmp_path / "a.json", left=True) == [[7]] * 20 + [[2]] * 10  # 1 is taken
    assert ids_in(tmp_path / "a.json", left=False) == [[1]] * 30
    before = [record.poses.keypoints[record.poses.track_id == 7] for record in read_result(known)][:20]
    after = [record.poses.keypoints[record.poses.track_id == 7] for record in read_result(tmp_path / "a.json")][:20]
    np.testing.assert_array_equal(before, after)


def test_without_either_ids_are_new(tmp_path):
    known = known_people(tmp_path)

    assert CliRunner().invoke(command, [str(known), "-o", str(tmp_path / "a.json")]).exit_code == 0

    assert ids_in(tmp_path / "a.json", left=True) == [[1]] * 30


def test_nobody_can_be_locked_who_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nobody has the id 5 that is to be locked. Known: 7, 9"):
        retrack(known_people(tmp_path), tmp_path / "a.json", retrack_options(None, []), locked=[5])


@settings(max_examples=40, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 9)), max_size=60),
    taken=st.frozensets(st.integers(1, 9)),
)
def test_names_are_one_to_one_and_the_largest_overlap_wins(pairs, taken):
    new, old = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))

    names = renamed(new, old, taken=taken)

    assert set(names) == set(new.tolist()) - {-1}
    assert len(set(names.values())) == len(names)
    assert not set(names.values()) & taken
    shared = {
        name: [o for n, o in zip(new, old, strict=True) if n == name and o >= 0 and o not in taken] for name in names
    }
    for name, were in shared.items():
        if were and len(set(were)) == 1 and all(not other for key, other in shared.items() if key != name):
            assert names[name] == were[0]
