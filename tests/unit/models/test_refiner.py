"""The refiner network: what it must not depend on."""

import numpy as np
import pytest
import torch

from videopose.models import create_model
from videopose.models.refiner import FEATURES, OFFSET_SCALE, PARTS, parts_of
from videopose.skeletons import SKELETONS, skeleton_named

SAME = 1e-5
"""Single precision sums in another order, answers of order 1."""


@pytest.fixture
def network():
    """With random weights in the last layer too, which starts at zero."""
    torch.manual_seed(0)
    model = create_model("refiner", width=16, dilations=(1, 2))
    torch.nn.init.normal_(model.shift.weight)
    return model


def inputs(pieces=2, length=9, num=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(pieces, length, num, FEATURES, generator=generator)
    parts = torch.arange(num).expand(pieces, -1) % len(PARTS)
    limbs = torch.tensor([0, 1, 1, 2, 2]).expand(pieces, -1)
    return features, parts, limbs, torch.ones(pieces, num), torch.ones(pieces, length)


@torch.inference_mode()
def test_a_network_that_has_learned_nothing_corrects_nothing():
    assert create_model("refiner")(*inputs()).abs().max() == 0


@torch.inference_mode()
def test_the_order_of_keypoints_does_not_matter(network):
    features, parts, limbs, exists, valid = inputs()
    order = torch.tensor([3, 0, 4, 2, 1])

    straight = network(features, parts, limbs, exists, valid)
    shuffled = network(features[:, :, order], parts[:, order], limbs[:, order], exists, valid)

    assert (straight[:, :, order] - shuffled).abs().max() < SAME


@torch.inference_mode()
def test_padding_does_not_matter(network):
    features, parts, limbs, exists, valid = inputs()
    alone = network(features, parts, limbs, exists, valid)
    longer = torch.cat([features, torch.full_like(features, 7.0)], dim=1)
    until = torch.cat([valid, torch.zeros_like(valid)], dim=1)

    padded = network(longer, parts, limbs, exists, until)

    assert (alone - padded[:, :9]).abs().max() < SAME


@torch.inference_mode()
def test_columns_without_meaning_do_not_matter(network):
    features, parts, limbs, exists, valid = inputs()
    exists[:, 2] = 0
    other = features.clone()
    other[:, :, 2] = 5.0
    rest = [0, 1, 3, 4]

    first, second = (network(each, parts, limbs, exists, valid)[:, :, rest] for each in (features, other))

    assert torch.equal(first, second)


@torch.inference_mode()
def test_what_lies_beyond_its_reach_does_not_matter(network):
    features, parts, limbs, exists, valid = inputs(length=20)
    other = features.clone()
    other[:, 10] = 3.0

    apart = (network(features, parts, limbs, exists, valid) - network(other, parts, limbs, exists, valid)).abs()

    changed = apart.amax(dim=(0, 2, 3)) > 0
    assert changed.nonzero().ravel().tolist() == list(range(6, 15))  # 4 to either side; the convolutions see 1 + 2


@torch.inference_mode()
def test_no_correction_is_longer_than_estimates_lie_off(network):
    features, parts, limbs, exists, valid = inputs(length=20)
    features[:, :, 1, 2:4] = 0.0
    features[:, 9, 1, 2:4] = torch.tensor([0.6, 0.8])

    correction = network(features, parts, limbs, exists, valid)[:, :, 1].norm(dim=-1)

    off = [OFFSET_SCALE if 5 <= t <= 13 else 0.0 for t in range(20)]
    assert (correction <= torch.tensor(off)).all()
    assert correction[:, 5:14].min() > 0


def test_sides_share_their_kind_and_not_their_limb():
    skeleton = skeleton_named("body19")
    parts, limbs = parts_of(skeleton)
    left, right = np.array(skeleton.flip_pairs).T
    limb_pairs = [pair for pair in skeleton.flip_pairs if limbs[pair[0]] > 0]

    assert np.array_equal(parts[left], parts[right])
    assert all(limbs[a] != limbs[b] for a, b in limb_pairs)
    assert len(limb_pairs) == 6


@pytest.mark.parametrize("name", SKELETONS)
def test_every_skeleton_has_kinds(name):
    skeleton = SKELETONS[name]

    parts, limbs = parts_of(skeleton)

    assert PARTS[parts[skeleton.index_of("left_knee")]] == "knee"
    assert len(parts) == len(limbs) == len(skeleton)


def test_unknown_names_are_of_the_trunk():
    parts, limbs = parts_of(skeleton_named("jhmdb15"))

    assert PARTS[parts[skeleton_named("jhmdb15").index_of("belly")]] == "trunk"
    assert limbs[skeleton_named("jhmdb15").index_of("belly")] == 5
