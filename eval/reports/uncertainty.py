"""The part of a report that says how sure its headline numbers are, alone and beside a second result set."""

from __future__ import annotations

from collections.abc import Mapping

from ..protocols.base import Scored
from .document import Facts, Table
from .intervals import compare, intervals

TITLES = {
    "ap": "AP", "precision": "Precision", "recall": "Recall", "mota": "MOTA", "motp": "MOTP",
    "mot_precision": "MOT precision", "mot_recall": "MOT recall", "idf1": "IDF1", "hota": "HOTA", "deta": "DetA",
    "assa": "AssA", "loca": "LocA",
}  # fmt: skip
"""Measures as tables name them; others are shown by their own name."""

_USUAL_DRAWS = 1000


def add_uncertainty(document: Facts, shown: list[Table], scored: Scored, other: Scored | None, *, repeats: int) -> None:
    """Add intervals, and the comparison with a second set, to a report's document and tables.

    Args:
        document: gets `intervals` and `comparison`, in the unit of the numbers.
        shown: gets a table for each.
        scored: the score, whose units are drawn.
        other: that of a second set, over the same units; None = no comparison.
        repeats: draws; 0 = no intervals, and the usual number for a comparison.

    Raises:
        InputError: there are fewer than two units.
    """
    if repeats:
        found = intervals(scored.num_units, scored.recount(), repeats=repeats)
        document["intervals"] = {name: list(ends) for name, ends in found.items()}
        shown.append(_interval_table(found, scored.factor))
    if other is not None:
        draws = repeats or _USUAL_DRAWS
        differences = compare(scored.num_units, scored.recount(), other.recount(), repeats=draws)
        document["comparison"] = differences
        shown.append(_comparison_table(differences, scored.factor))


def _interval_table(found: Mapping[str, tuple[float, float]], factor: float) -> Table:
    rows = tuple((TITLES.get(name, name), (factor * low, factor * high)) for name, (low, high) in found.items())
    return Table("95 % interval", ("low", "high"), rows)


def _comparison_table(found: Mapping[str, Mapping[str, float]], factor: float) -> Table:
    rows = tuple(
        (
            TITLES.get(name, name),
            (*(factor * each[key] for key in ("difference", "low", "high")), 100 * each["not_better"]),
        )
        for name, each in found.items()
    )
    return Table("Second minus first", ("change", "low", "high", "not better %"), rows)
