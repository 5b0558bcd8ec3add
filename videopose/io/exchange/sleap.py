"""SLEAP's `.slp`, through the package sleap-io."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from videopose.errors import DatasetError
from videopose.io.exchange.head import Head
from videopose.io.exchange.individuals import individuals_of, table_of, written_by_path
from videopose.io.exchange.table import PoseTable
from videopose.optional import load_optional

_WHAT = "SLEAP files"
_MOST_FRAMES = 10_000_000


def matches(head: Head) -> bool:
    """Check whether a file is SLEAP's, by its ending."""
    return head.suffix == ".slp"


def write(table: PoseTable, path: Path) -> None:
    """Write SLEAP's labels: predictions where keypoints have scores, else labels of a user.

    Raises:
        InputError: sleap-io is not installed.
        DatasetError: nobody has a track id.
    """
    labels = _labels(table)
    with written_by_path(path) as part:
        labels.save(str(part), embed=False, verbose=False)


def _labels(table: PoseTable) -> Any:  # Any: sleap_io.Labels
    sio = load_optional("sleap_io", _WHAT, "exports")
    people = individuals_of(table)
    names = table.skeleton.keypoints
    skeleton = sio.Skeleton(
        nodes=list(names), edges=[(names[a], names[b]) for a, b in table.skeleton.edges], name=table.skeleton.name
    )
    video = sio.Video(filename=people.video or "video", open_backend=False)
    tracks = [sio.Track(name=f"id{track_id}") for track_id in people.ids]
    frames = []
    for number, xy in enumerate(people.xy):
        here = np.flatnonzero(np.isfinite(xy).all(axis=2).any(axis=1)).tolist()
        instances = [_instance(sio, skeleton, tracks[row], people, number, row) for row in here]
        if instances:
            frames.append(sio.LabeledFrame(video=video, frame_idx=number, instances=instances))
    return sio.Labels(videos=[video], skeletons=[skeleton], tracks=tracks, labeled_frames=frames)


def _instance(sio: Any, skeleton: Any, track: Any, people: Any, number: int, row: int) -> Any:  # Any: sleap-io's
    xy, scores = people.xy[number, row], people.keypoint_score[number, row]
    if not np.isfinite(scores).any():
        return sio.Instance.from_numpy(xy, skeleton, track=track)
    score = people.score[number, row]
    score = float(score) if np.isfinite(score) else float(np.nanmean(scores))
    return sio.PredictedInstance.from_numpy(xy, skeleton, point_scores=scores, score=score, track=track)


def read(path: Path) -> PoseTable:
    """Read SLEAP's labels of one video; images are not opened.

    Raises:
        InputError: sleap-io is not installed.
        DatasetError: the file is damaged, or of several videos or skeletons.
    """
    sio = load_optional("sleap_io", _WHAT, "exports")
    return _read(path, lambda: sio.load_slp(str(path), open_videos=False))


def _read(path: Path, load: Any) -> PoseTable:  # Any: gives sleap_io.Labels
    try:
        labels = load()
    except (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise DatasetError(f"{path}: cannot be read by sleap-io ({' '.join(str(error).split())[:200]})") from error
    if len(labels.videos) > 1 or len(labels.skeletons) != 1:
        raise DatasetError(
            f"{path}: is of {len(labels.videos)} videos and {len(labels.skeletons)} skeletons; give one file for each"
        )
    skeleton = labels.skeletons[0]
    tracks = list(labels.tracks)
    place = {id(track): row for row, track in enumerate(tracks)}
    frames = 1 + max((int(each.frame_idx) for each in labels), default=-1)
    loose = max((sum(id(one.track) not in place for one in each.instances) for each in labels), default=0)
    if frames > _MOST_FRAMES:
        raise DatasetError(f"{path}: its frame {frames - 1} is beyond what is read")
    shape = (frames, len(tracks) + loose, len(skeleton.nodes))
    xy, scores, score = np.full((*shape, 2), np.nan), np.full(shape, np.nan), np.full(shape[:2], np.nan)
    for each in labels:
        free = len(tracks)
        for one in each.instances:
            row = place.get(id(one.track), free)
            free += row == free
            points = one.numpy()
            xy[int(each.frame_idx), row] = points[:, :2]
            if hasattr(one, "score"):
                score[int(each.frame_idx), row] = one.score
                scores[int(each.frame_idx), row] = one.points["score"]
    edges = [(int(a), int(b)) for a, b in skeleton.edge_inds]
    names = [str(track.name) for track in tracks] + [f"untracked {number}" for number in range(loose)]
    return table_of(path, skeleton.node_names, names, xy, scores, score=score, edges=edges)
