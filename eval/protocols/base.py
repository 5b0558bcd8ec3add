"""What every scoring protocol offers, and what its score offers to tables, intervals and comparisons."""

from __future__ import annotations

import typing
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from videopose.config import Options
from videopose.metrics.ap import Outcomes
from videopose.types import I64

Numbers = Mapping[str, float]
"""A protocol's numbers by name, in the unit its table gives."""

Recount = Callable[[I64], Numbers]
"""Gives the numbers when unit i (a sequence or an image) counts `times[i]` times; (units,) int64 in."""

OptionsType = TypeVar("OptionsType", bound=Options)
OptionsRead = TypeVar("OptionsRead", bound=Options, contravariant=True)


class Scored(ABC):
    """What a protocol found out about one set of predictions.

    Attributes:
        factor: what makes per cent of the headline numbers.
    """

    factor: ClassVar[float] = 1.0

    @property
    @abstractmethod
    def num_units(self) -> int:
        """Number of sequences or images, the units that a bootstrap draws."""

    @property
    @abstractmethod
    def headline(self) -> Numbers:
        """The numbers that get intervals, the most quoted one first; NaN = cannot be said."""

    @abstractmethod
    def recount(self) -> Recount:
        """Build the function that counts the headline numbers of drawn units."""

    def explained(self) -> dict[str, Any]:  # Any: a JSON object
        """Return where the errors come from, as the report tells it; empty if it was not asked for."""
        return {}


@dataclass(frozen=True)
class ScoredImages(Scored):
    """A score of unrelated images by COCO's average precision.

    Attributes:
        images: outcomes of each, per area range.
        numbers: in [0, 1]; NaN = no true person counts.
    """

    images: tuple[Mapping[str, Outcomes], ...]
    numbers: dict[str, float]

    factor = 100.0

    @property
    def num_units(self) -> int:
        """Number of images."""
        return len(self.images)

    @property
    def headline(self) -> Numbers:
        """All numbers."""
        return self.numbers

    def recount(self) -> Recount:
        """Build the function that counts all numbers of drawn images."""
        return lambda times: self.numbers_of(np.repeat(np.arange(len(times)), times))

    @abstractmethod
    def numbers_of(self, rows: I64, /) -> Numbers:
        """Count all numbers over chosen images, one more than once if it is chosen so."""


class ScoreFiles(typing.Protocol[OptionsRead]):
    """How a protocol is called."""

    def __call__(
        self,
        truth: Path,
        predictions: Path,
        options: OptionsRead,
        /,
        *,
        origin: str | None = None,
        explain: bool = False,
    ) -> Scored:
        """Score a file, or a folder of them.

        Args:
            truth: ground truth.
            predictions: in any format that is read.
            options: the protocol's.
            origin: format of the truth, recognised by default.
            explain: count where the errors come from, if the protocol can.

        Raises:
            UnknownNameError: an option or `origin` names something that does not exist.
            DatasetError: a file is missing or breaks its format.
        """
        ...


@dataclass(frozen=True)
class Protocol(Generic[OptionsType]):
    """A scoring protocol; the command `videopose eval NAME` is made of it.

    Attributes:
        name: of the protocol, of its module here and of its command.
        title: one sentence on what it measures.
        options: what it can be told beside the files, documented and with defaults; a field without a default has
            an example.
        score: scores files.
    """

    name: str
    title: str
    options: type[OptionsType]
    score: ScoreFiles[OptionsType]
