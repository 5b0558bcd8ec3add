"""Networks converted for another runtime, kept on disk: converting takes seconds, reading one back milliseconds."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch

from videopose import __version__
from videopose.errors import VideoPoseError
from videopose.io.result import atomic_write
from videopose.models.home import home_folder
from videopose.models.store import file_sha256
from videopose.models.weights import locate
from videopose.models.zoo import Weights

MOST_BYTES = 2 << 30
"""What all kept networks may take; those that were not used for longest go first."""

_DIGEST = 32
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where converted networks are kept: `$VIDEOPOSE_HOME/networks`, or the platform's cache folder."""
    return home_folder() / "networks"


def network_key(weights: Weights, runtime: str, version: str, input_hw: tuple[int, int] | None) -> str:
    """Return what a converted network is kept under: a hash of everything it depends on.

    The graph is in float32 whatever it is computed in, and no graph depends on the processor.
    """
    facts = {
        "sha256": file_sha256(locate(weights)),
        "weights": [weights.architecture, weights.num_keypoints, weights.convert, sorted(weights.options.items())],
        "normalisation": [weights.mean, weights.std],
        "input": input_hw or (weights.input_hw, "any"),
        "runtime": [runtime, version, torch.__version__],
        "precision": "float32",
        "code": [__version__, _code()],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


@cache
def _code() -> str:
    """Hash the code networks are made by, which a version number alone does not tell while it is worked on."""
    root = Path(__file__).parents[1]
    files = sorted([*root.glob("models/*.py"), *root.glob("ops/*.py"), *root.glob("runtime/*.py")])
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def cached(key: str, make: Callable[[], bytes]) -> bytes:
    """Return what is kept under a key, or make it and keep it.

    Processes may share the folder: a file appears whole, and one that is damaged is made again. Where nothing can be
    kept, because the disk is full or the folder not to be written to, that is said once and the network lives in
    memory alone.
    """
    path = cache_folder() / f"{key}.network"
    content = _read(path)
    if content is None:
        content = make()
        _keep(path, content)
    return content


def _read(path: Path) -> bytes | None:
    """Return the content of a kept file; None if there is none, or if it is damaged."""
    try:
        whole = path.read_bytes()
        if hashlib.sha256(whole[_DIGEST:]).digest() == whole[:_DIGEST]:
            with suppress(OSError):
                os.utime(path)  # it was used
            return whole[_DIGEST:]
    except FileNotFoundError:
        return None
    except OSError as error:
        _say_once(f"{path.parent}: converted networks cannot be read ({error.strerror}); they are made again each time")
        return None
    _say_once(f"{path}: is damaged; the network is converted again")
    return None


def _keep(path: Path, content: bytes) -> None:
    if len(content) > MOST_BYTES:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
    except (OSError, VideoPoseError) as error:
        _say_once(f"{path.parent}: converted networks cannot be kept ({error}); they are made again each time")
        return
    _make_room(path)


def _make_room(newest: Path) -> None:
    """Remove what was not used for longest until the rest fits."""
    with suppress(OSError):
        kept = [(each.stat(), each) for each in newest.parent.glob("*.network")]
        total = sum(facts.st_size for facts, _ in kept)
        for facts, path in sorted(kept, key=lambda each: each[0].st_mtime):
            if total > MOST_BYTES and path != newest:
                path.unlink(missing_ok=True)
                total -= facts.st_size


@cache
def _say_once(message: str) -> None:
    _log.warning("%s", message)
