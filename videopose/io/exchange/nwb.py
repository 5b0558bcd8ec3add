"""Neurodata Without Borders with ndx-pose: a `PoseEstimation` per person, a series of places per keypoint."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import individuals_of, table_of, written_by_path
from videopose.io.exchange.table import PoseTable
from videopose.optional import load_optional

_MODULE = "behavior"
_ALONE = "PoseEstimation"
"""The name of the only person's poses, which tools look for; the file's subject says who it is."""
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
"""When a session is said to have begun, which NWB must know and nobody does."""


def matches(head: Head) -> bool:
    """Check whether a file is NWB, by its ending."""
    return head.suffix == ".nwb"


def write(table: PoseTable, path: Path) -> None:
    """Write a file; two of the same poses differ in the random ids that NWB gives its objects.

    Raises:
        InputError: pynwb or ndx-pose is not installed.
        DatasetError: nobody has a track id.
    """
    pynwb, ndx = _packages()
    people = individuals_of(table)
    names = table.skeleton.keypoints
    file = pynwb.NWBFile(
        session_description="poses by videopose", identifier=table.name or "videopose", session_start_time=_BEGIN
    )
    edges = np.array(table.skeleton.edges, np.uint8).reshape(-1, 2)
    skeleton = ndx.Skeleton(name=table.skeleton.name, nodes=list(names), edges=edges)
    module = file.create_processing_module(name=_MODULE, description="poses of people")
    module.add(ndx.Skeletons(skeletons=[skeleton]))
    if len(people.ids) == 1:
        file.subject = pynwb.file.Subject(subject_id=f"id{people.ids[0]}", species="Homo sapiens")
    for column, track_id in enumerate(people.ids):
        series = [
            ndx.PoseEstimationSeries(
                name=name, description=f"{name} of person {track_id}", data=people.xy[:, column, place], unit="pixels",
                reference_frame="(0, 0) is the centre of the top left pixel, x to the right, y down",
                rate=people.rate, starting_time=0.0, confidence=people.keypoint_score[:, column, place],
                confidence_definition="0 to 1; NaN where the keypoint is absent",
            )
            for place, name in enumerate(names)
        ]  # fmt: skip
        module.add(
            ndx.PoseEstimation(
                name=_ALONE if len(people.ids) == 1 else f"id{track_id}", pose_estimation_series=series,
                description=f"person {track_id}",
                original_videos=[people.video or "video"], source_software="videopose", skeleton=skeleton,
            )
        )  # fmt: skip
    with written_by_path(path) as part, pynwb.NWBHDF5IO(str(part), "w") as out:
        out.write(file)


def _packages() -> tuple[Any, Any]:  # Any: the packages pynwb and ndx_pose
    return load_optional("pynwb", "NWB files", "exports"), load_optional("ndx_pose", "NWB files", "exports")


def read(path: Path) -> PoseTable:
    """Read every `PoseEstimation` of a file as a person.

    Raises:
        InputError: pynwb or ndx-pose is not installed.
        DatasetError: the file is damaged, or its people have different keypoints.
    """
    pynwb, ndx = _packages()
    try:
        with pynwb.NWBHDF5IO(str(path), "r") as opened:
            file = opened.read()
            found = [each for each in file.objects.values() if isinstance(each, ndx.PoseEstimation)]
            alone = _ALONE if file.subject is None else str(file.subject.subject_id)
            people = {alone if each.name == _ALONE else str(each.name): _series(each) for each in found}
            nodes = next((list(each.skeleton.nodes[:]) for each in found if each.skeleton is not None), [])
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        raise DatasetError(f"{path}: not an NWB file with ndx-pose ({' '.join(str(error).split())[:150]})") from error
    if not people:
        raise DatasetError(f"{path}: holds no PoseEstimation of ndx-pose")
    series = next(iter(people.values()))
    names = [name for name in map(str, nodes) if name in series] or sorted(series)
    if any(set(each) != set(series) for each in people.values()):
        raise DatasetError(f"{path}: its people have different keypoints")
    if len({len(values) for each in people.values() for values in each.values()}) != 1:
        raise DatasetError(f"{path}: its series have different lengths")
    triples = np.stack([[each[name] for name in names] for each in people.values()])  # (P, K, F, 3)
    triples = np.transpose(triples, (2, 0, 1, 3))
    return table_of(path, names, list(people), triples[..., :2], triples[..., 2])


def _series(person: Any) -> dict[str, np.ndarray]:  # Any: ndx_pose.PoseEstimation
    return {str(name): _values(series) for name, series in person.pose_estimation_series.items()}


def _values(series: Any) -> np.ndarray:  # Any: ndx_pose.PoseEstimationSeries
    xy = np.asarray(series.data[:], np.float64)[:, :2]
    confidence = np.full(len(xy), np.nan) if series.confidence is None else np.asarray(series.confidence[:], np.float64)
    return np.column_stack([xy, confidence])
