"""The contestants by name. Each is imported only in its own process, so that none holds another's memory."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from .clock import Numbers
from .material import Material

Contestant = Callable[[Material, int, int], Numbers]
"""From the material, the people in a frame and the number of frames."""


@dataclass(frozen=True)
class Entry:
    """Where a contestant is.

    Attributes:
        module: in this folder.
        function: in there.
        arguments: what the function is called with to build the contestant; None = it is the contestant.
    """

    module: str
    function: str
    arguments: tuple[str, ...] | None = None

    def load(self) -> Contestant:
        """Import the contestant."""
        function = getattr(importlib.import_module(f"{__package__}.{self.module}"), self.function)
        contestant: Contestant = function if self.arguments is None else function(*self.arguments)
        return contestant


CONTESTANTS: dict[str, Entry] = {
    "decode": Entry("others", "decode"),
    "rtmlib-onnxruntime": Entry("others", "rtmlib", ("onnxruntime",)),
    "rtmlib-openvino": Entry("others", "rtmlib", ("openvino",)),
    "ours": Entry("ours", "ours", ("pose.weights={graph}",)),
    "ours-torch": Entry("ours", "ours", ("pose.weights={checkpoint}", "runtime=torch", "precision=float32")),
    "ours-bfloat16": Entry("ours", "ours", ("pose.weights={graph}", "precision=bfloat16")),
    "ultralytics": Entry("others", "ultralytics"),
}
"""Name -> what is measured; `ours` is what a user gets who brings the file, on this machine's default runtime."""
USUAL = ("decode", "rtmlib-onnxruntime", "rtmlib-openvino", "ours", "ours-torch")
BASE = "rtmlib-openvino"
"""What the others are compared with."""
