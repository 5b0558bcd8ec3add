"""PoseTrack: AP, MOTA and kin of folders of sequences, as the challenge's kit counts them or as it should.

`poseval` reproduces the official kit to the last digit, `corrected` does the sensible thing where the kit is odd and
lists what each difference costs. IDF1 and HOTA are not in the kit; both protocols count them over all labelled frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError, UnknownNameError, nearest_name
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.posetrack17 import KEYPOINTS_BY_ID
from videopose.io.exchange.table import PoseTable
from videopose.metrics import keypoint_ap
from videopose.metrics.clear import ClearCounts
from videopose.metrics.hota import HotaSums
from videopose.metrics.identity import IdentityCounts
from videopose.metrics.pck import head_size
from videopose.skeletons import skeleton_named
from videopose.types import F64

from .parallel import run_all
from .posetrack_cleanup import (
    CORRECTED,
    FATAL,
    POSEVAL,
    RULES,
    pair_frames,
)
from .posetrack_sequence import (
    Grid,
    SequenceCounts,
    clean,
    score_sequence,
)

SKELETON = skeleton_named("posetrack15")
PROTOCOLS: dict[str, frozenset[str]] = {"poseval": POSEVAL, "corrected": CORRECTED}

GROUPS: dict[str, tuple[str, ...]] = {
    "Head": ("head_top", "head_bottom", "nose"),
    "Shou": ("right_shoulder", "left_shoulder"),
    "Elb": ("right_elbow", "left_elbow"),
    "Wri": ("right_wrist", "left_wrist"),
    "Hip": ("right_hip", "left_hip"),
    "Knee": ("right_knee", "left_knee"),
    "Ankl": ("right_ankle", "left_ankle"),
}
"""The columns of the field's tables."""

Numbers = dict[str, dict[str, float]]
"""Measure -> keypoint or `total` -> per cent (counts: as they are); NaN = cannot be said."""


@dataclass(frozen=True)
class Scored:
    """The result of one protocol.

    Attributes:
        protocol: its name.
        sequences: counts of each, in the order of their names.
        numbers: over all sequences.
        differences: occasions on which the two protocols differ, with what each costs.
    """

    protocol: str
    sequences: tuple[SequenceCounts, ...]
    numbers: Numbers
    differences: tuple[dict[str, Any], ...]  # Any: values of a JSON entry


def score_folders(
    truth: Path,
    predictions: Path,
    protocol: str = "poseval",
    *,
    workers: int | None = None,
    origin: str | None = None,
    identities: bool = True,
    explain: bool = False,
) -> Scored:
    """Score a folder of prediction files against a folder of ground truth.

    Args:
        truth: one JSON per sequence, PoseTrack 2017, 2018 or 2021; or a single file.
        predictions: files of the same names, in any format that `videopose convert` reads.
        protocol: `poseval` or `corrected`.
        workers: processes; one per core by default. The result does not depend on it.
        origin: format of the truth, recognised by default.
        identities: count for IDF1 and HOTA too.
        explain: count where the errors come from.

    Raises:
        UnknownNameError: there is no such protocol or format.
        DatasetError: a file is missing or breaks its format.
    """
    if protocol not in PROTOCOLS:
        raise UnknownNameError(f"no protocol is named {protocol!r}. {nearest_name(protocol, PROTOCOLS)}")
    jobs = [(*pair, origin, protocol, identities, explain) for pair in pair_files(truth, predictions)]
    variants = run_all(_score_files, jobs, workers)
    counts = [each[""] for each in variants]
    return Scored(
        protocol,
        tuple(counts),
        numbers(counts, PROTOCOLS[protocol]),
        tuple(_differences(variants)) if protocol == "corrected" else tuple(_occasions(counts)),
    )


def pair_files(truth: Path, predictions: Path) -> list[tuple[Path, Path]]:
    """Pair the files of two folders (or two single files) by name, sorted.

    Raises:
        DatasetError: there is no ground truth, or a prediction file is missing.
    """
    if truth.is_file():
        return [(truth, predictions if predictions.is_file() else predictions / truth.name)]
    files = sorted(truth.glob("*.json"))
    if not files:
        raise DatasetError(f"{truth}: no ground truth here; a folder with one .json per sequence is needed")
    if not predictions.is_dir():
        raise DatasetError(f"{predictions}: is no folder; predictions are files named as in {truth}")
    pairs = []
    for file in files:
        found = [predictions / f"{file.stem}{suffix}" for suffix in (".json", ".poses.json", ".parquet", ".csv")]
        match = next((candidate for candidate in found if candidate.is_file()), None)
        if match is None:
            raise DatasetError(f"{predictions}: has no predictions named {file.name}, which {truth} asks for")
        pairs.append((file, match))
    return pairs


