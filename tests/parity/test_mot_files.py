"""`eval mot` equal to TrackEval on random files as the benchmarks and their users write them, or a refusal."""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose import catalog
from videopose.errors import DatasetError

mot = catalog.protocol("mot")
TOLERANCE = 1e-9  # the order of floating-point sums
BENCHMARKS = ("MOT15", "MOT16", "MOT17", "MOT20")
FRAMES = 12


def a_truth(rng, benchmark):
    """People who walk, cars and reflections, some lines with flag 0; frames without anybody."""
    lines = []
    classes = rng.choice([1, 1, 1, 1, 2, 3, 6, 7, 8, 12, 13], int(rng.integers(1, 6)))
    for number, kind in enumerate(classes, start=1):
        x, y, w, h = rng.uniform(0, 300), rng.uniform(0, 60), rng.uniform(30, 70), rng.uniform(60, 150)
        pace = rng.uniform(-6, 6)
        for frame in range(1, FRAMES + 1):
            if rng.random() < 0.85:
                flag = int(rng.random() > 0.1)
                box = [round(v, 1) for v in (x + pace * frame, y, w, h)]
                rest = [-1, -1, -1] if benchmark == "MOT15" else [int(kind), round(rng.random(), 2)]
                lines.append([frame, number, *box, flag, *rest])
    return lines


def some_predictions(rng, truth):
    """Boxes near the true ones with ids that change, and some from nowhere."""
    lines, taken = [], set()
    for frame, number, x, y, w, h, *_ in truth:
        identity = number + 100 if rng.random() > 0.1 else int(rng.integers(101, 110))
        if rng.random() < 0.2 or (frame, identity) in taken:
            continue
        taken.add((frame, identity))
        moved = np.round(np.add([x, y, w, h], rng.normal(0, rng.choice([1, 8, 20]), 4)), 1)
        lines.append([frame, identity, *np.maximum(moved, [-99, -99, 0, 0]).tolist(), 0.9])
    rest = [-1, -1, -1] if rng.random() < 0.5 else []
    lines = [[*line, *rest] for line in lines]
    for _ in range(int(rng.integers(0, 6))):
        frame = int(rng.integers(1, FRAMES + 1))
        lines.append([frame, 900 + len(lines), *rng.uniform(5, 200, 4).round(1).tolist(), 0.5, *rest])
    return lines


def written(path, lines, rng):
    """Write lines in one of the ways people do."""
    separator, end = rng.choice([",", ";", " ", "\t", ", "]), rng.choice(["\n", "\r\n"])
    tail = "," if separator == "," and rng.random() < 0.3 else ""
    mark = "\ufeff" if rng.random() < 0.2 else ""
    text = "".join(str(separator).join(map(str, line)) + tail + str(end) for line in lines)
    path.write_bytes((mark + text + (str(end) if rng.random() < 0.3 else "")).encode())


def official(folder, truth, found, benchmark):
    """Give TrackEval's numbers for one sequence, files written the plain way."""
    trackeval = pytest.importorskip("trackeval", reason="trackeval is not installed (pip install --no-deps trackeval)")
    (folder / "gt").mkdir()
    (folder / "tr" / "us" / "data").mkdir(parents=True)
    for path, lines in ((folder / "gt" / "seq.txt", truth), (folder / "tr" / "us" / "data" / "seq.txt", found)):
        path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    length = max(line[0] for line in [*truth, *found])
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = trackeval.datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(folder / "gt"), "TRACKERS_FOLDER": str(folder / "tr"), "SKIP_SPLIT_FOL": True,
                "GT_LOC_FORMAT": "{gt_folder}/{seq}.txt", "SEQ_INFO": {"seq": length}, "PRINT_CONFIG": False,
                "BENCHMARK": benchmark,
            }
        )  # fmt: skip
        raw = dataset.get_raw_seq_data("us", "seq")
        data = dataset.get_preprocessed_seq_data(raw, "pedestrian")
        quiet = {"PRINT_CONFIG": False}
        clear, identity = trackeval.metrics.CLEAR(quiet), trackeval.metrics.Identity(quiet)
        hota = trackeval.metrics.HOTA().eval_sequence(data)
        clear, identity = clear.eval_sequence(data), identity.eval_sequence(data)
    return {
        "mota": 100 * clear["MOTA"], "motp": 100 * clear["MOTP"], "false_positives": clear["CLR_FP"],
        "misses": clear["CLR_FN"], "switches": clear["IDSW"], "fragmentations": clear["Frag"],
        "idf1": 100 * identity["IDF1"], "hota": 100 * np.mean(hota["HOTA"]), "deta": 100 * np.mean(hota["DetA"]),
        "assa": 100 * np.mean(hota["AssA"]),
    }  # fmt: skip


