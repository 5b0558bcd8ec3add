"""Make small records for tests, without a video or a network."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import torch

from videopose.types import Detections, Frame, Gap, Poses, Record


def some_poses(num_people: int, num_keypoints: int = 17, *, seed: int = 0) -> Poses:
    """Make people at random places, ids 1, 2, 3 …"""
    random = np.random.default_rng(seed)
    keypoints = random.uniform(0, 100, (num_people, num_keypoints, 3)).astype(np.float32)
    keypoints[..., 2] /= 100
    return Poses(
        keypoints=keypoints,
        score=random.uniform(0, 1, num_people).astype(np.float32),
        xyxy=np.sort(random.uniform(0, 100, (num_people, 2, 2)), axis=1).reshape(-1, 4).astype(np.float32),
        track_id=np.arange(1, num_people + 1),
    )


def some_records(
    count: int,
    *,
    with_image: bool = False,
    with_poses: bool = True,
    gap_before: int | None = None,
    num_keypoints: int = 17,
) -> list[Record]:
    """Make records 0 … count - 1 at 25 frames per second, with k % 3 people in frame k."""
    return [
        Record(
            Frame(k, k / 25, torch.full((3, 8, 8), k % 256, dtype=torch.uint8) if with_image else None),
            detections=Detections.empty() if with_poses else None,
            poses=some_poses(k % 3, num_keypoints, seed=k) if with_poses else None,
            gaps=(Gap(k - 1, k - 1, (k - 1) / 25, k / 25, "a test"),) if k == gap_before else (),
        )
        for k in range(count)
    ]


def assert_same(got: object, expected: object, *, atol: float = 0.0, where: str = "") -> None:
    """Compare two containers field by field, whatever they hold; a difference is named by its place."""
    where = where or type(expected).__name__
    assert type(got) is type(expected), f"{where}: {type(got).__name__}, not {type(expected).__name__}"
    if is_dataclass(expected) and type(expected).__eq__ is object.__eq__:
        for field in fields(expected):
            assert_same(
                getattr(got, field.name), getattr(expected, field.name), atol=atol, where=f"{where}.{field.name}"
            )
    elif isinstance(expected, np.ndarray | torch.Tensor):
        a, b = (np.asarray(value.cpu() if isinstance(value, torch.Tensor) else value) for value in (got, expected))
        assert a.dtype == b.dtype, f"{where}: {a.dtype}, not {b.dtype}"
        np.testing.assert_allclose(a, b, rtol=0, atol=atol, err_msg=where)
    elif isinstance(expected, tuple | list):
        assert len(got) == len(expected), f"{where}: {len(got)} entries, not {len(expected)}"
        for number, (a, b) in enumerate(zip(got, expected, strict=True)):
            assert_same(a, b, atol=atol, where=f"{where}[{number}]")
    else:
        assert got == expected, f"{where}: {got!r}, not {expected!r}"


def assert_same_records(got: list[Record], expected: list[Record], *, atol: float = 0.0) -> None:
    """Compare everything but images, exactly unless a tolerance is given."""
    assert [record.frame.index for record in got] == [record.frame.index for record in expected]
    for a, b in zip(got, expected, strict=True):
        assert abs(a.frame.time - b.frame.time) <= max(atol, 1e-6)
        assert a.gaps == b.gaps
        assert (a.poses is None) == (b.poses is None)
        assert np.array_equal(a.tube_id, b.tube_id)
        if a.poses is not None and b.poses is not None:
            for field in ("keypoints", "score", "xyxy", "track_id"):
                np.testing.assert_allclose(getattr(a.poses, field), getattr(b.poses, field), rtol=0, atol=atol)
