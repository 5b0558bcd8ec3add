"""The operations of an annotator, as they stand in the log of edits: small, typed, and meaningful without the video.

Frames are indices of the video, counted from 0; spans include both ends, and a `last` of None is the end of the video.
Coordinates are image pixels. What an operation needs from pixels (a propagated span) is stored in it as coordinates, so
that a replay needs the result and the log alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from videopose.config import Options
from videopose.errors import DatasetError, nearest_name

MAX_PEOPLE = 200_000
"""Poses that one operation may bring along; bounds memory."""

Id = Annotated[int, Field(ge=0, lt=2**31)]
Index = Annotated[int, Field(ge=0, lt=2**31)]
Pixel = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Part = Annotated[int, Field(ge=0, lt=1000)]
"""The number of a keypoint of the skeleton."""
Visibility = Literal["seen", "hidden", "absent"]
Point = tuple[Pixel, Pixel, Visibility]


class Span(Options):
    """Frames from first to last, inclusive; a last of None is the end of the video."""

    first: Index = 0
    last: Index | None = None

    @model_validator(mode="after")
    def _is_in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"last = {self.last} comes before first = {self.first}")
        return self


class Operation(Span):
    """The base of all: its class says what is done, its fields to whom and where."""

    op: ClassVar[str]


class Swap(Operation):
    """Exchange two ids over a span."""

    op = "swap"
    a: Id
    b: Id

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.a == self.b:
            raise ValueError("swap needs two different ids")
        return self


class Winner(Span):
    """Who is kept over a span in which both of two merged people are there."""

    keep: Id


class Merge(Operation):
    """Rename `other` to `keep` over a span; where both are there, `wins` says who stays."""

    op = "merge"
    keep: Id
    other: Id
    wins: tuple[Winner, ...] = Field(default=(), max_length=1000)

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.keep == self.other or any(each.keep not in (self.keep, self.other) for each in self.wins):
            raise ValueError("merge needs two different ids, and `wins` names one of them for each span")
        return self


class Split(Operation):
    """Call a person otherwise from `first` on."""

    op = "split"
    track_id: Id
    new_id: Id


class Rename(Operation):
    """Call a person otherwise over a span in which nobody else has that name."""

    op = "rename"
    track_id: Id
    new_id: Id


class Delete(Operation):
    """Remove a person over a span."""

    op = "delete"
    track_id: Id


class Add(Operation):
    """Add a person to frame `first`: a copy of a pose of another frame, or a standing template."""

    op = "add"
    track_id: Id
    source_frame: Index | None = None
    source_id: Id | None = None
    x: Pixel = 0.0
    y: Pixel = 0.0
    height: Annotated[float, Field(gt=0, le=1e6)] = 100.0

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.source_frame is None) != (self.source_id is None):
            raise ValueError("add copies a person of a frame: give source_frame and source_id, or neither")
        return self


class Move(Operation):
    """Place keypoints of a person in frame `first`."""

    op = "move"
    track_id: Id
    keypoints: dict[Part, tuple[Pixel, Pixel]] = Field(min_length=1, max_length=1000)


class SetVisibility(Operation):
    """Mark keypoints as to whether they are seen, hidden behind something, or absent, over a span."""

    op = "visibility"
    track_id: Id
    keypoints: tuple[Part, ...] = Field(min_length=1, max_length=1000)
    value: Visibility


class CopyPrevious(Operation):
    """Assign a person in frame `first` the pose of the last frame before it in which they are there."""

    op = "copy_previous"
    track_id: Id


class Interpolate(Operation):
    """Interpolate a person between the two ends of a span on straight lines, by time."""

    op = "interpolate"
    track_id: Id


class PlacedPose(Options):
    """A person in a frame, with every keypoint of the skeleton."""

    frame: Index
    track_id: Id
    keypoints: tuple[Point, ...] = Field(max_length=1000)


class Propagate(Operation):
    """Assign a person the poses that were carried between the two ends of a span, forwards and backwards."""

    op = "propagate"
    track_id: Id
    poses: tuple[PlacedPose, ...] = Field(max_length=MAX_PEOPLE)


class Place(Operation):
    """Replace people by labels: each replaces whoever has its id in its frame, and is accepted."""

    op = "place"
    source: Annotated[str, StringConstraints(max_length=300)] = ""
    poses: tuple[PlacedPose, ...] = Field(max_length=MAX_PEOPLE)


class Accept(Operation):
    """Confirm that a person (None: everybody) is right over a span."""

    op = "accept"
    track_id: Id | None = None


class Assignment(Span):
    """A person's new name over a span."""

    track_id: Id
    new_id: Id


class Assign(Operation):
    """Rename many at once, each by the names from before: what a re-link has found."""

    op = "assign"
    runs: tuple[Assignment, ...] = Field(max_length=MAX_PEOPLE)


OPERATIONS: dict[str, type[Operation]] = {
    kind.op: kind
    for kind in (
        Swap, Merge, Split, Rename, Delete, Add, Move, SetVisibility, CopyPrevious, Interpolate, Propagate, Place,
        Accept, Assign,
    )
}  # fmt: skip
"""By name in the log."""


def parse(op: str, args: Mapping[str, Any], where: str) -> Operation:
    """Read an operation from JSON values.

    Args:
        op: its name.
        args: its fields.
        where: the file and line, or the caller, for messages.

    Raises:
        DatasetError: there is no such operation, or a field is missing, unknown or out of range.
    """
    if op not in OPERATIONS:
        raise DatasetError(f"{where}: there is no operation {str(op)[:40]!r}. {nearest_name(str(op), OPERATIONS)}")
    try:
        return OPERATIONS[op].model_validate(args)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or op
        raise DatasetError(f"{where}: {op}: {place}: {first['msg'].removeprefix('Value error, ')}") from error


def arguments(operation: Operation) -> dict[str, Any]:
    """Return the fields of an operation as JSON values, those at their default left out."""
    return operation.model_dump(mode="json", exclude_defaults=True)
