"""The stages that know where a video changes to another scene: look at images, read a list, number the shots."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import tee
from pathlib import Path

from videopose.errors import InputError
from videopose.estimators.image_signature import image_signature
from videopose.io.shots_file import read_shots
from videopose.tracking.shots import is_cut, number_shots
from videopose.types import U8, Record, TrackingFeatures


@dataclass(frozen=True)
class MeasureSignatures:
    """Add a signature of each image to its record, by which shots are told apart once images are dropped.

    Every frame is measured alone, so this stage may begin anywhere in a video.
    """

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Compute the signatures of a stream of records with images."""
        for record in records:
            if record.frame.image is None:
                raise InputError(f"frame {record.frame.index} has no image; it is signed before DropImages")
            features = record.features if record.features is not None else TrackingFeatures()
            yield replace(record, features=replace(features, signature=image_signature(record.frame.image)))


@dataclass(frozen=True)
class GivenShots:
    """Number shots by a list of where they begin.

    Attributes:
        starts: index of the first frame of every shot but the first, increasing; frames in between may be missing.
    """

    starts: Sequence[int]

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Number the shots of a stream of records."""
        for record in records:
            yield replace(record, shot=bisect_right(self.starts, record.frame.index))


@dataclass(frozen=True)
class NumberShots:
    """Number shots by the signatures of images, some frames behind the stream.

    Records without a signature keep the number they have.
    """

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Number the shots of a stream of records."""
        ahead, behind = tee(records)
        for record, shot in zip(behind, number_shots(map(signature_of, ahead)), strict=True):
            yield record if signature_of(record) is None else replace(record, shot=shot)


def signature_of(record: Record) -> U8 | None:
    """Return the signature of a record's image, None where nobody has looked."""
    return None if record.features is None else record.features.signature


def is_new_shot(before: Record, record: Record) -> bool:
    """Check whether the scene changes between two successive records, as far as they tell; not slow ones."""
    return record.shot != before.shot or is_cut(signature_of(before), signature_of(record))


def shot_stages(choice: str) -> tuple[MeasureSignatures | GivenShots, ...]:
    """Choose what stands before everything else in the networks' half, to know the shots.

    Args:
        choice: `tracker.shots`: auto, off, or a file.

    Raises:
        DatasetError: the file cannot be read.
    """
    if choice == "off":
        return ()
    return (MeasureSignatures() if choice == "auto" else GivenShots(read_shots(Path(choice))),)
