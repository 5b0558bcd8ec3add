"""Old ids for new tracks: which of the tracks found again is which of the people known before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.optimize import linear_sum_assignment

from videopose.types import I64, UNTRACKED


def renamed(new: I64, old: I64, *, taken: frozenset[int] = frozenset()) -> dict[int, int]:
    """Match each new id with the old id it shares the most poses with, one to one: as many poses as can keep theirs.

    New people who share none get the lowest numbers that nobody has or had.

    Args:
        new: (M,) ids of poses now; -1 = not tracked.
        old: (M,) ids of the same poses before; -1 = not tracked, or the pose is new.
        taken: ids that nobody may get.

    Returns:
        The id of each new id.
    """
    ids = np.unique(new[new != UNTRACKED])
    known = np.unique(old[old != UNTRACKED])
    known = known[~np.isin(known, list(taken))]
    both = np.isin(new, ids) & np.isin(old, known)
    shared = np.zeros((len(ids), len(known)), np.int64)
    np.add.at(shared, (np.searchsorted(ids, new[both]), np.searchsorted(known, old[both])), 1)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    names = {int(ids[a]): int(known[b]) for a, b in zip(rows, columns, strict=True) if shared[a, b]}
    used = set(taken) | set(np.unique(old).tolist()) | {0}
    free = (number for number in range(1, len(used) + len(ids) + 2) if number not in used)
    return {each: names[each] if each in names else next(free) for each in ids.tolist()}


def apply_names(track_id: I64, names: Mapping[int, int]) -> I64:
    """Return ids with their names; those that have none, -1 above all, stay."""
    return np.array([names.get(each, each) for each in track_id.tolist()], np.int64).reshape(track_id.shape)
