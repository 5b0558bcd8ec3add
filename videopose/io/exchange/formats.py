"""The table of exchange formats: how each is read and written, and what it can hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from videopose.errors import DatasetError, InputError, UnknownNameError, nearest_name
from videopose.io.exchange import (
    ai_challenger,
    coco,
    cvat,
    deeplabcut,
    matlab,
    mot,
    motion_capture,
    movement,
    nwb,
    own_result,
    posetrack17,
    posetrack18,
    sleap,
)  # fmt: skip
from videopose.io.exchange.cursor import Json, read_json
from videopose.io.exchange.head import Head
from videopose.io.exchange.mapping import to_skeleton, without_doubtful
from videopose.io.exchange.table import PoseTable
from videopose.io.result import Layout, atomic_write
from videopose.skeletons import Skeleton, skeleton_named
from videopose.types import SEEN, UNTRACKED

FACTS: dict[str, str] = {
    "keypoints": "keypoints",
    "keypoint_score": "scores of keypoints",
    "visibility": "visibility flags",
    "score": "scores of people",
    "xyxy": "person boxes",
    "head_xyxy": "head boxes",
    "track_id": "track ids",
    "area": "areas",
    "crowd": "crowd regions",
    "ignore_regions": "ignore regions",
    "size_hw": "image sizes",
    "time": "frame times",
    "name": "image names",
    "empty": "images without people",
    "crowd_index": "crowd indices",
    "source": "marks of what was filled in or corrected",
    "header": "frame rate, duration, rotation, gaps and provenance",
}
"""What a table can hold beyond bare frames, in words for messages."""


@dataclass(frozen=True)
class Format:
    """One exchange format.

    Attributes:
        title: in words.
        suffix: of its files.
        read: path to table; None if it is only written.
        write: table and path; None if it is only read.
        holds: those of `FACTS` the format has a place for.
        skeleton: the only one it can hold, None for any.
        needs_boxes: every person must have a box; one that is not given is put around the keypoints.
        fit: brings values into the ranges the format allows, and says what it changed.
        needs: a package that is no dependency, "" if none.
        in_metres: coordinates may be metres.
        matches: says whether a file is of this format; None if it cannot be told from a format before it. Of several
            that match, the first in `FORMATS` is taken.
    """

    title: str
    suffix: str
    read: Callable[[Path], PoseTable] | None
    write: Callable[[PoseTable, Path], None] | None
    holds: frozenset[str]
    skeleton: Skeleton | None = None
    needs_boxes: bool = False
    fit: Callable[[PoseTable], tuple[PoseTable, list[str]]] | None = None
    matches: Callable[[Head], bool] | None = None
    needs: str = ""
    in_metres: bool = False


def _as_json(build: Callable[[PoseTable], Json]) -> Callable[[PoseTable, Path], None]:
    def write(table: PoseTable, path: Path) -> None:
        text = json.dumps(build(table), separators=(",", ":"), allow_nan=False)
        with atomic_write(path) as file:
            file.write(text.encode() + b"\n")

    return write


def _write_mot(table: PoseTable, path: Path) -> None:
    text = mot.to_text(table)
    with atomic_write(path) as file:
        file.write(text.encode())


def _hieve_to_json(table: PoseTable) -> Json:
    return posetrack17.to_json(table, posetrack17.HIEVE)


_ANNOLIST = frozenset(
    {"keypoints", "keypoint_score", "visibility", "score", "track_id", "ignore_regions", "name", "empty"}
)
_COCO = frozenset(
    {"keypoints", "visibility", "score", "xyxy", "head_xyxy", "track_id", "area", "crowd", "size_hw", "time", "name",
     "empty", "crowd_index", "keypoint_score", "source", "header"}
)  # fmt: skip
_OWN = frozenset(
    {"keypoints", "keypoint_score", "score", "xyxy", "track_id", "size_hw", "time", "empty", "source", "header"}
)
_MARKERS = frozenset({"keypoints", "track_id", "empty"})
_INDIVIDUALS = _MARKERS | {"keypoint_score"}
_MATLAB = frozenset({"keypoints", "visibility", "xyxy", "head_xyxy", "size_hw", "name", "empty", "track_id"})

FORMATS: dict[str, Format] = {
    "videopose": Format(
        "a result of videopose run", ".json", own_result.read, own_result.write, _OWN, needs_boxes=True,
        fit=own_result.fitted, matches=own_result.matches,
    ),
    "csv": Format(
        "the same as a table of text, wide or long", ".csv", own_result.read, own_result.write, _OWN,
        needs_boxes=True, fit=own_result.fitted, matches=lambda head: own_result.is_table(head, ".csv"),
    ),
    "parquet": Format(
        "the same as a Parquet table, wide or long", ".parquet", own_result.read, own_result.write, _OWN,
        needs_boxes=True, fit=own_result.fitted, matches=lambda head: own_result.is_table(head, ".parquet"),
    ),
    "posetrack17": Format(
        "PoseTrack 2017", ".json", posetrack17.read, _as_json(posetrack17.to_json), _ANNOLIST | {"head_xyxy"},
        skeleton_named("posetrack15"), matches=posetrack17.matches,
    ),
    "posetrack18": Format(
        "PoseTrack 2018", ".json", posetrack18.read, _as_json(posetrack18.to_json),
        _ANNOLIST | {"head_xyxy", "xyxy", "size_hw"}, skeleton_named("posetrack15"),
        matches=posetrack18.matches,
    ),
    "posetrack21": Format(
        "PoseTrack 2021", ".json", posetrack18.read, _as_json(posetrack18.to_json),
        _ANNOLIST | {"head_xyxy", "xyxy", "size_hw"}, skeleton_named("posetrack15"),
    ),
    "coco": Format(
        "COCO keypoint annotations", ".json", coco.read, _as_json(coco.annotations_to_json), _COCO, needs_boxes=True,
        matches=coco.is_annotated,
    ),
    "coco-results": Format(
        "COCO keypoint results", ".json", coco.read, _as_json(coco.results_to_json),
        frozenset({"keypoints", "keypoint_score", "score", "xyxy", "track_id"}), matches=coco.is_results,
    ),
    "crowdpose": Format(
        "CrowdPose", ".json", coco.read, _as_json(coco.annotations_to_json), _COCO,
        skeleton_named("crowdpose14"), needs_boxes=True,
    ),
    "hieve": Format(
        "HiEve (Human in Events)", ".json", lambda path: posetrack17.read(path, posetrack17.HIEVE),
        _as_json(_hieve_to_json), _ANNOLIST | {"xyxy"}, posetrack17.HIEVE.skeleton,
    ),
    "ai-challenger": Format(
        "AI Challenger", ".json", ai_challenger.read, _as_json(ai_challenger.to_json),
        frozenset({"keypoints", "visibility", "xyxy", "name", "empty"}), ai_challenger.SKELETON,
        matches=ai_challenger.matches,
    ),
    "mot": Format(
        "MOT Challenge text", ".txt", mot.read, _write_mot, frozenset({"score", "xyxy", "track_id"}), needs_boxes=True,
        matches=mot.matches,
    ),
    "dlc-csv": Format(
        "DeepLabCut, several animals, CSV", ".csv", deeplabcut.read_csv, deeplabcut.write_csv, _INDIVIDUALS,
        matches=deeplabcut.matches_csv,
    ),
    "dlc-h5": Format(
        "DeepLabCut, several animals, HDF5", ".h5", None, deeplabcut.write_h5, _INDIVIDUALS, needs="tables"
    ),
    "sleap": Format(
        "SLEAP", ".slp", sleap.read, sleap.write, _INDIVIDUALS | {"score"}, matches=sleap.matches, needs="sleap_io"
    ),
    "nwb": Format(
        "Neurodata Without Borders, ndx-pose", ".nwb", nwb.read, nwb.write, _INDIVIDUALS,
        matches=nwb.matches, needs="ndx_pose",
    ),
    "movement": Format(
        "movement's netCDF", ".nc", movement.read, movement.write, _INDIVIDUALS, matches=movement.matches,
        needs="xarray",
    ),
    "trc": Format(
        "OpenSim markers", ".trc", motion_capture.read_trc, motion_capture.write_trc, _MARKERS,
        matches=motion_capture.matches_trc, in_metres=True,
    ),
    "c3d": Format(
        "C3D markers", ".c3d", motion_capture.read_c3d, motion_capture.write_c3d, _MARKERS - {"track_id"},
        matches=motion_capture.matches_c3d, needs="c3d", in_metres=True,
    ),
    "cvat": Format(
        "CVAT for video 1.1", ".xml", cvat.read, cvat.write,
        frozenset({"keypoints", "visibility", "track_id", "size_hw", "empty"}), matches=cvat.matches,
    ),
    "mpii": Format("MPII ground truth", ".mat", matlab.read, None, _MATLAB, skeleton_named("mpii16")),
    "lsp": Format(
        "LSP and LSPET ground truth", ".mat", matlab.read, None, _MATLAB, skeleton_named("lsp14"),
        matches=matlab.matches,
    ),
    "jhmdb": Format("JHMDB ground truth", ".mat", matlab.read, None, _MATLAB, skeleton_named("jhmdb15")),
    "penn": Format("Penn Action ground truth", ".mat", matlab.read, None, _MATLAB, skeleton_named("penn13")),
}  # fmt: skip


def format_named(name: str) -> Format:
    """Return the format of a name.

    Raises:
        UnknownNameError: there is none of that name.
    """
    if name not in FORMATS:
        raise UnknownNameError(f"no format is named {name!r}. {nearest_name(name, FORMATS)}")
    return FORMATS[name]


def format_of_suffix(path: Path) -> str:
    """Return the first format whose files end as a path does.

    Raises:
        InputError: there is none that is written, so somebody must say which is meant.
    """
    for name, each in FORMATS.items():
        if each.write is not None and path.name.lower().endswith(each.suffix):
            return name
    raise InputError(f"{path}: say with --to which format to write; its ending tells of none")


def recognise(path: Path) -> str:
    """Find a file's format by its suffix and its beginning; of formats that cannot be told apart, the older one.

    Raises:
        DatasetError: the file cannot be read, or is of no format known here.
    """
    head = Head(path)
    for name, each in FORMATS.items():
        if each.matches is not None and each.matches(head):
            return name
    raise DatasetError(f"{path}: of no format known here; name it with --from ({', '.join(FORMATS)})")


def read_table(path: Path, name: str | None = None, *, category: int | None = None) -> PoseTable:
    """Read a file.

    Args:
        path: of the file.
        name: of its format; recognised if not given.
        category: number of the people's category, for a list of results, which has no names of categories.

    Raises:
        UnknownNameError: there is no such format.
        DatasetError: the file breaks its format.
    """
    reader = format_named(name or recognise(path)).read
    if reader is None:
        raise InputError(f"{path}: the format {name} can be written, but not read")
    return coco.read(path, category) if reader is coco.read else reader(path)


def read_frames(path: Path) -> PoseTable:
    """Read which images a PoseTrack sequence has, and its people if they are in the file: test sets have none.

    Raises:
        DatasetError: the file breaks its format.
    """
    if recognise(path) == "posetrack17":
        return posetrack17.read_frames(path)
    if recognise(path) == "posetrack18":
        return posetrack18.from_json(read_json(path), is_annotated=False)
    return read_table(path)


def write_table(
    table: PoseTable, path: Path, name: str, *, derive: bool = True, layout: Layout = "wide", min_score: float = 0.0
) -> list[str]:
    """Write a table in a format, with the format's skeleton if it has only one.

    Args:
        table: to be written.
        path: of the file to be made.
        name: of the format.
        derive: compute keypoints the skeleton needs from others, and say so.
        layout: of a result that is a table; long has a row per keypoint.
        min_score: keypoints below are absent, in [0, 1].

    Returns:
        One sentence for each kind of fact that the format has no place for, or that was derived.

    Raises:
        UnknownNameError: there is no such format.
        InputError: the format is only read, or has no such layout.
        DatasetError: the table lacks something the format cannot do without.
    """
    target = format_named(name)
    if target.write is None:
        raise InputError(f"the format {name} can be read, but not written")
    if layout == "long" and target.write is not own_result.write:
        raise InputError(f"{target.title} has no long layout; write csv or parquet, or leave out the layout")
    if table.metres_per_pixel is not None and not target.in_metres:
        raise InputError(f"{target.title} is in pixels; leave the metres out, or write {_metric()}")
    table, said = without_doubtful(table, min_score)
    if "keypoints" in target.holds:
        said += _keypoint_losses(table, target, derive=derive)
    if target.skeleton is not None:
        table = to_skeleton(table, target.skeleton, derive=derive)
    if target.needs_boxes and not np.isfinite(table.xyxy).all():
        said.append("person boxes that are not given are put around the keypoints")
    said += [f"{FACTS[fact]} are lost: {target.title} has no place for them" for fact in facts(table) - target.holds]
    if "crowd" not in target.holds:  # a region is nobody
        table = table[~table.crowd]
    if target.fit is not None:
        table, changed = target.fit(table)
        said += changed
    if layout == "long":
        own_result.write(table, path, layout=layout)
    else:
        target.write(table, path)
    return sorted(said)


def _metric() -> str:
    return " or ".join(name for name, each in FORMATS.items() if each.in_metres)


def _keypoint_losses(table: PoseTable, target: Format, *, derive: bool) -> list[str]:
    if target.skeleton is None:
        return []
    wanted = target.skeleton.keypoints
    lost = [name for column, name in enumerate(table.skeleton.keypoints)
            if name not in wanted and table.present[:, column].any()]  # fmt: skip
    said = [f"keypoints lost, as {target.title} has none of that name: {', '.join(lost)}"] if lost else []
    converted = to_skeleton(table, target.skeleton, derive=derive)
    derived = sorted(converted.derived - table.derived)
    if derived:
        said.append(f"keypoints derived, not measured: {', '.join(derived)}")
    empty = [name for column, name in enumerate(wanted)
             if name not in table.skeleton.keypoints and name not in converted.derived]  # fmt: skip
    if empty:
        said.append(f"keypoints absent, as the input has none of that name: {', '.join(empty)}")
    return said


def facts(table: PoseTable) -> set[str]:
    """Find which of `FACTS` a table holds at least once."""
    people = {
        "keypoints": table.present.any(),
        "keypoint_score": (np.isfinite(table.keypoint_score) & table.present).any(),
        "visibility": ((table.visibility >= 0) & table.present).any(),
        "score": np.isfinite(table.score).any(),
        "xyxy": np.isfinite(table.xyxy).all(axis=1).any(),
        "head_xyxy": np.isfinite(table.head_xyxy).all(axis=1).any(),
        "track_id": (table.track_id != UNTRACKED).any(),
        "area": np.isfinite(table.area).any(),
        "crowd": table.crowd.any(),
        "source": ((table.keypoint_source != SEEN) & table.present).any(),
    }
    frames = {
        "ignore_regions": any(frame.ignore_regions for frame in table.frames),
        "size_hw": any(frame.size_hw is not None for frame in table.frames),
        "time": any(frame.time is not None for frame in table.frames),
        "name": any(frame.name for frame in table.frames),
        "crowd_index": any(frame.crowd_index is not None for frame in table.frames),
        "header": table.header is not None,
        "empty": len(np.unique(table.frame)) < len(table.frames),
    }
    return {name for name, held in (people | frames).items() if held}
