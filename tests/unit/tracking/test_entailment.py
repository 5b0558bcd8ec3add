"""The learned similarity: shipped weights load, and tell people apart."""

import numpy as np
import pytest
import torch

from videopose.errors import InputError, WeightsError
from videopose.learned_tracking.entailment import EntailmentSimilarity, describe_entailment, pair_features
from videopose.models.entailment import PoseEntailment
from videopose.models.weights import locate
from videopose.skeletons import skeleton_named
from videopose.stages.track import TrackPoses
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_tracker
from videopose.types import Frame, Poses, Record

SKELETON = skeleton_named("coco17")


def standing(centers):
    """Build upright people of usual proportions, 200 pixels tall."""
    height = dict.fromkeys(SKELETON.keypoints, -90.0)
    height |= {"shoulder": -60, "elbow": -25, "wrist": 5, "hip": 10, "knee": 55, "ankle": 100}
    offset = []
    for name in SKELETON.keypoints:
        side, _, part = name.partition("_")
        across = {"left": 18.0, "right": -18.0}.get(side, 0.0) * (0.3 if part in ("eye", "ear") else 1.0)
        offset.append((across, height.get(part, -90.0)))
    xy = np.asarray(centers, np.float32).reshape(-1, 1, 2) + np.array(offset, np.float32)
    keypoints = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.85, np.float32)], axis=2)
    xyxy = np.concatenate([xy.min(1) - 10, xy.max(1) + 10], axis=1).astype(np.float32)
    n = len(keypoints)
    return Poses(keypoints, np.full(n, 0.85, np.float32), xyxy, np.full(n, -1, np.int64))


def test_shipped_weights_are_small():
    assert locate(describe_entailment()).stat().st_size < 300_000


def test_the_same_person_is_believed_and_the_neighbour_is_not():
    similarity = EntailmentSimilarity(SKELETON)

    beliefs = similarity(standing([[300, 300], [360, 300]]), standing([[303, 300], [363, 301]]))

    assert np.diag(beliefs).min() > 0.8
    assert max(beliefs[0, 1], beliefs[1, 0]) < 0.3


def test_people_far_apart_are_not_compared():
    assert EntailmentSimilarity(SKELETON)(standing([[300, 300]]), standing([[3000, 300]])).tolist() == [[0.0]]


def test_absent_keypoints_do_not_count():
    network = PoseEntailment().eval()
    features, present = pair_features(standing([[300, 300]]), standing([[310, 300]]), np.array([0.04]), SKELETON)
    other = features.copy()
    other[~present] = 3.0

    with torch.inference_mode():
        first, second = (network(torch.from_numpy(each), torch.from_numpy(present)) for each in (features, other))

    assert not present.all()  # coco17 has no head_top
    assert torch.equal(first, second)


def test_features_do_not_depend_on_place_or_zoom():
    small, _ = pair_features(standing([[300, 300]]), standing([[310, 300]]), np.array([0.04]), SKELETON)

    def zoomed(poses):
        keypoints = poses.keypoints.copy()
        keypoints[..., :2] = keypoints[..., :2] * 2 + 77
        return Poses(keypoints, poses.score, poses.xyxy * 2 + 77, poses.track_id)

    large, _ = pair_features(zoomed(standing([[300, 300]])), zoomed(standing([[310, 300]])), np.array([0.04]), SKELETON)

    assert np.allclose(small, large, atol=1e-4)


def test_tracker_keeps_walkers_apart():
    options = TrackerOptions(name="entailment")
    records = [
        Record(Frame(t, t / 25, None), poses=standing([[200 + 6 * t, 300], [800 - 6 * t, 420]])) for t in range(40)
    ]

    found = [record.poses.track_id.tolist() for record in TrackPoses(options, SKELETON)(records)]

    assert found == [[1, 2]] * 40


def test_learned_similarity_must_be_brought_along():
    with pytest.raises(InputError, match="the entailment similarity has weights; pass it as"):
        create_tracker(TrackerOptions(name="entailment"), SKELETON)


def test_damaged_weights_are_named(tmp_path):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"nothing of the kind")

    with pytest.raises(WeightsError, match=r"broken\.safetensors: not a readable safetensors file"):
        EntailmentSimilarity(SKELETON, path)
