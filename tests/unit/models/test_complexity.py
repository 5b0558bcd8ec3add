"""Parameters and GFLOPs against the published tables, counted without computing anything."""

import pytest
import torch
from torch import nn

from videopose.models import ARCHITECTURES
from videopose.models.complexity import CONVENTIONS, count, count_model, gflops

# name, input, parameters in millions, GFLOPs, unit of the last printed digit of each. Sources: HRNet (CVPR 2019) table
# 1 for HRNet and SimpleBaseline, Lite-HRNet (CVPR 2021) table 1, RTMPose (2023) table 3, MMPose's inference summary
# for CPM and MSPN, ViTPose (NeurIPS 2022) for its trunks, a count of MMDetection 3.3.0 for RTMDet and of the release
# for YOLOX with one class
PUBLISHED = [
    ("hrnet_w32", (256, 192), 28.5, 7.10, 0.1, 0.01),
    ("hrnet_w32", (384, 288), 28.5, 16.0, 0.1, 0.1),
    ("hrnet_w48", (256, 192), 63.6, 14.6, 0.1, 0.1),
    ("hrnet_w48", (384, 288), 63.6, 32.9, 0.1, 0.1),
    ("simple_baseline_50", (256, 192), 34.0, 8.9, 0.1, 0.1),
    ("simple_baseline_101", (256, 192), 53.0, 12.4, 0.1, 0.1),
    ("simple_baseline_152", (384, 288), 68.6, 35.6, 0.1, 0.1),
    ("lite_hrnet_18", (256, 192), 1.1, 0.20, 0.1, 0.01),
    ("lite_hrnet_18", (384, 288), 1.1, 0.45, 0.1, 0.01),
    ("lite_hrnet_30", (256, 192), 1.8, 0.31, 0.1, 0.01),
    ("lite_hrnet_30", (384, 288), 1.8, 0.70, 0.1, 0.01),
    ("rtmpose_t", (256, 192), 3.34, 0.36, 0.01, 0.01),
    ("rtmpose_s", (256, 192), 5.47, 0.68, 0.01, 0.01),
    ("rtmpose_m", (256, 192), 13.59, 1.93, 0.01, 0.01),
    ("rtmpose_l", (256, 192), 27.66, 4.16, 0.01, 0.01),
    ("rtmdet_nano", (320, 320), 0.994, 0.308, 0.001, 0.001),
    ("rtmdet_tiny", (640, 640), 4.873, 8.04, 0.001, 0.3),
    ("rtmdet_s", (640, 640), 8.856, 14.8, 0.001, 0.3),
    ("rtmdet_m", (640, 640), 24.66, 38.95, 0.01, 0.01),
    ("yolox_m", (256, 320), 25.281, 7.328, 0.001, 0.001),
    ("yolox_x", (640, 640), 98.995, 141.0, 0.001, 0.5),
    ("cpm", (256, 192), 31.3, 63.81, 0.1, 0.01),
    ("cpm", (384, 288), 31.3, 143.57, 0.1, 0.01),
    ("mspn_1", (256, 192), 25.11, 5.11, 0.01, 0.01),
    ("mspn_2", (256, 192), 56.8, 11.35, 0.1, 0.01),
    ("mspn_3", (256, 192), 88.49, 17.59, 0.01, 0.01),
    ("mspn_4", (256, 192), 120.18, 23.82, 0.01, 0.01),
    ("vitpose_l", (256, 192), 307, 59.8, 1, 0.1),
    ("vitpose_h", (256, 192), 632, 122.9, 1, 0.1),
]
RELATIVE = 0.01


def near(published, unit):
    """Within one per cent, and half of the last printed digit."""
    return pytest.approx(published, abs=published * RELATIVE + unit / 2)


@pytest.mark.parametrize(("name", "input_hw", "millions", "giga", "millions_unit", "giga_unit"), PUBLISHED)
def test_counts_are_the_published_ones(name, input_hw, millions, giga, millions_unit, giga_unit):
    counts = count(name, input_hw=input_hw)

    print(f"{name} {input_hw}: ours {counts.parameters / 1e6:.3f} M {gflops(name, counts):.3f}, {millions} {giga}")
    assert counts.parameters / 1e6 == near(millions, millions_unit)
    assert gflops(name, counts) == near(giga, giga_unit)


def test_a_convolution_and_a_linear_layer_are_counted_by_hand():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(100, 2))

    counts = count_model(model.eval(), torch.zeros(1, 3, 5, 5))

    assert counts.parameters == 3 * 4 * 9 + 4 + 4 + 100 * 2 + 2
    assert counts.macs == counts.layer_macs == 3 * 4 * 9 * 25 + 100 * 2
    assert counts.normalised == 4 * 25


def test_a_transposed_convolution_counts_once_per_input_place():
    counts = count_model(nn.ConvTranspose2d(2, 3, 4, 2, padding=1, bias=False), torch.zeros(1, 2, 6, 6))

    assert counts.layer_macs == counts.macs == 2 * 3 * 16 * 36
    assert counts.output_macs == 4 * counts.layer_macs


def test_counting_leaves_no_hook_behind():
    model = nn.Conv2d(1, 1, 1)

    count_model(model, torch.zeros(1, 1, 2, 2))

    assert len(model._forward_hooks) == 0


def test_every_architecture_has_a_known_convention():
    assert {entry.flops for entry in ARCHITECTURES.values()} <= set(CONVENTIONS)
