"""What every codec is: keypoints to training targets and network output back to keypoints, in one object."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from videopose.types import F64


class Codec(Protocol):
    """Keypoints in crop pixels <-> what a network's head gives.

    Attributes:
        name: as weights entries and checkpoints store it.
        input_hw: (height, width) of the crop, crop pixels.
        crop_alignment: (3, 3) transform from plain crop pixels to those the codec's networks were trained on; composed
            as `crop_alignment @ crop_from_box(...)`.
        is_logits: whether the output's softmax over a keypoint's cells is a distribution; else it is a heatmap's
            height, or something that is no map at all.
        absent_logit: logit of a further cell that stands for "not in this crop", beside those of a keypoint's map; None
            if the codec has no such answer.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see Attributes

    @property
    def input_hw(self) -> tuple[int, int]: ...  # noqa: D102

    @property
    def crop_alignment(self) -> F64: ...  # noqa: D102

    @property
    def is_logits(self) -> bool: ...  # noqa: D102

    @property
    def absent_logit(self) -> float | None: ...  # noqa: D102

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Build training targets.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            Targets in the head's own shape, (N, K, ...), and weights (N, K): 0 where nothing can be learned, because
            the keypoint is not labelled or lies outside the target; a codec with an absent answer learns it there.
        """
        ...

    def decode(self, output: Tensor, /) -> Tensor:
        """Find keypoints in a network's output; runs on the output's device.

        Args:
            output: (N, K, ...) the head's output.

        Returns:
            (N, K, 3) float32 x, y in crop pixels and score in [0, 1].
        """
        ...

    def flip_back(self, output: Tensor, flip_index: Tensor, /) -> Tensor:
        """Convert the output for a mirrored crop to the frame of the unmirrored one, channels reordered.

        The codec owns the shift this needs, so no user can set it wrong.
        """
        ...


@runtime_checkable
class MapCodec(Codec, Protocol):
    """A codec whose output is a map per keypoint, (N, K, h, w), so that frames can be compared cell by cell.

    Attributes:
        heatmap_hw: (height, width) of the maps, cells.
        crop_from_heatmap: (3, 3) transform from cells to crop pixels.
        sharpness: factor that makes the output logits of a distribution over the cells.
    """

    @property
    def heatmap_hw(self) -> tuple[int, int]: ...  # noqa: D102 - see Attributes

    @property
    def crop_from_heatmap(self) -> F64: ...  # noqa: D102

    @property
    def sharpness(self) -> float: ...  # noqa: D102


class PlainCodec:
    """What most codecs have in common: crops as they are cut, and an output that is no distribution."""

    is_logits: ClassVar[bool] = False

    @property
    def absent_logit(self) -> float | None:
        """Logit of a cell that stands for "not in this crop", beside those of the map; None = there is none."""
        return None

    @property
    def crop_alignment(self) -> F64:
        """(3, 3) from plain crop pixels to the codec's: they are the same."""
        return np.eye(3)
