"""Train the entailment network that ships with videopose, from real trajectories and simulated noise.

    python -m videopose.training.entailment_task --truth TRACKS.json --out videopose/assets/pose_entailment.safetensors

Trains only on every third video, which the tracking benchmark does not report. Same machine and seed, same weights.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from videopose.data.detection_noise import LEVELS, DetectedVideo, simulate, true_ids
from videopose.data.true_videos import SKELETON, read_truth, split
from videopose.learned_tracking.entailment import pair_features
from videopose.models.entailment import PoseEntailment
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.tracking.similarity import are_near
from videopose.types import F32, Bool

GAPS = (1, 1, 1, 2, 3, 5, 8, 12)
"""Frames between the two poses of a pair; small gaps are what a tracker meets most."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of poses.

    Attributes:
        features: (P, 2, 15, 4) as `pair_features` gives them.
        present: (P, 2, 15).
        same: (P,) whether both are one person.
    """

    features: F32
    present: Bool
    same: Bool


def make_pairs(videos: Sequence[DetectedVideo], rng: np.random.Generator) -> Pairs:
    """Pair the people of frames a few frames apart who are near enough to be confused."""
    features, present, same = [], [], []
    for video in videos:
        ids = true_ids(video)
        for first in range(len(video.poses)):
            second = first + int(rng.choice(GAPS))
            if second >= len(video.poses):
                continue
            a, b = video.poses[first], video.poses[second]
            rows, columns = np.nonzero(are_near(a.xyxy, b.xyxy) & (ids[first] >= 0)[:, None])
            if not len(rows):
                continue
            seconds = np.full(len(rows), video.truth.time[second] - video.truth.time[first])
            described, exists = pair_features(a[rows], b[columns], seconds, SKELETON)
            features.append(described)
            present.append(exists)
            same.append(ids[first][rows] == ids[second][columns])
    return Pairs(np.concatenate(features), np.concatenate(present), np.concatenate(same))


def train(pairs: Pairs, *, steps: int, batch_size: int, seed: int) -> PoseEntailment:
    """Fit the network; half of each batch are pairs of one person."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = PoseEntailment()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    positive, negative = np.flatnonzero(pairs.same), np.flatnonzero(~pairs.same)
    for step in range(steps):
        half = batch_size // 2
        rows = np.concatenate([rng.choice(positive, half), rng.choice(negative, half)])
        features, present = _augmented(pairs.features[rows], pairs.present[rows], rng)
        target = torch.from_numpy(pairs.same[rows].astype(np.float32))
        loss = functional.binary_cross_entropy_with_logits(
            network(torch.from_numpy(features), torch.from_numpy(present)), target
        )
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 250 == 0:
            sys.stderr.write(f"step {step}: loss {loss.item():.4f}\n")
    return network


def _augmented(features: F32, present: Bool, rng: np.random.Generator) -> tuple[F32, Bool]:
    """Mirror half of the pairs, and hide some keypoints."""
    features, present = features.copy(), present.copy()
    mirrored = rng.random(len(features)) < 0.5
    features[mirrored, ..., 0] *= -1  # sides stay swapped on both poses alike, which keeps the question the same
    present &= rng.random(present.shape) > 0.1
    present[..., 0] |= ~present.any(axis=-1)
    return features, present


def accuracy(network: PoseEntailment, pairs: Pairs) -> float:
    """Return the mean of the shares of pairs judged rightly among same and different ones."""
    with torch.inference_mode():
        verdict = network(torch.from_numpy(pairs.features), torch.from_numpy(pairs.present)).numpy() > 0
    return float((verdict[pairs.same].mean() + (~verdict[~pairs.same]).mean()) / 2)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, say how good the network is on videos it has not seen, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--truth", type=Path, required=True, help="annotated tracks (bonn_train.json)")
    parser.add_argument("--out", type=Path, required=True, help="safetensors to write")
    parser.add_argument("--steps", type=int, default=3000)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the order of sums, and so the weights, must not depend on the number of cores
    unseen, train_on = split(read_truth(options.truth))
    rng = np.random.default_rng(0)
    levels = list(LEVELS.values())
    pairs = make_pairs(
        [simulate(video, level, 100 + s) for level in levels for s in range(4) for video in train_on], rng
    )
    network = train(pairs, steps=options.steps, batch_size=256, seed=0)
    for name, level in LEVELS.items():
        test = make_pairs([simulate(video, level, 200) for video in unseen], rng)
        sys.stderr.write(f"{name}: balanced accuracy on unseen videos {100 * accuracy(network, test):.1f} %\n")
    weights = Weights(
        "pose_entailment.default",
        "",
        licence="Apache-2.0",
        paper="Snower et al., 15 Keypoints Is All You Need, CVPR 2020",
        skeleton="posetrack15",
        input_hw=(1, 1),
        codec="",
    )
    save_weights(options.out, network.state_dict(), weights)


if __name__ == "__main__":
    main()
