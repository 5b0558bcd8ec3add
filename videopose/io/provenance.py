"""What a result was made from: every option, file and network its numbers depend on, told apart by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from videopose import __version__
from videopose.config import Options, input_paths
from videopose.errors import VideoPoseError
from videopose.io.identity import files_identity
from videopose.io.result import JsonObject, ResultHeader
from videopose.io.results import read_result


def describe_run(
    weights: Sequence[dict[str, str]], options: Options, device: torch.device, computing: JsonObject, asked: JsonObject
) -> JsonObject:
    """Return why a result's numbers are what they are.

    Args:
        weights: `option`, `name` and `sha256` of each network that is used.
        options: all values; the files they name are hashed, but for those of the weights.
        device: where networks run.
        computing: what runs them there: runtime, version, instruction set, arithmetic.
        asked: the clip's identity, and which of its frames.
    """
    known = {entry["option"] for entry in weights}
    return {
        "version": __version__,
        "torch": torch.__version__,
        "weights": list(weights),
        "files": files_identity({key: path for key, path in input_paths(options).items() if key not in known}),
        "config": options.model_dump(mode="json"),
        "device": str(device),
        "computing": computing,
        "asked": asked,
    }


def networks_identity(provenance: JsonObject, networks: JsonObject, tracks: JsonObject) -> JsonObject:
    """Keep of a run's provenance what a run that goes on must have in common: what the costly half depends on.

    Args:
        provenance: of the run.
        networks: the values the costly half depends on.
        tracks: the values that only the cheap half reads; files and weights of its options are left out.
    """
    files = {key: facts for key, facts in provenance["files"].items() if not _holds(tracks, key)}
    weights = {entry["option"]: entry for entry in provenance["weights"] if not _holds(tracks, entry["option"])}
    return {**provenance, "config": networks, "files": files, "weights": weights}


def _holds(values: JsonObject, key: str) -> bool:
    """Check whether a nested mapping has a dotted key."""
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def stored_header(path: Path) -> ResultHeader | None:
    """Read the header of a result that is there; None if it is none."""
    try:
        return read_result(path).header if path.is_file() else None
    except VideoPoseError:
        return None


def stored_provenance(path: Path) -> JsonObject | None:
    """Read what was asked of a result that is there, without what was found in its video; None if it is none."""
    header = stored_header(path)
    return None if header is None else {key: value for key, value in header.provenance.items() if key != "shots"}