def compare(ours, theirs):
    """Compare where both can say something: without a match or an object our shares are NaN, theirs 0."""
    for name, reference in theirs.items():
        if np.isnan(ours[name]):
            assert reference <= 0 or not ours["objects"], name
        else:
            assert ours[name] == pytest.approx(reference, abs=TOLERANCE), name


@settings(max_examples=120, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_numbers_equal_the_kit(seed, tmp_path_factory):
    rng, folder = np.random.default_rng(seed), tmp_path_factory.mktemp("mot")
    benchmark = str(rng.choice(BENCHMARKS))
    truth = a_truth(rng, benchmark)
    found = some_predictions(rng, truth)
    if not truth or not found:
        return
    rng.shuffle(found)
    written(folder / f"{benchmark}-01.txt", truth, rng)
    written(folder / "found.txt", found, rng)

    ours = mot.score_folders(folder / f"{benchmark}-01.txt", folder / "found.txt", workers=1).numbers

    compare(ours, official(folder, truth, found, benchmark))


FROZEN = {
    0: (-20.000000000, 39.344262295, 31.132905860, 17, 5),
    1: (-66.666666667, 41.176470588, 35.497293942, 14, 3),
    2: (45.000000000, 68.421052632, 49.334680540, 4, 4),
    3: (0.000000000, 56.000000000, 37.852843369, 7, 2),
    5: (-383.333333333, 21.621621622, 20.537872431, 27, 2),
    6: (-230.000000000, 26.666666667, 21.026939775, 29, 1),
}
"""MOTA, IDF1, HOTA, false positives and fragmentations of TrackEval 1.3.0, for where it is not installed."""


@pytest.mark.parametrize("seed", FROZEN)
def test_numbers_equal_what_the_kit_said(seed, tmp_path):
    rng = np.random.default_rng(seed)
    benchmark = str(rng.choice(BENCHMARKS))
    truth = a_truth(rng, benchmark)
    written(tmp_path / "found.txt", some_predictions(rng, truth), rng)
    written(tmp_path / f"{benchmark}-01.txt", truth, rng)

    ours = mot.score_folders(tmp_path / f"{benchmark}-01.txt", tmp_path / "found.txt", workers=1).numbers

    names = ("mota", "idf1", "hota", "false_positives", "fragmentations")
    assert [ours[name] for name in names] == pytest.approx(FROZEN[seed], abs=1e-8)


CAR = [[f, 4, 10.0, 20.0, 50.0, 90.0, 0, 3, 1] for f in range(1, 4)]
WALKER = [[f, 1, 200.0, 20.0, 50.0, 90.0, 1, 1, 1] for f in range(1, 4)]


@pytest.mark.parametrize(
    ("kind", "flag", "benchmark", "wrong"),
    [(3, 0, "MOT17", 3), (1, 0, "MOT17", 3), (8, 0, "MOT17", 0), (2, 1, "MOT16", 0), (6, 0, "MOT17", 3),
     (6, 0, "MOT20", 0), (13, 0, "MOT17", 3)],
)  # fmt: skip
def test_only_distractors_excuse_a_prediction(kind, flag, benchmark, wrong, tmp_path):
    rng = np.random.default_rng(0)
    other = [[*line[:6], flag, kind, 1] for line in CAR]
    found = [[*line[:6], 0.9] for line in [*CAR, *WALKER]]
    written(tmp_path / f"{benchmark}-01.txt", [*other, *WALKER], rng)
    written(tmp_path / "found.txt", found, rng)

    ours = mot.score_folders(tmp_path / f"{benchmark}-01.txt", tmp_path / "found.txt", workers=1).numbers

    assert (ours["objects"], ours["false_positives"]) == (3, wrong)


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        ([[1, 1, 5, 5, 9, 9, 1, 14, 1]], [[1, 1, 5, 5, 9, 9, 1]], "line 1 is of class 14; classes go from 1 to 13"),
        (WALKER, [[1, 1, 5, 5, 9, 9, 1, 3]], "line 1 is of class 3; results hold pedestrians"),
        ([*WALKER, WALKER[0]], [[1, 1, 5, 5, 9, 9, 1]], "track id 1 stands twice in frame 1"),
        (WALKER, [[1, -1, 5, 5, 9, 9, 1]], "somebody has no track id"),
    ],
)
def test_what_the_kit_refuses_is_refused(truth, found, message, tmp_path):
    for name, lines in (("gt.txt", truth), ("found.txt", found)):
        (tmp_path / name).write_text("".join(",".join(map(str, line)) + "\n" for line in lines))

    with pytest.raises(DatasetError, match=message):
        mot.score_folders(tmp_path / "gt.txt", tmp_path / "found.txt", workers=1)
