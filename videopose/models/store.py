"""The store of weights: one folder per checksum, what lies in it is whole. Nothing here uses a network.

In the folder `weights` lie
- `<sha256 of the published file>/<file>`: the file, or the network out of a published zip, and `entry.json` beside it;
- `<file>`: a file somebody put there by hand;
- `partial/`: downloads that broke off, and their locks;
- `names/<name>.json`: networks the user gave a name.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter, ValidationError

from videopose.errors import WeightsError
from videopose.models.archive import extract
from videopose.models.graph_check import check_graph
from videopose.models.home import shared_folders, weights_folder
from videopose.models.zoo import NAMES, Weights

ENTRY = "entry.json"
_DIGITS = 64


@dataclass(frozen=True)
class Entry:
    """What a folder of the store holds.

    Attributes:
        file: name of the file weights are loaded from.
        sha256: of that file, 64 hexadecimal digits.
        published: name of the file as it was published: the same, or the zip it came out of.
        published_sha256: of the published file, 64 hexadecimal digits.
        origin: address it was fetched from, or the path it was copied from.
        licence: of the weights.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    file: str
    sha256: str
    published: str
    published_sha256: str
    origin: str
    licence: str


_ENTRY = TypeAdapter(Entry)


def network_file(weights: Weights) -> str:
    """Return the name of the file that is loaded: of a zip, the network in it."""
    return weights.member or weights.file


def find(weights: Weights) -> Path | None:
    """Find the file weights are loaded from: in shared stores first, in each by checksum first; None if it is nowhere.

    A zip that somebody put there by hand is not ready: `adopt` takes it in.
    """
    name = network_file(weights)
    for store in (*shared_folders(), weights_folder()):
        for folder in _folders(store, weights.sha256):
            if (folder / name).is_file() and _is_of(folder, weights):
                return folder / name
        if not weights.member and (store / name).is_file():
            return store / name
    return None


def find_loose(weights: Weights) -> Path | None:
    """Find a published file that lies in a store as it was downloaded by hand; None if there is none."""
    stores = (*shared_folders(), weights_folder())
    return next((store / weights.file for store in stores if (store / weights.file).is_file()), None)


def _folders(store: Path, sha256: str) -> list[Path]:
    """List the folders of a store whose checksum begins so, in order of their names."""
    with suppress(OSError):
        return sorted(
            each
            for each in store.iterdir()
            if len(each.name) == _DIGITS and each.name.startswith(sha256) and each.is_dir()
        )
    return []


def _is_of(folder: Path, weights: Weights) -> bool:
    """Check that a folder holds these weights, where their checksum is not known or many files are called alike."""
    entry = read_entry(folder)
    return bool(weights.sha256) if entry is None else entry.published == weights.file


def read_entry(folder: Path) -> Entry | None:
    """Read what a folder of a store says of itself; None if it says nothing that can be read."""
    try:
        return _ENTRY.validate_json((folder / ENTRY).read_bytes())
    except (OSError, ValidationError):
        return None


def expected_sha256(path: Path) -> str:
    """Return the whole checksum a file of a store must have; empty if its folder does not know."""
    entry = read_entry(path.parent) if len(path.parent.name) == _DIGITS else None
    if entry is not None and entry.file == path.name:
        return entry.sha256
    return ""


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def keep(source: Path, weights: Weights, sha256: str, origin: str, *, move: bool) -> Path:
    """Store a published file whose checksum was checked.

    Its folder appears whole: it is made beside and renamed.

    Args:
        source: the file.
        weights: what it is.
        sha256: of the file.
        origin: where it is from.
        move: whether the file may be moved; otherwise it is copied.

    Returns:
        The file weights are loaded from.

    Raises:
        WeightsError: the disk is full, the folder cannot be written to, or the file is a zip without the network.
    """
    store = weights_folder()
    target = store / sha256
    with writing(store), _folder_beside(target) as made:
        if weights.member:
            extract(source, weights.member, made / weights.member)
            if weights.member.endswith(".onnx"):
                check_graph(made / weights.member, shown=source.name)
        elif move:
            source.replace(made / weights.file)
        else:
            shutil.copyfile(source, made / weights.file)
        name = network_file(weights)
        own = sha256 if not weights.member else file_sha256(made / name)
        entry = Entry(name, own, weights.file, sha256, origin, weights.licence)
        (made / ENTRY).write_text(json.dumps(asdict(entry), indent=1) + "\n", encoding="utf-8")
        for file in made.iterdir():
            _to_disk(file)
        if target.is_dir():  # damaged, or of another name: the new one takes its place
            shutil.rmtree(target)
        made.replace(target)
    if weights.member and move:
        with suppress(OSError):
            source.unlink()
    return target / name


def copy_out(path: Path, folder: Path) -> Path:
    """Copy a file of the store, with what the store says of it, into another folder that can be a store.

    Args:
        path: as `find` returns it.
        folder: for another machine: its content goes into that machine's store, or `$VIDEOPOSE_STORES` names it.

    Returns:
        The copy.

    Raises:
        WeightsError: the disk is full, or the folder cannot be written to.
    """
    if len(path.parent.name) != _DIGITS:  # somebody put it there by hand
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return Path(shutil.copy2(path, folder / path.name))
    target = folder / path.parent.name
    with writing(folder), _folder_beside(target) as made:
        for file in path.parent.iterdir():
            shutil.copyfile(file, made / file.name)
            _to_disk(made / file.name)
        if target.is_dir():
            shutil.rmtree(target)
        made.replace(target)
    return target / path.name


def copy_name(name: str, folder: Path) -> None:
    """Copy what a name the user gave stands for into another folder that can be a store; other names have nothing.

    Raises:
        WeightsError: the disk is full, or the folder cannot be written to.
    """
    for store in (*shared_folders(), weights_folder()):
        card = store / NAMES / f"{name}.json"
        if card.is_file():
            with writing(folder):
                (folder / NAMES).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(card, folder / NAMES / card.name)
            return


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="new-", dir=target.parent))
    try:
        made.chmod(0o755)  # a store may be shared
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Convert what the file system refuses into one line.

    Raises:
        WeightsError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(
            f"{path}: cannot be written ({error.strerror or error}). Make room, or choose another folder by the "
            "environment variable VIDEOPOSE_HOME"
        ) from error
