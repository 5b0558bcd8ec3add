"""Where an annotator should look: the doubtful moments of a result, the most doubtful first.

A pure function of the state. What was accepted or corrected is not listed, so the queue shrinks as work goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from videopose.annotation import doubtful_ids, doubtful_poses
from videopose.annotation.sheet import Sheet
from videopose.annotation.steps import DoubtOptions, Found, measure_steps
from videopose.tracking.options import LinkingOptions

Kind = Literal["exchange", "crossing", "lost", "born", "brief", "jump", "flip", "keypoint", "limb", "low"]

TITLES: dict[str, str] = {
    "exchange": "ids exchanged?",
    "crossing": "two people cross",
    "lost": "person lost",
    "born": "person appears",
    "brief": "in one frame only",
    "jump": "person jumps",
    "flip": "left and right exchanged?",
    "keypoint": "keypoint leaves and comes back",
    "limb": "unusual limb length",
    "low": "low score",
}
"""Each kind in words."""


@dataclass(frozen=True)
class Doubt:
    """A moment to look at.

    Attributes:
        kind: of doubt.
        frame: where to look first.
        last: the last frame it is about.
        ids: whom it is about; of two who may be exchanged, both.
        keypoint: number of the keypoint it is about; -1 = none.
        severity: the higher, the more likely something is wrong.
        text: what makes it doubtful, with numbers.
        fix: the operation that would mend it, as in the log (`op` and its fields); None = nobody knows.
    """

    kind: Kind
    frame: int
    last: int
    ids: tuple[int, ...]
    keypoint: int
    severity: float
    text: str
    fix: dict[str, Any] | None = None

    def facts(self) -> dict[str, Any]:
        """Return the doubt as JSON values."""
        return {
            "kind": self.kind, "title": TITLES[self.kind], "frame": self.frame, "last": self.last,
            "ids": list(self.ids), "keypoint": self.keypoint, "severity": round(self.severity, 3), "text": self.text,
            "fix": self.fix,
        }  # fmt: skip


def find_doubts(
    sheet: Sheet, options: DoubtOptions | None = None, linking: LinkingOptions | None = None
) -> list[Doubt]:
    """List the doubtful moments that are still open, the most doubtful first, equal ones in order of time.

    Args:
        sheet: the state.
        options: from where on a moment is doubtful.
        linking: by which candidate exchanges and links are judged, as in tracking.
    """
    options, linking = options or DoubtOptions(), linking or LinkingOptions()
    table, rows = sheet.table()
    if not (table.track_id >= 0).any():
        return []
    steps = measure_steps(table)
    shots = sheet.header.provenance.get("shots", [])
    starts = {frame for frame in shots if isinstance(frame, int)} if isinstance(shots, list) else set()
    starts |= {gap.last + 1 for gap in sheet.header.gaps} | {int(sheet.index[0])}
    of_ids = doubtful_ids.find(table, steps, starts, sheet.header.video.size_hw, options, linking)
    of_poses = doubtful_poses.find(table, steps, sheet.skeleton, options)
    settled_id = sheet.accepted[rows] | sheet.locked[rows]
    settled_pose = sheet.accepted[rows]
    edited = sheet.edited[rows]
    found = [(each, bool(settled_id[list(each.rows)].all())) for each in of_ids]
    for each in of_poses:
        touched = edited[list(each.rows)]
        mended = touched.any(axis=1) if each.keypoint < 0 else touched[:, each.keypoint]
        found.append((each, bool((settled_pose[list(each.rows)] | mended).all())))
    return _ranked((each for each, is_settled in found if not is_settled), sheet, options.most)


def _ranked(found: Iterable[Found], sheet: Sheet, most: int) -> list[Doubt]:
    doubts = []
    seen: set[tuple[int, int]] = set()  # whoever may be exchanged jumps too: that is one moment
    ordered = sorted(found, key=lambda each: (-round(each.severity, 6), each.frame, each.ids, each.kind, each.keypoint))
    for each in ordered:
        places = {(each.frame, track_id) for track_id in each.ids}
        if each.kind in ("jump", "flip", "keypoint", "limb") and places <= seen:
            continue
        seen |= places
        first, last = int(sheet.index[each.frame]), int(sheet.index[each.last])
        fix = None if each.fix is None else each.fix(first, last)
        doubts.append(Doubt(each.kind, first, last, each.ids, each.keypoint, each.severity, each.text, fix))  # type: ignore[arg-type]
    return doubts[:most]


def summary(doubts: Iterable[Doubt]) -> dict[str, int]:
    """Count the doubtful moments of each kind."""
    kinds, counts = np.unique([each.kind for each in doubts], return_counts=True)
    return dict(zip(kinds.tolist(), counts.tolist(), strict=True))
