"""The values of trackers, linking and smoothing, with the presets behind the trackers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from videopose.config import InputPath, NamesFile, Options, merge

TrackerName = Literal[
    "whole-video",
    "iou",
    "oks",
    "oks-iou",
    "distance",
    "kalman",
    "two-stage",
    "observation",
    "flow",
    "pose-flow",
    "entailment",
]

PRESETS: dict[str, dict[str, Any]] = {
    "whole-video": {
        "similarity": "oks-iou",
        "motion": "keypoints",
        "two_stage": True,
        "min_hits": 1,
        "max_age": 0.25,
        "min_score": 0.05,
        "new_score": 0.1,
        "min_similarity": 0.3,
        "duplicate_similarity": 0.75,
        "tolerance": 1.5,
        "margin": 0.02,
    },
    "iou": {"similarity": "iou", "min_similarity": 0.2},
    "oks": {},
    "oks-iou": {"similarity": "oks-iou"},
    "distance": {"similarity": "distance"},
    "kalman": {"motion": "keypoints"},
    "two-stage": {"motion": "keypoints", "two_stage": True},
    "flow": {"motion": "flow", "tolerance": 1.0, "features": {"flow": "dis"}},
    "pose-flow": {"min_similarity": 0.15, "min_hits": 1},
    "entailment": {"similarity": "entailment", "min_similarity": 0.5},
    "observation": {"motion": "keypoints", "observation_centric": True},
}
"""What a tracker's name stands for: the options that differ from the defaults below. A value the user sets wins."""


class LinkingOptions(Options):
    """How tracklets are joined over the whole video. Lengths are parts of the person's size, times seconds."""

    max_gap: float = Field(default=4.0, ge=0, description="tracklets further apart are never joined")
    max_cost: float = Field(
        default=10.0, gt=0, description="cost of leaving an end open: pairs above it are never joined"
    )
    open_cost: float = Field(
        default=3.0, ge=0, description="cost added to it, at either end of a link, for tracklets of a second or more"
    )
    gap_cost: float = Field(default=0.5, ge=0, description="cost of a second unseen")
    doubt_cost: float = Field(default=1.0, ge=0, description="cost per e-fold of how little the motion tells")
    position_noise: float = Field(default=0.1, gt=0, description="standard deviation of a body's place")
    drift: float = Field(default=0.6, gt=0, description="standard deviation of unexplained motion, sizes per second")
    pace_noise: float = Field(
        default=0.3, gt=0, description="the same of somebody who goes on as before, sizes per second"
    )
    pose_noise: float = Field(default=0.15, gt=0, description="standard deviation of keypoints relative to the body")
    size_noise: float = Field(default=0.2, gt=0, description="standard deviation of the logarithm of the size")
    appearance_noise: float = Field(default=0.15, gt=0, description="standard deviation of 1 - similarity of looks")
    horizon: float = Field(default=0.5, gt=0, description="time constant with which a velocity fades in a gap")
    window: float = Field(default=0.4, gt=0, description="how much of a tracklet's end tells its motion")
    emerging: float = Field(
        default=1.5,
        ge=0,
        description="seconds within which people appear from behind an obstacle, or go behind it",
    )
    window_frames: int = Field(default=16, ge=1, description="the same, at most in frames")
    min_keypoint_score: float = Field(default=0.2, ge=0, le=1, description="keypoints below do not count")
    crossing_overlap: float = Field(default=0.2, gt=0, le=1, description="IoU from which two tracks cross")
    max_crossing: float = Field(default=1.5, ge=0, description="longer crossings are left as they are")
    swap_margin: float = Field(default=4.0, ge=0, description="cost an exchange at a crossing must save")
    max_handover: float = Field(default=2.0, ge=0, description="how long two tracklets may share a person")
    handover_gain: float = Field(default=6.0, ge=0, description="what this takes off the cost of joining them")
    handover_overlap: float = Field(default=0.85, gt=0, description="from which part of a box within another they do")
    double_distance: float = Field(
        default=0.25, ge=0, description="mean distance of keypoints up to which two poses are on one body"
    )
    double_overlap: float = Field(default=0.5, gt=0, description="from which part of a box within another they may be")
    double_share: float = Field(
        default=0.4,
        gt=0,
        description="tracks that spend this part of their poses on the bodies of stronger ones are dropped",
    )
    min_track_score: float = Field(default=3.0, ge=0, description="tracks whose pose scores sum to less are dropped")
    min_presence: float = Field(
        default=0.15, ge=0, le=1, description="so are tracks that are there in less than this part of their frames"
    )
    min_middle_score: float = Field(
        default=0.4, ge=0, le=1, description="so are tracks whose middle score is lower, whoever else is in the video"
    )


class FeatureOptions(Options):
    """What is measured in the images for the tracker, and kept as small arrays when these are dropped."""

    flow: Literal["none", "dis", "farneback", "tvl1", "torch"] = "none"
    flow_path: InputPath = Field(default="", description="TorchScript file of a learned flow, for torch")
    queue: int = Field(default=5, ge=1, description="frames for which flow carries each pose on")
    recover: bool = Field(default=False, description="look for poses also where flow carries people, missed or not")
    camera: bool = Field(default=False, description="measure the camera's motion")
    appearance: bool = Field(default=False, description="measure what people look like")
    max_side: int = Field(default=480, ge=64, description="images are made this small for measuring, pixels")

    @model_validator(mode="after")
    def _uses_its_file(self) -> Self:
        if self.flow_path and self.flow != "torch":
            raise ValueError(f"flow_path is read by flow: torch, not by {self.flow}; set flow: torch or leave it out")
        return self

    @property
    def measured(self) -> list[str]:
        """List what is to be measured or done in the images."""
        return ["flow"] * (self.flow != "none") + [
            name for name in ("recover", "camera", "appearance") if getattr(self, name)
        ]


