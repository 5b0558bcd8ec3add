"""The demonstration: a clip of real people that a package on the index ships, and where it comes from."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from videopose.errors import InputError, VideoPoseError
from videopose.io.result import atomic_write

PACKAGE, VERSION = "sports2d", "0.8.34"
MEMBER = "Sports2D/Demo/demo.mp4"
SHA256 = "d9a66417185647b112304b57093f0c180f37a768e6a14daca75ca541f3b78039"
CREDIT = "Clip: demo.mp4 of Sports2D 0.8.34, Copyright (c) 2022 perfanalytics, BSD 3-Clause License"
_SECONDS = 300
_MAX_BYTES = 20_000_000


def fetch_demo_clip(folder: Path) -> Path:
    """Download the package that ships the clip, about 9 MB, and take the clip out of it; nothing of it is installed.

    A clip that is there already is only checked. The credit is written beside it.

    Args:
        folder: where it goes, as `demo.mp4`.

    Returns:
        The clip.

    Raises:
        InputError: the package cannot be downloaded, or holds another clip.
        VideoPoseError: the folder cannot be written to.
    """
    clip = folder / "demo.mp4"
    if clip.is_file() and _sha256(clip.read_bytes()) == SHA256:
        return clip
    if os.path.lexists(clip):
        raise InputError(f"{clip}: is already there and another clip. Choose another folder with -o")
    with tempfile.TemporaryDirectory() as temporary:
        data = _clip_in(_downloaded(Path(temporary)))
    for place, content in ((clip, data), (folder / "CREDIT.txt", f"{CREDIT}\n".encode())):
        with atomic_write(place) as file:
            file.write(content)
    return clip


def _downloaded(folder: Path) -> Path:
    """Download the wheel with pip, as the user has set it up."""
    words = ["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    command = next(iter(_pips()), None)
    instead = "Give a clip of your own: videopose run CLIP --save video"
    if command is None:
        raise InputError(f"the demonstration's clip comes by pip, which is not installed here. {instead}")
    try:
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise InputError(f"the demonstration's clip did not come within {_SECONDS} s. {instead}") from error
    wheel = next(folder.glob("*.whl"), None)
    if done.returncode or wheel is None:
        said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no answer").strip()
        raise InputError(f"the demonstration's clip ({PACKAGE} {VERSION}) cannot be downloaded: {said}. {instead}")
    return wheel


def _pips() -> list[list[str]]:
    """List the ways to call pip: that of this Python, or one on the path (tools installed by uv have none)."""
    has_own = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False)
    own = [[sys.executable, "-m", "pip"]] if has_own.returncode == 0 else []
    return own + [[found] for name in ("pip3", "pip") if (found := shutil.which(name))]


def _clip_in(wheel: Path) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(MEMBER).file_size > _MAX_BYTES:
                raise InputError(f"{wheel.name}: {MEMBER} is larger than it should be. Nothing was kept")
            data = archive.read(MEMBER)
    except (KeyError, zipfile.BadZipFile) as error:
        raise VideoPoseError(f"{wheel.name}: holds no {MEMBER}. Try again later") from error
    if _sha256(data) != SHA256:
        raise InputError(f"{wheel.name}: {MEMBER} is not the clip that is meant. Nothing was kept; try again later")
    return data


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
