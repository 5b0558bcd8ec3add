"""What every codec is: keypoints to training targets and network output back to keypoints, in one object."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Codec(Protocol):
    """Keypoints in crop pixels <-> what a network's head gives.

    Attributes:
        name: as weights entries and checkpoints store it.
        input_hw: (height, width) of the crop, crop pixels.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - see Attributes

    @property
    def input_hw(self) -> tuple[int, int]: ...  # noqa: D102

    def encode(self, keypoints: Tensor, /) -> tuple[Tensor, Tensor]:
        """Make training targets.

        Args:
            keypoints: (N, K, 3) x, y in crop pixels and visibility; 0 = not labelled.

        Returns:
            Targets in the head's own shape, (N, K, ...), and weights (N, K): 0 where nothing can be learned, because
            the keypoint is not labelled or lies outside the target.
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
        """Bring the output for a mirrored crop into the frame of the unmirrored one, channels reordered.

        The codec owns the shift this needs, so no user can set it wrong.
        """
        ...