def read_tables(truth: Path, predictions: Path, origin: str | None = None) -> dict[str, tuple[PoseTable, PoseTable]]:
    """Read all sequences of two folders, paired, by name of the sequence; for images, not for scoring.

    Raises:
        DatasetError: a file is missing or breaks its format.
    """
    out = {}
    for pair in pair_files(truth, predictions):
        real, found = (to_skeleton(each, SKELETON) for each in (read_table(pair[0], origin), read_table(pair[1])))
        out[real.name] = real, pair_frames(real, found, CORRECTED, Counter())
    return out


def grid_of(truth: Path, predictions: Path) -> Grid:
    """Return what the kit would track in two files, in padded arrays; for comparison with other trackers' scores.

    Raises:
        DatasetError: a file breaks its format.
    """
    real, found = (to_skeleton(read_table(path), SKELETON) for path in (truth, predictions))
    real, found = clean(real, found, POSEVAL, Counter())
    return Grid.of(real, found, head_size(real.head_xyxy))


def _score_files(job: tuple[Path, Path, str | None, str, bool, bool]) -> dict[str, SequenceCounts]:
    """Score one sequence; under `corrected` also as the kit would, and with each difference alone."""
    truth, predicted, origin, protocol, identities, explain = job
    tables = [to_skeleton(each, SKELETON) for each in (read_table(truth, origin), read_table(predicted))]
    rules = PROTOCOLS[protocol]
    scored = {"": score_sequence(tables[0], tables[1], rules, identities=identities, explain=explain)}
    if protocol == "corrected":
        met = {rule for rule, times in scored[""].notes.items() if times}
        base = frozenset(FATAL | {"head_boxes"}) & met
        scored["kit"] = score_sequence(tables[0], tables[1], base, identities=False)
        for rule in RULES:
            if rule not in base:
                scored[rule] = (
                    score_sequence(tables[0], tables[1], base | {rule}, identities=False)
                    if rule in met
                    else scored["kit"]
                )
    return scored


def _occasions(counts: Sequence[SequenceCounts]) -> Iterable[dict[str, Any]]:
    notes: Counter[str] = sum((each.notes for each in counts), Counter())
    return ({"rule": rule, "what": RULES[rule], "times": notes[rule], "cost": None} for rule in RULES if notes[rule])


def _differences(variants: Sequence[Mapping[str, SequenceCounts]]) -> Iterable[dict[str, Any]]:
    kit = numbers([each["kit"] for each in variants], POSEVAL)
    for entry in _occasions([each[""] for each in variants]):
        rule = entry["rule"]
        if rule not in FATAL and all(rule in each for each in variants):
            alone = numbers([each[rule] for each in variants], frozenset({rule}))
            entry["cost"] = {
                name: _difference(alone[name]["total"], kit[name]["total"]) for name in ("ap", "mota", "motp")
            }
        yield entry


def _difference(ours: float, theirs: float) -> float | None:
    change = ours - theirs
    return change if np.isfinite(change) else None


def numbers(counts: Sequence[SequenceCounts], rules: frozenset[str], times: Sequence[int] | None = None) -> Numbers:
    """Turn counts into the table's numbers, per keypoint and in total.

    Args:
        counts: of the sequences, in the order of their names.
        rules: the corrected ones; they decide about ties and means.
        times: how often each sequence counts, once by default; a bootstrap draws these.

    Returns:
        `ap`, `precision`, `recall` (of AP), `mota`, `motp`, `mot_precision`, `mot_recall`, and, as far as counted,
        `idf1`, `hota`, `deta`, `assa`, `loca`, each in per cent, then the counts behind MOTA.
    """
    repeat = np.ones(len(counts)) if times is None else np.asarray(times, np.float64)
    table = _average_precision(counts, rules, repeat)
    labelled = sum(each.keypoints.labelled * weight for each, weight in zip(counts, repeat, strict=True))
    skip = np.asarray(labelled) == 0 if "absent_keypoints" in rules else np.zeros(len(SKELETON), bool)
    table |= _tracking(counts, rules, repeat)
    out = {name: _named(values, skip) for name, values in table.items()}
    return out | _mot_counts(counts, repeat)


