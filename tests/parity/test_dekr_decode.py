"""DEKR's decoding against what its release makes of the same maps (`tests/data/README.models.md`)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scene_inputs import dekr_maps

from videopose.codecs.dekr import dekr_codec
from videopose.skeletons import skeleton_named

IMAGE_PIXELS = 1e-3
SCORE = 1e-6
PARTNERS = torch.tensor(skeleton_named("coco17").flip_index)


@pytest.fixture(scope="module")
def theirs():
    return np.load(Path(__file__).parents[1] / "data" / "codecs" / "dekr_references.npz")


def maps_of(case, *, scale=1.0, flip=True):
    codec = dekr_codec(17)
    plain, mirrored = (
        tuple(map(torch.from_numpy, dekr_maps(case, scale=scale, flipped=flipped))) for flipped in (False, True)
    )
    return codec.flip_average(plain, mirrored, PARTNERS) if flip else plain


def compare(found, theirs, name):
    order = np.argsort(-theirs[f"{name}/scores"], kind="stable")
    poses, scores = theirs[f"{name}/poses"][order], theirs[f"{name}/scores"][order]
    assert len(found.score) == len(scores)
    apart = np.abs(found.keypoints[..., :2] - poses[..., :2]).max()
    print(f"dekr {name:20s} {len(scores):2d} people, max difference {apart:.1e} px")
    assert apart <= IMAGE_PIXELS
    assert np.abs(found.keypoints[..., 2] - poses[..., 2]).max() <= SCORE
    assert np.abs(found.score - scores).max() <= SCORE


@pytest.mark.parametrize("case", ["n1", "n5", "n15", "n30", "full30", "crowd", "border", "tie4"])
def test_it_finds_the_release_s_people(theirs, case):
    (found,) = dekr_codec(17).decode([maps_of(case)], [1.0])

    compare(found, theirs, case)


def test_without_the_flip_test(theirs):
    (found,) = dekr_codec(17).decode([maps_of("n5", flip=False)], [1.0])

    compare(found, theirs, "n5_noflip_nomatch")


@pytest.mark.parametrize("case", ["n5", "n15"])
def test_at_three_scales(theirs, case):
    scales = [1.0, 0.5, 2.0]

    (found,) = dekr_codec(17).decode([maps_of(case, scale=scale) for scale in scales], scales)

    compare(found, theirs, f"{case}_multiscale")


def test_nobody_is_found_where_nobody_is():
    (found,) = dekr_codec(17).decode([maps_of("n0")], [1.0])

    assert found.keypoints.shape == (0, 17, 3)


def test_a_person_of_no_extent_is_left_out_instead_of_ending_the_run():
    (found,) = dekr_codec(17).decode([maps_of("tie", flip=False)], [1.0])

    assert len(found.score) >= 3
    assert (np.ptp(found.keypoints[..., :2], axis=1).max(-1) > 0).all()


def test_the_images_of_a_batch_do_not_see_one_another():
    codec = dekr_codec(17)
    both = [maps_of("n5"), maps_of("crowd")]
    batch = tuple(torch.cat(parts) for parts in zip(*both, strict=True))

    together, alone = codec.decode([batch], [1.0]), [codec.decode([each], [1.0])[0] for each in both]

    for one, other in zip(together, alone, strict=True):
        assert np.array_equal(one.keypoints, other.keypoints)


def test_every_choice_of_the_codec_changes_who_is_found():
    codec, maps = dekr_codec(17), maps_of("crowd")
    (usual,) = codec.decode([maps], [1.0])
    for change in ({"max_people": 4}, {"min_center": 0.6}, {"same_distance": 0.9}, {"same_keypoints": 17}):
        (other,) = replace(codec, **change).decode([maps], [1.0])
        assert not np.array_equal(other.score, usual.score), change


def test_crowdposes_keypoints_have_the_release_s_numbers():
    assert (dekr_codec(14).decrease, dekr_codec(17).decrease) == (0.8, 0.9)
