"""Where files of this package live on a machine, and whether it may use a network: what the environment says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

_NO = ("", "0", "false", "no", "off")


def home_folder() -> Path:
    """Return the folder of what is kept between runs: `$VIDEOPOSE_HOME`, or one in the platform's cache folder."""
    home = os.environ.get("VIDEOPOSE_HOME")
    if home:
        return Path(home)
    if sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Caches"
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return place / "videopose"


def weights_folder() -> Path:
    """Return the folder of the store of weights that is written to: `weights` in `home_folder`."""
    return home_folder() / "weights"


def shared_folders() -> list[Path]:
    """List read-only stores, searched first: the folders of `$VIDEOPOSE_STORES`, separated as those of `$PATH`."""
    return [Path(each) for each in os.environ.get("VIDEOPOSE_STORES", "").split(os.pathsep) if each]


def is_offline() -> bool:
    """Check whether `$VIDEOPOSE_OFFLINE` forbids to open a connection."""
    return os.environ.get("VIDEOPOSE_OFFLINE", "").strip().lower() not in _NO
