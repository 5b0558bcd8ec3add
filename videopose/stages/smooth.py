"""The stage that cleans whole tracks."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from videopose.skeletons import Skeleton
from videopose.tracking.options import SmoothingOptions
from videopose.tracking.smoothing import smooth
from videopose.tracking.video_poses import collect
from videopose.types import Record

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SmoothPoses:
    """Fill gaps, repair swapped sides, reject outliers and smooth, over the whole video.

    Reads the whole stream before the first record comes out, so it stands after pictures have been let go; pictures,
    detections and cues do not come out again. A million poses take about 1 GB while this runs.

    Attributes:
        options: what is done.
        skeleton: of the poses.
    """

    options: SmoothingOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Clean a stream of tracked poses."""
        table, movement = smooth(collect(records), self.options, self.skeleton)
        _log.info("smoothing (%s) %s", self.options.method, movement)
        yield from table.records()
