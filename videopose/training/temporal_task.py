"""Training a head that fuses neighbouring frames' heatmaps, on cached logits of a frozen pose network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from videopose.codecs.base import MapCodec
from videopose.config import Options
from videopose.data.person_clips import BOX_PADDING, ClipOptions, load_clips
from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose
from videopose.estimators.heads import RecurrentHead, as_fusion_head
from videopose.estimators.heatmap_heads import heights
from videopose.estimators.topdown import in_image
from videopose.geometry.keypoints import boxes_around
from videopose.metrics.pck import count_pck, longer_side
from videopose.models import create_model
from videopose.models.zoo import Weights
from videopose.runtime.choice import RuntimeOptions
from videopose.skeletons import skeleton_named
from videopose.training.losses import heatmap_cross_entropy
from videopose.training.map_cache import CacheOptions, MapCache, MappedClip
from videopose.training.options import LoopOptions
from videopose.training.task import Batch
from videopose.training.temporal_batches import (
    ClipSample,
    ClipSampler,
    WindowOptions,
    mirrored,
    places_between,
    window_inputs,
)
from videopose.types import F32

RATE = 25.0
"""Frames per second clips are judged at; they do not say."""


class TemporalTaskOptions(Options):
    """A head, the network below it, and what it learns from."""

    architecture: str = "dcpose_head"
    model: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the architecture (whatever it takes, hence `Any`)."""
    backbone: PoseOptions = PoseOptions(input_hw=(256, 192), batch_size=16)
    """The frozen pose network."""
    clips: ClipOptions = ClipOptions()
    cache: CacheOptions = CacheOptions()
    cache_folder: str = ""
    """Where the logits of clips are kept, for several runs; by default in the run's own folder."""
    windows: WindowOptions = WindowOptions()
    track_frames: int = 10
    """Length of the stretches that recurrent heads are trained on."""
    validation_every: int = 3
    """The held-out clips are judged on every so many frames; recurrent heads on all."""


