"""Offline video pose estimation and tracking: a video in, every person's keypoints and id out."""

import importlib as _importlib
import importlib.metadata as _metadata
import typing as _typing

if _typing.TYPE_CHECKING:
    from videopose.drawing.people import draw as draw
    from videopose.io.exchange.any_result import read_result as read_result
    from videopose.io.reader import open_video as open_video
    from videopose.io.results import StoredResult as StoredResult
    from videopose.skeletons import Skeleton as Skeleton
    from videopose.skeletons import skeleton_named as skeleton_named
    from videopose.types import Detections as Detections
    from videopose.types import Poses as Poses
    from videopose.workflows.on_images import PersonDetector as PersonDetector
    from videopose.workflows.on_images import PoseEstimator as PoseEstimator
    from videopose.workflows.predictor import Predictor as Predictor
    from videopose.workflows.run import run as run
    from videopose.workflows.running import FrameResult as FrameResult
    from videopose.workflows.running import Person as Person
    from videopose.workflows.running import Run as Run
    from videopose.workflows.trackers import Tracker as Tracker
    from videopose.workflows.trackers import track as track

try:
    __version__ = _metadata.version("videopose")
except _metadata.PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"

_HOMES = {
    "Detections": "videopose.types",
    "FrameResult": "videopose.workflows.running",
    "Person": "videopose.workflows.running",
    "PersonDetector": "videopose.workflows.on_images",
    "PoseEstimator": "videopose.workflows.on_images",
    "Poses": "videopose.types",
    "Predictor": "videopose.workflows.predictor",
    "Run": "videopose.workflows.running",
    "Skeleton": "videopose.skeletons",
    "StoredResult": "videopose.io.results",
    "Tracker": "videopose.workflows.trackers",
    "draw": "videopose.drawing.people",
    "open_video": "videopose.io.reader",
    "read_result": "videopose.io.exchange.any_result",
    "run": "videopose.workflows.run",
    "skeleton_named": "videopose.skeletons",
    "track": "videopose.workflows.trackers",
}
"""Public names and the modules they live in, imported when first used: `import videopose` must not import torch."""


def __getattr__(name: str) -> _typing.Any:  # Any: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'videopose' has no attribute {name!r}")
    return getattr(_importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(["__version__", *_HOMES])
