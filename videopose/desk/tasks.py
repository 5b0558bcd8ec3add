"""What the page has done that takes files or images: propagation, labels in, formats out, scores."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from videopose import catalog
from videopose.annotation.marks import to_table
from videopose.annotation.sheet import ABSENT, HIDDEN, Sheet
from videopose.errors import DatasetError, InputError, UnknownNameError
from videopose.image_motion.optical_flow import create_flow
from videopose.io.base import VideoReader
from videopose.io.exchange import cvat_xml
from videopose.io.exchange.formats import FORMATS, format_named, read_table, write_table
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.mapping import to_skeleton
from videopose.io.exchange.table import PoseTable
from videopose.types import F64, I64, UNTRACKED, Poses, VideoInfo
from videopose.workflows.propagate import PropagateLabels, PropagateOptions

JsonObject = dict[str, Any]
_NAMES = {HIDDEN: "hidden", ABSENT: "absent"}
_NEAR = 0.5
"""Mean distance of keypoints, in parts of the person's size, up to which a label is of somebody in the result."""


def propagated(
    sheet: Sheet, track_id: int, first: int, last: int, reader: VideoReader, options: PropagateOptions | None = None
) -> JsonObject:
    """Propagate a person's poses from both ends of a span to the frames between, and return the operation's fields.

    Args:
        sheet: the state; not held while images are looked at.
        track_id: who.
        first: frame of the one end.
        last: of the other one.
        reader: of the frames of the span.
        options: of propagation; None = by flow alone.

    Raises:
        InputError: the person is not at both ends, or the span is too long.
    """
    options = options or PropagateOptions(head="none", max_span=300)
    if last - first > options.max_span:
        raise InputError(
            f"frames {first}-{last}: at most {options.max_span} frames are filled at once. Correct one between"
        )
    ends = {}
    for frame in (first, last):
        row = sheet.row(track_id, frame)
        if row < 0:
            raise InputError(f"person {track_id} is not in frame {frame}. Mark a span at whose ends they are there")
        people = sheet.people(frame)
        ends[frame] = replace(people[people.track_id == track_id], skeleton=None)
    stage = PropagateLabels(ends, sheet.skeleton, create_flow(options.flow), options)
    wanted = set(sheet.index[np.searchsorted(sheet.index, first) :].tolist())
    poses = [
        {"frame": record.frame.index, "track_id": track_id, "keypoints": _points(record.poses)}
        for record in stage(reader.records())
        if first < record.frame.index < last and record.frame.index in wanted and record.poses is not None
        and len(record.poses)
    ]  # fmt: skip
    return {"track_id": track_id, "first": first, "last": last, "poses": poses}


def _points(poses: Poses) -> list[list[Any]]:
    return [
        [round(float(x), 2), round(float(y), 2), "seen" if score > 0 else "absent"]
        for x, y, score in poses.keypoints[0].tolist()
    ]


@contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="videopose-desk-") as folder:
        yield Path(folder)


def exported(sheet: Sheet, name: str, clip: str) -> tuple[str, bytes, list[str]]:
    """Write the state in a format.

    Args:
        sheet: the state.
        name: of the format, as of `videopose convert --to`.
        clip: name of the video.

    Returns:
        A name for the file, its bytes, and what the format has no place for.

    Raises:
        UnknownNameError: there is no such format.
        InputError: the format cannot be written.
    """
    table = to_table(sheet, Path(clip).stem)
    suffix = format_named(name).suffix
    with _scratch() as folder:
        file = folder / f"labels{suffix}"
        said = write_table(table, file, name)
        if not file.is_file():
            raise InputError(f"{name}: is a folder of files. Use videopose annotate apply and videopose convert")
        return f"{Path(clip).stem}.{name}{suffix}", file.read_bytes(), said


def writable() -> list[JsonObject]:
    """List the formats the page offers."""
    return [{"name": name, "title": each.title, "suffix": each.suffix} for name, each in FORMATS.items() if each.write]


def read_labels(name: str, text: str, info: VideoInfo, num_frames: int) -> PoseTable:
    """Read labels that somebody brought: any format `videopose convert` reads as text, or CVAT's.

    Args:
        name: of their file; only its ending matters.
        text: what is in it.
        info: of the video they are of.
        num_frames: it has.

    Raises:
        DatasetError: they break their format, or hold nobody's keypoints.
    """
    endings = {each.suffix for each in FORMATS.values()} | {".xml"}
    suffix = Path(name).suffix.lower()
    if suffix not in endings:
        raise DatasetError(f"labels called *{suffix[:10]}: give one of {', '.join(sorted(endings))}")
    with _scratch() as folder:
        file = folder / f"labels{suffix}"
        file.write_text(text, encoding="utf-8")
        table = cvat_xml.read(file) if suffix == ".xml" else read_table(file)
    if not len(table) or not table.present.any():
        raise DatasetError(f"{Path(name).name[:60]}: holds nobody's keypoints. Give labels with keypoints")
    return in_frame_order(replace(table, source=Path(name).name[:60]), count=num_frames, needs_numbers=True)


