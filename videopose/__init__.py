"""Offline video pose estimation and tracking: a video in, every person's keypoints and id out."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("videopose")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0+unknown"
