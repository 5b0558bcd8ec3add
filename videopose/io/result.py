"""What a result file holds, whatever its format: a header, and a record per decoded frame.

A result appears under its name only when it is whole: it is written beside it, brought to the disk and renamed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal, Protocol

from videopose.errors import DatasetError, VideoPoseError
from videopose.io.header_checks import check_facts
from videopose.skeletons import SKELETONS, Skeleton
from videopose.types import Gap, Record, VideoInfo

SCHEMA = "videopose/1"

Layout = Literal["wide", "long"]
"""A row per person, or a row per keypoint, in the results that are tables."""

JsonObject = dict[str, Any]
"""A JSON object: numbers, texts, lists and objects. What stands in it is checked where it is read."""


@dataclass(frozen=True)
class ResultHeader:
    """What is true of a whole result.

    Attributes:
        video: the video the poses are of.
        skeleton: the meaning of the keypoints.
        provenance: version, weights with their checksums, config and device: why the numbers are what they are.
        gaps: frames that could not be decoded.
    """

    video: VideoInfo
    skeleton: Skeleton
    provenance: JsonObject = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()


class ResultWriter(Protocol):
    """Writes the records of one result, in order."""

    def write(self, record: Record) -> None:
        """Add a frame and the people in it."""
        ...


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name only when the block ends well, and is gone if it does not.

    What is written is a new file beside it; one that lies there under that name, or a link, is taken away first and
    never written through.

    Raises:
        VideoPoseError: the disk is full, the folder cannot be written to, or another process writes the same file.
    """
    part = part_of(path)
    is_ours = False
    try:
        if os.path.lexists(part):
            part.unlink()
        with part.open("xb") as file:
            is_ours = True
            yield file
            file.flush()
            os.fsync(file.fileno())
            is_ours = os.path.samestat(os.fstat(file.fileno()), part.lstat())
        if not is_ours:
            raise VideoPoseError(f"{path}: another process is writing it. Wait for it, or choose another place")
        part.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        if is_ours:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, VideoPoseError):
            raise cannot_write(path, error) from error
        raise


def part_of(path: Path) -> Path:
    """Return the file that `atomic_write` writes to until it is whole."""
    return path.with_name(path.name + ".part")


def cannot_write(path: Path, error: OSError) -> VideoPoseError:
    """Describe in one line why a file cannot be written."""
    return VideoPoseError(f"{path}: cannot be written ({error.strerror or error}). Make room or choose another place")


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that a rename survives a power cut.

    Windows cannot open a folder for that, and needs no such thing.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def header_facts(header: ResultHeader) -> JsonObject:
    """Convert a header to the JSON object that stands at the top of a result (without its frames)."""
    video = header.video
    return {
        "schema": SCHEMA,
        "video": {
            "path": video.path,
            "width": video.size_hw[1] or None,  # 0 x 0 = not known
            "height": video.size_hw[0] or None,
            "frame_rate": f"{video.frame_rate.numerator}/{video.frame_rate.denominator}",
            "frames": video.frames,
            "duration": None if video.duration is None else round(video.duration, 6),
            "rotation": video.rotation,
        },
        "skeleton": {
            "name": header.skeleton.name,
            "keypoints": list(header.skeleton.keypoints),
            "edges": [list(edge) for edge in header.skeleton.edges],
        },
        "provenance": header.provenance,
        "gaps": [
            {"first": gap.first, "last": gap.last, "start": round(gap.start, 6), "end": round(gap.end, 6),
             "reason": gap.reason}
            for gap in header.gaps
        ],
    }  # fmt: skip


def header_from(facts: JsonObject, source: str) -> ResultHeader:
    """Read a header back.

    Args:
        facts: the JSON object, possibly with more in it than the header.
        source: the file, for messages.

    Raises:
        DatasetError: a fact is missing or is not what it should be.
    """
    if facts.get("schema") != SCHEMA:
        raise DatasetError(
            f"{source}: schema is {facts.get('schema')!r}, not {SCHEMA!r}. Give a result of videopose run"
        )
    try:
        header = ResultHeader(
            _video_from(facts["video"]),
            _skeleton_from(facts["skeleton"]),
            dict(facts["provenance"]),
            tuple(Gap(**gap) for gap in facts["gaps"]),
        )
        if header.video.frame_rate <= 0:
            raise ValueError(f"frame_rate is {facts['video']['frame_rate']}")
    except KeyError as error:
        raise DatasetError(f"{source}: {error.args[0]!r} is missing from its header. Write the result again") from error
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise DatasetError(f"{source}: its header is damaged ({error}). Write the result again") from error
    check_facts(facts, source)
    return header


def _video_from(facts: JsonObject) -> VideoInfo:
    return VideoInfo(
        path=str(facts["path"]),
        size_hw=(int(facts["height"] or 0), int(facts["width"] or 0)),
        frame_rate=Fraction(facts["frame_rate"]),
        frames=None if facts["frames"] is None else int(facts["frames"]),
        duration=None if facts["duration"] is None else float(facts["duration"]),
        rotation=int(facts["rotation"]),
    )


def _skeleton_from(facts: JsonObject) -> Skeleton:
    """Return the named skeleton if its keypoints are the same; else one built from the file, with neutral sigmas."""
    keypoints = tuple(str(name) for name in facts["keypoints"])
    known = SKELETONS.get(facts["name"])
    if known is not None and known.keypoints == keypoints:
        return known
    edges = tuple((int(a), int(b)) for a, b in facts["edges"])
    return Skeleton(str(facts["name"]), keypoints, edges, (0.079,) * len(keypoints))
