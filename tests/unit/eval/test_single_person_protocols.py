import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from videopose import catalog
from videopose.errors import DatasetError, InputError, UnknownNameError
from videopose.io.exchange.formats import write_table
from videopose.io.exchange.table import FrameEntry, make_table
from videopose.metrics.pcp import count_pcp, part_ends
from videopose.skeletons import skeleton_named

pck, pcp = catalog.protocol("pck"), catalog.protocol("pcp")
CASES = Path(__file__).parents[2] / "data" / "poseval" / "cases.zip"


def a_truth(skeleton="lsp14", people=4, seed=0, **columns):
    rng = np.random.default_rng(seed)
    frames = [FrameEntry(name=f"{number}.jpg", number=number) for number in range(1, people + 1)]
    k = len(skeleton_named(skeleton))
    low = rng.uniform(0, 50, (people, 2))
    columns = {"xyxy": np.hstack([low, low + 100]), "head_xyxy": np.hstack([low, low + 20]), **columns}
    xy = rng.uniform(0, 200, (people, k, 2))
    return make_table("set", skeleton_named(skeleton), frames, np.arange(people), xy=xy, **columns)


def moved(table, by):
    return make_table(table.name, table.skeleton, table.frames, table.frame, xy=table.xy + by)


@pytest.mark.parametrize("convention", pck.CONVENTIONS)
def test_a_perfect_prediction_scores_hundred_under_every_convention(convention):
    truth = a_truth(pck.CONVENTIONS[convention].skeleton)

    scored = pck.score_tables(truth, moved(truth, 0.0), convention)

    assert scored.numbers["mean"] == pytest.approx(100)
    assert scored.numbers["auc"] == pytest.approx(100)


@pytest.mark.parametrize("convention", pck.CONVENTIONS)
def test_predictions_far_away_score_nothing(convention):
    truth = a_truth(pck.CONVENTIONS[convention].skeleton)

    assert pck.score_tables(truth, moved(truth, 5000.0), convention).numbers["mean"] == 0


def test_the_threshold_is_a_share_of_the_box_for_jhmdb():
    truth = a_truth("jhmdb15")  # boxes of 100 pixels: the limit is 20

    inside, outside = (pck.score_tables(truth, moved(truth, [by, 0.0]), "jhmdb").numbers["mean"] for by in (19.9, 20.1))

    assert (inside, outside) == (100, 0)


def test_the_threshold_is_half_the_head_size_for_mpii():
    truth = a_truth("mpii16")  # head boxes of 20 pixels: 0.5 * 0.6 * 28.28 = 8.49

    inside, outside = (pck.score_tables(truth, moved(truth, [by, 0.0]), "mpii").numbers["mean"] for by in (8.4, 8.5))

    assert (inside, outside) == (100, 0)


def test_hidden_keypoints_do_not_count_for_penn_action():
    hidden = np.full((4, 13), 2)
    hidden[:, 3] = 1
    truth = a_truth("penn13", visibility=hidden)

    assert np.isnan(pck.score_tables(truth, moved(truth, 0.0), "penn").numbers["left_elbow"])


def test_pelvis_and_thorax_are_left_out_for_mpii():
    truth = a_truth("mpii16")

    numbers = pck.score_tables(truth, moved(truth, 0.0), "mpii").numbers

    assert np.isnan([numbers["pelvis"], numbers["thorax"]]).all()


def test_a_truth_without_head_boxes_cannot_be_scored_by_head():
    truth = a_truth("mpii16", head_xyxy=None)

    with pytest.raises(DatasetError, match="nobody has labelled keypoints and a head to measure by"):
        pck.score_tables(truth, moved(truth, 0.0), "mpii")


def test_a_misspelt_convention_names_the_nearest():
    with pytest.raises(UnknownNameError, match="no PCK convention is named 'mpi'. Did you mean mpii?"):
        pck.score_tables(a_truth(), a_truth(), "mpi")


def test_a_missing_person_is_wrong_and_a_spare_one_is_not_confused():
    truth = a_truth()
    spare = make_table(
        "set", truth.skeleton, truth.frames, [0, 0, 1], xy=np.stack([truth.xy[0] + 3000, truth.xy[0], truth.xy[1]])
    )

    assert pck.score_tables(truth, spare, "lsp").numbers["mean"] == pytest.approx(50)


def test_pckh_equals_the_posetrack_kit(tmp_path):
    with zipfile.ZipFile(CASES) as archive:
        archive.extractall(tmp_path, [name for name in archive.namelist() if name.startswith("pckh_aligned/")])
    case = tmp_path / "pckh_aligned"
    expected = json.loads((case / "expected.json").read_text())

    counts = None
    for truth in sorted((case / "gt").glob("*.json")):
        part = pck.score_files(truth, case / "pred" / truth.name, "posetrack").counts
        counts = part if counts is None else counts + part

    skeleton = skeleton_named("posetrack15")
    numbers = pck.numbers(counts, pck.CONVENTIONS["posetrack"], skeleton)
    names = [name.replace("neck", "head_bottom") for name in expected["joints"]] + ["mean"]
    np.testing.assert_allclose([numbers[name] for name in names], expected["PCKh"]["pckh"], rtol=0, atol=1e-9)


