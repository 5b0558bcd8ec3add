"""The learned similarity of trackers: the entailment network on pairs of poses that are near each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from videopose.models.entailment import FEATURES
from videopose.models.weights import describe
from videopose.models.zoo import Weights
from videopose.runtime.network import load_network
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.tracking.similarity import are_near, person_size
from videopose.types import F32, F64, Bool, Poses

TOKENS = skeleton_named("posetrack15")
"""The network's keypoints; others are matched by name, missing ones are left out."""

MODEL = "pose_entailment.default"
SHORTEST, LONGEST = 0.04, 1.0
"""Seconds between two poses between which the network was trained; shorter and longer ones count as these."""


def pair_features(earlier: Poses, later: Poses, seconds: F64, skeleton: Skeleton) -> tuple[F32, Bool]:
    """Describe pairs of poses, row by row, as the network reads them.

    Args:
        earlier: (P) people.
        later: (P) people.
        seconds: (P,) between the two.
        skeleton: of both.

    Returns:
        (P, 2, 15, 4) features and (P, 2, 15) which keypoints exist.
    """
    have, want = shared_keypoints(skeleton, TOKENS)
    size = (person_size(earlier.xyxy) + person_size(later.xyxy)) / 2
    center = (earlier.xyxy[:, :2] + earlier.xyxy[:, 2:] + later.xyxy[:, :2] + later.xyxy[:, 2:]) / 4
    features = np.zeros((len(earlier), 2, len(TOKENS), FEATURES), np.float32)
    for side, poses in enumerate((earlier, later)):
        points = poses.keypoints[:, have]
        features[:, side, want, :2] = (points[..., :2] - center[:, None]) / size[:, None, None]
        features[:, side, want, 2] = points[..., 2]
    features[..., 3] = np.clip(seconds, 0, LONGEST)[:, None, None]
    present = np.zeros(features.shape[:3], bool)
    present[:, :, want] = True
    return np.clip(features, -4, 4), present


def describe_entailment() -> Weights:
    """Describe what is known of the weights that ship with the package."""
    return describe(MODEL)


class EntailmentSimilarity:
    """Returns the network's belief that a track and a pose are one person; 0 for people far from each other.

    Args:
        skeleton: of the poses.
        path: of the weights; the shipped ones by default.

    Raises:
        WeightsError: the weights cannot be read or do not fit.
    """

    def __init__(self, skeleton: Skeleton, path: Path | None = None) -> None:
        self._skeleton = skeleton
        weights = describe(MODEL if path is None else "pose_entailment", checkpoint=path)
        self._network = load_network(weights, torch.device("cpu"), precision="float32")

    def __call__(self, tracks: Poses, poses: Poses, seconds: F64 | None = None, /) -> F32:
        """Return (M, N) beliefs in [0, 1]; see `Similarity`."""
        similarity = np.zeros((len(tracks), len(poses)), np.float32)
        rows, columns = np.nonzero(are_near(tracks.xyxy, poses.xyxy))
        if not len(rows):
            return similarity
        passed = np.full(len(rows), SHORTEST) if seconds is None else np.maximum(seconds[rows], SHORTEST)
        features, present = pair_features(tracks[rows], poses[columns], passed, self._skeleton)
        with torch.inference_mode():
            (logits,) = self._network(torch.from_numpy(features), torch.from_numpy(present))
            belief = torch.sigmoid(logits)
        similarity[rows, columns] = belief.numpy()
        return similarity