class PoseFlowOptions(Options):
    """How pose flows are built and thinned out."""

    window: int = Field(default=20, ge=2, description="frames over which a flow's confidence is maximised")
    skip: int = Field(default=8, ge=1, description="frames a flow may step over")
    flow_similarity: float = Field(default=0.5, ge=0, le=1, description="flows more alike than this are one person's")


def _word_of(value: Any) -> Any:  # Any: whatever YAML gives
    """Undo what YAML makes of a plain `off`."""
    return "off" if value is False else value


class TrackerOptions(Options):
    """Which tracker, and its gates. Times are seconds, similarities and scores lie in [0, 1]."""

    name: TrackerName = "whole-video"
    similarity: Literal["oks", "iou", "oks-iou", "distance", "entailment"] = "oks"
    iou_weight: float = Field(default=0.5, ge=0, le=1, description="share of box IoU in the oks-iou mixture")
    assignment: Literal["hungarian", "greedy"] = "hungarian"
    motion: Literal["none", "box", "keypoints", "flow"] = "none"
    two_stage: bool = Field(default=False, description="poses of low score only continue tracks, after the others")
    observation_centric: bool = Field(
        default=False, description="repair the motion filter after a gap from what was observed"
    )
    min_hits: int = Field(default=2, ge=1, description="frames with support before a track is reported")
    margin: float = Field(
        default=0.0, ge=0, le=1, description="pairs not better than each rival by this are not joined"
    )
    max_age: float = Field(default=1.0, ge=0, description="seconds without support before a track ends")
    min_score: float = Field(default=0.1, ge=0, le=1, description="poses below are never tracked")
    new_score: float = Field(default=0.3, ge=0, le=1, description="poses below start no track")
    high_score: float = Field(
        default=0.6, ge=0, le=1, description="border between the two stages, as a part of what good poses score so far"
    )
    min_similarity: float = Field(
        default=0.1, ge=0, le=1, description="less similar pairs are never joined, nor equal ones"
    )
    low_similarity: float = Field(default=0.2, ge=0, le=1, description="the same, in the second stage")
    duplicate_similarity: float = Field(
        default=0.9, ge=0, le=1, description="poses closer to a better one are left untracked"
    )
    tolerance: float = Field(
        default=2.0, gt=0, description="factor on the OKS falloff: how far a person may move in a frame"
    )
    min_keypoint_score: float = Field(
        default=0.2, ge=0, le=1, description="keypoints below do not count for similarity"
    )
    min_keypoints: int = Field(default=4, ge=0, description="with fewer shared keypoints, box IoU stands in for OKS")
    keep_untracked: bool = Field(default=False, description="leave people who belong to no track in the result")
    appearance_weight: float = Field(
        default=0.0, ge=0, le=1, description="share of appearance, where features bring it"
    )

    shots: Annotated[str, BeforeValidator(_word_of), NamesFile(words=("auto", "off"))] = Field(
        default="auto",
        min_length=1,
        description="where the scene changes, and so everybody's id: found in the images (auto), nowhere (off), or a "
        "file with the first frame of each shot, one a line",
    )
    features: FeatureOptions = Field(
        default=FeatureOptions.model_validate({}), description="what is measured in the images"
    )
    pose_flow: PoseFlowOptions = Field(default=PoseFlowOptions(), description="of the pose-flow tracker")
    linking: LinkingOptions = Field(default=LinkingOptions(), description="of the whole-video tracker")

    @model_validator(mode="before")
    @classmethod
    def _lay_over_preset(cls, values: Any) -> Any:  # Any: pydantic hands over whatever the caller gave
        if not isinstance(values, Mapping):
            return values
        name = values.get("name", "whole-video")
        return merge(PRESETS.get(name, {}), values) if isinstance(name, str) else values

    @model_validator(mode="after")
    def _measures_what_it_uses(self) -> Self:
        if self.motion == "flow" and self.features.flow == "none":
            raise ValueError("motion: flow follows what features.flow measures, which is none; set features.flow: dis")
        if self.appearance_weight and not self.features.appearance:
            raise ValueError(
                "appearance_weight weighs what features.appearance measures; set features.appearance: true"
            )
        return self

    @property
    def is_online(self) -> bool:
        """Whether ids are given frame by frame, seeing only the past."""
        return self.name not in ("whole-video", "pose-flow")


class SmoothingOptions(Options):
    """How whole tracks are cleaned: gaps filled, sides repaired, outliers rejected, all smoothed, in this order."""

    method: Literal["rts", "one-euro", "savitzky-golay", "median", "gaussian", "learned", "none"] = "rts"
    weights: InputPath = Field(default="", description="of the learned method: a checkpoint instead of the shipped one")
    max_shift: float = Field(
        default=0.05,
        ge=0,
        description="bound on what smoothing moves a confident keypoint, in parts of the person's size",
    )
    confident_score: float = Field(default=0.5, ge=0, le=1, description="keypoints from here up are confident")
    max_fill: float = Field(default=1.0, ge=0, description="gaps up to this many seconds are filled; 0 fills none")
    repair_swaps: bool = Field(
        default=True, description="exchange left and right where a track shows they were swapped"
    )
    reject_outliers: bool = Field(default=True, description="replace keypoints that jump away and come back")

    @model_validator(mode="after")
    def _uses_its_weights(self) -> Self:
        if self.weights and self.method != "learned":
            raise ValueError(f"weights are of method: learned, not of {self.method}; set method: learned or drop them")
        return self

    @property
    def changes_nothing(self) -> bool:
        """Whether tracks come out as they went in, so that nobody has to wait for their end."""
        return self.method == "none" and not (self.max_fill or self.repair_swaps or self.reject_outliers)
