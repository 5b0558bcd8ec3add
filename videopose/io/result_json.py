"""The result as JSON, schema `videopose/1` (`schema.json`, `docs/results.md`): one line per frame.

The layout is fixed, header first and a frame to a line, so a result of any length is written and read a frame at a
time. A file somebody laid out differently is read too, at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from videopose.errors import DatasetError, check_shape
from videopose.io.result import Facts, ResultHeader, ResultWriter, header_facts, header_from, whole_file
from videopose.types import Frame, Poses, Record

_FRAMES = '"frames":['
_PIXEL_DECIMALS = 2
_SCORE_DECIMALS = 4
TIME_DECIMALS = 6


@contextmanager
def write_json(path: Path, header: ResultHeader) -> Iterator[ResultWriter]:
    """Open a JSON result for writing.

    Raises:
        VideoPoseError: the disk is full, or the folder cannot be written to.
    """
    with whole_file(path) as file:
        facts = header_facts(header)
        top = ",\n".join(f"{_text(name)}:{_text(value)}" for name, value in facts.items())
        file.write(f"{{{top},\n{_FRAMES}".encode())
        writer = _JsonWriter(file)
        yield writer
        file.write(b"\n]}\n")


class _JsonWriter:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._separator = "\n"

    def write(self, record: Record) -> None:
        self._file.write(f"{self._separator}{_text(frame_facts(record))}".encode())
        self._separator = ",\n"


def _text(value: Any) -> str:  # Any: what JSON can say
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def frame_facts(record: Record) -> Facts:
    """Turn a record into the JSON object of its frame, numbers rounded as results are."""
    return {
        "index": record.frame.index,
        "time": round(record.frame.time, TIME_DECIMALS),
        "people": [] if record.poses is None else _people(record.poses),
    }


def _people(poses: Poses) -> list[Facts]:
    keypoints = poses.keypoints.astype(np.float64)
    keypoints[..., :2] = keypoints[..., :2].round(_PIXEL_DECIMALS)
    keypoints[..., 2] = keypoints[..., 2].round(_SCORE_DECIMALS)
    return [
        {"track_id": track_id, "score": score, "box": box, "keypoints": points}
        for track_id, score, box, points in zip(
            poses.track_id.tolist(),
            poses.score.astype(np.float64).round(_SCORE_DECIMALS).tolist(),
            poses.xyxy.astype(np.float64).round(_PIXEL_DECIMALS).tolist(),
            keypoints.tolist(),
            strict=True,
        )
    ]


def read_json_header(path: Path) -> ResultHeader:
    """Read what stands above the frames.

    Raises:
        DatasetError: the file is no result, or is damaged.
    """
    header, _ = _split(path)
    return header_from(header, str(path))


def read_json_records(path: Path) -> Iterator[Record]:
    """Read the frames back, one at a time, images left out.

    Raises:
        DatasetError: the file is damaged; the message names the frame.
    """
    facts, frames = _split(path)
    num_keypoints = len(header_from(facts, str(path)).skeleton)
    last = -1
    for frame in frames:
        record = _record_from(frame, num_keypoints, f"{path}: frame {last + 1}")
        if record.frame.index <= last:
            raise DatasetError(f"{path}: frame {record.frame.index} comes after frame {last}. Put the frames in order")
        last = record.frame.index
        yield record


def _split(path: Path) -> tuple[Facts, Iterator[Facts]]:
    """Separate the header from the frames, without reading the frames where the layout allows it."""
    lines: list[str] = []
    with path.open(encoding="utf-8") as file:
        try:
            for line in file:
                if line.rstrip("\n") == _FRAMES:
                    return _parsed("".join(lines) + _FRAMES + "]}", path), _frames_by_line(path, len(lines) + 1)
                lines.append(line)
        except UnicodeDecodeError as error:
            raise DatasetError(f"{path}: not a JSON file. Give a result of videopose run") from error
    whole = _parsed("".join(lines), path)
    frames = whole.get("frames")
    if not isinstance(frames, list):
        raise DatasetError(f"{path}: it has no list of frames. Give a result of videopose run")
    return whole, iter(frames)


def _parsed(text: str, path: Path) -> Facts:
    try:
        facts = json.loads(text)
    except json.JSONDecodeError as error:
        raise DatasetError(f"{path}: not valid JSON in line {error.lineno}. Give a result of videopose run") from error
    if not isinstance(facts, dict):
        raise DatasetError(f"{path}: a result is a JSON object, not a {type(facts).__name__}")
    return facts


def _frames_by_line(path: Path, skip: int) -> Iterator[Facts]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip().removesuffix(",")
            if number <= skip or not text:
                continue
            if text == "]}":
                return
            try:
                yield json.loads(text)
            except json.JSONDecodeError as error:
                raise DatasetError(f"{path}: line {number} is damaged or cut off. Write the result again") from error
    raise DatasetError(f"{path}: cut off after its last whole line. Write the result again")


def _record_from(facts: Any, num_keypoints: int, where: str) -> Record:  # Any: whatever the file holds
    try:
        frame = Frame(int(facts["index"]), float(facts["time"]), None)
        return Record(frame, poses=_poses_from(list(facts["people"]), num_keypoints))
    except KeyError as error:
        raise DatasetError(f"{where}: {error.args[0]!r} is missing") from error
    except (TypeError, ValueError) as error:
        raise DatasetError(f"{where}: not a frame of a result ({error})") from error


def _poses_from(people: list[Facts], num_keypoints: int) -> Poses:
    if not people:
        return Poses.empty(num_keypoints)
    keypoints = np.array([person["keypoints"] for person in people], np.float32)
    check_shape("keypoints", keypoints, len(people), num_keypoints, 3)
    return Poses(
        keypoints=keypoints,
        score=np.array([person["score"] for person in people], np.float32),
        xyxy=np.array([person["box"] for person in people], np.float32),
        track_id=np.array([person["track_id"] for person in people], np.int64),
    )
