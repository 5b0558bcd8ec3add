"""A large network's beliefs as targets for a small one: the teacher of `pose.distill`."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from videopose.codecs import create_codec
from videopose.codecs.heatmaps import HeatmapLayout
from videopose.codecs.spatial import SpatialCodec
from videopose.config import Options
from videopose.errors import ConfigError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose
from videopose.estimators.crops import CropNetwork
from videopose.geometry.affine import invert, scaling, translation
from videopose.runtime.choice import Precision, RuntimeOptions
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.training.losses import heatmap_cross_entropy
from videopose.types import F64

_NOISE = 0.1
"""Of a heatmap learned by its squared error, what lies below this share of its peak is noise and no belief."""


class DistillOptions(Options):
    """Who teaches, and how much their word counts beside the labels."""

    model: str
    """An architecture, or weights by name as in a pipeline's `pose.model`."""
    weights: str = ""
    """The teacher's file, relative to the working folder; not needed for weights with a name."""
    weight: float = Field(default=1.0, gt=0)
    """Factor on the teacher's loss; the labels' has 1."""
    temperature: float = Field(default=1.0, gt=0)
    """Above 1, both networks' distributions are flattened, and second choices count more."""
    min_score: float = Field(default=0.2, ge=0, le=1)
    """Keypoints the teacher is less sure of do not count; of the others each counts by its score."""
    flip_test: bool = False
    """Average the teacher with its view of the mirrored crop: better targets, twice the time."""
    precision: Precision = "auto"


class Teacher:
    """A frozen network and what brings its heatmaps to the student's cells.

    It is no part of the student: not in its checkpoints, not averaged, not synchronised between processes; each
    process has its own copy.

    Attributes:
        options: as given.
        input_hw: (height, width) of the teacher's crops, pixels.
        antialias: whether its crops were averaged before they were shrunk.

    Source:
        Hinton et al., Distilling the Knowledge in a Neural Network, 2015, section 2; on heatmaps, Zhang et al., Fast
        Human Pose Estimation, CVPR 2019, section 3, there with the squared error.
    """

    def __init__(self, options: DistillOptions, student: Skeleton) -> None:
        """Find the teacher; its parameters are loaded when it is first used.

        Raises:
            ConfigError: its output is no heatmap, or it knows none of the student's keypoints.
            UnknownNameError: there is no such model.
            WeightsError: the weights are missing or of another architecture.
        """
        self.options = options
        card = describe_pose(PoseOptions(model=options.model, weights=options.weights))
        self.input_hw, self.antialias = card.input_hw, card.antialias
        codec = create_codec(card.codec, card.input_hw)
        if not isinstance(codec, (HeatmapLayout, SpatialCodec)):
            raise ConfigError(f"pose.distill.model = {options.model}: gives no heatmaps ({card.codec}); choose another")
        self._codec = codec
        self._columns, self._student_columns = shared_keypoints(skeleton_named(card.skeleton), student)
        if not len(self._columns):
            raise ConfigError(f"pose.distill.model = {options.model}: has no keypoint of skeleton {student.name}")
        self._num_keypoints = len(student)
        self._network: CropNetwork | None = None

    def from_student_crop(self, student_hw: tuple[int, int]) -> F64:
        """Return the (3, 3) transform from the student's crop to the teacher's: all of it in view, in the middle."""
        scale = min(self.input_hw[0] / student_hw[0], self.input_hw[1] / student_hw[1])
        to_middle = translation(self.input_hw[1] / 2, self.input_hw[0] / 2)
        map_of_areas = to_middle @ scaling(scale) @ translation(-student_hw[1] / 2, -student_hw[0] / 2)
        plain = translation(-0.5, -0.5) @ map_of_areas @ translation(0.5, 0.5)
        return np.asarray(self._codec.crop_alignment @ plain)

    @torch.no_grad()
    def targets(self, crops: Tensor, student: SpatialCodec) -> tuple[Tensor, Tensor]:
        """Compute the teacher's targets for the keypoints.

        Args:
            crops: (N, 3, H, W) uint8 views for the teacher, cut by `from_student_crop`.
            student: codec of the student's crops.

        Returns:
            (N, K, h, w) distributions over the student's cells, each summing to one, and (N, K) weights in [0, 1]: the
            teacher's score times the probability that lies in the student's crop, 0 for keypoints it does not know.
        """
        output = self._loaded(crops.device).output(crops).clone().float()  # a clone is no inference tensor
        score = self._codec.decode(output)[..., 2]
        belief = self._distribution(output)
        columns, rows = self._resampling(student, crops.device)
        moved = rows @ belief @ columns.T
        inside = moved.sum((2, 3))
        weights = score * inside.clamp(0, 1) * (score >= self.options.min_score)
        moved = moved / inside.clamp_min(1e-6)[..., None, None]
        height, width = student.heatmap_hw
        targets = torch.zeros(len(crops), self._num_keypoints, height, width, device=crops.device)
        known = torch.zeros(len(crops), self._num_keypoints, device=crops.device)
        mine, theirs = (torch.from_numpy(index).to(crops.device) for index in (self._student_columns, self._columns))
        targets[:, mine], known[:, mine] = moved[:, theirs], weights[:, theirs]
        return targets, known

    def loss(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Measure how far a student is from the teacher, the gradient's size kept whatever the temperature is.

        Args:
            logits: (N, K, h, w) the student's output.
            targets: as from `targets`.
            weights: as from `targets`.
        """
        temperature = self.options.temperature
        return heatmap_cross_entropy(logits.float() / temperature, targets, weights) * temperature**2

    def _loaded(self, device: torch.device) -> CropNetwork:
        if self._network is None:
            options = self.options
            asked = PoseOptions(model=options.model, weights=options.weights, flip_test=options.flip_test)
            runtime = RuntimeOptions(runtime="torch", precision=options.precision)
            self._network = create_estimator(asked, device, runtime).network
        return self._network

    def _distribution(self, output: Tensor) -> Tensor:
        """Read heatmaps as distributions over the teacher's own cells, (N, K, h, w) both."""
        if isinstance(self._codec, SpatialCodec):
            return torch.softmax(output.flatten(2) / self.options.temperature, -1).view_as(output)
        peak = output.amax((2, 3), keepdim=True).clamp_min(0)
        above = (output - _NOISE * peak).clamp_min(0) / peak.clamp_min(1e-6)
        flat = above ** (1 / self.options.temperature)
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
