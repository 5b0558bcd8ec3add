"""What recipes have in common whose people are tracked and smoothed over the whole video: the cheap half."""

from __future__ import annotations

from typing import Protocol

from videopose.config import Options
from videopose.estimators.build import Needed
from videopose.io.result import JsonObject
from videopose.learned_tracking.entailment import describe_entailment
from videopose.learned_tracking.refiner import describe_refiner
from videopose.skeletons import Skeleton
from videopose.stages.pipeline import Pipeline
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerOptions


class TrackedOptions(Protocol):
    """The values of the cheap half."""

    @property
    def tracker(self) -> TrackerOptions: ...

    @property
    def smoothing(self) -> SmoothingOptions: ...


def track_stages(options: TrackedOptions, skeleton: Skeleton) -> Pipeline:
    """Build everything after the journal."""
    return Pipeline((TrackAndSmooth(options.tracker, options.smoothing, skeleton),))


def track_weights(options: TrackedOptions) -> list[Needed]:
    """List the weights of the cheap half, which need not be here yet."""
    used = []
    if options.tracker.similarity == "entailment":
        used.append(Needed(describe_entailment(), "tracker.similarity"))
    if options.smoothing.method == "learned":
        refiner = describe_refiner(options.smoothing.weights)
        used.append(Needed(refiner, "smoothing.method", options.smoothing.weights))
    return used


def split_values(options: Options) -> tuple[JsonObject, JsonObject]:
    """Return the values the costly half depends on, and those that only the cheap half reads."""
    networks = options.model_dump(mode="json")
    tracks = {section: networks.pop(section) for section in ("tracker", "smoothing")}
    networks["tracker"] = {key: tracks["tracker"].pop(key) for key in ("features", "shots")}
    return networks, tracks
