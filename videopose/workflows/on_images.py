"""People in images that are in memory: a detector and a pose estimator, loaded once and called like functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar, overload

import torch

from videopose import catalog
from videopose.config import parse_overrides, validate
from videopose.errors import InputError, UnknownNameError, nearest_name
from videopose.estimators.base import Detector, Estimator
from videopose.estimators.build import (
    DetectorOptions,
    PoseOptions,
    create_detector,
    create_estimator,
    describe_detector,
    describe_pose,
)
from videopose.images import Image, as_images, is_one_image
from videopose.models.fetch import SAID
from videopose.models.zoo import own_weights, weights_table
from videopose.runtime.choice import Precision, RuntimeName, RuntimeOptions
from videopose.runtime.device import choose_device
from videopose.skeletons import Skeleton
from videopose.types import Detections, Poses
from videopose.workflows.fetching import ensure
from videopose.workflows.pipelines import load_pipeline


class PersonDetector:
    """Finds the people in images.

    Example:
        >>> import numpy as np
        >>> detector = PersonDetector.load("fast", device="cpu")
        >>> len(detector(np.zeros((240, 320, 3), np.uint8)))
        0
    """

    def __init__(self, detector: Detector, device: torch.device) -> None:
        """Wrap a detector that computes on `device`; `PersonDetector.load` makes one."""
        self._detector, self.device = detector, device

    @classmethod
    def load(
        cls,
        name: str = "default",
        *,
        weights: str | Path = "",
        device: str = "auto",
        runtime: RuntimeName = "auto",
        precision: Precision = "auto",
        overrides: Iterable[str] = (),
    ) -> PersonDetector:
        """Load a detector.

        Args:
            name: a pipeline (fast, default, accurate), whose detector and thresholds are taken, or a detector from
                `videopose models list`.
            weights: a checkpoint to use instead of the detector's own.
            device: auto, cpu, cuda, cuda:1 …
            runtime: auto, torch, openvino or onnxruntime.
            precision: auto, float32, bfloat16 or float16.
            overrides: `key=value` texts over the detector's options, as `min_score=0.5`.

        Raises:
            UnknownNameError: there is no pipeline or detector of that name.
            ConfigError: an override is wrong.
            WeightsError: the weights are missing, damaged or do not fit.
        """
        options = _options(name, "detector", DetectorOptions, weights, overrides)
        ensure(describe_detector(options), SAID)
        chosen = choose_device(device)
        return cls(create_detector(options, chosen, RuntimeOptions(runtime=runtime, precision=precision)), chosen)

    @overload
    def __call__(self, images: Image, /) -> Detections: ...
    @overload
    def __call__(self, images: Sequence[Image], /) -> list[Detections]: ...
    def __call__(self, images: Image | Sequence[Image], /) -> Detections | list[Detections]:
        """Return the people in one image, or in each of a list: boxes in image pixels, best first.

        Args:
            images: numpy (H, W, 3) or torch (3, H, W), uint8 RGB; or a list of them, which share batches.

        Raises:
            InputError: an image is of another kind; the message says what to do.
        """
        found = self._detector.detect(as_images(images, self.device))
        return found[0] if is_one_image(images) else found


class PoseEstimator:
    """Finds the keypoints of people whose boxes are known.

    Attributes:
        skeleton: what the keypoints are.
        device: where it computes.
    """

    def __init__(self, estimator: Estimator, device: torch.device) -> None:
        """Wrap an estimator that computes on `device`; `PoseEstimator.load` makes one."""
        self._estimator, self.device = estimator, device

    @property
    def skeleton(self) -> Skeleton:
        """Names of the keypoints, edges, sides."""
        return self._estimator.skeleton

    @classmethod
    def load(
        cls,
        name: str = "default",
        *,
        weights: str | Path = "",
        device: str = "auto",
        runtime: RuntimeName = "auto",
        precision: Precision = "auto",
        overrides: Iterable[str] = (),
    ) -> PoseEstimator:
        """Load a pose estimator.

        Args:
            name: a pipeline (fast, default, accurate), whose pose network, flip test and thresholds are taken, without
                the neighbouring frames; or a pose network from `videopose models list`.
            weights: a checkpoint to use instead of the network's own.
            device: auto, cpu, cuda, cuda:1 …
            runtime: auto, torch, openvino or onnxruntime.
            precision: auto, float32, bfloat16 or float16.
            overrides: `key=value` texts over the estimator's options, as `flip_test=true`.

        Raises:
            UnknownNameError: there is no pipeline or network of that name.
            ConfigError: an override is wrong.
            WeightsError: the weights are missing, damaged or do not fit.
        """
        options = _options(name, "pose", PoseOptions, weights, overrides)
        ensure(describe_pose(options), SAID)
        chosen = choose_device(device)
        return cls(create_estimator(options, chosen, RuntimeOptions(runtime=runtime, precision=precision)), chosen)

    @overload
    def __call__(self, images: Image, detections: Detections, /) -> Poses: ...
    @overload
    def __call__(self, images: Sequence[Image], detections: Sequence[Detections], /) -> list[Poses]: ...
    def __call__(
        self, images: Image | Sequence[Image], detections: Detections | Sequence[Detections], /
    ) -> Poses | list[Poses]:
        """Return the poses of the people in one image, or in each of a list.

        Args:
            images: numpy (H, W, 3) or torch (3, H, W), uint8 RGB; or a list of them, which share batches.
            detections: the people in the image, boxes in image pixels; for a list, one entry per image.

        Returns:
            `Poses` in image pixels, untracked, in the boxes' order but for removed duplicates.

        Raises:
            InputError: an image is of another kind, or there are not as many detections as images.
        """
        tensors = as_images(images, self.device)
        boxes = [detections] if isinstance(detections, Detections) else list(detections)
        if len(boxes) != len(tensors) or isinstance(detections, Detections) != is_one_image(images):
            raise InputError(
                f"{len(tensors)} image{'s' * (not is_one_image(images))} and detections of {len(boxes)}: "
                "give one `Detections` for an image, a list of as many for a list"
            )
        poses = self._estimator.estimate(tensors, boxes)
        return poses[0] if is_one_image(images) else poses


_Section = TypeVar("_Section", DetectorOptions, PoseOptions)


def _options(name: str, section: str, kind: type[_Section], weights: str | Path, overrides: Iterable[str]) -> _Section:
    """Return a section of a pipeline's options, or those of one model, with overrides laid over them."""
    values: dict[str, Any] = {}  # Any: as the section's model takes them
    if name in (*catalog.config_names("pipelines"), *catalog.published_names()):
        values = getattr(load_pipeline(name).options, section).model_dump()
    elif name in weights_table() or name in own_weights() or weights:
        values["model"] = name
    else:
        known = [*catalog.config_names("pipelines"), *catalog.published_names(), *weights_table(), *own_weights()]
        raise UnknownNameError(f"no pipeline or network is named {name!r}. {nearest_name(name, known)}")
    if weights:
        values["weights"] = str(weights)
    return validate(kind, {**values, **parse_overrides(overrides)}, source=f"overrides of {name}")
