"""What workers take of a cluster, and whether its machines see the same files."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from videopose.errors import InputError, VideoPoseError


@dataclass(frozen=True)
class Place:
    """What every worker takes of the cluster.

    Attributes:
        address: of the cluster, as `ray.init` takes it; empty to start one here.
        cpus: cores of a worker.
        gpus: GPUs of a worker; .25 for a quarter of one.
        resources: of the names the cluster's administrator gave.
    """

    address: str = ""
    cpus: float = 1.0
    gpus: float = 0.0
    resources: Mapping[str, float] = field(default_factory=dict)


def check_ray() -> None:
    """Raise `InputError` unless Ray is installed."""
    if find_spec("ray") is None:
        raise InputError("--cluster ray: Ray is not installed here. Run `pip install 'videopose[ray]'`")


def place_from(cluster: str, cpus: float, gpus: float, resources: tuple[str, ...]) -> Place:
    """Read what the command line says of a cluster.

    Args:
        cluster: `ray` or `ray:address`.
        cpus: cores of a worker.
        gpus: GPUs of a worker.
        resources: `name=amount` texts.

    Raises:
        InputError: it is not Ray, or a resource has no amount.

    Example:
        >>> place_from("ray:10.0.0.1:6379", 2, 0, ("ssd=1",)).address
        '10.0.0.1:6379'
    """
    kind, _, address = cluster.partition(":")
    if kind != "ray":
        raise InputError(f"--cluster {cluster}: is unknown. Give ray, ray:auto or ray:address")
    amounts = {}
    for text in resources:
        name, _, amount = text.partition("=")
        try:
            amounts[name] = float(amount)
        except ValueError as error:
            raise InputError(f"--resource {text}: give a name and how much of it a worker takes, as ssd=1") from error
    return Place(address, cpus, gpus, amounts)


def write_probe(shared: Path) -> tuple[str, str]:
    """Write a file that every machine must see; return its path and text."""
    path, text = shared.absolute() / f".videopose-probe-{uuid.uuid4().hex}", uuid.uuid4().hex
    try:
        shared.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise VideoPoseError(f"{path}: cannot be written ({error.strerror}). Choose another place with -o") from error
    return str(path), text


def complaint(folder: str, path: str, text: str) -> str:
    """Return why this machine cannot take part; empty if it can."""
    try:
        seen = Path(path).read_text(encoding="ascii") if Path(folder).is_dir() else ""
    except (OSError, UnicodeDecodeError):
        seen = ""
    if seen == text:
        return ""
    return (
        f"{os.uname().nodename if hasattr(os, 'uname') else 'a machine'} of the cluster does not see {path}. Put clips "
        "and results on a file system that all machines share, under one name"
    )