class TemporalTask:
    """Cross-entropy of fused heatmaps."""

    monitor = "pck"

    def __init__(self, options: TemporalTaskOptions, loop: LoopOptions, folder: Path, run_dir: Path) -> None:
        """Read the clips and look at them with the backbone, unless that was done before.

        Raises:
            ConfigError: the backbone's codec is not the one heads are made for.
            DatasetError: there are no clips.
        """
        self.options = options
        self._loop = loop
        backbone = describe_pose(options.backbone)
        self.skeleton = skeleton_named(backbone.skeleton)
        estimator = create_estimator(options.backbone, torch.device("cpu"), RuntimeOptions(runtime="torch"))
        codec = estimator.network.codec
        if not isinstance(codec, MapCodec):
            raise ConfigError(
                f"temporal.backbone.model = {options.backbone.model}: has codec {codec.name}, but heads fuse heatmaps"
            )
        self.codec = codec
        learned, kept = load_clips(folder, options.clips, self.skeleton)
        maps = Path(options.cache_folder) if options.cache_folder else run_dir / "maps"
        cache = MapCache(estimator, backbone, options.cache)
        self._stretches = ClipSampler(cache.load(learned, maps, "learned"), options.windows, seed=loop.seed)
        self._kept = cache.load(kept, maps, "held_out")
        probe = self.build()
        self._recurrent = isinstance(probe, RecurrentHead)
        before, after = options.track_frames - 1, 0
        if not self._recurrent:
            window = as_fusion_head(probe, f"temporal.architecture = {options.architecture}")
            before, after = window.before, window.after
        self._offsets = list(range(-before, after + 1))

    def build(self) -> nn.Module:
        """Build the head; see `Task`."""
        return create_model(self.options.architecture, num_keypoints=len(self.skeleton), **self.options.model)

    def batch(self, step: int, rows: range, device: torch.device, progress: float) -> Batch:
        """Prepare part of a step's batch; see `Task`."""
        numbers = [step * self._loop.batch_size + row for row in rows]
        drawn = [self._stretches.draw(number, self._offsets) for number in numbers]
        batch = self._tracks(drawn) if self._recurrent else self._windows(drawn)
        return {name: tensor.to(device) for name, tensor in batch.items()}

    def _windows(self, drawn: Sequence[ClipSample]) -> Batch:
        center = self._offsets.index(0)
        parts = [window_inputs(stretch, center, self.codec) for stretch in drawn]
        maps, neighbors, seconds, present = (torch.stack(column) for column in zip(*parts, strict=True))
        truth, weights = self._targets(torch.from_numpy(np.stack([s.keypoints[center] for s in drawn])))
        weights = weights * torch.from_numpy(np.stack([stretch.weight[center] for stretch in drawn]))
        flip = torch.tensor([stretch.flip for stretch in drawn])
        maps, neighbors, truth = (
            torch.where(flip.view(-1, *(1,) * (m.ndim - 1)), mirrored(m, self.skeleton), m)
            for m in (maps, neighbors, truth)
        )
        weights = torch.where(flip[:, None], weights[:, torch.tensor(self.skeleton.flip_index)], weights)
        return {
            "center": maps,
            "neighbors": neighbors,
            "seconds": seconds,
            "present": present,
            "target": truth,
            "weights": weights,
        }

    def _tracks(self, drawn: Sequence[ClipSample]) -> Batch:
        keypoints = torch.from_numpy(np.stack([stretch.keypoints for stretch in drawn]))
        frames = keypoints.shape[1]
        truth, weights = self._targets(keypoints.flatten(0, 1))
        truth = truth.view(len(drawn), frames, *truth.shape[1:])
        weights = weights.view(len(drawn), frames, -1)
        weights = weights * torch.from_numpy(np.stack([stretch.weight for stretch in drawn]))
        places = [
            places_between(stretch.crop_from_image[1:], stretch.crop_from_image[:-1], self.codec) for stretch in drawn
        ]
        return {
            "maps": torch.stack([stretch.maps for stretch in drawn]),
            "places": torch.stack(places),
            "target": truth,
            "weights": weights.float(),
        }

    def _targets(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Draw distributions over cells, (N, K, h, w), and weights (N, K)."""
        target, weights = self.codec.encode(keypoints)
        return target / target.sum((2, 3), keepdim=True).clamp_min(1e-6), weights

    def loss(self, model: nn.Module, batch: Batch) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Compare fused distributions with the labels', and say what the single frame's loss is; see `Task`."""
        if self._recurrent:
            fused = model(batch["maps"], batch["places"]).flatten(0, 1)
            given, target, weights = (batch[name].flatten(0, 1) for name in ("maps", "target", "weights"))
        else:
            fused = model(*(batch[name] for name in ("center", "neighbors", "seconds", "present")))
            given, target, weights = batch["center"], batch["target"], batch["weights"]
        with torch.no_grad():
            single = heatmap_cross_entropy(given, target, weights)
        return heatmap_cross_entropy(fused, target, weights), {"single_loss": single}

    def describe(self, name: str) -> Weights:
        """Describe the trained weights; see `Task`."""
        return Weights(
            f"{self.options.architecture}.{name}",
            "",
            skeleton=self.skeleton.name,
            input_hw=self.codec.input_hw,
            codec=self.codec.name,
            options=self.options.model,
        )

    @torch.inference_mode()
    def evaluate(self, model: nn.Module, device: torch.device) -> dict[str, float]:
        """Measure PCK@0.2 of the box on held-out train clips, fused and single; the monitor counts clean as half."""
        totals = {key: [0.0, 0.0] for key in ("clean", "degraded", "single_clean", "single_degraded")}
        for clip in self._kept:
            truth = clip.keypoints
            length = longer_side(np.nan_to_num(boxes_around(truth, padding=BOX_PADDING)))
            for variant in range(len(clip.maps)):
                maps = torch.from_numpy(np.asarray(clip.maps[variant], np.float32))
                rows, fused = self._fuse_clip(model, clip, maps, device)
                kind = "clean" if variant == 0 else "degraded"
                for key, logits in ((kind, fused), (f"single_{kind}", maps[rows])):
                    output = logits if self.codec.is_logits else heights(logits, self.codec.sharpness)
                    found = in_image(self.codec.decode(output.to(device)), clip.crop_from_image[rows])
                    counts = count_pck(found, truth[rows], length[rows], [0.2])
                    totals[key][0] += float(counts.correct.sum())
                    totals[key][1] += float(counts.labelled.sum())
        scores = {f"pck_{key}": right / max(1.0, every) for key, (right, every) in totals.items()}
        return {"pck": (scores["pck_clean"] + scores["pck_degraded"]) / 2, **scores}

    def _fuse_clip(
        self, model: nn.Module, clip: MappedClip, maps: Tensor, device: torch.device
    ) -> tuple[list[int], Tensor]:
        count = len(maps)
        if self._recurrent:
            places = places_between(clip.crop_from_image[1:], clip.crop_from_image[:-1], self.codec)
            return list(range(count)), model(maps[None].to(device), places[None].to(device))[0]
        rows = list(range(0, count, self.options.validation_every))
        center = self._offsets.index(0)
        parts = []
        for row in rows:
            wanted = row + np.array(self._offsets)
            inside, near = (wanted >= 0) & (wanted < count), np.clip(wanted, 0, count - 1)
            unlabelled: F32 = np.zeros((len(near), 0), np.float32)
            stretch = ClipSample(
                maps[near], clip.crop_from_image[near], unlabelled, unlabelled, wanted / RATE, torch.from_numpy(inside),
                flip=False,
            )  # fmt: skip
            parts.append(window_inputs(stretch, center, self.codec))
        inputs = [torch.stack(column).to(device) for column in zip(*parts, strict=True)]
        return rows, torch.cat([model(*(part[i : i + 16] for part in inputs)) for i in range(0, len(rows), 16)])
