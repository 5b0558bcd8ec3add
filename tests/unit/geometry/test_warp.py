import cv2
import numpy as np
import pytest
import torch

from videopose.errors import ShapeError
from videopose.geometry import warp
from videopose.geometry.affine import apply, rotation, scaling, translation
from videopose.geometry.placement import place

ROUNDING = 1.0  # levels: OpenCV interpolates in fixed point
CELL_ROUNDING = 3.0  # levels: each halving rounds, and cells of odd images do not divide


def _noise_image(height=120, width=160, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return cv2.GaussianBlur(noise, (9, 9), 3)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 0.9), (30, 1.3), (-75, 0.7)])
def test_cpu_and_device_paths_agree(degrees, scale):
    image = torch.from_numpy(_noise_image()).permute(2, 0, 1)
    matrix = translation(40, 50) @ scaling(scale) @ rotation(degrees) @ translation(-80, -60)

    on_cpu = warp.warp_affine(image, matrix, (96, 80))
    on_device = warp._warp_on_device(image, matrix, (96, 80), antialias=True)

    assert (on_cpu.int() - on_device.int()).abs().max() <= ROUNDING


def test_a_dot_lands_where_the_map_says():
    image = np.zeros((100, 100, 3), np.uint8)
    image[30, 40] = 255
    matrix = translation(7, 9) @ scaling(1.5) @ translation(-20, -20)

    out = warp.warp_array(image, matrix, (80, 80)).astype(float).sum(-1)
    rows, columns = np.mgrid[0:80, 0:80]
    center = [(out * columns).sum() / out.sum(), (out * rows).sum() / out.sum()]

    assert center == pytest.approx(apply(matrix, [40, 30]), abs=0.06)


@pytest.mark.parametrize("shrink", [2, 3.7, 9])
def test_shrinking_averages_and_stays_in_place(shrink):
    image = np.zeros((400, 400, 3), np.uint8)
    image[::2] = 200  # stripes finer than the output can show
    image[100:200, 120:240] = 255

    out = warp.warp_array(image, scaling(1 / shrink), (int(400 / shrink), int(400 / shrink))).astype(float)

    assert out[int(300 / shrink), int(300 / shrink)] == pytest.approx(
        [100] * 3, abs=25
    )  # gray, neither black nor white
    bright = np.argwhere(out[..., 0] > 180)
    assert bright.min(0) * shrink == pytest.approx([100, 120], abs=1.5 * shrink)
    assert bright.max(0) * shrink == pytest.approx([200, 240], abs=2.5 * shrink)


def test_outside_is_black():
    assert (warp.warp_array(_noise_image(), translation(1000, 0), (10, 10)) == 0).all()


def test_an_image_with_the_channels_last_is_refused():
    with pytest.raises(ShapeError, match=r"image has shape \(120, 160, 3\), but \(3, any, any\) is needed"):
        warp.warp_affine(torch.from_numpy(_noise_image()), np.eye(3), (10, 10))


@pytest.mark.parametrize("size", [(401, 403), (128, 96), (95, 500)])
@pytest.mark.parametrize("shrink", [2.5, 4.2, 9])
def test_shrinking_an_image_of_any_size_agrees_with_the_device(size, shrink):
    image = torch.from_numpy(cv2.GaussianBlur(_noise_image(*size), (0, 0), 12)).permute(2, 0, 1)
    matrix = translation(3, 2) @ scaling(1 / shrink)

    on_cpu = warp.warp_affine(image, matrix, (30, 20))
    on_device = warp._warp_on_device(image, matrix, (30, 20), antialias=True)

    white = warp.warp_affine(torch.full_like(image, 255), matrix, (30, 20))[0].numpy()
    inside = cv2.erode(white, np.ones((5, 5))) == 255  # at its edges the two paths cut an odd image differently
    assert inside.any()
    assert (on_cpu.int() - on_device.int()).abs()[:, inside].max() <= CELL_ROUNDING


def test_a_batch_holds_what_each_image_gives_alone():
    images = [torch.from_numpy(_noise_image(seed=seed)).permute(2, 0, 1) for seed in range(2)]
    matrices = np.stack([translation(5, 3) @ scaling(0.9), scaling(1 / 3), translation(-20, 0)])

    batch = warp.warp_images([images[0], images[1], images[0]], matrices, (48, 40))

    assert batch.is_contiguous(memory_format=torch.channels_last)
    for row, image, matrix in zip(batch, (images[0], images[1], images[0]), matrices, strict=True):
        assert torch.equal(row, warp.warp_affine(image, matrix, (48, 40)))


@pytest.mark.parametrize("size", [(120, 160), (540, 960), (301, 87)])
def test_a_letterboxed_image_lies_where_its_map_says(size):
    blurred = cv2.GaussianBlur(_noise_image(*size), (0, 0), 12)
    image = torch.from_numpy(blurred).permute(2, 0, 1)

    out = warp.place_images([image], (96, 160), fill=114)[0]

    placed = place(size, (96, 160), "shape")
    matrix, (height, width) = placed.input_from_image, placed.size_hw
    assert height == 96 or width == 160
    assert (out[:, height:] == 114).all()
    assert (out[:, :, width:] == 114).all()
    expected = warp._warp_on_device(image, matrix, (height, width), antialias=True)
    inner = (slice(None), slice(2, height - 2), slice(2, width - 2))
    assert (out[:, :height, :width].int() - expected.int())[inner].abs().max() <= CELL_ROUNDING


@pytest.mark.parametrize("shrink", [1, 2, 3, 4, 6.5, 9])
def test_what_is_shrunk_stays_in_place_to_a_tenth_of_a_pixel(shrink):
    """Averaging cells moves their centres by half a cell less half a pixel, which the map must take back."""
    rows, columns = np.mgrid[0:480, 0:520]
    center = np.array([271.3, 203.8])
    blob = 255 * np.exp(-((columns - center[0]) ** 2 + (rows - center[1]) ** 2) / (2 * (6 * shrink) ** 2))
    image = np.repeat(blob.round().astype(np.uint8)[..., None], 3, 2)
    matrix = translation(3, 2) @ scaling(1 / shrink)

    out = warp.warp_array(image, matrix, (int(500 / shrink), int(540 / shrink)))[..., 0].astype(float)

    rows, columns = np.mgrid[0 : out.shape[0], 0 : out.shape[1]]
    found = [(out * columns).sum() / out.sum(), (out * rows).sum() / out.sum()]
    assert found == pytest.approx(apply(matrix, center).tolist(), abs=0.1)
