"""The frozen pose network's logits for clips, clean and degraded, computed once and kept on disk at half precision."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray
from torch import Tensor

from videopose.codecs.base import MapCodec
from videopose.config import Options
from videopose.data.degrade import KINDS, Kind, clip_seed, degrade
from videopose.data.person_clips import PersonClip
from videopose.estimators.build import weights_facts
from videopose.estimators.topdown import TopDownEstimator
from videopose.models.zoo import Weights
from videopose.types import F32, F64, U8

log = logging.getLogger(__name__)


class CacheOptions(Options):
    """How clips are processed."""

    kinds: tuple[Kind, ...] = KINDS
    kinds_per_clip: int = 6
    """A clip is degraded in so many of these ways, drawn by chance."""
    grow: tuple[float, float] = (0.9, 1.15)
    """Range of a factor on a clip's boxes: detectors' boxes differ from labels'."""
    jitter: float = 0.02
    """Standard deviation of the boxes' shift from frame to frame, in box sides."""
    seed: int = 100
    """Of degradations and boxes; not one that anything is measured with."""


@dataclass(frozen=True, slots=True, eq=False)
class MappedClip:
    """A clip as the pose network saw it.

    Attributes:
        source: `video` or `still`.
        maps: (V, T, K, h, w) float16 logits, the clean variant first; on disk.
        crop_from_image: (T, 3, 3), the same in all variants.
        keypoints: (T, K, 3) x, y in image pixels and visibility.
        weight: (T, K).
    """

    source: str
    maps: NDArray[np.float16]
    crop_from_image: F64
    keypoints: F32
    weight: F32


class MapCache:
    """Writes and reads the cached logits of a list of clips."""

    def __init__(self, estimator: TopDownEstimator, weights: Weights, options: CacheOptions) -> None:
        """Store the network to run on clips; `weights` identifies it."""
        self._estimator = estimator
        self._weights = weights
        self._options = options
        codec = estimator.network.codec
        assert isinstance(codec, MapCodec), "only networks with heatmaps come here"
        self._codec = codec

    def load(self, clips: Sequence[PersonClip], folder: Path, name: str) -> list[MappedClip]:
        """Return clips with logits: from `folder` if they are there and were made the same way, else newly made.

        Args:
            clips: whom to look at.
            folder: made if it does not exist.
            name: of this list of clips within the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        variants = [self._kinds(clip) for clip in clips]
        crops = [self._crops(clip) for clip in clips]
        sizes = [(1 + len(kinds)) * len(clip.boxes) for clip, kinds in zip(clips, variants, strict=True)]
        height, width = self._codec.heatmap_hw
        shape = (sum(sizes), len(self._estimator.skeleton), height, width)
        facts = self._facts(clips, variants, shape)
        path, note = folder / f"{name}.npy", folder / f"{name}.json"
        if not (path.exists() and note.exists() and note.read_text(encoding="utf-8") == facts):
            note.unlink(missing_ok=True)
            stored = open_memmap(path, mode="w+", dtype=np.float16, shape=shape)
            start = 0
            for clip, kinds, crop, size in zip(clips, variants, crops, sizes, strict=True):
                stored[start : start + size] = self._look(clip, kinds, crop)
                start += size
                log.info("%s: looked at %d of %d crops", name, start, shape[0])
            stored.flush()
            note.write_text(facts, encoding="utf-8")
        maps = open_memmap(path, mode="r")
        starts = np.cumsum([0, *sizes])
        return [
            MappedClip(
                clip.source,
                maps[start : start + size].reshape(1 + len(kinds), len(clip.boxes), *shape[1:]),
                crop,
                clip.keypoints,
                clip.weight,
            )
            for clip, kinds, crop, start, size in zip(clips, variants, crops, starts, sizes, strict=False)
        ]

    def _kinds(self, clip: PersonClip) -> list[Kind]:
        kinds = list(self._options.kinds)
        rng = np.random.default_rng([self._options.seed, *clip.name.encode(), 1])
        return [kinds[row] for row in sorted(rng.permutation(len(kinds))[: self._options.kinds_per_clip])]

    def _crops(self, clip: PersonClip) -> F64:
        rng = np.random.default_rng([self._options.seed, *clip.name.encode(), 2])
        center, size = (clip.boxes[:, :2] + clip.boxes[:, 2:]) / 2, clip.boxes[:, 2:] - clip.boxes[:, :2]
        side = size.max(1, keepdims=True)
        center = center + rng.normal(0, self._options.jitter, center.shape) * side
        size = size * rng.uniform(*self._options.grow) * (1 + rng.normal(0, self._options.jitter, (len(size), 1)))
        boxes = np.concatenate([center - size / 2, center + size / 2], 1).astype(np.float32)
        return self._estimator.crop_from_image(boxes)

    def _look(self, clip: PersonClip, kinds: Sequence[Kind], crops: F64) -> NDArray[np.float16]:
        frames = clip.read()
        seen = [self._logits(frames, crops)]
        for kind in kinds:
            spoiled = degrade(frames, clip.boxes, kind, clip_seed(self._options.seed, clip.name, kind))
            seen.append(self._logits(spoiled, crops))
        return np.concatenate(seen)

    def _logits(self, frames: Sequence[U8], crops: F64) -> NDArray[np.float16]:
        images: list[Tensor] = [torch.from_numpy(np.ascontiguousarray(frame)).permute(2, 0, 1) for frame in frames]
        logits = self._codec.sharpness * self._estimator.run(self._estimator.network.output, images, crops).float()
        # whatever constant a map carries, its peak is stored as 0: half precision is finest there
        logits = logits - logits.amax((2, 3), keepdim=True)
        return np.asarray(logits.clamp_min(-100).cpu().numpy(), np.float16)

    def _facts(self, clips: Sequence[PersonClip], variants: list[list[Kind]], shape: tuple[int, ...]) -> str:
        names = "".join(f"{clip.name}{kinds}{len(clip.boxes)}" for clip, kinds in zip(clips, variants, strict=True))
        return json.dumps(
            {
                "backbone": weights_facts(self._weights),
                "input_hw": list(self._codec.input_hw),
                "options": self._options.model_dump(),
                "clips": hashlib.sha256(names.encode()).hexdigest(),
                "shape": list(shape),
            },
            sort_keys=True,
        )
