"""Online tracking: `step(poses, time) -> track ids`, built of a similarity, an assignment and a motion."""

from __future__ import annotations

from typing import Protocol

from videopose.errors import InputError
from videopose.skeletons import Skeleton
from videopose.tracking.association import AssociationTracker
from videopose.tracking.flow_motion import FlowMotion
from videopose.tracking.motion import ConstantPosition, ConstantVelocityKalman, Motion
from videopose.tracking.options import TrackerOptions
from videopose.tracking.similarity import (
    BoxIou,
    KeypointDistance,
    PoseOks,
    Similarity,
    WeightedSimilarity,
)
from videopose.types import I64, Poses, TrackingFeatures


class OnlineTracker(Protocol):
    """Assigns ids to people, one frame at a time, seeing only the past."""

    def step(self, poses: Poses, time: float, features: TrackingFeatures | None = None) -> I64:
        """Return the track id of each person in the next frame.

        Args:
            poses: people of the frame; their `track_id` is ignored.
            time: seconds, later than that of the step before.
            features: what was measured in the image, where the tracker uses it.

        Returns:
            (N,) ids from 1, unique within the frame; -1 = belongs to no track (yet).

        Raises:
            InputError: the time is not later than that of the step before.
        """
        ...

    def start_shot(self) -> None:
        """End all tracks: the next frame shows another scene. Ids go on, so none is given twice."""
        ...


def create_similarity(options: TrackerOptions, skeleton: Skeleton) -> Similarity:
    """Build the similarity the options name.

    Raises:
        InputError: the options name a learned one.
    """
    oks = PoseOks(
        skeleton.sigmas[: skeleton.num_body], options.tolerance, options.min_keypoint_score, options.min_keypoints
    )
    if options.similarity == "iou":
        return BoxIou()
    if options.similarity == "oks-iou":
        return WeightedSimilarity(oks, BoxIou(), options.iou_weight)
    if options.similarity == "distance":
        return KeypointDistance(options.min_keypoint_score)
    if options.similarity == "entailment":
        raise InputError("the entailment similarity has weights; pass it as create_tracker(…, similarity=…)")
    return oks


def create_motion(options: TrackerOptions) -> Motion:
    """Build the motion model the options name."""
    if options.motion == "none":
        return ConstantPosition()
    if options.motion == "flow":
        return FlowMotion()
    return ConstantVelocityKalman(
        options.motion, observation_centric=options.observation_centric, min_score=options.min_keypoint_score
    )


def create_tracker(
    options: TrackerOptions, skeleton: Skeleton, *, similarity: Similarity | None = None
) -> AssociationTracker:
    """Build an online tracker; `whole-video` and `pose-flow` give their online pass.

    Args:
        options: the tracker's name and values.
        skeleton: of the poses that will be tracked.
        similarity: used instead of the one the options name; a learned one must be brought along.
    """
    chosen = similarity if similarity is not None else create_similarity(options, skeleton)
    return AssociationTracker(options, chosen, create_motion(options), len(skeleton))
