"""One measured number beside what is asked of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One number of a network.

    Attributes:
        name: of the measure.
        protocol: on what and how.
        value: measured.
        floor: what is asked at least; a most where less is better; NaN where nothing is.
        aim: what is wished for, likewise.
        samples: how many people, keypoints, frames or images it was measured on.
    """

    name: str
    protocol: str
    value: float
    floor: float
    aim: float
    samples: int
