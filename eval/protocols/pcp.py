"""PCP of the LSP benchmark: ten sticks, strict, mean and PCPm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.metrics.pcp import Ends, Rule, count_pcp, part_ends, part_lengths
from videopose.skeletons import skeleton_named
from videopose.types import F64, I64

from . import base
from .tables import pair_up, read_pairs

SKELETON = skeleton_named("lsp14")

PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "torso": (("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")),
    "head": (("head_bottom",), ("head_top",)),
    **{
        f"{side}_{title}": ((f"{side}_{a}",), (f"{side}_{b}",))
        for title, a, b in (
            ("upper_leg", "hip", "knee"),
            ("lower_leg", "knee", "ankle"),
            ("upper_arm", "shoulder", "elbow"),
            ("lower_arm", "elbow", "wrist"),
        )
        for side in ("left", "right")
    },
}
"""Johnson & Everingham, Clustered Pose and Nonlinear Appearance Models, BMVC 2010, as the MPII toolkit draws them."""

RULES = ("strict", "mean", "pcpm")


class PcpOptions(Options):
    """How near is near enough."""

    alpha: float = Field(default=0.5, gt=0, description="Share of the part's length.")


@dataclass(frozen=True)
class Scored(base.Scored):
    """The result of one set.

    Attributes:
        numbers: rule -> part -> per cent, with `total` the mean over the parts; NaN = not labelled.
        guessed: (N, L, 2, 2) ends of the predicted sticks of each person; NaN = absent.
        sticks: (N, L, 2, 2) of the true ones.
        unit: (N,) file of each person, or image where there is one file; a bootstrap draws these.
        alpha: share of the part's length.
    """

    numbers: dict[str, dict[str, float]]
    guessed: F64
    sticks: F64
    unit: I64
    alpha: float

    @property
    def num_units(self) -> int:
        """Number of files or images with people."""
        return int(self.unit.max(initial=-1)) + 1

    @property
    def headline(self) -> base.Numbers:
        """The total under each rule, per cent."""
        return {rule: found["total"] for rule, found in self.numbers.items()}

    def recount(self) -> base.Recount:
        """Build the function that counts the totals of drawn units."""

        def drawn(times: I64) -> base.Numbers:
            rows = np.repeat(np.arange(len(self.unit)), times[self.unit])
            sides = self.guessed[rows], self.sticks[rows]
            return {rule: _numbers(*sides, rule, self.alpha)["total"] for rule in RULES}

        return drawn


def score_files(truth: Path, predictions: Path, *, alpha: float = 0.5, origin: str | None = None) -> Scored:
    """Score a file of predictions, or a folder of them, against ground truth.

    Raises:
        DatasetError: a file breaks its format.
    """
    return score_pairs(read_pairs(truth, predictions, origin), alpha=alpha)


def score_tables(truth: PoseTable, predicted: PoseTable, *, alpha: float = 0.5) -> Scored:
    """Score predictions against ground truth on the same frames, under all three rules."""
    return score_pairs([(truth, predicted)], alpha=alpha)


def score_pairs(pairs: Sequence[tuple[PoseTable, PoseTable]], *, alpha: float = 0.5) -> Scored:
    """Score one sequence or more, each a truth and predictions on the same frames."""
    parts = [_ends(*ends) for ends in PARTS.values()]
    sticks, guessed, frames = [], [], []
    for each in pairs:
        real, found = (to_skeleton(table, SKELETON) for table in each)
        labelled = np.where((real.visibility != 0)[..., None], real.xy, np.nan)
        sticks.append(part_ends(labelled, parts))
        guessed.append(part_ends(pair_up(real, found), parts))
        frames.append(real.frame)
    files = np.repeat(np.arange(len(pairs)), [len(each) for each in frames])
    unit = np.unique(files if len(pairs) > 1 else frames[0], return_inverse=True)[1]
    ours, theirs = np.concatenate(guessed), np.concatenate(sticks)
    return Scored({rule: _numbers(ours, theirs, rule, alpha) for rule in RULES}, ours, theirs, unit, alpha)


def _ends(first: tuple[str, ...], second: tuple[str, ...]) -> Ends:
    return tuple(map(SKELETON.index_of, first)), tuple(map(SKELETON.index_of, second))


def _numbers(guessed: F64, sticks: F64, rule: str, alpha: float) -> dict[str, float]:
    length = None
    if rule == "pcpm":  # the mean length of a part over the set stands for everybody's
        own = part_lengths(sticks)
        known = np.isfinite(own)
        length = np.where(known, own, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    kind: Rule = "mean" if rule == "mean" else "strict"
    share = 100 * count_pcp(guessed, sticks, rule=kind, alpha=alpha, length=length).per_part()
    known_parts = share[np.isfinite(share)]
    named = {name: float(value) for name, value in zip(PARTS, share, strict=True)}
    return named | {"total": float(known_parts.mean()) if len(known_parts) else float("nan")}


def _score(
    truth: Path, predictions: Path, options: PcpOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    return score_files(truth, predictions, alpha=options.alpha, origin=origin)


PROTOCOL = base.Protocol("pcp", "PCP: strict, mean and PCPm of ten sticks.", PcpOptions, _score)
