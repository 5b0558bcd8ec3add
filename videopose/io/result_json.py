"""The result as JSON, schema `videopose/1` (`schema.json`, `docs/results.md`): one line per frame.

The layout is fixed, header first and a frame to a line, so a result of any length is written and read some frames
at a time. A file somebody laid out differently is read too, at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np

from videopose.errors import DatasetError, check_shape
from videopose.io import frame_lines
from videopose.io.result import JsonObject, ResultHeader, ResultWriter, atomic_write, header_facts, header_from
from videopose.io.rows import Block, FrameBuffer, records_of
from videopose.types import SEEN, SOURCES, U8, Poses, Record

_FRAMES = '"frames":['
_BYTES_AT_ONCE = 1 << 20


@contextmanager
def write_json(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a JSON result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    with atomic_write(path) as file:
        facts = header_facts(header)
        top = ",\n".join(f"{_text(name)}:{_text(value)}" for name, value in facts.items())
        file.write(f"{{{top},\n{_FRAMES}".encode())
        writer = _JsonWriter(file, len(header.skeleton))
        yield writer
        writer.flush()
        file.write(b"\n]}\n")


class _JsonWriter:
    def __init__(self, file: IO[bytes], num_keypoints: int) -> None:
        self._file = file
        self._buffer = FrameBuffer(num_keypoints)
        self._separator = b"\n"

    def write(self, record: Record) -> None:
        if self._buffer.add(record):
            self.flush()

    def flush(self) -> None:
        for line in frame_lines.write(self._buffer.take()):
            self._file.write(self._separator + line)
            self._separator = b",\n"


def _text(value: Any) -> str:  # Any: what JSON can say
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def read_json_header(path: Path) -> ResultHeader:
    """Read what stands above the frames.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    header, _ = _split(path)
    return header_from(header, str(path))


def read_json_records(path: Path) -> Iterator[Record]:
    """Read the frames back, some megabytes in memory at a time, images left out.

    Raises:
        DatasetError: the file is damaged; the message names the frame.
    """
    facts, blocks = _split(path)
    num_keypoints = len(header_from(facts, str(path)).skeleton)
    return records_of(blocks(num_keypoints), str(path))


_Blocks = Callable[[int], Iterator[Block]]
"""Reads the frames, given the number of keypoints."""


def _split(path: Path) -> tuple[JsonObject, _Blocks]:
    """Separate the header from the frames, without reading the frames where the layout allows it."""
    lines: list[str] = []
    with path.open(encoding="utf-8-sig") as file:
        try:
            for line in file:
                if line.rstrip("\n") == _FRAMES:
                    header = _parsed("".join(lines) + _FRAMES + "]}", path)
                    return header, partial(_blocks_by_line, path, len(lines) + 1)
                lines.append(line)
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path}: not a JSON file. Give a result of videopose run") from error
    whole = _parsed("".join(lines), path)
    frames = whole.get("frames")
    if not isinstance(frames, list):
        raise DatasetError(f"{path}: it has no list of frames. Give a result of videopose run")
    return whole, partial(_blocks_of, path, frames)


def _parsed(text: str, path: Path) -> JsonObject:
    try:
        facts = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not valid JSON in line {error.lineno}. Give a result of videopose run") from error
    except (ValueError, RecursionError) as error:  # thousands of digits or brackets
        raise DatasetError(
            f"{path}: not usable JSON ({type(error).__name__}). Give a result of videopose run"
        ) from error
    if not isinstance(facts, dict):
        raise DatasetError(f"{path}: a result is a JSON object, not a {type(facts).__name__}")
    return facts


def _blocks_by_line(path: Path, skip: int, num_keypoints: int) -> Iterator[Block]:
    with path.open("rb") as file:
        for _ in range(skip):
            file.readline()
        number = skip + 1
        while lines := file.readlines(_BYTES_AT_ONCE):
            texts = lines[: _end(lines)]
            yield from _blocks_from(texts, path, number, num_keypoints)
            if len(texts) < len(lines):
                return
            number += len(lines)
    raise DatasetError(f"{path}: cut off after its last whole line. Write the result again")


def _end(lines: list[bytes]) -> int:
    """Return the place of the line that ends the list of frames, or the number of lines."""
    return next((place for place, line in enumerate(lines) if line.strip() == b"]}"), len(lines))


def _blocks_from(texts: list[bytes], path: Path, number: int, num_keypoints: int) -> Iterator[Block]:
    """Read lines at once; one by one where they are unusual or wrong, to say where."""
    try:
        yield frame_lines.read(texts, num_keypoints)
    except frame_lines.IrregularError:
        for line, text in enumerate(texts, start=number):
            plain = text.strip().removesuffix(b",")
            if not plain:
                continue
            try:
                facts = json.loads(plain)
            except (ValueError, RecursionError) as error:  # not JSON, or not UTF-8
                raise DatasetError(f"{path}: line {line} is damaged or cut off. Write the result again") from error
            yield _block_from(facts, num_keypoints, f"{path}: line {line}")


def _blocks_of(path: Path, frames: list[Any], num_keypoints: int) -> Iterator[Block]:  # Any: whatever the file holds
    for place, facts in enumerate(frames):
        yield _block_from(facts, num_keypoints, f"{path}: frame {place}")


def _block_from(facts: Any, num_keypoints: int, where: str) -> Block:
    try:
        people = _poses_from(list(facts["people"]), num_keypoints)
        return Block([int(facts["index"])], [float(facts["time"])], [0, len(people)], people)
    except KeyError as error:
        raise DatasetError(f"{where}: {error.args[0]!r} is missing") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise DatasetError(f"{where}: not a frame of a result ({error})") from error


def _poses_from(people: list[JsonObject], num_keypoints: int) -> Poses:
    if not people:
        return Poses.empty(num_keypoints)
    keypoints = np.array([person["keypoints"] for person in people], np.float32)
    check_shape("keypoints", keypoints, len(people), num_keypoints, 3)
    return Poses(
        keypoints=keypoints,
        score=np.array([person["score"] for person in people], np.float32),
        xyxy=np.array([person["box"] for person in people], np.float32),
        track_id=np.array([person["track_id"] for person in people], np.int64),
        source=_sources_from(people, num_keypoints),
    )


def _sources_from(people: list[JsonObject], num_keypoints: int) -> U8 | None:
    if not any("source" in person or "keypoint_source" in person for person in people):
        return None
    words = [
        person.get("keypoint_source") or [person.get("source") or SOURCES[SEEN]] * num_keypoints for person in people
    ]
    source = np.array([[_source_from(word) for word in row] for row in words], np.uint8)
    check_shape("keypoint_source", source, len(people), num_keypoints)
    return source


def _source_from(word: Any) -> int:  # Any: whatever the file holds
    if word not in SOURCES:
        raise ValueError(f"source {word!r} is not one of {', '.join(SOURCES)}")
    return SOURCES.index(word)
