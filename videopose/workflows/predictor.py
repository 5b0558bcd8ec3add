"""One pipeline, its networks loaded once, for many clips and images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Unpack, overload

from videopose.estimators.build import create_detector, create_estimator
from videopose.images import Image, as_images, is_one_image
from videopose.models.fetch import SAID
from videopose.runtime.device import choose_device
from videopose.skeletons import Skeleton
from videopose.types import Poses
from videopose.workflows.fetching import fetch_missing
from videopose.workflows.on_images import PersonDetector, PoseEstimator
from videopose.workflows.pipelines import load_pipeline
from videopose.workflows.recipe import LoadedNetworks, load_networks
from videopose.workflows.run import ReadingOptions, run
from videopose.workflows.running import Progress, Run


class Predictor:
    """Finds everybody in clips and images; what takes time to load is loaded once, when it is first used.

    Runs of one predictor may follow one another in any number; they do not run at the same time.

    Attributes:
        pipeline: name of the pipeline, or its YAML file.
        options: its values, checked.
        device: where its networks compute.

    Example:
        >>> predictor = Predictor("fast", device="cpu")
        >>> predictor.skeleton.keypoints[0]
        'nose'
    """

    def __init__(self, pipeline: str = "default", *, overrides: Iterable[str] = (), device: str = "auto") -> None:
        """Choose a pipeline.

        Args:
            pipeline: a shipped one (fast, default, accurate), one of published networks (rtmpose-m …), which are
                fetched when they are first needed, or a YAML file or a folder with one.
            overrides: `dotted.key=value` texts laid over its config.
            device: auto, cpu, cuda, cuda:1 …

        Raises:
            UnknownNameError: there is no such pipeline.
            ConfigError: a value is wrong.
        """
        self.pipeline, self._overrides = pipeline, tuple(overrides)
        self._recipe = load_pipeline(pipeline, self._overrides)
        self.options = self._recipe.options
        self._device_name, self.device = device, choose_device(device)

    @property
    def skeleton(self) -> Skeleton:
        """Names of the keypoints, edges, sides."""
        return self._recipe.skeleton

    @cached_property
    def _networks(self) -> LoadedNetworks:
        fetch_missing(self._recipe, SAID)
        return load_networks(self._recipe, self.device)

    @cached_property
    def _on_images(self) -> tuple[PersonDetector, PoseEstimator]:
        fetch_missing(self._recipe, SAID)
        detector = create_detector(self.options.detector, self.device)  # type: ignore[attr-defined] # every recipe's
        estimator = create_estimator(self.options.pose, self.device)  # type: ignore[attr-defined] # options have both
        return PersonDetector(detector, self.device), PoseEstimator(estimator, self.device)

    def run(
        self,
        clip: str | Path,
        output: str | Path | None = None,
        *,
        overwrite: bool = False,
        restart: bool = False,
        progress: Progress | None = None,
        **reading: Unpack[ReadingOptions],
    ) -> Run:
        """Find everybody in a video; iterate over the answer to do the work. See `videopose.run`.

        Raises:
            InputError: a weights file was changed after its network was loaded: the result would name the wrong one.
            VideoPoseError: as `videopose.run`.
        """
        return run(
            clip, output, pipeline=self.pipeline, overrides=self._overrides, device=self._device_name,
            overwrite=overwrite, restart=restart, progress=progress, networks=self._networks, **reading,
        )  # fmt: skip

    @overload
    def __call__(self, images: Image, /) -> Poses: ...
    @overload
    def __call__(self, images: Sequence[Image], /) -> list[Poses]: ...
    def __call__(self, images: Image | Sequence[Image], /) -> Poses | list[Poses]:
        """Return the poses in one image, or in each of a list, each looked at by itself: no ids, no neighbours.

        Args:
            images: numpy (H, W, 3) or torch (3, H, W), uint8 RGB; or a list of them, which share batches.

        Raises:
            InputError: an image is of another kind; the message says what to do.
        """
        tensors = as_images(images, self.device)
        detector, estimator = self._on_images
        poses = estimator(tensors, detector(tensors))
        return poses[0] if is_one_image(images) else poses
