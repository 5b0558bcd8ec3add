"""How long one person and one frame take, beside HRNet-W32 in the same run on the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from videopose.estimators.build import DetectorOptions, PoseOptions, create_detector, create_estimator
from videopose.models import architecture_named, create_model
from videopose.runtime.choice import RuntimeOptions
from videopose.runtime.torch import fold_and_place

REFERENCE = "hrnet_w32"


class NetworkSpeedOptions(RuntimeOptions):
    """What is timed."""

    detector: DetectorOptions = DetectorOptions()
    pose: PoseOptions = PoseOptions()
    batch_size: int = 16
    frame_hw: tuple[int, int] = (360, 640)
    repeats: int = 7
    """Each network is timed this often, in turn with the others; the median counts."""


def measure_networks(options: NetworkSpeedOptions, device: torch.device) -> dict[str, float]:
    """Time the networks in turn, so that a machine whose speed drifts treats them alike.

    Returns:
        Milliseconds for one person (crops of a batch, network and decoding), for one frame of the detector (from
        pixels to boxes) and for one crop of HRNet-W32 in float32 (network alone, 256 x 192), each of which is the
        median, and the first two relative to the last.
    """
    estimator = create_estimator(options.pose, device, options)
    detector = create_detector(options.detector, device, options)
    input_hw = architecture_named(REFERENCE).input_hw
    reference = fold_and_place(create_model(REFERENCE, num_keypoints=17), device, torch.float32)
    batch = options.batch_size
    crops = torch.randint(0, 256, (batch, 3, *estimator.network.codec.input_hw), dtype=torch.uint8, device=device)
    inputs = torch.rand(batch, 3, *input_hw, device=device).contiguous(memory_format=torch.channels_last)
    frames = [torch.randint(0, 256, (3, *options.frame_hw), dtype=torch.uint8, device=device)] * 4
    crops = crops.contiguous(memory_format=torch.channels_last)

    def run_reference() -> None:
        with torch.inference_mode():
            reference(inputs)

    work: dict[str, tuple[Callable[[], object], int]] = {
        "person_ms": (lambda: estimator.network(crops), batch),
        "detector_frame_ms": (lambda: detector.detect(frames), len(frames)),
        "hrnet_w32_crop_ms": (run_reference, batch),
    }
    median = _medians_in_turn(work, options.repeats, device)
    return {
        **median,
        "person_vs_hrnet_w32": median["person_ms"] / median["hrnet_w32_crop_ms"],
        "detector_frame_vs_hrnet_w32": median["detector_frame_ms"] / median["hrnet_w32_crop_ms"],
    }


def _medians_in_turn(
    work: dict[str, tuple[Callable[[], object], int]], repeats: int, device: torch.device
) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in work}
    for turn in range(repeats + 1):
        for name, (call, units) in work.items():
            started = time.perf_counter()
            call()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if turn > 0:  # the first turn warms up
                times[name].append((time.perf_counter() - started) / units * 1000)
    return {name: statistics.median(values) for name, values in times.items()}
