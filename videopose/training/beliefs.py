"""A teacher's heatmaps as targets for a student: which cells lie where, and how sure it is. Tensors alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from videopose.codecs.base import Codec
from videopose.codecs.heatmaps import HeatmapLayout
from videopose.codecs.spatial import SpatialCodec
from videopose.errors import ConfigError
from videopose.geometry.affine import invert, scaling, translation
from videopose.skeletons import Skeleton, shared_keypoints
from videopose.types import F64

_NOISE = 0.1
"""Of a heatmap learned by its squared error, what lies below this share of its peak is noise and no belief."""


@dataclass(frozen=True)
class Trust:
    """How a teacher is listened to.

    Attributes:
        temperature: above 1, both networks' distributions are flattened, and second choices count more.
        min_score: keypoints the teacher is less sure of do not count; of the others each counts by its score.
    """

    temperature: float
    min_score: float


class Beliefs:
    """What carries a teacher's heatmaps over to a student's cells.

    Attributes:
        trust: as given.
    """

    def __init__(self, codec: Codec, skeleton: Skeleton, student: Skeleton, trust: Trust, *, name: str) -> None:
        """Pair the keypoints of both.

        Args:
            codec: the teacher's.
            skeleton: the teacher's.
            student: the student's skeleton.
            trust: how it is listened to.
            name: of the teacher, for errors.

        Raises:
            ConfigError: its output is no heatmap, or it knows none of the student's keypoints.
        """
        if not isinstance(codec, (HeatmapLayout, SpatialCodec)):
            raise ConfigError(f"pose.distill.model = {name}: gives no heatmaps ({codec.name}); choose another")
        self.trust = trust
        self._codec = codec
        self._columns, self._student_columns = shared_keypoints(skeleton, student)
        if not len(self._columns):
            raise ConfigError(f"pose.distill.model = {name}: has no keypoint of skeleton {student.name}")
        self._num_keypoints = len(student)

    def from_student_crop(self, student_hw: tuple[int, int]) -> F64:
        """Return the (3, 3) transform from the student's crop to the teacher's: all of it in view, in the middle."""
        input_hw = self._codec.input_hw
        scale = min(input_hw[0] / student_hw[0], input_hw[1] / student_hw[1])
        to_middle = translation(input_hw[1] / 2, input_hw[0] / 2)
        map_of_areas = to_middle @ scaling(scale) @ translation(-student_hw[1] / 2, -student_hw[0] / 2)
        plain = translation(-0.5, -0.5) @ map_of_areas @ translation(0.5, 0.5)
        return np.asarray(self._codec.crop_alignment @ plain)

    def targets(self, output: Tensor, student: SpatialCodec) -> tuple[Tensor, Tensor]:
        """Compute targets from what the teacher says.

        Args:
            output: (N, K', h', w') float32, its heatmaps of crops that `from_student_crop` cut.
            student: codec of the student's crops.

        Returns:
            (N, K, h, w) distributions over the student's cells, each summing to one, and (N, K) weights in [0, 1]: the
            teacher's score times the probability that lies in the student's crop, 0 for keypoints it does not know.
        """
        device = output.device
        score = self._codec.decode(output)[..., 2]
        columns, rows = self._resampling(student, device)
        moved = rows @ self._distribution(output) @ columns.T
        inside = moved.sum((2, 3))
        weights = score * inside.clamp(0, 1) * (score >= self.trust.min_score)
        moved = moved / inside.clamp_min(1e-6)[..., None, None]
        height, width = student.heatmap_hw
        targets = torch.zeros(len(output), self._num_keypoints, height, width, device=device)
        known = torch.zeros(len(output), self._num_keypoints, device=device)
        mine, theirs = (torch.from_numpy(index).to(device) for index in (self._student_columns, self._columns))
        targets[:, mine], known[:, mine] = moved[:, theirs], weights[:, theirs]
        return targets, known

    def _distribution(self, output: Tensor) -> Tensor:
        """Read heatmaps as distributions over the teacher's own cells, (N, K, h, w) both."""
        if isinstance(self._codec, SpatialCodec):
            return torch.softmax(output.flatten(2) / self.trust.temperature, -1).view_as(output)
        peak = output.amax((2, 3), keepdim=True).clamp_min(0)
        above = (output - _NOISE * peak).clamp_min(0) / peak.clamp_min(1e-6)
        flat = above ** (1 / self.trust.temperature)
        return flat / flat.sum((2, 3), keepdim=True).clamp_min(1e-6)

    def _resampling(self, student: SpatialCodec, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return (w, teacher's w) and (h, teacher's h): how cells of the two share out probability along x and y."""
        crops = self.from_student_crop(student.input_hw) @ student.crop_from_heatmap
        cells = invert(self._codec.crop_from_heatmap) @ crops
        (height, width), (own_height, own_width) = student.heatmap_hw, self._codec.heatmap_hw
        along_x = _shares(width, own_width, cells[0, 0], cells[0, 2])
        along_y = _shares(height, own_height, cells[1, 1], cells[1, 2])
        return along_x.to(device), along_y.to(device)


def _shares(count: int, source_count: int, scale: float, shift: float) -> Tensor:
    """Return the (count, source_count) matrix that resamples a distribution linearly and keeps its sum.

    Cell i takes from the source's cells around `scale` * i + `shift`, over a width that leaves none of them out.
    """
    place = torch.arange(count, dtype=torch.float64)[:, None] * scale + shift
    distance = (place - torch.arange(source_count, dtype=torch.float64)).abs() / max(1.0, scale)
    return ((1 - distance).clamp_min(0) * min(1.0, scale)).float()
