"""Estimate people along tubes: a few consecutive frames, all cut with one box, the one of the middle frame.

What the paper calls a clip is called a tube here, so that it is not taken for the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from videopose.estimators.heads import FusionHead, head_network
from videopose.estimators.topdown import TopDownEstimator, batches_of, in_image
from videopose.geometry.boxes import nms, scale_about_center
from videopose.geometry.keypoints import oks
from videopose.runtime.network import Network
from videopose.runtime.workers import run_batches
from videopose.types import F32, F64, Bool, Detections, Poses


@dataclass(frozen=True, slots=True, eq=False)
class Tube:
    """One or more people through consecutive frames.

    Attributes:
        images: T of them, each (3, H, W) uint8 RGB.
        times: (T,) seconds.
        middle: which of the frames the people were found in.
        people: their boxes there, image pixels.
    """

    images: Sequence[Tensor]
    times: F64
    middle: int
    people: Detections


class TubeEstimator:
    """Runs a network on every crop of a tube, lets a head look along it if there is one, and decodes every frame.

    Attributes:
        single: what cuts people out, and the network.
    """

    def __init__(
        self,
        single: TopDownEstimator,
        *,
        head: FusionHead | None = None,
        sees_tubes: bool = False,
        enlarge: float = 1.0,
        nms_oks: float = 0.9,
    ) -> None:
        """Wrap a single-frame estimator.

        Args:
            single: whose network takes single crops, or whole tubes (N, T, 3, h, w) if it `sees_tubes`.
            head: refines each frame's heatmaps by those of the tube's other frames.
            sees_tubes: the network looks along time by itself.
            enlarge: how much larger boxes are made before they are cut out, since people move along the tube.
            nms_oks: of two people of a tube more alike than this, the one with the lower score is removed.
        """
        self.single = single
        self._head, self._sees_tubes, self._enlarge, self._nms_oks = head, sees_tubes, enlarge, nms_oks

    def estimate(self, tubes: Sequence[Tube], /) -> list[list[Poses]]:
        """Estimate everybody along each tube; people of all tubes share batches.

        Returns:
            For each tube a `Poses` per frame, untracked, in image pixels. Row i is the same person in all of them; its
            box is the one found in the middle frame, moved along with the pose.
        """
        nobody = Poses.empty(len(self.single.skeleton), skeleton=self.single.skeleton)
        found: list[list[Poses]] = [[nobody] * len(tube.images) for tube in tubes]
        lengths = sorted({len(tube.images) for tube in tubes})
        for length in lengths:  # batches hold tubes of one length
            people = [
                (number, row)
                for number, tube in enumerate(tubes)
                if len(tube.images) == length
                for row in range(len(tube.people))
            ]
            if not people:
                continue
            keypoints = self._keypoints(tubes, people, length)
            owner = np.array([number for number, _ in people])
            for number in dict.fromkeys(owner.tolist()):
                found[number] = self._poses(tubes[number], keypoints[owner == number])
        return found

    def _keypoints(self, tubes: Sequence[Tube], people: list[tuple[int, int]], length: int) -> F32:
        """Return (P, T, K, 3) image pixels for people, each a tube and a row in it, of tubes of T frames."""
        boxes = np.stack([tubes[number].people.xyxy[row] for number, row in people])
        crop_from_image = self.single.crop_from_image(scale_about_center(boxes, self._enlarge))

        def work(rows: range) -> F32:
            images = [image for row in rows for image in tubes[people[row][0]].images]
            times = np.stack([tubes[people[row][0]].times for row in rows])
            transforms = np.repeat(crop_from_image[rows.start : rows.stop], length, axis=0)
            output = self._output(self.single.cut(images, transforms), times)
            return in_image(self.single.network.decode(output), transforms)

        batches = batches_of(len(people), max(1, self.single.batch_size // length))
        keypoints = np.concatenate(run_batches(work, batches, self.single.device))
        return keypoints.reshape(len(people), length, *keypoints.shape[1:])

    def _output(self, crops: Tensor, times: F64) -> Tensor:
        """Map the crops of N tubes of T frames, (N T, 3, h, w), to what the codec decodes, (N T, K, ...)."""
        network, length = self.single.network, times.shape[1]
        if self._sees_tubes:
            return replace(network, model=_AlongTubes(network.model, length)).output(crops)
        output = network.output(crops)
        if self._head is None or length == 1:
            return output
        maps = output.float().view(*times.shape, *output.shape[1:])
        return _refined(self._head, maps, torch.from_numpy(times).to(maps)).flatten(0, 1)

    def _poses(self, tube: Tube, keypoints: F32) -> list[Poses]:
        """Convert (P, T, K, 3) keypoints of a tube's people to poses per frame, without second poses of one person."""
        middle = keypoints[:, tube.middle]
        frames = []
        for number in range(keypoints.shape[1]):
            moved = tube.people.xyxy + np.tile(_shift(middle, keypoints[:, number]), 2)
            boxes = Detections(moved.astype(np.float32), tube.people.score)
            frames.append(self.single.scored(keypoints[:, number], boxes))
        kept = self._without_duplicates(frames, tube.middle)
        return [poses[kept] for poses in frames]

    def _without_duplicates(self, frames: list[Poses], middle: int) -> Bool:
        count = len(frames[middle])
        kept = np.ones(count, bool)
        if count < 2:
            return kept
        alike = np.zeros((count, count))
        for poses in frames:
            places = np.nan_to_num(poses.keypoints[..., :2], nan=np.inf)
            labelled = np.concatenate([places, np.full((*places.shape[:2], 1), 2)], -1)
            area = (poses.xyxy[:, 2:] - poses.xyxy[:, :2]).prod(1)
            alike += oks(places, labelled, area, self.single.skeleton.sigmas) / len(frames)
        kept[:] = False
        kept[nms(alike, np.mean([poses.score for poses in frames], axis=0), self._nms_oks)] = True
        return kept


