"""The heatmap codecs against the outputs of the releases they come from (`tests/data/README.models.md`)."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_inputs import crop_keypoints, noisy_heatmaps, reference_boxes

from videopose.codecs import create_codec
from videopose.geometry.affine import apply, crop_from_box, invert
from videopose.skeletons import skeleton_named

HEATMAP_PIXELS = 1e-4  # the references' own rounding is 3e-5
IMAGE_PIXELS = 1e-3  # float32 coordinates of several hundred pixels
TARGET = 3e-6  # exp() in float32 against float64
INPUT_HW = (256, 192)
INTERVAL = np.array([191 / 47, 255 / 63])  # UDP's crop pixels per heatmap pixel


@pytest.fixture(scope="module")
def theirs():
    return np.load(Path(__file__).parents[1] / "data" / "codecs" / "decode_references.npz")


@pytest.fixture(scope="module")
def heatmaps():
    return torch.from_numpy(noisy_heatmaps())


def show(what, ours, theirs):
    difference = float(np.abs(np.asarray(ours, np.float64) - theirs).max())
    print(
        f"{what:32s} ours {np.ravel(ours)[-1]:.6f}  theirs {np.ravel(theirs)[-1]:.6f}  max difference {difference:.1e}"
    )
    return difference


def test_msra_finds_what_hrnet_finds(theirs, heatmaps):
    decoded = create_codec("msra", INPUT_HW).decode(heatmaps).numpy()

    assert show("msra places", decoded[..., :2] / 4, theirs["hrnet_heatmap_coords"]) <= HEATMAP_PIXELS
    assert show("msra scores", decoded[..., 2], theirs["hrnet_maxvals"][..., 0].clip(0, 1)) == 0


@pytest.mark.parametrize(("spread", "kernel"), [(2.0, 11), (3.0, 17)])
def test_dark_finds_what_dark_finds(theirs, heatmaps, spread, kernel):
    codec = replace(create_codec("dark", INPUT_HW), heatmap_sigma=spread)

    places = codec.decode(heatmaps).numpy()[..., :2] / 4

    assert codec.blur_kernel == kernel
    assert show(f"dark places, kernel {kernel}", places, theirs[f"dark_heatmap_coords_k{kernel}"]) <= HEATMAP_PIXELS


@pytest.mark.parametrize(("spread", "kernel"), [(2.0, 11), (3.0, 17)])
def test_udp_finds_what_udp_finds(theirs, heatmaps, spread, kernel):
    codec = replace(create_codec("udp", INPUT_HW), heatmap_sigma=spread)

    places = codec.decode(heatmaps).numpy()[..., :2] / INTERVAL

    expected = theirs[f"udp_heatmap_coords_k{kernel}"].copy()
    expected[0, :2] = places[0, :2]  # maps without a positive value: the release reads a wrapped index there
    assert show(f"udp places, kernel {kernel}", places, expected) <= HEATMAP_PIXELS


def to_image(decoded, alignment, *, padded_centerless=4):
    """Undo the crops of the reference boxes; the releases do not pad the box whose centre is at x = -1."""
    boxes = reference_boxes().astype(np.float64)
    boxes[:, 2:] += boxes[:, :2]
    crop_from_image = alignment @ crop_from_box(boxes, INPUT_HW, padding=1.25)
    crop_from_image[padded_centerless] = alignment @ crop_from_box(boxes[padded_centerless], INPUT_HW, padding=1.0)
    return apply(invert(crop_from_image), decoded[..., :2])


def test_msra_and_the_crop_lead_back_to_hrnets_image_pixels(theirs, heatmaps):
    decoded = create_codec("msra", INPUT_HW).decode(heatmaps).numpy()

    places = to_image(decoded, create_codec("msra", INPUT_HW).crop_alignment)

    assert show("msra image pixels", places, theirs["hrnet_final_preds"]) <= IMAGE_PIXELS


def test_udp_and_its_aligned_crop_lead_back_to_udps_image_pixels(theirs, heatmaps):
    decoded = create_codec("udp", INPUT_HW).decode(heatmaps).numpy()

    places = to_image(decoded, create_codec("udp", INPUT_HW).crop_alignment)

    expected = theirs["udp_final_preds_k11"].copy()
    expected[0, :2] = places[0, :2]
    assert show("udp image pixels", places, expected) <= IMAGE_PIXELS


def test_flipped_heatmaps_come_back_as_in_hrnet(theirs):
    flip_index = torch.from_numpy(skeleton_named("coco17").flip_index.copy())
    flipped = torch.from_numpy(noisy_heatmaps("flipped", 3, special=False))
    plain = torch.from_numpy(noisy_heatmaps("plain", 3, special=False))

    unshifted = create_codec("udp", INPUT_HW).flip_back(flipped, flip_index)
    shifted = create_codec("msra", INPUT_HW).flip_back(flipped, flip_index)

    assert show("flip back", unshifted[..., ::5, ::5], theirs["flip_back_sub"]) == 0
    assert show("flip average", (plain + unshifted)[..., ::5, ::5] / 2, theirs["flip_average_sub"]) == 0
    assert show("flip average, shifted", (plain + shifted)[..., ::5, ::5] / 2, theirs["flip_average_shift_sub"]) == 0


@pytest.mark.parametrize(
    ("codec", "reference"), [("msra", "hrnet_target"), ("dark", "dark_target"), ("udp", "udp_target_GaussianHeatMap")]
)
def test_targets_are_the_release_s(theirs, codec, reference):
    targets, weights = create_codec(codec, INPUT_HW).encode(torch.from_numpy(crop_keypoints()).float())

    assert show(f"{codec} targets", targets[..., ::4, ::4], theirs[f"{reference}_sub"]) <= TARGET
    assert show(f"{codec} target sums", targets.sum((2, 3)), theirs[f"{reference}_sum"]) <= 20 * TARGET
    assert show(f"{codec} weights", weights, theirs[f"{reference}_weight"][..., 0]) == 0


def test_targets_of_tall_crops_are_the_release_s(theirs):
    keypoints = torch.from_numpy(crop_keypoints("joints_384", w=288, h=384)).float()

    targets, weights = create_codec("msra", (384, 288)).encode(keypoints)

    assert show("msra targets, 384", targets[..., ::4, ::4], theirs["hrnet_target_sub_384"]) <= TARGET
    assert show("msra weights, 384", weights, theirs["hrnet_target_weight_384"][..., 0]) == 0


def test_megvii_finds_what_mmpose_finds(theirs, heatmaps):
    decoded = create_codec("megvii", INPUT_HW).decode(heatmaps).numpy()

    places = to_image(decoded, create_codec("megvii", INPUT_HW).crop_alignment)

    expected = theirs["megvii_final_preds"].copy()
    expected[0, :2] = places[0, :2]  # NaN there: maps without a positive value
    # exactly symmetric peaks: after smoothing, the sign of the last bit decides the quarter
    expected[0, [6, 8]] = places[0, [6, 8]]
    assert show("megvii image pixels", places, expected) <= IMAGE_PIXELS
    release = theirs["megvii_maxvals"][1:, :, 0] - 0.5
    assert show("megvii scores", decoded[1:, :, 2], release) <= TARGET
