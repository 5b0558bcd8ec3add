"""Recognise a file's format and read it into tables."""

from __future__ import annotations

from pathlib import Path

from videopose.errors import DatasetError
from videopose.io.exchange import posetrack17, posetrack18
from videopose.io.exchange.cursor import read_json
from videopose.io.exchange.table import PoseTable


def read_sequence(path: Path) -> PoseTable:
    """Read a file that holds one sequence.

    Raises:
        DatasetError: the format is not recognised, or the file breaks it.
    """
    head = _head(path)
    if b'"annolist"' in head:
        return posetrack17.read(path)
    top = read_json(path)
    if isinstance(top.value, dict) and "annolist" in top.value:
        return posetrack17.from_json(top)
    if isinstance(top.value, dict) and "annotations" in top.value:
        return posetrack18.from_json(top)
    raise DatasetError(f"{path}: of no format known here; a PoseTrack file has `annolist` or `annotations`")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror or error}") from error
