"""The values of tubes: how long they are, how they are joined to tracks, how their poses are merged."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from videopose.config import InputPath, Options


class MergeOptions(Options):
    """How several poses of a person in one frame become one. Lengths are parts of the person's size."""

    method: Literal["shortest-path", "mean-shift", "both", "best"] = Field(
        default="shortest-path",
        description="the path of least cost through the hypotheses over time; their mode; the path through the "
        "modes; or the keypoint of the highest score",
    )
    bandwidth: float = Field(default=0.03, gt=0, description="standard deviation of the mean shift's kernel")
    score_weight: float = Field(default=1.0, ge=0, description="cost per e-fold of a lower score")
    position_weight: float = Field(default=4.0, ge=0, description="cost of a distance of 1 from the weighted mean")
    motion_weight: float = Field(default=16.0, ge=0, description="cost of a jump of 1 between two frames")
    max_jump: float = Field(default=0.5, gt=0, description="longer jumps cost no more")
    max_gap: float = Field(default=0.5, ge=0, description="seconds; a longer gap breaks the path")


class TubeOptions(Options):
    """Which frames make a tube, and which tubes are one person's."""

    length: int = Field(default=5, ge=1, description="frames of a tube, odd: it reaches as far back as forward")
    overlap: int = Field(default=3, ge=0, description="frames a tube shares with the next; length - 1 = one per frame")
    max_seconds: float = Field(default=0.2, gt=0, description="how far from its middle frame a tube reaches in time")
    enlarge: float = Field(default=1.1, ge=1, description="how much larger than the middle frame's a tube's crop is")
    head: str = Field(default="", description="name of a head that refines heatmaps along the tube; empty = none")
    weights: InputPath = Field(default="", description="a checkpoint to use instead of the head's own")
    tolerance: float = Field(default=2.0, gt=0, description="factor on the OKS falloff between two tubes' poses")
    min_similarity: float = Field(default=0.3, ge=0, le=1, description="less similar tubes are never joined")
    min_keypoint_score: float = Field(default=0.1, ge=0, le=1, description="keypoints below do not count for it")
    look_ahead: int = Field(default=24, ge=1, description="frames of the future that merging looks at")
    merge: MergeOptions = MergeOptions()

    @property
    def half(self) -> int:
        """Frames before and after a tube's middle frame."""
        return self.length // 2

    @property
    def step(self) -> int:
        """Frames from one tube's middle to that of the next."""
        return self.length - self.overlap

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.length % 2 == 0:
            raise ValueError(f"length {self.length} has no middle frame; give an odd number")
        if self.overlap >= self.length:
            raise ValueError(f"overlap {self.overlap} must be less than the length {self.length}")
        return self
