"""PoseTrack: AP, MOTA and kin of folders of sequences, as the challenge's kit counts them or as it should.

`poseval` reproduces the official kit to the last digit, `corrected` does the sensible thing where the kit is odd and
lists what each difference costs. IDF1 and HOTA are not in the kit; both protocols count them over all labelled frames.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from videopose.config import Options
from videopose.errors import DatasetError, UnknownNameError, nearest_name
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.metrics.pck import head_size
from videopose.types import I64

from . import base
from .parallel import run_all
from .posetrack_cleanup import (
    CORRECTED,
    FATAL,
    POSEVAL,
    RULES,
    pair_frames,
)
from .posetrack_numbers import SKELETON, Numbers, numbers
from .posetrack_sequence import (
    Grid,
    SequenceCounts,
    clean,
    score_sequence,
)

PROTOCOLS: dict[str, frozenset[str]] = {"poseval": POSEVAL, "corrected": CORRECTED}


class PoseTrackOptions(Options):
    """Whose rules hold, and what the page shows."""

    protocol: str = Field(default="poseval", description="poseval (as the kit) or corrected.")
    images: Path | None = Field(default=None, description="Folder of the images, for images in the page.")
    workers: int | None = Field(default=None, ge=1, description="Processes [one per core].")


@dataclass(frozen=True)
class Scored(base.Scored):
    """The result of one protocol.

    Attributes:
        protocol: its name.
        sequences: counts of each, in the order of their names.
        numbers: over all sequences.
        differences: occasions on which the two protocols differ, with what each costs.
        images: folder that the image names are relative to, for thumbnails; None = no thumbnails.
        tables: sequence -> truth and predictions, for thumbnails.
    """

    protocol: str
    sequences: tuple[SequenceCounts, ...]
    numbers: Numbers
    differences: tuple[dict[str, Any], ...]  # Any: values of a JSON entry
    images: Path | None = None
    tables: Mapping[str, tuple[PoseTable, PoseTable]] = field(default_factory=dict)

    @property
    def num_units(self) -> int:
        """Number of sequences."""
        return len(self.sequences)

    @property
    def headline(self) -> base.Numbers:
        """The totals of AP, MOTA, IDF1 and HOTA, as far as counted, per cent."""
        return _headline(self.numbers)

    def recount(self) -> base.Recount:
        """Build the function that counts the totals of drawn sequences."""
        rules = PROTOCOLS[self.protocol]

        def drawn(times: I64) -> base.Numbers:
            return _headline(numbers(self.sequences, rules, times.tolist()))

        return drawn

    def explained(self) -> dict[str, Any]:  # Any: a JSON object
        """Return where the errors come from; empty if it was not asked for."""
        parts = [each.explanation for each in self.sequences if each.explanation is not None]
        return reduce(add, parts).facts(SKELETON.keypoints) if parts else {}


def _headline(found: Numbers) -> base.Numbers:
    return {name: found[name]["total"] for name in ("ap", "mota", "idf1", "hota") if name in found}


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


def _score(
    truth: Path, predictions: Path, options: PoseTrackOptions, /, *, origin: str | None = None, explain: bool = False
) -> Scored:
    scored = score_folders(
        truth, predictions, options.protocol, workers=options.workers, origin=origin, explain=explain
    )
    if options.images is None or not explain:
        return scored
    return replace(scored, images=options.images, tables=read_tables(truth, predictions, origin))


PROTOCOL = base.Protocol(
    "posetrack",
    "PoseTrack: AP, MOTA, IDF1 and HOTA per keypoint, equal to the official kit or corrected.",
    PoseTrackOptions,
    _score,
)
