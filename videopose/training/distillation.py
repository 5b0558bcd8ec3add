"""A large network's beliefs as targets for a small one: the teacher of `pose.distill`."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from videopose.codecs import create_codec
from videopose.codecs.spatial import SpatialCodec
from videopose.config import Options
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose
from videopose.estimators.crops import CropNetwork
from videopose.runtime.choice import Precision, RuntimeOptions
from videopose.skeletons import Skeleton, skeleton_named
from videopose.training.beliefs import Beliefs, Trust
from videopose.training.losses import heatmap_cross_entropy
from videopose.types import F64


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
        codec, trust = create_codec(card.codec, card.input_hw), Trust(options.temperature, options.min_score)
        self._beliefs = Beliefs(codec, skeleton_named(card.skeleton), student, trust, name=options.model)
        self._network: CropNetwork | None = None

    def from_student_crop(self, student_hw: tuple[int, int]) -> F64:
        """Return the (3, 3) transform from the student's crop to the teacher's: all of it in view, in the middle."""
        return self._beliefs.from_student_crop(student_hw)

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
        return self._beliefs.targets(output, student)

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
