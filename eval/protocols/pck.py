"""PCK, PCKh and PDJ under the conventions of the single-person benchmarks, each with its length, keypoints and rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.errors import DatasetError, UnknownNameError, nearest_name
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.metrics.pck import PckCounts, count_pck, head_size, longer_side, torso_length
from videopose.skeletons import Skeleton, skeleton_named
from videopose.types import F64, I64

from . import base
from .tables import pair_up, read_pairs, visible_truth

AUC_ALPHAS = tuple(np.linspace(0, 0.5, 51).tolist())


@dataclass(frozen=True)
class Convention:
    """How one benchmark counts.

    Attributes:
        title: of the measure.
        skeleton: of the truth.
        length: what normalises: `torso`, `head` (0.6 of the head box's diagonal) or `box` (its longer side).
        alpha: the headline threshold.
        mean: `keypoints` weighs every keypoint alike, `labels` every label.
        only_visible: hidden keypoints do not count.
        left_out: keypoints that are not reported.
        head: keypoints of the column Head.
        source: where the convention is from.
    """

    title: str
    skeleton: str
    length: str
    alpha: float
    source: str
    mean: str = "keypoints"
    only_visible: bool = False
    left_out: tuple[str, ...] = ()
    head: tuple[str, ...] = ("head_top", "head_bottom", "nose")


CONVENTIONS: dict[str, Convention] = {
    "lsp": Convention(
        "PCK", "lsp14", "torso", 0.2,
        "Yang & Ramanan, TPAMI 2013; person-centric as in the MPII toolkit's LSP evaluation",
    ),
    "lspet": Convention(
        "PCK", "lsp14", "torso", 0.2, "as LSP; keypoints the extension leaves unlabelled do not count",
    ),
    "flic": Convention(
        "PDJ", "coco17", "torso", 0.2, "Sapp & Taskar, MODEC, CVPR 2013; elbows and wrists are what is compared",
        left_out=("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_knee", "right_knee", "left_ankle",
                  "right_ankle"),
    ),
    "mpii": Convention(
        "PCKh", "mpii16", "head", 0.5, "Andriluka et al., CVPR 2014; pelvis and thorax are left out on the leaderboard",
        mean="labels", left_out=("pelvis", "thorax"),
    ),
    "jhmdb": Convention(
        "PCK", "jhmdb15", "box", 0.2, "Luo et al., LSTM Pose Machines, CVPR 2018: longer side of the box",
        head=("face",),
    ),
    "jhmdb-torso": Convention(
        "PCK", "jhmdb15", "torso", 0.2, "Luo et al., LSTM Pose Machines, CVPR 2018: torso instead of box",
        head=("face",),
    ),
    "penn": Convention(
        "PCK", "penn13", "box", 0.2,
        "Luo et al., LSTM Pose Machines, CVPR 2018: longer side of the box; hidden ones do not count",
        only_visible=True,
    ),
    "posetrack": Convention(
        "PCKh", "posetrack15", "head", 0.5, "the PoseTrack kit's PCKh: people are paired by their order in the frame",
        mean="labels",
    ),
}  # fmt: skip


class PckOptions(Options):
    """Whose convention, and how near is near enough."""

    convention: str = Field(description="lsp, lspet, flic, mpii, jhmdb, penn, posetrack …", examples=["posetrack"])
    alpha: float | None = Field(default=None, gt=0, description="Another threshold.")


@dataclass(frozen=True)
class Scored(base.Scored):
    """The result of one set.

    Attributes:
        convention: its name.
        counts: at the headline threshold and over `AUC_ALPHAS`, headline first.
        numbers: keypoint -> per cent at the headline threshold, then `mean` and `auc`.
        units: counts of each file, or of each image with people where there is one file; a bootstrap draws these.
    """

    convention: str
    counts: PckCounts
    numbers: dict[str, float]
    units: tuple[PckCounts, ...]

    @property
    def num_units(self) -> int:
        """Number of files, or of images with people where there is one file."""
        return len(self.units)

    @property
    def headline(self) -> base.Numbers:
        """The mean and the area under the curve, per cent."""
        return _headline(self.numbers)

    def recount(self) -> base.Recount:
        """Build the function that counts `mean` and `auc` of drawn units."""
        rule = CONVENTIONS[self.convention]
        correct = np.array([unit.correct for unit in self.units], np.float64)
        labelled = np.array([unit.labelled for unit in self.units], np.int64)

        def drawn(times: I64) -> base.Numbers:
            right = np.tensordot(times.astype(np.float64), correct, 1).astype(np.int64)
            counts = PckCounts(self.counts.alphas, right, times @ labelled)
            return _headline(numbers(counts, rule, skeleton_named(rule.skeleton)))

        return drawn


def _headline(found: base.Numbers) -> base.Numbers:
    return {name: found[name] for name in ("mean", "auc")}


def score_files(
    truth: Path, predictions: Path, convention: str, *, alpha: float | None = None, origin: str | None = None
) -> Scored:
    """Score a file of predictions, or a folder of them, against ground truth.

    Args:
        truth: in any format that is read, a file or a folder; `origin` names the format if it cannot be recognised.
        predictions: likewise; people correspond by their order in a frame, or by distance where their numbers differ.
        convention: one of `CONVENTIONS`.
        alpha: another headline threshold.
        origin: format of the truth.

    Raises:
        UnknownNameError: there is no such convention.
        DatasetError: a file breaks its format, or the truth lacks the length the convention needs.
    """
    _named(convention)  # before any file is read
    return score_pairs(read_pairs(truth, predictions, origin), convention, alpha=alpha)


def score_tables(truth: PoseTable, predicted: PoseTable, convention: str, *, alpha: float | None = None) -> Scored:
    """Score predictions against ground truth on the same frames.

    Raises:
        UnknownNameError: there is no such convention.
        DatasetError: the truth lacks the length the convention needs.
    """
    return score_pairs([(truth, predicted)], convention, alpha=alpha)


def score_pairs(pairs: Sequence[tuple[PoseTable, PoseTable]], convention: str, *, alpha: float | None = None) -> Scored:
    """Score one sequence or more.

    Args:
        pairs: truth and predictions of each, on the same frames.
        convention: one of `CONVENTIONS`.
        alpha: another headline threshold.

    Raises:
        UnknownNameError: there is no such convention.
        DatasetError: the truth lacks the length the convention needs.
    """
    rule = _named(convention)
    skeleton = skeleton_named(rule.skeleton)
    alphas = (rule.alpha if alpha is None else alpha, *AUC_ALPHAS)
    zero = PckCounts(alphas, np.zeros((len(alphas), len(skeleton)), np.int64), np.zeros(len(skeleton), np.int64))
    sequences = []
    for each in pairs:
        real, found = (to_skeleton(table, skeleton) for table in each)
        sequences.append(count(real, pair_up(real, found), rule, alphas))
    if not any(each.labelled.any() for images in sequences for each in images) and any(len(real) for real, _ in pairs):
        raise DatasetError(
            f"{pairs[0][0].source}: nobody has labelled keypoints and a {rule.length} to measure by, "
            "which this convention needs"
        )
    units = sequences[0] if len(sequences) == 1 else [sum(images, zero) for images in sequences]
    counts = sum(units, zero)
    return Scored(convention, counts, numbers(counts, rule, skeleton), tuple(units))


def _named(convention: str) -> Convention:
    if convention not in CONVENTIONS:
        raise UnknownNameError(f"no PCK convention is named {convention!r}. {nearest_name(convention, CONVENTIONS)}")
    return CONVENTIONS[convention]


def count(truth: PoseTable, predicted: F64, rule: Convention, alphas: Sequence[float]) -> list[PckCounts]:
    """Count under a convention, each image with people by itself.

    Args:
        truth: with the convention's skeleton.
        predicted: (N, K, 2) in the rows of the truth; NaN = not predicted.
        rule: the convention.
        alphas: thresholds.
    """
    labelled = visible_truth(truth)
    length = normaliser(truth, rule)
    if rule.only_visible:
        labelled[..., 2] *= truth.visibility != 1
    for name in rule.left_out:
        labelled[:, truth.skeleton.index_of(name), 2] = 0
    images = (truth.rows_of(int(position)) for position in np.unique(truth.frame))
    return [count_pck(predicted[rows], labelled[rows], length[rows], alphas) for rows in images]


def normaliser(truth: PoseTable, rule: Convention) -> F64:
    """Return (N,) lengths in pixels; NaN for a person who does not count."""
    if rule.length == "head":
        return head_size(truth.head_xyxy)
    if rule.length == "box":
        return longer_side(truth.boxes())
    return torso_length(visible_truth(truth), truth.skeleton)


def grouped(found: Mapping[str, float], rule: Convention) -> dict[str, float]:
    """Return the row of the field's table: Head, Shou, Elb, Wri, Hip, Knee, Ankl, each the mean of its keypoints."""
    out = {}
    for title, names in {"Head": rule.head, **_LIMBS}.items():
        values = np.array([found[name] for name in names if name in found and name not in rule.left_out])
        known = values[np.isfinite(values)]
        out[title] = float(known.mean()) if len(known) else float("nan")
    return out | {"Mean": found["mean"], "AUC": found["auc"]}


_LIMBS = {
    title: (f"right_{name}", f"left_{name}")
    for title, name in (
        ("Shou", "shoulder"), ("Elb", "elbow"), ("Wri", "wrist"), ("Hip", "hip"), ("Knee", "knee"), ("Ankl", "ankle"),
    )
}  # fmt: skip


def numbers(counts: PckCounts, rule: Convention, skeleton: Skeleton) -> dict[str, float]:
    """Return per cent per keypoint and in the mean, and the area under the curve up to 0.5; NaN = not labelled."""
    share = 100 * counts.per_keypoint()[0]
    out = {name: float(value) for name, value in zip(skeleton.keypoints, share, strict=True)}
    curve = PckCounts(counts.alphas[1:], counts.correct[1:], counts.labelled)
    if rule.mean == "labels":
        middle = np.trapezoid(curve.pooled(), curve.alphas) / (curve.alphas[-1] - curve.alphas[0])
        return out | {"mean": 100 * float(counts.pooled()[0]), "auc": 100 * float(middle)}
    return out | {"mean": 100 * float(counts.mean()[0]), "auc": 100 * curve.auc()}


def _score(
    truth: Path, predictions: Path, options: PckOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    return score_files(truth, predictions, options.convention, alpha=options.alpha, origin=origin)


PROTOCOL = base.Protocol("pck", "PCK, PCKh and PDJ under a benchmark's convention.", PckOptions, _score)
