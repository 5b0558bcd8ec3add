"""PoseTrack's tables: counts of sequences into AP, MOTA, IDF1 and HOTA, per keypoint and in total."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from videopose.io.exchange.posetrack17 import KEYPOINTS_BY_ID
from videopose.metrics import keypoint_ap
from videopose.metrics.clear import ClearCounts
from videopose.metrics.hota import HotaSums
from videopose.metrics.identity import IdentityCounts
from videopose.skeletons import skeleton_named
from videopose.types import F64

from .posetrack_sequence import SequenceCounts

SKELETON = skeleton_named("posetrack15")

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


def numbers(counts: Sequence[SequenceCounts], rules: frozenset[str], times: Sequence[int] | None = None) -> Numbers:
    """Convert counts to the table's numbers, per keypoint and in total.

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
