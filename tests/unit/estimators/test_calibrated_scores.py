"""A card's calibration is applied where keypoints are read, and to scores alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from videopose.codecs import create_codec
from videopose.estimators.build import PoseOptions, create_estimator
from videopose.estimators.crops import CropNetwork, calibrated
from videopose.estimators.topdown import TopDownEstimator, person_chances, poses_of
from videopose.metrics.calibration import logit, sigmoid
from videopose.models import create_model
from videopose.models.weights import read_card, save_weights
from videopose.models.zoo import Weights
from videopose.runtime.choice import RuntimeOptions
from videopose.runtime.torch import TorchNetwork
from videopose.skeletons import skeleton_named
from videopose.types import Detections

PAIRS = tuple((0.5 + 0.1 * k, 0.3 - 0.05 * k) for k in range(17))

COCO = skeleton_named("coco17")


@settings(max_examples=30, deadline=None)
@given(score=st.floats(0, 1), a=st.floats(0, 3), b=st.floats(-3, 3))
def test_scores_become_chances(score, a, b):
    found = calibrated(torch.tensor([[[5.0, 6.0, score]]]), ((a, b),))[0, 0]

    assert found[:2].tolist() == [5, 6]
    assert float(found[2]) == pytest.approx(float(sigmoid(a * logit(score) + b)), abs=1e-4)


def test_the_card_carries_the_calibration_to_the_estimator(tmp_path):
    torch.manual_seed(0)
    model = create_model("tinypose")
    card = Weights("tinypose.test", "", codec="dark3", calibration=PAIRS, antialias=True)
    save_weights(tmp_path / "w.safetensors", model.state_dict(), card)

    assert read_card(tmp_path / "w.safetensors").calibration == PAIRS
    estimator = create_estimator(
        PoseOptions(model="tinypose", weights=str(tmp_path / "w.safetensors")),
        torch.device("cpu"),
        RuntimeOptions(runtime="torch", precision="float32"),
    )
    plain = replace(estimator.network, calibration=None)
    crops = torch.randint(0, 256, (2, 3, 256, 192), dtype=torch.uint8)
    shown, raw = estimator.network(crops), plain(crops)
    assert torch.equal(shown[..., :2], raw[..., :2])
    expected = sigmoid(np.array(PAIRS)[:, 0] * logit(raw[..., 2]) + np.array(PAIRS)[:, 1])
    assert np.abs(shown[..., 2].numpy() - expected).max() < 1e-4


def test_a_network_without_calibration_shows_the_codecs_scores():
    codec = create_codec("dark3", (64, 64))
    identity = TorchNetwork(torch.nn.Identity())
    network = CropNetwork(identity, codec, skeleton_named("coco17"), (0.0,) * 3, (1.0,) * 3, False)
    heatmaps = torch.rand(1, 17, 16, 16)

    assert torch.equal(network.decode(heatmaps), codec.decode(heatmaps))


def test_a_pose_out_of_sight_below_the_hips_scores_by_what_is_seen():
    people = Detections(np.zeros((2, 4), np.float32), np.array([1, 0.5], np.float32))
    seen = np.zeros((2, 17, 3), np.float32)
    seen[:, :11, 2], seen[:, 11:, 2] = 0.9, 0.1

    chances = poses_of(seen, people, COCO, chances=True).score
    assert chances[0] > 0.89
    assert chances[1] == pytest.approx(chances[0] / 2)
    assert poses_of(seen, people, COCO).score[0] == pytest.approx(0.9)  # as always, those below .2 left out


@settings(max_examples=20, deadline=None)
@given(scores=st.lists(st.floats(0, 1), min_size=17, max_size=17))
def test_a_pose_scores_no_more_than_its_best_keypoint(scores):
    people = Detections(np.zeros((1, 4), np.float32), np.ones(1, np.float32))
    keypoints = np.concatenate([np.zeros((1, 17, 2)), np.array(scores)[None, :, None]], 2).astype(np.float32)
    score = poses_of(keypoints, people, COCO, chances=True).score[0]

    assert 0 <= score <= max(scores) + 1e-5
    assert score >= np.mean(scores) - 1e-3


@settings(max_examples=30, deadline=None)
@given(scores=st.lists(st.floats(0, 1), min_size=1, max_size=9), a=st.floats(0.3, 3), b=st.floats(-2, 2))
def test_chances_of_persons_keep_their_order_and_nobody_stays_nobody(scores, a, b):
    score = np.array(scores, np.float32)

    chances = person_chances(score, (a, b))

    assert ((chances >= 0) & (chances <= 1)).all()
    assert (np.diff(chances[np.argsort(score, kind="stable")]) >= -1e-6).all()
    assert (chances[score == 0] == 0).all()
    assert person_chances(score, (1.0, 0.0)) is score


def test_the_cards_pair_says_how_sure_a_person_is():
    class Certain(torch.nn.Module):
        def forward(self, crops):
            maps = torch.zeros(len(crops), 17, 16, 16)
            maps[..., 5, 5] = 0.8
            return maps

    def score(pair):
        network = CropNetwork(
            TorchNetwork(Certain()), create_codec("dark3", (64, 64)), COCO, (0.0,) * 3, (1.0,) * 3, False,
            person_calibration=pair,
        )  # fmt: skip
        estimator = TopDownEstimator(
            network, device=torch.device("cpu"), padding=1.25, batch_size=1, nms_oks=1.0, antialias=False
        )
        image = torch.zeros(3, 64, 64, dtype=torch.uint8)
        box = Detections(np.array([[5, 5, 40, 50]], np.float32), np.array([0.5], np.float32))
        return float(estimator.estimate([image], [box])[0].score[0])

    assert score((1.0, 0.0)) == pytest.approx(0.4)
    assert score((1.0, 1.0)) == pytest.approx(1 / (1 + np.exp(-np.log(0.4 / 0.6) - 1)), abs=1e-5)
