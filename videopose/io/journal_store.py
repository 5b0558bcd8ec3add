"""The journal on disk: finished chunks of records that outlive a kill, beside the result they will become.

`<result>.partial/` holds `journal.json` (what the run is: video, config, weights), `000000.arrow`, `000001.arrow` …
(a chunk each: written, brought to the disk, renamed) and, once every frame is there, `end.json`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from videopose.errors import ConfigError, VideoPoseError
from videopose.io.result import JsonObject, atomic_write, cannot_write, sync_folder
from videopose.types import F32, I64, Detections, Frame, Gap, Poses, Record, TrackingFeatures

logger = logging.getLogger(__name__)

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
    ]
)


class JournalStore:
    """The chunks of one run.

    Args:
        folder: where they lie; made when the first chunk is written.
        identity: what the chunks are of: everything that changes them. Compared when a run goes on.
        restart: throw away what is there, whatever it is of.

    Raises:
        ConfigError: the folder holds the journal of another run; the message names what differs.
    """

    def __init__(self, folder: Path, identity: JsonObject, *, restart: bool = False) -> None:
        self.folder = folder
        self._identity: JsonObject = json.loads(json.dumps(identity))  # as it will be read back: tuples are lists
        if restart:
            shutil.rmtree(folder, ignore_errors=True)
        self._check_identity()
        self._chunks = self._whole_chunks()

    def _check_identity(self) -> None:
        path = self.folder / "journal.json"
        if not path.exists():
            return
        try:
            begun = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: the unfinished run cannot be read. Start over with --restart") from error
        changes = difference(begun, self._identity)
        if changes:
            more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
            raise ConfigError(
                f"{self.folder}: an unfinished run was begun with other settings: {changes[0]}{more}. "
                "Type its command again to go on with it, or start over with --restart"
            )

    def _whole_chunks(self) -> list[Path]:
        """List chunks 0, 1, 2 … up to the first that is missing or damaged; what comes after that is of no use."""
        chunks: list[Path] = []
        for path in sorted(self.folder.glob("*.arrow")):
            if path != self._chunk_path(len(chunks)) or not _is_whole(path):
                logger.warning("%s: a damaged chunk; it is computed again", path)
                break
            chunks.append(path)
        return chunks

    def _chunk_path(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"

    @property
    def num_records(self) -> int:
        """How many records are kept."""
        return sum(_table(path).num_rows for path in self._chunks)

    @property
    def next_index(self) -> int:
        """The index of the first frame that is not kept; 0 at the beginning."""
        return int(_table(self._chunks[-1])["index"][-1].as_py()) + 1 if self._chunks else 0

    def index_before(self, count: int) -> int:
        """Return the index of the kept record `count` places before the first missing one; 0 if there are fewer."""
        indices: list[int] = []
        for path in reversed(self._chunks):
            if len(indices) >= count:
                break
            indices = _table(path)["index"].to_pylist() + indices
        return indices[-count] if 0 < count <= len(indices) else (0 if count else self.next_index)

    @property
    def is_complete(self) -> bool:
        """Whether every frame of the video is kept."""
        return (self.folder / "end.json").exists()

    def __iter__(self) -> Iterator[Record]:
        """Return the kept records from the first on, a chunk in memory at a time."""
        for path in list(self._chunks):
            yield from _records_from(_table(path))

    def gaps(self) -> list[Gap]:
        """Return all gaps that are kept: those before each record, and those at the end of the video."""
        found = [gap for path in self._chunks for row in _table(path)["gaps"].to_pylist() for gap in row]
        if self.is_complete:
            found += json.loads((self.folder / "end.json").read_text(encoding="utf-8"))["gaps"]
        return [Gap(**gap) for gap in found]

    def append(self, records: Sequence[Record]) -> None:
        """Keep a chunk; when this returns, it outlives a power cut.

        Raises:
            VideoPoseError: the disk is full or the folder cannot be written to. What is kept stays.
        """
        self._begin()
        path = self._chunk_path(len(self._chunks))
        with self._explain_disk_error(), atomic_write(path) as file, pa.ipc.new_file(file, _SCHEMA) as writer:
            writer.write_table(_table_from(records))
        self._chunks.append(path)

    def finish(self, gaps: Sequence[Gap]) -> None:
        """Note that every frame is kept.

        Args:
            gaps: frames lost behind the last record.
        """
        self._begin()
        with self._explain_disk_error(), atomic_write(self.folder / "end.json") as file:
            file.write(json.dumps({"gaps": [asdict(gap) for gap in gaps]}).encode())

    def remove(self) -> None:
        """Throw the journal away: its result is whole, or the user starts over."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._chunks = []

    def _begin(self) -> None:
        path = self.folder / "journal.json"
        if path.exists():
            return
        try:
            self.folder.mkdir(exist_ok=True)
            sync_folder(self.folder.parent)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        with self._explain_disk_error(), atomic_write(path) as file:
            file.write(json.dumps(self._identity, indent=1, sort_keys=True).encode())

    def _explain_disk_error(self) -> _ResumableError:
        return _ResumableError(self)


class _ResumableError:
    """Adds to an error of the disk that nothing is lost."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, VideoPoseError):
            kept = f"the {self._store.num_records} frames done so far are kept; type the same command again to go on"
            raise VideoPoseError(f"{error}; {kept}") from error


def difference(old: JsonObject, new: JsonObject, prefix: str = "") -> list[str]:
    """Say what differs between two nested mappings, one short sentence per value.

    Example:
        >>> difference({"pose": {"flip": True}}, {"pose": {"flip": False}})
        ['pose.flip was true and is false']
    """
    changes = []
    for key in sorted({*old, *new}):
        before, now = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            changes += difference(before, now, f"{prefix}{key}.")
        elif before != now:
            changes.append(f"{prefix}{key} was {json.dumps(before)} and is {json.dumps(now)}")
    return changes


def _is_whole(path: Path) -> bool:
    try:
        return bool(_table(path).num_rows > 0)
    except (OSError, pa.ArrowInvalid):
        return False


def _table(path: Path) -> pa.Table:
    with pa.OSFile(os.fsencode(path), "rb") as file:
        return pa.ipc.open_file(file).read_all()


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
            }
        )
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _records_from(table: pa.Table) -> Iterator[Record]:
    for row in table.to_pylist():
        yield Record(
            frame=Frame(row["index"], row["time"], None),
            detections=None if row["box"] is None else _detections_from(row),
            poses=None if row["keypoints"] is None else _poses_from(row),
            gaps=tuple(Gap(**gap) for gap in row["gaps"]),
            features=None if row["propagated"] is None else _cues_from(row),
            shot=row.get("shot") or 0,
        )


def _detections_from(row: JsonObject) -> Detections:
    return Detections(_f32(row["box"]).reshape(-1, 4), _f32(row["box_score"]))


def _poses_from(row: JsonObject) -> Poses:
    return Poses(
        keypoints=_f32(row["keypoints"]).reshape(len(row["score"]), row["num_keypoints"], 3),
        score=_f32(row["score"]),
        xyxy=_f32(row["xyxy"]).reshape(-1, 4),
        track_id=_i64(row["track_id"]),
    )


def _cues_from(row: JsonObject) -> TrackingFeatures:
    people = len(row["score"] or ())
    appearance, signature = row["appearance"], row.get("signature")
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
