"""Before matching: where PoseTrack's kit is odd, by name, and what becomes of frames, ids, head boxes and scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np

from videopose.errors import DatasetError
from videopose.geometry.polygons import inside
from videopose.io.exchange.table import FrameEntry, PoseTable
from videopose.metrics.pck import head_size
from videopose.types import F64, I64, UNTRACKED

NO_SCORE = -9999.0
"""What the kit ranks a keypoint without a score by."""

RULES: dict[str, str] = {
    "last_frame": "the last labelled frame of a sequence counts for MOTA (the kit leaves it out)",
    "one_sided_frames": "in a frame with only truth or only predictions every keypoint is a miss or a false positive "
    "(the kit counts one of each per keypoint, whatever is there)",
    "contested_ids": "of two people who both last had an id the nearer keeps it (the kit: the first in the file)",
    "ties": "predictions of equal score enter the curve together (the kit's order among them is that of the file)",
    "missing_scores": "a keypoint without a score takes its person's (the kit ranks it last)",
    "absent_keypoints": "a keypoint labelled nowhere, or never matched, is left out of the mean "
    "(the kit counts zeros for it)",
    "labelled_frames": "a frame marked as labelled counts even if nobody is in it (the kit drops it)",
    "duplicate_ids": "of two predictions with one id in a frame the better keeps it (the kit stops)",
    "missing_ids": "without track ids only tracking is not scored (the kit stops)",
    "head_boxes": "a missing or empty head box is replaced by the person's usual head size "
    "(the kit stops at a missing one, and can match nothing to an empty one)",
    "frame_order": "frames are paired by image name (the kit pairs them by position, whatever they show)",
    "frame_count": "a frame missing in the predictions has none (the kit stops)",
    "short_sequence": "a sequence with a single labelled frame counts for tracking (the kit stops)",
}
"""Where the corrected protocol differs from the kit: name and sentence for the report."""

POSEVAL: frozenset[str] = frozenset()
CORRECTED: frozenset[str] = frozenset(RULES)
FATAL: frozenset[str] = frozenset({"duplicate_ids", "missing_ids", "frame_count", "short_sequence"})
"""Rules whose occasion makes the kit stop, so that no cost can be named."""


def pair_frames(truth: PoseTable, predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> PoseTable:
    """Return the predictions the frames of the truth.

    Raises:
        DatasetError: the two cannot be paired under these rules.
    """
    wanted, given = ([frame.name for frame in table.frames] for table in (truth, predicted))
    comparable = all(wanted) and all(given)
    if comparable and wanted != given:
        wanted, given = ([PurePosixPath(name).name for name in names] for names in (wanted, given))
    comparable = comparable and len(set(wanted)) == len(wanted) and len(set(given)) == len(given)
    if len(wanted) != len(given):
        notes["frame_count"] += abs(len(wanted) - len(given))
        if "frame_count" not in rules or not comparable:
            raise DatasetError(
                f"{predicted.source}: has {len(given)} frames, but {truth.source} has {len(wanted)}; list every frame"
            )
    elif not comparable or wanted == given:
        return replace(predicted, frames=truth.frames)
    else:
        notes["frame_order"] += sum(a != b for a, b in zip(wanted, given, strict=True))
        if "frame_order" not in rules:
            return replace(predicted, frames=truth.frames)
    position = {name: place for place, name in enumerate(wanted)}
    place = np.array([position.get(name, -1) for name in given], np.int64)
    if (place < 0).all():
        raise DatasetError(f"{predicted.source}: none of its image names, such as {given[0]!r}, is in {truth.source}")
    return predicted.on_frames(truth.frames, place)


def _repeated(table: PoseTable) -> I64:
    """Return the rows whose id another row of the frame has; all but the best-scored one of each group."""
    rank = np.argsort(-np.nan_to_num(table.score, nan=-np.inf), kind="stable")
    rank = rank[table.track_id[rank] != UNTRACKED]
    keys = np.stack([table.frame[rank], table.track_id[rank]], axis=1)
    first = np.unique(keys, axis=0, return_index=True)[1]
    return np.sort(np.delete(rank, first))


def refuse_duplicates(table: PoseTable) -> None:
    """Raise `DatasetError` if two people of a frame share an id."""
    repeated = _repeated(table)
    if len(repeated):
        row = repeated[0]
        raise DatasetError(
            f"{table.source}: track id {table.track_id[row]} stands twice in frame {_frame_name(table, row)}; "
            "ids must be unique in a frame"
        )


def unique_ids(predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> PoseTable:
    """Make ids unique in every frame: the best-scored person keeps an id, or it is an error."""
    repeated = _repeated(predicted)
    if not len(repeated):
        return predicted
    notes["duplicate_ids"] += len(repeated)
    if "duplicate_ids" not in rules:
        refuse_duplicates(predicted)
    track_id = predicted.track_id.copy()
    track_id[repeated] = UNTRACKED
    return replace(predicted, track_id=track_id)


def _frame_name(table: PoseTable, row: int) -> str:
    position = int(table.frame[row])
    return table.frames[position].name or str(position)


def scored_frames(truth: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> I64:
    """Return the positions of the frames that count."""
    somebody = np.bincount(truth.frame, minlength=len(truth.frames)) > 0
    marked = np.array([frame.labelled is True for frame in truth.frames], bool)
    notes["labelled_frames"] += int((marked & ~somebody).sum())
    return np.flatnonzero(somebody | marked if "labelled_frames" in rules else somebody)


def select_frames(table: PoseTable, keep: I64) -> PoseTable:
    """Keep some frames and their people."""
    place = np.full(len(table.frames), -1)
    place[keep] = np.arange(len(keep))
    return table.on_frames([table.frames[position] for position in keep], place)


def without_ignored(table: PoseTable, frames: tuple[FrameEntry, ...]) -> PoseTable:
    """Remove keypoints inside ignore regions, and in frames that have some, people left without any."""
    gone = np.zeros((len(table), len(table.skeleton)), bool)
    affected = np.zeros(len(table), bool)
    for position, frame in enumerate(frames):
        rows = table.rows_of(position) if frame.ignore_regions else slice(0)
        affected[rows] = True
        for region in frame.ignore_regions:
            if len(region) > 2:
                gone[rows] |= inside(table.xy[rows], region)
    if not affected.any():
        return table
    table = replace(table, xy=np.where(gone[..., None], np.nan, table.xy))
    return table[~affected | table.present.any(axis=1)]


def has_ids(truth: PoseTable, predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> bool:
    """Check whether tracking can be scored; without ids it cannot, which the kit takes as an error."""
    together = np.intersect1d(truth.frame, predicted.frame)
    missing = [
        int(((table.track_id == UNTRACKED) & np.isin(table.frame, together)).sum()) for table in (truth, predicted)
    ]
    notes["missing_ids"] += sum(missing)
    if sum(missing) and "missing_ids" not in rules:
        table = truth if missing[0] else predicted
        row = int(np.flatnonzero((table.track_id == UNTRACKED) & np.isin(table.frame, together))[0])
        raise DatasetError(
            f"{table.source}: a person in frame {_frame_name(table, row)} has no track_id; "
            "give ids, or use --protocol corrected"
        )
    nobody_tracked = len(predicted) > 0 and bool((predicted.track_id == UNTRACKED).all())
    return not ((truth.track_id == UNTRACKED).any() or nobody_tracked)


def head_sizes(truth: PoseTable, predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> F64:
    """Return (N,) head sizes of the truth in pixels; what is done about a missing or empty box depends on the rules."""
    size = head_size(truth.head_xyxy)
    met = np.isin(truth.frame, predicted.frame)
    missing = np.isnan(size) & met
    odd = missing | (size == 0)
    notes["head_boxes"] += int(odd.sum())
    if not odd.any():
        return size
    if "head_boxes" not in rules:
        if missing.any():
            row = int(np.flatnonzero(missing)[0])
            raise DatasetError(
                f"{truth.source}: a person in frame {_frame_name(truth, row)} has no complete head box "
                "(x1, y1, x2, y2); add it, or use --protocol corrected"
            )
        return size
    usual = size[~odd & ~np.isnan(size)]
    if not len(usual):
        raise DatasetError(f"{truth.source}: no person has a head box, so no distance can be judged; add them")
    for person in np.flatnonzero(odd):
        own = size[(truth.track_id == truth.track_id[person]) & ~odd & ~np.isnan(size)]
        mine = len(own) and truth.track_id[person] != UNTRACKED
        size[person] = np.median(own if mine else usual)
    return size


def ranks(predicted: PoseTable, rules: AbstractSet[str], notes: Counter[str]) -> F64:
    """Return (N, K) scores to rank the predicted keypoints by."""
    missing = np.isnan(predicted.keypoint_score) & predicted.present
    notes["missing_scores"] += int(missing.sum())
    score = predicted.keypoint_score
    if "missing_scores" in rules:
        score = np.where(missing, predicted.score[:, None], score)
    return np.nan_to_num(score, nan=NO_SCORE)