def test_files_are_paired_by_image_name_whatever_their_order(tmp_path):
    truth = a_truth("coco17")
    order = [2, 0, 3, 1]
    predicted = make_table(
        "set", truth.skeleton, [truth.frames[place] for place in order], np.arange(4), xy=truth.xy[order]
    )
    write_table(truth, tmp_path / "truth.json", "coco")
    write_table(predicted, tmp_path / "predicted.json", "coco")

    scored = pck.score_files(tmp_path / "truth.json", tmp_path / "predicted.json", "flic")

    assert scored.numbers["mean"] == pytest.approx(100)


def test_a_prediction_of_an_unknown_image_is_an_error(tmp_path):
    truth = a_truth("coco17")
    frames = [*truth.frames[:3], FrameEntry(name="other.jpg", number=99)]
    predicted = make_table("set", truth.skeleton, frames, np.arange(4), xy=truth.xy)
    write_table(truth, tmp_path / "t.json", "coco")
    write_table(predicted, tmp_path / "p.json", "coco")

    with pytest.raises(DatasetError, match=r"p.json: image 99 is not in .*t.json"):
        pck.score_files(tmp_path / "t.json", tmp_path / "p.json", "flic")


def _sticks(offset):
    truth = np.array([[[0.0, 0], [10, 0]]])
    return part_ends(truth + np.array(offset, float), [((0,), (1,))]), part_ends(truth, [((0,), (1,))])


def test_strict_pcp_asks_both_ends_and_mean_their_average():
    guessed, truth = _sticks([[[0, 6], [0, 1]]])

    assert count_pcp(guessed, truth, rule="strict").correct.tolist() == [0]
    assert count_pcp(guessed, truth, rule="mean").correct.tolist() == [1]


def test_pcpm_takes_another_length():
    guessed, truth = _sticks([[[0, 6], [0, 6]]])

    assert count_pcp(guessed, truth, length=np.array([12.0])).correct.tolist() == [1]


def test_an_unknown_pcp_rule_is_an_error():
    with pytest.raises(InputError, match="PCP rule is 'loose'; strict or mean is needed"):
        count_pcp(*_sticks([[[0, 0], [0, 0]]]), rule="loose")


def test_perfect_sticks_score_hundred_under_every_rule():
    truth = a_truth()

    numbers = pcp.score_tables(truth, moved(truth, 0.0)).numbers

    assert all(rule["total"] == pytest.approx(100) for rule in numbers.values())
    assert set(numbers) == {"strict", "mean", "pcpm"}


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_strict_never_exceeds_mean(seed):
    truth = a_truth(seed=seed)
    noise = np.random.default_rng(seed).normal(0, 20, truth.xy.shape)

    numbers = pcp.score_tables(truth, moved(truth, noise)).numbers

    assert numbers["strict"]["total"] <= numbers["mean"]["total"] + 1e-9


def test_a_folder_scores_as_its_files_together(tmp_path):
    tables = [a_truth("jhmdb15", seed=seed) for seed in range(3)]
    predicted = [moved(table, seed * 8.0) for seed, table in enumerate(tables)]

    whole = pck.score_pairs(list(zip(tables, predicted, strict=True)), "jhmdb")

    single = [pck.score_tables(a, b, "jhmdb").counts for a, b in zip(tables, predicted, strict=True)]
    np.testing.assert_array_equal(whole.counts.correct, (single[0] + single[1] + single[2]).correct)
    assert len(whole.units) == 3


def test_drawing_every_image_once_gives_the_numbers_themselves():
    truth = a_truth(people=6)
    predicted = moved(truth, [15.0, 9.0])

    once = np.ones(6, np.int64)
    by_pck, by_pcp = pck.score_tables(truth, predicted, "lsp"), pcp.score_tables(truth, predicted)

    assert by_pck.recount()(once)["mean"] == pytest.approx(by_pck.numbers["mean"])
    assert by_pcp.recount()(once)["pcpm"] == pytest.approx(by_pcp.numbers["pcpm"]["total"])


def test_a_folder_of_jhmdb_is_scored_against_results_of_its_videos(tmp_path):
    folder = tmp_path / "joint_positions" / "wave" / "clip1"
    folder.mkdir(parents=True)
    position = np.random.default_rng(0).uniform(20, 200, (2, 15, 5))
    savemat(folder / "joint_positions.mat", {"pos_img": position})
    frames = [FrameEntry(number=number, time=number / 25) for number in range(5)]
    xy = position.transpose(2, 1, 0) - 1
    result = make_table(
        "clip1", skeleton_named("jhmdb15"), frames, np.arange(5), xy=xy, score=np.ones(5),
        keypoint_score=np.ones((5, 15)),
    )  # fmt: skip
    (tmp_path / "results").mkdir()
    write_table(result, tmp_path / "results" / "clip1.poses.json", "videopose")

    scored = pck.score_files(tmp_path / "joint_positions", tmp_path / "results", "jhmdb", alpha=0.001)

    assert scored.numbers["mean"] == 100


def test_a_folder_without_a_result_for_a_sequence_is_an_error(tmp_path):
    (tmp_path / "gt").mkdir()
    write_table(a_truth("posetrack15"), tmp_path / "gt" / "seq00.json", "posetrack18")

    with pytest.raises(DatasetError, match=r"nowhere: has no file seq00\.\*, which .*seq00.json asks for"):
        pck.score_files(tmp_path / "gt", tmp_path / "nowhere", "posetrack")
