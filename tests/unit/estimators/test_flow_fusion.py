"""Cells followed by optical flow: where it agrees with itself, where it does not, and how often it is measured."""

import numpy as np
import pytest
import torch
from bright_people import boxes_of, bright_estimator

from videopose.estimators.flow_fusion import FlowWarp
from videopose.estimators.mapped import HeatmapEstimator
from videopose.estimators.neighbors import FrameContext, FrameWindow, match_neighbors
from videopose.geometry.sampling import cell_centers
from videopose.image_motion.optical_flow import consistent, create_flow, moved_with_flow

POINTS = np.array([[10.0, 10], [20, 30]], np.float32)


def constant(x, y, size_hw=(48, 64)):
    return np.broadcast_to(np.array([x, y], np.float32), (*size_hw, 2)).copy()


def test_a_flow_that_comes_back_is_trusted():
    moved, trusted = consistent(constant(3, 2), constant(-3, -2), POINTS)

    assert moved.tolist() == [[13, 12], [23, 32]]
    assert trusted.all()


def test_a_flow_that_comes_back_elsewhere_is_not_trusted():
    _, trusted = consistent(constant(3, 2), constant(0, 0), POINTS)

    assert not trusted.any()


def test_a_flow_that_leaves_the_image_is_not_trusted():
    _, trusted = consistent(constant(50, 0), constant(-50, 0), POINTS)

    assert trusted.tolist() == [True, False]


def test_masked_cells_move_as_the_others_do():
    back = constant(-4, 0)
    back[:, 32:] = 9
    moved = moved_with_flow(constant(4, 0), back, np.array([[5.0, 5], [6, 6], [40, 7]]))

    assert moved.tolist() == [[9, 5], [10, 6], [44, 7]]


def test_where_no_flow_is_consistent_cells_stay():
    points = POINTS.astype(np.float64)

    assert np.array_equal(moved_with_flow(constant(4, 0), constant(4, 0), points), points)


def moments(*images):
    """One person in a box that does not move, in every image."""
    single = HeatmapEstimator(bright_estimator())
    found = single.estimate_with_crops(images, [boxes_of([20, 20, 60, 60])] * len(images))
    return [
        FrameContext(k, k / 25, image, replace_ids(poses), crops)
        for k, (image, (poses, crops)) in enumerate(zip(images, found, strict=True))
    ]


def replace_ids(poses):
    poses.track_id[:] = 1
    return poses


def texture(shift=0, size_hw=(96, 112)):
    """Random blobs, and the same moved to the right."""
    random = np.random.default_rng(0).uniform(0, 255, (12, 18)).astype(np.float32)
    large = np.kron(random, np.ones((8, 8)))[: size_hw[0], 8 - shift : 8 - shift + size_hw[1]]
    return torch.from_numpy(np.repeat(large[None].astype(np.uint8), 3, 0))


def warp_with(flow):
    codec = bright_estimator().network.codec
    return FlowWarp(flow, codec.crop_from_heatmap, codec.heatmap_hw)


class Counting:
    def __init__(self, x):
        self.x, self.calls = x, 0

    def __call__(self, before, after):
        self.calls += 1
        sign = np.sign(float(after.mean()) - float(before.mean()))  # the later image is the brighter one
        return constant(self.x * sign, 0, before.shape[:2])


def brighter(k):
    return torch.full((3, 96, 112), 10 * k, dtype=torch.uint8)


def test_places_in_the_neighbour_s_map_follow_the_flow():
    first, second = moments(brighter(0), brighter(1))
    warp = warp_with(Counting(5))
    window = FrameWindow(second, (first,))
    where, trusted = warp.measure([window])(match_neighbors(window, 0, max_seconds=1, recrop=False))

    cells_a_pixel = 192 / (40 * 1.25) / 4  # 40 pixels and the padding over 192 crop pixels in cells of 4
    shift = where[0].numpy() - cell_centers(warp.size_hw)
    assert trusted.all()
    assert shift[..., 0] == pytest.approx(-5 * cells_a_pixel, abs=1e-3)
    assert shift[..., 1] == pytest.approx(0, abs=1e-3)


def test_each_pair_of_images_is_measured_once_each_way():
    flow = Counting(0)
    frames = moments(*(brighter(k) for k in range(4)))
    windows = [FrameWindow(frames[k], tuple(frames[j] for j in (k - 1, k + 1) if 0 <= j < 4)) for k in range(4)]
    warp_with(flow).measure(windows)

    assert flow.calls == 2 * 3


def test_between_images_of_different_size_nothing_is_trusted():
    first, second = moments(brighter(0), torch.zeros(3, 80, 100, dtype=torch.uint8))
    window = FrameWindow(second, (first,))
    _, trusted = warp_with(Counting(5)).measure([window])(match_neighbors(window, 0, max_seconds=1, recrop=False))

    assert not trusted.any()


def test_a_measured_flow_finds_a_moved_texture():
    first, second = moments(texture(), texture(4))
    warp = warp_with(create_flow("dis"))
    window = FrameWindow(second, (first,))
    where, _ = warp.measure([window])(match_neighbors(window, 0, max_seconds=1, recrop=False))

    shift = (where[0].numpy() - cell_centers(warp.size_hw))[..., 0] / (192 / 50 / 4)
    assert np.median(shift) == pytest.approx(-4, abs=0.5)
