"""A chunk of a journal: records as Arrow, behind a head that tells whether these are the bytes that were written.

Arrow trusts its bytes: a flipped bit gives other numbers, or ends the process. So nothing reaches it before the head
and the checksum have been compared. The head also says of which run the chunk is and which one in the row: a chunk that
was copied or exchanged is found out.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from videopose.errors import DatasetError
from videopose.io.result import JsonObject, atomic_write
from videopose.skeletons import Skeleton
from videopose.types import F32, I64, Detections, Frame, Gap, Poses, Record, TrackingFeatures

RUN_BYTES = 16
"""Length of what stands for a run in the head of its chunks."""

_MAGIC = b"vpchunk3"
_HEAD = struct.Struct(f"<8s{RUN_BYTES}sIqqIQI")  # magic, run, number, first, last, records, bytes, their CRC-32
_CHECK = struct.Struct("<I")  # CRC-32 of the head

_FLOATS = pa.list_(pa.float32())
_GAPS = pa.list_(
    pa.struct(
        [
            ("first", pa.int64()),
            ("last", pa.int64()),
            ("start", pa.float64()),
            ("end", pa.float64()),
            ("reason", pa.string()),
        ]
    )
)
_SCHEMA = pa.schema(
    [
        ("index", pa.int64()),
        ("time", pa.float64()),
        ("gaps", _GAPS),
        ("box", _FLOATS),  # of the detections; a null list says that no detector has run
        ("box_score", _FLOATS),
        ("num_keypoints", pa.int32()),
        ("keypoints", _FLOATS),
        ("score", _FLOATS),
        ("xyxy", _FLOATS),
        ("track_id", pa.list_(pa.int64())),
        ("camera", pa.list_(pa.float64())),
        ("propagated", pa.list_(_FLOATS)),  # null where the tracker needs nothing from the pixels
        ("appearance", _FLOATS),
        ("signature", pa.binary()),
        ("shot", pa.int64()),
        ("tube_id", pa.list_(pa.int64())),  # null where poses are of no tubes
    ]
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is known of a chunk without looking into it.

    Attributes:
        path: the file.
        number: 0, 1, 2 …
        first: index of its first frame.
        last: index of its last frame.
        num_records: how many there are; fewer than from first to last, where frames are missing or passed over.
        checksum: CRC-32 of the records' bytes.
    """

    path: Path
    number: int
    first: int
    last: int
    num_records: int
    checksum: int


def write_chunk(path: Path, run: bytes, number: int, records: Sequence[Record]) -> Chunk:
    """Write at least one record; when this returns, they outlive a power cut.

    Raises:
        VideoPoseError: the disk is full or the folder cannot be written to.
    """
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, _SCHEMA) as writer:
        writer.write_table(_table_from(records))
    body = sink.getvalue().to_pybytes()
    first, last = records[0].frame.index, records[-1].frame.index
    chunk = Chunk(path, number, first, last, len(records), zlib.crc32(body))
    head = _HEAD.pack(_MAGIC, run, number, first, last, len(records), len(body), chunk.checksum)
    with atomic_write(path) as file:
        file.write(head + _CHECK.pack(zlib.crc32(head)) + body)
    return chunk


def check_chunk(path: Path, run: bytes, number: int) -> Chunk:
    """Read a chunk's head and compare its checksum.

    Raises:
        DatasetError: it is not the chunk of this number of this run, whole and undamaged.
    """
    return _read(path, run, number)[0]


def read_table(chunk: Chunk, run: bytes) -> pa.Table:
    """Read a chunk's rows.

    Raises:
        DatasetError: it is damaged, or not the chunk it was.
    """
    found, body = _read(chunk.path, run, chunk.number)
    if found != chunk:
        raise DatasetError(f"{chunk.path}: has been replaced. Type the same command again")
    return pa.ipc.open_file(pa.BufferReader(body)).read_all()


