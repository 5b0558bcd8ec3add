"""A result of people who walk, and random operations on it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Poses, Record, VideoInfo

SKELETON = skeleton_named("coco17")
_SHAPE = np.random.default_rng(1).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [60, 120]


def walkers(num_frames=40, num_people=3, *, size_hw=(600, 1000)):
    """Make records of people in lanes, ids 1, 2, 3 …; odd ones walk to the right, even ones to the left."""
    records = []
    tall, wide = size_hw[0] / 600, size_hw[1] / 1000
    for t in range(num_frames):
        lanes = np.linspace(100, 500, num_people) * tall
        x = [
            80 + 800 * t / num_frames if person % 2 == 0 else 880 - 800 * t / num_frames for person in range(num_people)
        ]
        xy = _SHAPE * tall + np.stack([np.multiply(x, wide), lanes], axis=1)[:, None]
        keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.9)], axis=2).astype(np.float32)
        xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
        poses = Poses(keypoints, np.full(num_people, 0.8, np.float32), xyxy, np.arange(1, num_people + 1))
        records.append(Record(Frame(t, t / 25, None), poses=poses))
    return records


def header(num_frames=40, *, path="clip.mp4", size_hw=(600, 1000)):
    return ResultHeader(VideoInfo(path, size_hw, Fraction(25), num_frames, num_frames / 25), SKELETON, {"version": "t"})


def save(path: Path, records, head=None) -> Path:
    with write_result(path, head or header(len(records))) as writer:
        for record in records:
            writer.write(record)
    return path


def random_operation(random: np.random.Generator, num_frames=40, num_ids=5, num_keypoints=17):
    """Draw an operation with fields in range; it need not be possible."""

    def number(high):
        return int(random.integers(high))

    first = number(num_frames)
    last = None if random.random() < 0.3 else first + number(num_frames - first)
    span = {"first": first, "last": last}
    one, two = (1 + int(each) for each in random.choice(num_ids, 2, replace=False))
    point = [float(each) for each in random.uniform(0, 500, 2).round(2)]
    parts = sorted({number(num_keypoints) for _ in range(3)})
    pose = [[*random.uniform(0, 500, 2).round(2).tolist(), str(random.choice(["seen", "hidden", "absent"]))]
            for _ in range(num_keypoints)]  # fmt: skip
    flag = str(random.choice(["seen", "hidden", "absent"]))
    kinds = {
        "swap": {"a": one, "b": two, **span},
        "merge": {"keep": one, "other": two, **span, "wins": [{"first": 0, "last": None, "keep": one}]},
        "split": {"track_id": one, "new_id": 10 + number(50), "first": first},
        "rename": {"track_id": one, "new_id": two, **span},
        "delete": {"track_id": one, **span},
        "add": {"track_id": two, "first": first, "x": point[0], "y": point[1], "height": 120.0},
        "move": {"track_id": one, "first": first, "keypoints": {str(part): point for part in parts}},
        "visibility": {"track_id": one, "keypoints": parts, "value": flag, **span},
        "copy_previous": {"track_id": one, "first": first},
        "interpolate": {"track_id": one, **span},
        "place": {"poses": [{"frame": first, "track_id": two, "keypoints": pose}]},
        "accept": {"track_id": None if random.random() < 0.5 else one, **span},
    }
    op = str(random.choice(list(kinds)))
    return op, kinds[op]
