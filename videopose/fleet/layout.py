"""Where a video is cut into units: at whole chunks, near frames that decoding can start at, and not too often."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from videopose.io.journal_units import Unit
from videopose.workflows.parts import Extent

logger = logging.getLogger(__name__)

FEWEST = 4
"""Chunks a unit has at least, unless the video has fewer."""

DEAREST = 0.03
"""Share of the work on a video that cutting it may cost: frames decoded and computed twice."""

DECODING = 0.1
"""Work of decoding a frame, as a share of all work on it: 0.01 to 0.03 for small images, more for large ones."""


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a unit.

    Attributes:
        chunks: how many the video has up to its end.
        last: index of the last record.
        has_ended: whether the video ended with it.
    """

    chunks: int
    last: int
    has_ended: bool


@dataclass(frozen=True)
class Layout:
    """How a video is cut. It is small, and is sent from the worker that opened the video.

    Attributes:
        first: index of the first selected frame.
        every: from one to the next.
        num_frames: how many there are, if none is missing.
        size: records a chunk.
        start: chunks that are there already.
        after: index of the last record of those; -1 for none.
        cuts: numbers of the chunks that units begin with, increasing, all behind `start`.
    """

    first: int
    every: int
    num_frames: int
    size: int
    start: int
    after: int
    cuts: tuple[int, ...]

    def units(self, done: Mapping[Unit, Done]) -> list[Unit] | None:
        """List the units that have to be done, by what is known of those that are.

        Where frames turned out not to be decodable, later chunks begin at other frames than was thought, and what was
        computed of them is of no use: they are cut anew behind the unit, and not at all after the second time.

        Args:
            done: units that are done, whether or not they turned out to be of use.

        Returns:
            None if the video is complete.
        """
        number, after, shifts = self.start, self.after, 0
        while True:
            units = self._from(number, after, whole=shifts > 1)
            for unit, behind in zip(units, [*units[1:], None], strict=True):
                following = done.get(unit)
                if following is None:
                    return [each for each in units[units.index(unit) :] if each not in done]
                if following.has_ended:
                    return None
                number, after = following.chunks, following.last
                if behind is None or (number, after) != (behind.first, behind.after):
                    break
            shifts += 1

    def _from(self, number: int, after: int, *, whole: bool) -> list[Unit]:
        """Cut what comes behind a record, if no frame is missing there."""
        base = self.first - self.every if after < 0 else after
        firsts = [number, *(cut for cut in self.cuts if cut > number and not whole)]
        behind = [after, *(base + (cut - number) * self.size * self.every for cut in firsts[1:])]
        return [
            Unit(first, stop, before) for first, stop, before in zip(firsts, [*firsts[1:], None], behind, strict=True)
        ]

    def frames_of(self, unit: Unit) -> int:
        """Return how many records a unit has, if none is missing."""
        end = -(-self.num_frames // self.size) if unit.stop is None else unit.stop
        return max(1, min((end - unit.first) * self.size, self.num_frames - unit.first * self.size))


def layout_of(extent: Extent, wanted: int, *, start: int = 0, after: int = -1, name: str = "") -> Layout:
    """Cut a video, into as many units as wanted or as few as cost little.

    Args:
        extent: of the run.
        wanted: how many units would be best.
        start: chunks that are there already.
        after: index of the last record of those; -1 for none.
        name: of the video, for the log.
    """
    size, total = extent.size, -(-extent.num_frames // extent.size)
    count = most = max(1, min(wanted, (total - start) // FEWEST))
    cuts = _cuts(extent, start, total, count)
    while cuts and _cost(extent, cuts) > DEAREST * extent.num_frames:
        count = min(count - 1, len(cuts))
        cuts = _cuts(extent, start, total, count)
    if count < most:
        logger.warning(
            "%s: is cut into %d units instead of %d, because decoding up to where they begin would cost more than "
            "%.0f %% of the work", name, count, most, 100 * DEAREST,
        )  # fmt: skip
    return Layout(extent.first, extent.every, extent.num_frames, size, start, after, tuple(cuts))


def _cuts(extent: Extent, start: int, total: int, count: int) -> list[int]:
    """Choose chunks to begin with: near equal parts, and as near behind a frame decoding can start at as may be."""
    length = (total - start) / count
    slack = int(length // 4)
    cuts: list[int] = []
    for number in range(1, count):
        ideal = start + round(number * length)
        lowest = max(ideal - slack, (cuts[-1] if cuts else start) + 1)
        around = range(lowest, min(ideal + slack, total - 1) + 1)
        if around:
            cuts.append(min(around, key=lambda chunk: (_decoded(extent, chunk), abs(chunk - ideal))))
    return cuts


def _decoded(extent: Extent, chunk: int) -> int:
    """Count the frames decoded in vain to begin with a chunk."""
    index = max(0, extent.first + (chunk * extent.size - extent.before) * extent.every)
    return max(0, index - extent.decoding_start(index))


def _cost(extent: Extent, cuts: list[int]) -> float:
    """Return the work that cuts cost, in frames."""
    return sum(DECODING * _decoded(extent, cut) + extent.before + extent.after for cut in cuts)
