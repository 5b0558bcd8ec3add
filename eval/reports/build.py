"""Reports: the field's tables, one JSON document and one page of HTML for every protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from videopose.io.exchange.table import PoseTable
from videopose.metrics import keypoint_ap
from videopose.metrics.ap import RECALL_POINTS, box_numbers, join_ranges, precision_recall
from videopose.metrics.breakdown import KINDS
from videopose.types import I64

from ..protocols import boxes as boxes_protocol
from ..protocols import coco as coco_protocol
from ..protocols import mot as mot_protocol
from ..protocols import pck as pck_protocol
from ..protocols import pcp as pcp_protocol
from ..protocols import posetrack as posetrack_protocol
from ..protocols.base import Recount
from ..protocols.posetrack_sequence import SequenceCounts
from .document import (
    Facts,
    Report,
    Table,
    as_json,
    as_text,
)
from .html import as_html
from .thumbnails import thumbnails
from .uncertainty import TITLES, add_uncertainty

__all__ = ["Report", "as_html", "as_json", "as_text", "boxes", "coco", "mot", "pck", "pcp", "posetrack"]

_TRACKED = ("mota", "motp", "mot_precision", "mot_recall", "idf1", "hota", "deta", "assa", "loca")

_ALONG_TIME = {
    "acceleration_error": "acceleration error, of head size per frame²",
    "jitter": "jitter, of head size per frame²",
    "flip_rate": "frames with left and right exchanged",
    "frames_kept": "frames with a prediction",
    "frames_kept_per_track": "frames with a prediction, mean over tracks",
}


def posetrack(
    scored: posetrack_protocol.Scored,
    *,
    repeats: int = 0,
    other: posetrack_protocol.Scored | None = None,
    images: Path | None = None,
    tables: Mapping[str, tuple[PoseTable, PoseTable]] | None = None,
) -> Report:
    """Report PoseTrack scores.

    Args:
        scored: of `posetrack.score_folders`.
        repeats: bootstrap draws over the sequences; 0 = none.
        other: a second result set on the same truth, to compare with.
        images: folder that the image names are relative to, for thumbnails.
        tables: sequence -> truth and predictions, for thumbnails.
    """
    rules = posetrack_protocol.PROTOCOLS[scored.protocol]
    document = _posetrack_document(scored)
    measures = [name for name in ("ap", "precision", "recall", *_TRACKED) if name in scored.numbers]
    columns = (*posetrack_protocol.GROUPS, "Total")
    rows = [
        (TITLES[name], tuple(posetrack_protocol.grouped(scored.numbers[name], rules).values())) for name in measures
    ]
    shown = [Table(f"PoseTrack ({scored.protocol})", columns, tuple(rows))]
    headline = ("ap", "mota", "idf1", "hota")

    def recount(counts: Sequence[SequenceCounts]) -> Recount:
        def totals(times: I64) -> dict[str, float]:
            drawn = posetrack_protocol.numbers(counts, rules, times.tolist())
            return {name: drawn[name]["total"] for name in headline if name in drawn}

        return totals

    second = None if other is None else recount(other.sequences)
    add_uncertainty(document, shown, len(scored.sequences), recount(scored.sequences), second, repeats=repeats)
    facts = _explanation(
        document, [each.explanation for each in scored.sequences], posetrack_protocol.SKELETON.keypoints
    )
    curves = posetrack_curves(scored)
    document["curves"] = {name: {"recall": list(x), "precision": list(y)} for name, (x, y) in curves.items()}
    notes = tuple(_difference_note(each) for each in scored.differences)
    shown_images = thumbnails(facts.get("worst_frames", []), tables or {}, images) if images is not None else ()
    return Report(
        f"PoseTrack, protocol {scored.protocol}", document, (*shown, *_kind_tables(facts)), curves, notes, shown_images
    )


def _posetrack_document(scored: posetrack_protocol.Scored) -> Facts:
    rules = posetrack_protocol.PROTOCOLS[scored.protocol]
    return {
        "protocol": scored.protocol,
        "sequences": {each.name: posetrack_protocol.numbers([each], rules) for each in scored.sequences},
        **scored.numbers,
        "differences": list(scored.differences),
    }


def posetrack_curves(scored: posetrack_protocol.Scored) -> dict[str, tuple[list[float], list[float]]]:
    """Return precision at 101 recall values per keypoint; recalls never reached are left out."""
    rules = posetrack_protocol.PROTOCOLS[scored.protocol]
    counts = keypoint_ap.join(each.keypoints for each in scored.sequences)
    curves = {}
    for k, name in enumerate(posetrack_protocol.SKELETON.keypoints):
        if counts.labelled[k] and len(counts.score[k]):
            precision, recall = keypoint_ap.precision_recall(
                counts.score[k], counts.right[k], float(counts.labelled[k]), ties_together="ties" in rules
            )
            curves[name] = _sampled(recall, precision)
    return curves


def _sampled(recall: np.ndarray, precision: np.ndarray) -> tuple[list[float], list[float]]:
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    points = RECALL_POINTS[recall[-1] + 1e-12 >= RECALL_POINTS]
    at = np.minimum(np.searchsorted(recall, points, side="left"), len(recall) - 1)
    return points.tolist(), envelope[at].tolist()


def _difference_note(entry: Mapping[str, Any]) -> str:
    cost = entry["cost"]
    said = f"{entry['what']}: {entry['times']} times"
    if cost is None:
        return said
    changes = ", ".join(f"{TITLES[name]} {value:+.2f}" for name, value in cost.items() if value)
    return f"{said}; {changes or 'no number changes'}"


def _explanation(document: Facts, parts: Sequence[Any], keypoints: tuple[str, ...]) -> Facts:
    known = [part for part in parts if part is not None]
    if not known:
        return {}
    facts: Facts = reduce(add, known).facts(keypoints)
    document["explanation"] = facts
    return facts


def _kind_tables(facts: Facts) -> tuple[Table, ...]:
    if not facts:
        return ()
    percent = [
        Table(title, KINDS, tuple((name, tuple(100 * row[kind] for kind in KINDS)) for name, row in facts[key].items()))
        for title, key in (("Keypoint, %", "kinds"), ("Group, %", "groups"))
    ]
    causes = facts["causes"]
    heads = tuple(causes["total"])
    lost = Table(
        "Lost to, %", heads, tuple((name, tuple(100 * row[head] for head in heads)) for name, row in causes.items())
    )
    along = Table(
        "Along time", ("%",), tuple((_ALONG_TIME[name], (100 * value,)) for name, value in facts["temporal"].items())
    )
    return (*percent, lost, along)


def coco(
    scored: coco_protocol.Scored,
    keypoints: tuple[str, ...],
    *,
    repeats: int = 0,
    other: coco_protocol.Scored | None = None,
) -> Report:
    """Report COCO or CrowdPose scores; intervals and comparison are over images."""
    document: Facts = {"protocol": scored.protocol, "images": len(scored.images), **scored.numbers}
    shown = [_one_row(scored.protocol, scored.numbers, 100)]

    def recount(counts: coco_protocol.Scored) -> Recount:
        def numbers(times: I64) -> dict[str, float]:
            drawn = np.repeat(np.arange(len(times)), times)
            chosen = [counts.images[image] for image in drawn]
            return coco_protocol.numbers(chosen, counts.protocol, counts.crowd_index[drawn])

        return numbers

    second = None if other is None else recount(other)
    add_uncertainty(document, shown, len(scored.images), recount(scored), second, repeats=repeats, factor=100)
    facts = _explanation(document, [scored.explanation], keypoints)
    joined = join_ranges(scored.images)["all"]
    recall, precision = precision_recall(joined)
    curves = (
        {f"OKS {level}": _sampled(recall[row], precision[row]) for level, row in (("0.50", 0), ("0.75", 5))}
        if len(joined.score)
        else {}
    )
    return Report(f"{scored.protocol} keypoints", document, (*shown, *_kind_tables(facts)), curves)


def boxes(scored: boxes_protocol.Scored, *, repeats: int = 0, other: boxes_protocol.Scored | None = None) -> Report:
    """Report box scores; intervals and comparison are over images."""
    document: Facts = {"protocol": "boxes", "images": len(scored.images), **scored.numbers}
    shown = [_one_row("boxes", scored.numbers, 100)]

    def recount(counts: boxes_protocol.Scored) -> Recount:
        def numbers(times: I64) -> dict[str, float]:
            drawn = np.repeat(np.arange(len(times)), times)
            return box_numbers(join_ranges(counts.images[image] for image in drawn))

        return numbers

    second = None if other is None else recount(other)
    add_uncertainty(document, shown, len(scored.images), recount(scored), second, repeats=repeats, factor=100)
    return Report("Person boxes", document, tuple(shown))


def mot(scored: mot_protocol.Scored, *, repeats: int = 0, other: mot_protocol.Scored | None = None) -> Report:
    """Report box tracking; intervals and comparison are over sequences."""
    document: Facts = {
        "protocol": "mot",
        "sequences": {each.name: mot_protocol.numbers([each]) for each in scored.sequences},
        **scored.numbers,
    }
    shares = {
        name: value for name, value in scored.numbers.items() if name in _TRACKED or name in ("precision", "recall")
    }
    counts = {name: value for name, value in scored.numbers.items() if name in _COUNTED}
    shown = [_one_row("MOT, %", shares, 1), _one_row("MOT, counts", counts, 1)]

    def recount(sequences: Sequence[mot_protocol.SequenceCounts]) -> Recount:
        def numbers(times: I64) -> dict[str, float]:
            drawn = mot_protocol.numbers(sequences, times.tolist())
            return {name: drawn[name] for name in shares}

        return numbers

    second = None if other is None else recount(other.sequences)
    add_uncertainty(document, shown, len(scored.sequences), recount(scored.sequences), second, repeats=repeats)
    return Report("Box tracking", document, tuple(shown))


_COUNTED = ("objects", "misses", "false_positives", "switches", "fragmentations")


def pck(scored: pck_protocol.Scored, *, repeats: int = 0, other: pck_protocol.Scored | None = None) -> Report:
    """Report PCK, PCKh or PDJ; intervals and comparison are over files, or images where there is one file."""
    rule = pck_protocol.CONVENTIONS[scored.convention]
    alpha = scored.counts.alphas[0]
    document: Facts = {
        "protocol": scored.convention, "measure": f"{rule.title}@{alpha:g}", "length": rule.length,
        "source": rule.source, **scored.numbers,
    }  # fmt: skip
    known = {name: value for name, value in scored.numbers.items() if name not in rule.left_out}
    rows = tuple((name, (value,)) for name, value in known.items())
    row = pck_protocol.grouped(scored.numbers, rule)
    title = f"{rule.title}@{alpha:g}"
    shown = [Table(title, tuple(row), (("", tuple(row.values())),)), Table(title, ("%",), rows)]
    second = None if other is None else pck_protocol.recount(other)
    add_uncertainty(document, shown, len(scored.units), pck_protocol.recount(scored), second, repeats=repeats)
    return Report(f"{rule.title}@{alpha:g}, {scored.convention}", document, tuple(shown))


def pcp(scored: pcp_protocol.Scored, *, repeats: int = 0, other: pcp_protocol.Scored | None = None) -> Report:
    """Report PCP under its three rules; intervals and comparison are over files, or images where there is one file."""
    rules = tuple(scored.numbers)
    parts = tuple(scored.numbers[rules[0]])
    rows = tuple((part, tuple(scored.numbers[rule][part] for rule in rules)) for part in parts)
    document: Facts = {"protocol": "pcp", **scored.numbers}
    shown = [Table("PCP, %", rules, rows)]
    second = None if other is None else pcp_protocol.recount(other)
    add_uncertainty(document, shown, scored.units, pcp_protocol.recount(scored), second, repeats=repeats)
    return Report("PCP", document, tuple(shown))


def _one_row(title: str, numbers: Mapping[str, float], factor: float) -> Table:
    columns = tuple(TITLES.get(name, name) for name in numbers)
    return Table(title, columns, (("", tuple(factor * value for value in numbers.values())),))
