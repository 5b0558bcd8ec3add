"""People of one shape at given places, and trackers by name."""

import numpy as np

from videopose.learned_tracking import learned_similarity
from videopose.skeletons import skeleton_named
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_tracker
from videopose.types import UNTRACKED, Poses

SKELETON = skeleton_named("coco17")


def people(centers, *, score=0.9, size=100.0, seed=0) -> Poses:
    """Build people of one shape around centres, (N, 2)."""
    shape = np.random.default_rng(seed).uniform(-0.5, 0.5, (len(SKELETON), 2)) * [size / 2, size]
    centers = np.asarray(centers, np.float32).reshape(-1, 2)
    xy = centers[:, None] + shape
    keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), score)], axis=2).astype(np.float32)
    xyxy = np.concatenate([xy.min(1), xy.max(1)], axis=1).astype(np.float32)
    n = len(centers)
    return Poses(keypoints, np.full(n, score, np.float32), xyxy, np.full(n, UNTRACKED, np.int64))


def tracker(name="oks", **values):
    """Build an online tracker, a learned similarity with its weights."""
    options = TrackerOptions.model_validate({"name": name, **values})
    return create_tracker(options, SKELETON, similarity=learned_similarity(options.similarity, SKELETON))
