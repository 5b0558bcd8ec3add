"""Reports: the field's tables, one JSON document and one page of HTML for the score of any protocol."""

from __future__ import annotations

from videopose.metrics.breakdown import KINDS

from ..protocols.base import Scored
from .document import (
    Facts,
    Report,
    Table,
    as_json,
    as_text,
)
from .html import as_html
from .layouts import lay_out
from .uncertainty import add_uncertainty

__all__ = ["Report", "as_html", "as_json", "as_text", "build"]

_ALONG_TIME = {
    "acceleration_error": "acceleration error, of head size per frame²",
    "jitter": "jitter, of head size per frame²",
    "flip_rate": "frames with left and right exchanged",
    "frames_kept": "frames with a prediction",
    "frames_kept_per_track": "frames with a prediction, mean over tracks",
}


def build(scored: Scored, *, repeats: int = 0, other: Scored | None = None) -> Report:
    """Report a score.

    Args:
        scored: by any protocol.
        repeats: bootstrap draws over the protocol's units; 0 = none.
        other: a second result set on the same truth, scored by the same protocol, to compare with.

    Raises:
        InputError: intervals or a comparison are asked for and there are fewer than two units.
    """
    layout = lay_out(scored)
    document, tables = dict(layout.document), list(layout.tables)
    add_uncertainty(document, tables, scored, other, repeats=repeats)
    explained = scored.explained()
    if explained:
        document["explanation"] = explained
        tables += _explanation_tables(explained)
    return Report(
        layout.title, document | layout.appendix, tuple(tables), layout.curves, layout.notes, layout.thumbnails
    )


def _explanation_tables(facts: Facts) -> tuple[Table, ...]:
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