class _AlongTubes:
    """Lets a network of tubes look like one of crops."""

    def __init__(self, network: Network, length: int) -> None:
        self.network, self.length = network, length
        self.dtype, self.device, self.brings_threads = network.dtype, network.device, network.brings_threads

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        (crops,) = tensors
        return tuple(out.flatten(0, 1) for out in self.network(crops.view(-1, self.length, *crops.shape[1:])))


def _refined(head: FusionHead, maps: Tensor, times: Tensor) -> Tensor:
    """Refine every frame of tubes by a head, (N, T, K, h, w), at (N, T) seconds, from the frames around it."""
    num, length = times.shape
    places = torch.tensor([*range(-head.before, 0), *range(1, head.after + 1)], device=maps.device)
    chosen = torch.arange(length, device=maps.device)[:, None] + places
    present = ((chosen >= 0) & (chosen < length)).expand(num, length, -1)
    chosen = chosen.clamp(0, length - 1)
    seconds = (times[:, chosen] - times[..., None]).float()
    flat = [each.flatten(0, 1) for each in (maps, maps[:, chosen], seconds, present)]
    (out,) = head_network(head)(*flat)
    return out.view(maps.shape)


def _shift(before: F32, after: F32) -> F64:
    """Return (P, 2) how people have moved: the mean of their keypoints' ways, weighted by the scores of both poses."""
    weight = np.minimum(np.nan_to_num(before[..., 2]), np.nan_to_num(after[..., 2])).astype(np.float64)
    way = after[..., :2].astype(np.float64) - before[..., :2]
    weight = np.where(np.isfinite(way).all(-1), weight, 0)
    total = (np.nan_to_num(way) * weight[..., None]).sum(1)
    return np.asarray(total / np.maximum(weight.sum(1), 1e-9)[:, None])
