"""Offline video pose estimation and tracking: a video in, every person's keypoints and id out."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from videopose.io.results import read_result as read_result
    from videopose.workflows.run import run as run
    from videopose.workflows.running import FrameResult as FrameResult
    from videopose.workflows.running import Person as Person
    from videopose.workflows.running import Run as Run

try:
    __version__ = version("videopose")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"

_HOMES = {
    "FrameResult": "videopose.workflows.running",
    "Person": "videopose.workflows.running",
    "Run": "videopose.workflows.running",
    "run": "videopose.workflows.run",
    "read_result": "videopose.io.results",
}
"""Public names and the modules they live in, imported when first used: `import videopose` must not import torch."""


def __getattr__(name: str) -> Any:  # Any: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'videopose' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
