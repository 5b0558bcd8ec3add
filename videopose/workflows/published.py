"""The pipelines of published networks: what each is made of, how good it is said to be, and whether it is here."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from videopose import catalog
from videopose.models.fetch import readable_size
from videopose.workflows.fetching import is_here
from videopose.workflows.pipelines import load_pipeline

_BYTES_PER_PARAMETER = 4


@dataclass(frozen=True)
class PublishedPipeline:
    """One pipeline of published networks.

    Attributes:
        name: what `--pipeline` takes.
        weights: names of the weights it is made of, the detector's first.
        accuracy: as published, per cent.
        measure: what that is.
        gflops: of the detector for a frame and of the pose network for a person, as published; None = not published.
        bytes: of all files, as far as they are known or follow from the number of parameters; 0 = not known.
        licences: of the weights, each once.
        is_here: whether it runs without a network.
    """

    name: str
    weights: tuple[str, ...]
    accuracy: float
    measure: str
    gflops: tuple[float | None, ...]
    bytes: int
    licences: tuple[str, ...]
    is_here: bool

    def facts(self) -> dict[str, Any]:  # Any: a JSON object
        """Return all of it."""
        return asdict(self)

    @property
    def gflops_text(self) -> str:
        """Both numbers of GFLOPs for people."""
        return " + ".join("-" if each is None else f"{each:g}" for each in self.gflops)

    @property
    def size_text(self) -> str:
        """The size for people."""
        return f"~{readable_size(self.bytes)}" if self.bytes else "-"

    @property
    def licence_text(self) -> str:
        """The licences for people."""
        return ", ".join(self.licences)


def published_pipelines() -> list[PublishedPipeline]:
    """List the pipelines of published networks, in the order of the table.

    Raises:
        ConfigError: a config is wrong.
    """
    table = json.loads(catalog.asset("pipelines.json").read_text(encoding="utf-8"))["pipelines"]
    return [_described(row) for row in table]


def _described(row: dict[str, Any]) -> PublishedPipeline:  # Any: a row of a JSON table
    needed = [each.weights for each in load_pipeline(row["name"]).needed()]
    guesses = [
        weights.bytes or (round(millions * 1e6) * _BYTES_PER_PARAMETER if millions else 0)
        for weights, millions in zip(needed, row["parameters_m"], strict=True)
    ]
    return PublishedPipeline(
        row["name"],
        tuple(weights.name for weights in needed),
        row["accuracy"],
        row["measure"],
        tuple(row["gflops"]),
        sum(guesses) if all(guesses) else 0,
        tuple(dict.fromkeys(weights.licence for weights in needed)),
        all(map(is_here, needed)),
    )