def _average_precision(counts: Sequence[SequenceCounts], rules: frozenset[str], repeat: F64) -> dict[str, F64]:
    table = np.full((3, len(SKELETON)), np.nan)
    for k in range(len(SKELETON)):
        score = np.concatenate([each.keypoints.score[k] for each in counts])
        right = np.concatenate([each.keypoints.right[k] for each in counts])
        weight = np.repeat(repeat, [len(each.keypoints.score[k]) for each in counts])
        labelled = sum(each.keypoints.labelled[k] * weight for each, weight in zip(counts, repeat, strict=True))
        if not weight.sum():
            table[:, k] = 0.0  # the kit's: nothing predicted is zero even where nothing is labelled
            continue
        table[1, k] = 100 * (right * weight).sum() / weight.sum()
        if labelled:
            precision, recall = keypoint_ap.precision_recall(
                score, right, float(labelled), ties_together="ties" in rules, weight=weight
            )
            table[0, k] = 100 * keypoint_ap.average_precision(precision, recall)
            table[2, k] = 100 * recall[-1]
    return dict(zip(("ap", "precision", "recall"), table, strict=True))


def _tracking(counts: Sequence[SequenceCounts], rules: frozenset[str], repeat: F64) -> dict[str, F64]:
    tracked = all(each.tracked for each in counts)
    k = len(SKELETON)
    clear = _weighted([each.clear for each in counts], repeat, ClearCounts.zero(k))
    table = {
        "mota": clear.mota(), "motp": clear.motp(), "mot_precision": clear.precision(), "mot_recall": clear.recall(),
    }  # fmt: skip
    if "absent_keypoints" not in rules:
        table["motp"] = np.nan_to_num(table["motp"], nan=0.0)
    if all(each.identity is not None and each.hota is not None for each in counts):
        identity = _weighted([each.identity for each in counts], repeat, IdentityCounts.zero(k))
        hota = _weighted([each.hota for each in counts], repeat, HotaSums.zero(k)).numbers()
        table |= {"idf1": identity.idf1()} | {
            name.lower(): hota[name] for name in ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr")
        }
    return {name: 100 * values if tracked else np.full(k, np.nan) for name, values in table.items()}


def _weighted(parts: Sequence[Any], repeat: F64, zero: Any) -> Any:  # Any: one of the three kinds of sums
    total = zero
    for part, weight in zip(parts, repeat, strict=True):
        total = total + type(zero)(*(weight * getattr(part, name) for name in type(zero).__dataclass_fields__))
    return total


def _named(values: F64, skip: Any) -> dict[str, float]:
    shown = np.where(skip, np.nan, values)
    known = shown[np.isfinite(shown)]
    named = {name: float(shown[SKELETON.index_of(name)]) for name in KEYPOINTS_BY_ID}
    return named | {"total": float(known.mean()) if len(known) else np.nan}


def _mot_counts(counts: Sequence[SequenceCounts], repeat: F64) -> Numbers:
    clear = _weighted([each.clear for each in counts], repeat, ClearCounts.zero(len(SKELETON)))
    out = {}
    for name in ("objects", "detections", "misses", "false_positives", "switches", "fragmentations"):
        values = getattr(clear, name)
        out[name] = {key: float(values[SKELETON.index_of(key)]) for key in KEYPOINTS_BY_ID}
        out[name]["total"] = float(values.sum())
    return out


def grouped(row: Mapping[str, float], rules: frozenset[str]) -> dict[str, float]:
    """Return a row of the field's table: Head, Shou, Elb, Wri, Hip, Knee, Ankl, Total.

    Under the kit's rules a group with an unknown keypoint is unknown; under the corrected ones it is left out.
    """
    out = {}
    for title, names in GROUPS.items():
        values = np.array([row[name] for name in names])
        known = values[np.isfinite(values)] if "absent_keypoints" in rules else values
        out[title] = float(known.mean()) if len(known) else np.nan
    return out | {"Total": row["total"]}
