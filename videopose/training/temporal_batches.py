"""Windows and stretches of cached clips for training heads, each a pure function of seed and number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.codecs.base import MapCodec
from videopose.config import Options
from videopose.data.mixing import MixtureSampler
from videopose.geometry.affine import apply, invert
from videopose.geometry.sampling import sample_maps
from videopose.skeletons import Skeleton
from videopose.training.map_cache import MappedClip
from videopose.types import F32, F64, I64


class WindowOptions(Options):
    """How windows are drawn."""

    still_share: float = 0.3
    """How many come from moved stills, if there are any."""
    clean_probability: float = 0.3
    """Windows no frame of which is degraded."""
    mixed_probability: float = 0.25
    """Of the others: windows in which each neighbour is degraded or clean by chance, whatever the current frame is."""
    double_step_probability: float = 0.25
    """Windows that leave out every other frame: faster people, or a slower camera."""
    absent_probability: float = 0.2
    """Windows some of whose neighbours are not there."""
    flip_probability: float = 0.5
    frame_rates: tuple[float, ...] = (24.0, 25.0, 30.0)
    """What the frame rate is said to be."""


@dataclass(frozen=True, slots=True, eq=False)
class ClipSample:
    """Consecutive frames of one clip, drawn for training.

    Attributes:
        maps: (T, K, h, w) float32 logits.
        crop_from_image: (T, 3, 3).
        keypoints: (T, K, 3) x, y in each frame's own crop and visibility.
        weight: (T, K).
        seconds: (T,) presentation time.
        present: (T,) whether the person is seen there; maps elsewhere are of some frame of the clip.
        flip: whether everything is to be mirrored.
    """

    maps: Tensor
    crop_from_image: F64
    keypoints: F32
    weight: F32
    seconds: F64
    present: Tensor
    flip: bool


class ClipSampler:
    """Draws stretches of frames around a current one."""

    def __init__(self, clips: Sequence[MappedClip], options: WindowOptions, *, seed: int) -> None:
        self._clips = [[clip for clip in clips if clip.source == source] for source in ("video", "still")]
        self._clips = [kind for kind in self._clips if kind]
        self._options, self._seed = options, seed
        frames = [sum(len(clip.keypoints) for clip in kind) for kind in self._clips]
        shares = [1 - options.still_share, options.still_share][: len(frames)]
        self._mixture = MixtureSampler(frames, shares, seed=seed)
        self._ends = [np.cumsum([len(clip.keypoints) for clip in kind]) for kind in self._clips]

    def draw(self, number: int, offsets: Sequence[int]) -> ClipSample:
        """Draw the sample with a number.

        Args:
            number: of the sample.
            offsets: which frames around the current one, 0 itself; those beyond the clip's ends are absent.
        """
        options, rng = self._options, np.random.default_rng([self._seed, number])
        source, row = self._mixture[number]
        owner = int(np.searchsorted(self._ends[source], row, side="right"))
        clip = self._clips[source][owner]
        frame = row - int(self._ends[source][owner]) + len(clip.keypoints)
        step = 2 if rng.random() < options.double_step_probability else 1
        wanted = frame + step * np.array(offsets)
        inside = (wanted >= 0) & (wanted < len(clip.keypoints))
        rows = np.clip(wanted, 0, len(clip.keypoints) - 1)
        present = inside.copy()
        if rng.random() < options.absent_probability:
            present &= rng.random(len(rows)) < 0.6
        present[np.array(offsets) == 0] = True
        maps = np.asarray(clip.maps[self._variants(rng, len(clip.maps), np.array(offsets)), rows], np.float32)
        keypoints = clip.keypoints[rows].copy()
        keypoints[..., :2] = apply(clip.crop_from_image[rows], keypoints[..., :2])
        return ClipSample(
            torch.from_numpy(maps),
            clip.crop_from_image[rows],
            keypoints,
            clip.weight[rows] * inside[:, None],
            step * np.array(offsets) / float(rng.choice(options.frame_rates)),
            torch.from_numpy(present),
            bool(rng.random() < options.flip_probability),
        )

    def _variants(self, rng: np.random.Generator, count: int, offsets: I64) -> I64:
        """Choose for each frame between clean (0) and one way of being degraded."""
        chosen = np.zeros(len(offsets), np.int64)
        if count > 1 and rng.random() >= self._options.clean_probability:
            chosen[:] = rng.integers(1, count)
            if rng.random() < self._options.mixed_probability:
                chosen[(offsets != 0) & (rng.random(len(offsets)) < 0.5)] = 0
        return chosen


def places_between(crops: F64, others: F64, codec: MapCodec) -> Tensor:
    """Return where cells of crops lie in other crops' maps, (M, h, w, 2) x, y in cells; both (M, 3, 3) crop_from_image.

    As `geometry.sampling.moved_cells`, in float32 and several times faster, for training.
    """
    cell = codec.crop_from_heatmap
    other_from_cell = torch.from_numpy(invert(cell) @ others @ invert(crops) @ cell).float()
    height, width = codec.heatmap_hw
    x = torch.arange(width, dtype=torch.float32)[None, None, :, None]
    y = torch.arange(height, dtype=torch.float32)[None, :, None, None]
    along_x, along_y, shift = (other_from_cell[:, None, None, :2, column] for column in range(3))
    return along_x * x + along_y * y + shift


def window_inputs(stretch: ClipSample, center: int, codec: MapCodec) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Build what a head takes of one window, without a batch axis: centre, neighbours, seconds, present.

    Args:
        stretch: the window's frames.
        center: position of the current frame in it.
        codec: of the pose network.
    """
    others = [row for row in range(len(stretch.maps)) if row != center]
    here = np.repeat(stretch.crop_from_image[center][None], len(others), 0)
    places = places_between(here, stretch.crop_from_image[others], codec)
    neighbors = sample_maps(stretch.maps[others], places)
    seconds = torch.from_numpy(stretch.seconds[others] - stretch.seconds[center]).float()
    return stretch.maps[center], neighbors, seconds, stretch.present[others]


def mirrored(maps: Tensor, skeleton: Skeleton) -> Tensor:
    """Mirror maps (..., K, h, w), left and right exchanged."""
    return maps.flip(-1).index_select(-3, torch.tensor(skeleton.flip_index))
