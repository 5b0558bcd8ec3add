"""What networks that look at whole images answer, and how it becomes people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from videopose.types import F32

Outputs = tuple[Tensor, ...]
"""What a network gives for a batch of images, (N, …) each."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundPeople:
    """The people of one image.

    Attributes:
        keypoints: (P, K, 3) x, y in pixels of the network's input at scale 1, and score in [0, 1].
        score: (P,) of the people, best first.
    """

    keypoints: F32
    score: F32


class SceneCodec(Protocol):
    """Outputs of a network for whole images <-> people.

    Attributes:
        name: as weights entries and checkpoints store it.
        multiple: height and width of the network's input are multiples of it, pixels.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see Attributes

    @property
    def multiple(self) -> int: ...  # noqa: D102

    def mirror(self, images: Tensor, /) -> Tensor:
        """Mirror images (N, 3, H, W) so that the outputs' cells lie on the unmirrored ones."""
        ...

    def flip_average(self, outputs: Outputs, mirrored: Outputs, flip_index: Tensor, /) -> Outputs:
        """Average the outputs for images with those for the same images mirrored; (K,) the keypoints' partners."""
        ...

    def decode(self, outputs: Sequence[Outputs], scales: Sequence[float], /) -> list[FoundPeople]:
        """Find the people of each image.

        Args:
            outputs: of the same N images at several scales.
            scales: of each, relative to the first, which is 1.
        """
        ...