def _read(path: Path, run: bytes, number: int) -> tuple[Chunk, memoryview]:
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}). Type the same command again") from error
    length = _HEAD.size + _CHECK.size
    head, body = data[: _HEAD.size], data[length:]
    is_whole = len(data) > length and _CHECK.unpack(data[_HEAD.size : length])[0] == zlib.crc32(head)
    if not is_whole:
        raise DatasetError(f"{path}: is damaged. Type the same command again")
    magic, of_run, of_number, first, last, records, size, checksum = _HEAD.unpack(head)
    if (magic, of_run, of_number) != (_MAGIC, run, number):
        raise DatasetError(f"{path}: is not a chunk of this run, or not in its place. Type the same command again")
    if size != len(body) or checksum != zlib.crc32(body):
        raise DatasetError(f"{path}: is damaged. Type the same command again")
    return Chunk(path, number, first, last, records, checksum), body


def records_from(table: pa.Table, skeleton: Skeleton | None = None) -> Iterator[Record]:
    """Convert rows to records; poses are of the given skeleton, which is not written with them."""
    for row in table.to_pylist():
        yield Record(
            frame=Frame(row["index"], row["time"], None),
            detections=None if row["box"] is None else _detections_from(row),
            poses=None if row["keypoints"] is None else _poses_from(row, skeleton),
            gaps=tuple(Gap(**gap) for gap in row["gaps"]),
            features=None if row["propagated"] is None else _features_from(row),
            shot=row["shot"],
            tube_id=None if row["tube_id"] is None else _i64(row["tube_id"]),
        )


def _table_from(records: Sequence[Record]) -> pa.Table:
    rows = []
    for record in records:
        poses, boxes, features = record.poses, record.detections, record.features
        rows.append(
            {
                "index": record.frame.index,
                "time": record.frame.time,
                "gaps": [asdict(gap) for gap in record.gaps],
                "box": None if boxes is None else boxes.xyxy.ravel(),
                "box_score": None if boxes is None else boxes.score,
                "num_keypoints": None if poses is None else poses.keypoints.shape[1],
                "keypoints": None if poses is None else poses.keypoints.ravel(),
                "score": None if poses is None else poses.score,
                "xyxy": None if poses is None else poses.xyxy.ravel(),
                "track_id": None if poses is None else poses.track_id,
                "camera": None if features is None or features.camera is None else features.camera.ravel(),
                "propagated": None if features is None else [rows.ravel() for rows in features.propagated],
                "appearance": None if features is None or features.appearance is None else features.appearance.ravel(),
                "signature": None if features is None or features.signature is None else features.signature.tobytes(),
                "shot": record.shot,
                "tube_id": record.tube_id,
            }
        )
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _detections_from(row: JsonObject) -> Detections:
    return Detections(_f32(row["box"]).reshape(-1, 4), _f32(row["box_score"]))


def _poses_from(row: JsonObject, skeleton: Skeleton | None) -> Poses:
    return Poses(
        keypoints=_f32(row["keypoints"]).reshape(len(row["score"]), row["num_keypoints"], 3),
        score=_f32(row["score"]),
        xyxy=_f32(row["xyxy"]).reshape(-1, 4),
        track_id=_i64(row["track_id"]),
        skeleton=skeleton,
    )


def _features_from(row: JsonObject) -> TrackingFeatures:
    people = len(row["score"] or ())
    appearance, signature = row["appearance"], row["signature"]
    return TrackingFeatures(
        camera=None if row["camera"] is None else np.array(row["camera"], np.float64).reshape(3, 3),
        propagated=tuple(_f32(values).reshape(-1, row["num_keypoints"], 2) for values in row["propagated"]),
        appearance=None if appearance is None else _f32(appearance).reshape(people, len(appearance) // max(people, 1)),
        signature=None if signature is None else np.frombuffer(signature, np.uint8),
    )


def _f32(values: Any) -> F32:  # Any: a list of numbers, as Arrow gives it
    return np.array(values, np.float32)


def _i64(values: Any) -> I64:  # Any: a list of numbers, as Arrow gives it
    return np.array(values, np.int64)
