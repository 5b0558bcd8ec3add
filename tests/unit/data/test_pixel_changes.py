"""Each change of pixels by itself, and how far keypoints may be off the pixels they mark once warped."""

import numpy as np
import pytest
import torch

from videopose.data.augment_geometry import GeometryOptions, draw_crop, move_keypoints
from videopose.data.augment_pixels import PixelOptions, augment_pixels
from videopose.data.samples import PersonLabel
from videopose.geometry.warp import _warp_on_device, warp_array
from videopose.skeletons import skeleton_named

SKELETON = skeleton_named("coco17")
SIDE = 240
OFF = dict.fromkeys(
    [
        "brightness",
        "contrast",
        "saturation",
        "gray_probability",
        "blur_probability",
        "motion_blur_probability",
        "jpeg_probability",
        "erase_probability",
        "occluder_probability",
    ],
    0.0,
)


def _only(**changes):
    return PixelOptions(**(OFF | changes))


def _view_of(place, seed):
    """Draw a view of somebody all of whose keypoints are at one place; gives the map and the keypoint in the crop."""
    options = GeometryOptions(full_turn_probability=0.3, half_body_probability=0, translation=0.02)
    keypoints = np.tile(np.array([*place, 2], np.float32), (17, 1))
    person = PersonLabel(np.array([70, 60, 170, 180], np.float32), keypoints, np.ones(17, np.float32), 12000.0)
    matrix, flipped = draw_crop(np.random.default_rng(seed), person, options, (192, 160), SKELETON)
    return matrix, move_keypoints(keypoints, matrix, SKELETON, flipped=flipped)[0, :2]


def _middle(image):
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    return np.array([(image * columns).sum(), (image * rows).sum()]) / image.sum()


def _on_cpu(image, matrix):
    return warp_array(image, matrix, (192, 160))[..., 0].astype(float)


def _on_device(image, matrix):
    pixels = torch.from_numpy(image).permute(2, 0, 1)
    return _warp_on_device(pixels, matrix, (192, 160), antialias=True)[0].numpy().astype(float)


@pytest.mark.parametrize("warp", [_on_cpu, _on_device], ids=["cpu", "device"])
def test_warped_pixels_are_where_the_keypoint_says(warp):
    """A wide bump in 8 bits is found to a few hundredths of a pixel; over several places that averages out."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    for seed in range(10):
        missed = []
        for x, y in np.random.default_rng([seed, 1]).uniform(112, 128, (10, 2)):
            matrix, said = _view_of((x, y), seed)
            bump = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 7.0**2)) * 255
            image = np.repeat(bump.round().astype(np.uint8)[..., None], 3, 2)
            missed.append(_middle(warp(image, matrix)) - said)

        assert np.abs(np.mean(missed, 0)).max() < 0.01
        assert np.abs(missed).max() < 0.05


def test_motion_blur_smears_along_one_line():
    dot = torch.zeros(1, 3, 41, 41)
    dot[..., 20, 20] = 1
    for seed in range(6):
        out = augment_pixels(dot, np.random.default_rng(seed), _only(motion_blur_probability=1))[0, 0].numpy()
        rows, columns = np.nonzero(out > 1e-4)
        spread = np.linalg.eigvalsh(np.cov(np.stack([rows, columns]), aweights=out[rows, columns]))

        assert out.sum() == pytest.approx(1, abs=1e-4)
        assert len(rows) >= 3
        assert spread[0] < 0.2 * spread[1]


def test_an_erased_patch_has_one_colour_and_the_stated_size():
    images = torch.rand(4, 3, 60, 40)
    options = _only(erase_probability=1, patch_size=(0.25, 0.5))
    out = augment_pixels(images, np.random.default_rng(0), options)
    for before, after in zip(images, out, strict=True):
        changed = (before - after).abs().amax(0) > 1e-5
        rows, columns = np.nonzero(changed.numpy())
        height, width = rows.max() - rows.min() + 1, columns.max() - columns.min() + 1
        patch = after[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]

        assert patch.flatten(1).std(1).max() < 1e-6
        assert 0.25 * 60 - 1 <= height <= 0.5 * 60 + 1
        assert 0.25 * 40 - 1 <= width <= 0.5 * 40 + 1


def test_an_occluder_is_a_round_piece_of_an_image_of_the_batch():
    images = torch.stack([torch.full((3, 60, 40), value) for value in (0.1, 0.4, 0.9)])
    options = _only(occluder_probability=1, patch_size=(0.3, 0.4))
    seen = set()
    for seed in range(8):
        out = augment_pixels(images, np.random.default_rng(seed), options)
        for before, after in zip(images, out, strict=True):
            changed = (after - before).abs().amax(0) > 1e-5
            values = {round(float(value), 3) for value in after[0][changed]}
            assert values <= {0.1, 0.4, 0.9}
            seen |= values
            if values:  # the ends of the widest row and the tallest column are one pixel wide in an ellipse
                rows, columns = np.nonzero(changed.numpy())
                corners = [[rows.min(), columns.min()], [rows.max(), columns.max()]]
                assert not any(changed[row, column] for row, column in corners)

    assert seen == {0.1, 0.4, 0.9}


def test_jpeg_is_chosen_by_its_probability():
    images = torch.rand(6, 3, 32, 32)
    out = augment_pixels(images, np.random.default_rng(3), _only(jpeg_probability=0.5))
    changed = [(a - b).abs().max() > 1e-4 for a, b in zip(images, out, strict=True)]

    assert 0 < sum(changed) < 6


@pytest.mark.gpu
def test_a_batch_on_a_gpu_is_the_one_of_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    options = PixelOptions(**dict.fromkeys([name for name in OFF if name.endswith("probability")], 1.0))
    images = torch.rand(4, 3, 64, 48)
    here = augment_pixels(images, np.random.default_rng(1), options)
    there = augment_pixels(images.cuda(), np.random.default_rng(1), options)

    assert there.device.type == "cuda"
    assert torch.allclose(here, there.cpu(), atol=1e-3)