def as_operation(sheet: Sheet, table: PoseTable, source: str) -> tuple[JsonObject, str]:
    """Convert labels to the fields of a `place` operation: whom they are of is told by where people are.

    Returns:
        The fields, and a sentence for the annotator.
    """
    mapped = to_skeleton(table, sheet.skeleton, derive=False)
    poses: list[JsonObject] = []
    left_out = 0
    known = set(sheet.index.tolist())
    names: dict[int, int] = {}
    free = int(sheet.track_id.max(initial=0)) + 1
    for position, entry in enumerate(mapped.frames):
        rows = [row for row in range(mapped.rows_of(position).start, mapped.rows_of(position).stop)
                if mapped.present[row].any() and not mapped.crowd[row]]  # fmt: skip
        if entry.number is None or entry.number not in known:
            left_out += len(rows)
            continue
        for row, track_id in zip(rows, _whose(sheet, mapped, rows, entry.number), strict=True):
            label = int(mapped.track_id[row])
            if track_id == UNTRACKED:
                key = label if label != UNTRACKED else -2 - row
                if key not in names:
                    names[key], free = free, free + 1
                track_id = names[key]
            poses.append({"frame": entry.number, "track_id": track_id, "keypoints": _labelled(mapped, row)})
    said = f"{len(poses)} labelled people"
    said += f"; {left_out} are of frames that are not in the result" if left_out else ""
    return {"source": source[:300], "poses": poses}, said


def _labelled(table: PoseTable, row: int) -> list[list[Any]]:
    out: list[list[Any]] = []
    for (x, y), is_there, flag in zip(table.xy[row].tolist(), table.present[row], table.visibility[row], strict=True):
        if not is_there:
            out.append([0.0, 0.0, "absent"])
        else:
            out.append([round(x, 2), round(y, 2), "hidden" if flag == HIDDEN else "seen"])
    return out


def _whose(sheet: Sheet, table: PoseTable, rows: list[int], frame: int) -> list[int]:
    """Find whose each label of a frame is: of its own id if that person is there, else of whoever is nearest."""
    people = sheet.people(frame)
    here = {int(track_id): row for row, track_id in enumerate(people.track_id) if track_id != UNTRACKED}
    distances = [_distance(people, table.xy[row]) for row in rows]
    out = [UNTRACKED] * len(rows)
    for at, row in enumerate(rows):
        label = int(table.track_id[row])
        if label in here and distances[at][here[label]] <= _NEAR and label not in out:
            out[at] = label
    for at, away in enumerate(distances):
        if out[at] != UNTRACKED:
            continue
        order = [int(each) for each in np.argsort(away, kind="stable") if away[each] <= _NEAR]
        ids = [int(people.track_id[each]) for each in order]
        free = [each for each in ids if each != UNTRACKED and each not in out]
        out[at] = free[0] if free else UNTRACKED
    return out


def _distance(people: Poses, xy: F64) -> F64:
    """Return how far everybody is from a label, (N,) in parts of their size; infinite without a common keypoint."""
    if not len(people):
        return np.zeros(0)
    seen = np.isfinite(xy[:, 0]) & (people.keypoints[..., 2] > 0)
    way = np.where(seen, np.linalg.norm(people.keypoints[..., :2] - np.nan_to_num(xy), axis=2), 0)
    size = np.sqrt(np.maximum((people.xyxy[:, 2:] - people.xyxy[:, :2]).prod(axis=1), 1))
    count = seen.sum(axis=1)
    return np.where(count > 0, way.sum(axis=1) / np.maximum(count, 1) / size, np.inf)


def scored(sheet: Sheet, truth: PoseTable) -> JsonObject:
    """Compare the state with true labels: how many keypoints are right, and how well ids hold.

    Returns:
        PCK within a tenth of the person's size, MOTA, IDF1, HOTA (per cent), and switches.

    Raises:
        DatasetError: the two have no frame in common.
    """
    try:
        kit = catalog.evaluation("protocols.tracking_scoring")
    except UnknownNameError as error:  # an installation without eval/
        raise InputError("scores need videopose.eval, which is not installed") from error
    mapped = to_skeleton(truth, sheet.skeleton, derive=False)
    known = set(sheet.index.tolist())
    real, found = [], []
    right = count = 0
    for position, entry in enumerate(mapped.frames):
        if entry.number is None or entry.number not in known:
            continue
        rows = np.arange(len(mapped))[mapped.rows_of(position)]
        rows = rows[mapped.present[rows].any(axis=1) & ~mapped.crowd[rows]]
        flags = np.where(mapped.present[rows], np.where(mapped.visibility[rows] == HIDDEN, 1, 2), 0)
        keypoints = np.concatenate([np.nan_to_num(mapped.xy[rows]), flags[..., None]], axis=2).astype(np.float32)
        ids = np.where(mapped.track_id[rows] >= 0, mapped.track_id[rows], 10**6 + rows)
        boxes = mapped.boxes()[rows].astype(np.float32)
        people = sheet.people(entry.number)
        real.append(kit.TrueFrame(ids, keypoints, boxes))
        found.append(people)
        good, all_of_them = _right(people, mapped, rows)
        right, count = right + good, count + all_of_them
    if not real:
        raise DatasetError(f"{truth.source}: has no frame in common with the result")
    numbers = kit.count_video(real, found, sheet.skeleton).numbers()
    facts = {key: round(float(numbers[key]), 2) for key in ("MOTA", "IDF1", "HOTA", "switches")}
    return {"frames": len(real), "PCK": round(100 * right / max(count, 1), 2), **facts}


def _right(people: Poses, table: PoseTable, rows: I64) -> tuple[int, int]:
    """Count true keypoints, and those of them whose nearest person has them within a tenth of the true size."""
    right = count = 0
    for row in rows.tolist():
        there = table.present[row]
        count += int(there.sum())
        away = _distance(people, table.xy[row])
        if len(away) and np.isfinite(away.min()):
            pose = people.keypoints[int(away.argmin())]
            x1, y1, x2, y2 = table[np.array([row])].boxes()[0].tolist()
            size = max(float(np.sqrt((x2 - x1) * (y2 - y1))), 1.0)
            off = np.linalg.norm(pose[:, :2] - np.nan_to_num(table.xy[row]), axis=1)
            right += int((there & (off <= 0.1 * size) & (pose[:, 2] > 0)).sum())
    return right, count
