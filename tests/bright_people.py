"""A network whose answer is known, the brightest place of the crop, and images and videos of bright people."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from videopose.codecs import create_codec
from videopose.estimators.crops import CropNetwork
from videopose.estimators.topdown import TopDownEstimator
from videopose.runtime.torch import TorchNetwork
from videopose.skeletons import make_skeleton
from videopose.types import Detections, Frame, Record

TWO = make_skeleton("two", ["left_hand", "right_hand"], [("left_hand", "right_hand")])
CPU = torch.device("cpu")


class Brightest(nn.Module):
    """Channel 0 follows red, channel 1 green: sharp logits at stride 4. Counts its calls."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(60.0))
        self.batches = []

    def forward(self, images):
        self.batches.append(len(images))
        pooled = nn.functional.avg_pool2d(images[:, :2], 4)
        return self.gain * pooled / pooled.amax((2, 3), keepdim=True).clamp_min(1e-3)


def bright_estimator(model=None, **options):
    """Make a top-down estimator around `Brightest` or another network."""
    network = CropNetwork(
        TorchNetwork(model or Brightest()),
        create_codec("spatial", (256, 192)),
        TWO,
        (0, 0, 0),
        (1, 1, 1),
        flip_test=options.pop("flip_test", False),
    )
    usual = {"padding": 1.25, "batch_size": 16, "nms_oks": 0.9, "antialias": True}
    return TopDownEstimator(network, device=CPU, **usual | options)


def bright_image(*people, size=(120, 160)):
    """Draw people, each a red and a green place (x, y), image pixels."""
    image = torch.zeros(3, *size, dtype=torch.uint8)
    for person in people:
        for channel, (x, y) in enumerate(person):
            image[channel, max(0, y - 3) : y + 4, max(0, x - 3) : x + 4] = 255
    return image


def boxes_of(*xyxy, score=1.0):
    """Return boxes as detections."""
    return Detections(np.array(xyxy, np.float32).reshape(-1, 4), np.full(len(xyxy), score, np.float32))


def walking_records(count, *, lanes=((40, 60),), missing=(), frame_rate=25):
    """Make a video of people who walk to the right, two pixels a frame, one in each lane (y of the hands).

    Args:
        count: frames.
        lanes: for each person the height of the red and the green hand.
        missing: (frame, person) nobody detects.
        frame_rate: of the records' times.
    """
    records = []
    for k in range(count):
        x = 40 + 2 * k
        people = [((x, red), (x, green)) for red, green in lanes]
        boxes = [[x - 20, red - 15, x + 20, green + 15] for red, green in lanes]
        seen = [box for person, box in enumerate(boxes) if (k, person) not in missing]
        image = bright_image(*people, size=(240, 60 + 2 * count + 40))
        records.append(Record(Frame(k, k / frame_rate, image), boxes_of(*seen)))
    return records
