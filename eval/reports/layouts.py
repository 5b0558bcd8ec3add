"""How each protocol's score is laid out: the field's table, the document, curves and notes.

A score without a layout of its own here is shown as one row of its headline numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from videopose.metrics import keypoint_ap
from videopose.metrics.ap import RECALL_POINTS, join_ranges, precision_recall

from ..protocols import boxes, coco, mot, pck, pcp, posetrack, posetrack_numbers
from ..protocols.base import Numbers, Scored
from .document import Facts, Table
from .thumbnails import thumbnails
from .uncertainty import TITLES

Curves = Mapping[str, tuple[list[float], list[float]]]
"""Name -> recall and precision after each step."""


@dataclass(frozen=True)
class Layout:
    """What a report shows of a score by itself, without intervals, comparison and explanation.

    Attributes:
        title: of the page.
        document: what comes first in the JSON document.
        tables: what comes first on the page.
        curves: drawn on the page.
        appendix: what comes last in the JSON document.
        notes: sentences under the tables.
        thumbnails: captions and JPEG bytes of the worst frames.
    """

    title: str
    document: Facts
    tables: tuple[Table, ...]
    curves: Curves = field(default_factory=dict)
    appendix: Facts = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    thumbnails: tuple[tuple[str, bytes], ...] = ()


@singledispatch
def lay_out(scored: Scored) -> Layout:
    """Build the layout of a score."""
    return Layout("Score", dict(scored.headline), (_one_row("Score, %", scored.headline, scored.factor),))


_TRACKED = ("mota", "motp", "mot_precision", "mot_recall", "idf1", "hota", "deta", "assa", "loca")


@lay_out.register
def _posetrack(scored: posetrack.Scored) -> Layout:
    rules = posetrack.PROTOCOLS[scored.protocol]
    measures = [name for name in ("ap", "precision", "recall", *_TRACKED) if name in scored.numbers]
    rows = tuple(
        (TITLES[name], tuple(posetrack_numbers.grouped(scored.numbers[name], rules).values())) for name in measures
    )
    document: Facts = {
        "protocol": scored.protocol,
        "sequences": {each.name: posetrack_numbers.numbers([each], rules) for each in scored.sequences},
        **scored.numbers,
        "differences": list(scored.differences),
    }
    curves = posetrack_curves(scored)
    images = scored.images
    return Layout(
        f"PoseTrack, protocol {scored.protocol}",
        document,
        (Table(f"PoseTrack ({scored.protocol})", (*posetrack_numbers.GROUPS, "Total"), rows),),
        curves,
        {"curves": {name: {"recall": list(x), "precision": list(y)} for name, (x, y) in curves.items()}},
        tuple(_difference_note(each) for each in scored.differences),
        () if images is None else thumbnails(scored.explained().get("worst_frames", []), scored.tables, images),
    )


def posetrack_curves(scored: posetrack.Scored) -> dict[str, tuple[list[float], list[float]]]:
    """Return precision at 101 recall values per keypoint; recalls never reached are left out."""
    rules = posetrack.PROTOCOLS[scored.protocol]
    counts = keypoint_ap.join(each.keypoints for each in scored.sequences)
    curves = {}
    for k, name in enumerate(posetrack_numbers.SKELETON.keypoints):
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


@lay_out.register
def _coco(scored: coco.Scored) -> Layout:
    joined = join_ranges(scored.images)["all"]
    recall, precision = precision_recall(joined)
    levels = (("0.50", 0), ("0.75", 5)) if len(joined.score) else ()
    whole = {name: value for name, value in scored.numbers.items() if " " not in name}
    table = _one_row(scored.protocol, whole, scored.factor)
    if scored.parts:
        rows = (
            (part, tuple(scored.factor * scored.numbers[f"{part} {name}"] for name in whole)) for part in scored.parts
        )
        table = Table(
            "COCO-WholeBody", tuple(whole), (*rows, ("whole body", tuple(scored.factor * n for n in whole.values())))
        )
    return Layout(
        f"{scored.protocol} keypoints",
        {"protocol": scored.protocol, "images": len(scored.images), **scored.numbers},
        (table,),
        {f"OKS {level}": _sampled(recall[row], precision[row]) for level, row in levels},
    )


@lay_out.register
def _boxes(scored: boxes.Scored) -> Layout:
    return Layout(
        "Person boxes",
        {"protocol": "boxes", "images": len(scored.images), **scored.numbers},
        (_one_row("boxes", scored.numbers, scored.factor),),
    )


@lay_out.register
def _mot(scored: mot.Scored) -> Layout:
    counts = {name: value for name, value in scored.numbers.items() if name in _COUNTED}
    document: Facts = {
        "protocol": "mot",
        "sequences": {each.name: mot.numbers([each]) for each in scored.sequences},
        **scored.numbers,
    }
    return Layout(
        "Box tracking", document, (_one_row("MOT, %", scored.headline, 1), _one_row("MOT, counts", counts, 1))
    )


_COUNTED = ("objects", "misses", "false_positives", "switches", "fragmentations")


@lay_out.register
def _pck(scored: pck.Scored) -> Layout:
    rule = pck.CONVENTIONS[scored.convention]
    title = f"{rule.title}@{scored.counts.alphas[0]:g}"
    document: Facts = {
        "protocol": scored.convention, "measure": title, "length": rule.length, "source": rule.source,
        **scored.numbers,
    }  # fmt: skip
    rows = tuple((name, (value,)) for name, value in scored.numbers.items() if name not in rule.left_out)
    row = pck.grouped(scored.numbers, rule)
    tables = Table(title, tuple(row), (("", tuple(row.values())),)), Table(title, ("%",), rows)
    return Layout(f"{title}, {scored.convention}", document, tables)


@lay_out.register
def _pcp(scored: pcp.Scored) -> Layout:
    rules = tuple(scored.numbers)
    parts = tuple(scored.numbers[rules[0]])
    rows = tuple((part, tuple(scored.numbers[rule][part] for rule in rules)) for part in parts)
    return Layout("PCP", {"protocol": "pcp", **scored.numbers}, (Table("PCP, %", rules, rows),))


def _one_row(title: str, numbers: Numbers, factor: float) -> Table:
    columns = tuple(TITLES.get(name, name) for name in numbers)
    return Table(title, columns, (("", tuple(factor * value for value in numbers.values())),))
