"""The array containers that flow through a pipeline. Every shape, unit and coordinate frame is stated once, here.

Results are numpy arrays, images are torch tensors. Containers are frozen and checked once, at birth. `None` means
"nobody has computed it yet"; zero rows mean "computed, and nobody is there".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from videopose.errors import InputError, check_dtype, check_shape
from videopose.shapes import ShowsShapes

if TYPE_CHECKING:
    from torch import Tensor

    from videopose.skeletons import Skeleton

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bool = NDArray[np.bool_]

UNTRACKED = -1
"""The `track_id` of a person no tracker has seen yet."""

SEEN, FILLED, CORRECTED = 0, 1, 2
SOURCES = ("seen", "filled", "corrected")
"""Where a keypoint comes from, by its number in `Poses.source`: a network saw it, it was put between others that were
seen, or somebody placed it by hand."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of frames that could not be decoded.

    Attributes:
        first: index of the first missing frame.
        last: index of the last missing frame, inclusive.
        start: presentation time of the first missing frame, seconds.
        end: presentation time at which decoding goes on, seconds.
        reason: what the decoder said.
    """

    first: int
    last: int
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a container says about its video stream.

    Attributes:
        path: as the caller gave it.
        size_hw: (height, width) of the displayed image, its pixels square and after rotation, pixels.
        frame_rate: nominal frames per second.
        frames: number of frames the container claims, None if it does not say. A hint: containers lie.
        duration: seconds, None if unknown.
        rotation: degrees counter-clockwise the reader turns decoded images by, one of 0, 90, 180, 270.
    """

    path: str
    size_hw: tuple[int, int]
    frame_rate: Fraction
    frames: int | None = None
    duration: float | None = None
    rotation: int = 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frame(ShowsShapes):
    """One displayed image of a video.

    Attributes:
        index: 0, 1, 2 … in presentation order, counted over the whole file.
        time: seconds, from the container's timestamps; never index / frame rate.
        image: (3, H, W) uint8 RGB on any device; None once no later stage needs pixels.
    """

    index: int
    time: float
    image: Tensor | None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Detections(ShowsShapes):
    """The people a detector sees in one frame.

    Attributes:
        xyxy: (N, 4) x1, y1, x2, y2 in image pixels.
        score: (N,) in [0, 1].
    """

    xyxy: F32
    score: F32

    def __post_init__(self) -> None:
        check_shape("Detections.xyxy", self.xyxy, None, 4)
        check_shape("Detections.score", self.score, len(self.xyxy))
        check_dtype("Detections.xyxy", self.xyxy, np.float32)
        check_dtype("Detections.score", self.score, np.float32)

    def __len__(self) -> int:
        return len(self.xyxy)

    def __getitem__(self, rows: Any) -> Detections:  # Any: a mask, a slice, an index array or a number, as `Poses`
        rows = _as_rows(rows)
        return Detections(self.xyxy[rows], self.score[rows])

    @staticmethod
    def concatenate(parts: Sequence[Detections]) -> Detections:
        """Concatenate people; no parts are nobody."""
        if not parts:
            return Detections.empty()
        return Detections(np.concatenate([part.xyxy for part in parts]), np.concatenate([part.score for part in parts]))

    @staticmethod
    def empty() -> Detections:
        """Return the detections of a frame without people."""
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Poses(ShowsShapes):
    """The people in one frame.

    Attributes:
        keypoints: (N, K, 3) x, y in image pixels and score in [0, 1].
        score: (N,) in [0, 1].
        xyxy: (N, 4) person boxes in image pixels.
        track_id: (N,) -1 = not tracked.
        skeleton: whose K keypoints these are, None if whoever made them does not say. A pointer: it is not written with
            every frame.
        source: (N, K) where each keypoint comes from, SEEN, FILLED or CORRECTED; None = all are seen.
    """

    keypoints: F32
    score: F32
    xyxy: F32
    track_id: I64
    skeleton: Skeleton | None = field(default=None, kw_only=True)
    source: U8 | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        n = len(self.keypoints)
        check_shape("Poses.keypoints", self.keypoints, None, None, 3)
        check_shape("Poses.score", self.score, n)
        check_shape("Poses.xyxy", self.xyxy, n, 4)
        check_shape("Poses.track_id", self.track_id, n)
        check_dtype("Poses.keypoints", self.keypoints, np.float32)
        check_dtype("Poses.score", self.score, np.float32)
        check_dtype("Poses.xyxy", self.xyxy, np.float32)
        check_dtype("Poses.track_id", self.track_id, np.int64)
        if self.source is not None:
            check_shape("Poses.source", self.source, n, self.keypoints.shape[1])
            check_dtype("Poses.source", self.source, np.uint8)
        if self.skeleton is not None and len(self.skeleton) != self.keypoints.shape[1]:
            raise InputError(
                f"Poses.skeleton: {self.skeleton.name} has {len(self.skeleton)} keypoints, Poses.keypoints "
                f"{self.keypoints.shape[1]}; give the skeleton they belong to"
            )

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, rows: Any) -> Poses:  # Any: a mask, a slice, an index array or a number, as numpy takes them
        """Choose people; a number gives one row, because a container always holds rows."""
        rows = _as_rows(rows)
        return Poses(
            self.keypoints[rows],
            self.score[rows],
            self.xyxy[rows],
            self.track_id[rows],
            skeleton=self.skeleton,
            source=None if self.source is None else self.source[rows],
        )

    @property
    def sources(self) -> U8:
        """(N, K) `source`, also where all keypoints are seen."""
        return np.zeros(self.keypoints.shape[:2], np.uint8) if self.source is None else self.source

    def _repr_html_(self) -> str:
        """Show people as a table in a notebook: id, score, box in image pixels."""
        rows = "".join(
            f"<tr><td>{track_id}</td><td>{score:.2f}</td><td>{', '.join(f'{side:.0f}' for side in box)}</td></tr>"
            for track_id, score, box in zip(self.track_id, self.score, self.xyxy, strict=True)
        )
        head = "<tr><th>track_id</th><th>score</th><th>x1, y1, x2, y2</th></tr>"
        return f"<p>{len(self)} people, {self.keypoints.shape[1]} keypoints each</p><table>{head}{rows}</table>"

    @staticmethod
    def empty(num_keypoints: int, *, skeleton: Skeleton | None = None) -> Poses:
        """Return the poses of a frame without people."""
        return Poses(
            np.zeros((0, num_keypoints, 3), np.float32),
            np.zeros(0, np.float32),
            np.zeros((0, 4), np.float32),
            np.zeros(0, np.int64),
            skeleton=skeleton,
        )

    @staticmethod
    def concatenate(parts: Sequence[Poses]) -> Poses:
        """Concatenate people.

        The skeleton is the parts' if they agree on it; parts that do not say theirs do not object.

        Raises:
            InputError: there are no parts, so nobody knows the number of keypoints; or their skeletons differ.
            ShapeError: they have different numbers of keypoints.
        """
        if not parts:
            raise InputError("no poses to concatenate; use Poses.empty(num_keypoints) for nobody")
        for part in parts[1:]:
            check_shape("Poses.keypoints", part.keypoints, None, parts[0].keypoints.shape[1], 3)
        skeleton = next((part.skeleton for part in parts if part.skeleton is not None), None)
        for part in parts:
            if skeleton is not None and part.skeleton not in (None, skeleton):
                raise InputError(
                    f"poses of {skeleton.name} and {part.skeleton.name} are different; map one to the other"
                )
        return Poses(
            np.concatenate([part.keypoints for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.xyxy for part in parts]),
            np.concatenate([part.track_id for part in parts]),
            skeleton=skeleton,
            source=_joined_sources(parts),
        )


def _joined_sources(parts: Sequence[Poses]) -> U8 | None:
    if all(part.source is None for part in parts):
        return None
    return np.concatenate([part.sources for part in parts])


def pose_source(source: U8) -> U8:
    """Find where whole poses come from: corrected where a keypoint is, filled where all keypoints are.

    Args:
        source: (N, K) of their keypoints.

    Returns:
        (N,) SEEN, FILLED or CORRECTED.
    """
    filled = (source == FILLED).all(axis=1) & (source.shape[1] > 0)
    return np.where((source == CORRECTED).any(axis=1), CORRECTED, np.where(filled, FILLED, SEEN)).astype(np.uint8)


def _as_rows(rows: Any) -> Any:  # Any: as numpy takes them
    return [int(rows)] if isinstance(rows, int | np.integer) and not isinstance(rows, bool) else rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TrackingFeatures(ShowsShapes):
    """What a tracker takes from the pixels of one frame, as small arrays that outlive the image.

    Attributes:
        camera: (3, 3) transform from the previous frame's image pixels to this frame's; None = not measured.
        propagated: entry i holds (N, K, 2) the poses of the frame i + 1 before this one, row by row, carried here by
            optical flow, image pixels; empty = not measured.
        appearance: (N, D) embeddings of unit length, one per row of this frame's poses; None = not measured.
        signature: (D,) of the whole image, by which shots are told apart; None = not measured.
    """

    camera: F64 | None = None
    propagated: tuple[F32, ...] = ()
    appearance: F32 | None = None
    signature: U8 | None = None

    def __post_init__(self) -> None:
        if self.camera is not None:
            check_shape("TrackingFeatures.camera", self.camera, 3, 3)
        for rows in self.propagated:
            check_shape("TrackingFeatures.propagated", rows, None, None, 2)
        if self.appearance is not None:
            check_shape("TrackingFeatures.appearance", self.appearance, None, None)
        if self.signature is not None:
            check_shape("TrackingFeatures.signature", self.signature, None)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PersonCrops(ShowsShapes):
    """How the people of one frame were cut out, and what the network saw there: what a frame lends to its neighbours.

    Attributes:
        heatmaps: (N, C, h, w) float32 output of the network, one row per person: logits or heatmaps, as its codec has
            it; C is at least the number of keypoints, more where the network also gives features.
        crop_from_image: (N, 3, 3) transform from image pixels to each person's crop.
        boxes: the N boxes people were found in, image pixels.
    """

    heatmaps: Tensor
    crop_from_image: F64
    boxes: Detections

    def __post_init__(self) -> None:
        check_shape("PersonCrops.heatmaps", self.heatmaps, len(self.boxes), None, None, None)
        check_shape("PersonCrops.crop_from_image", self.crop_from_image, len(self.boxes), 3, 3)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, rows: Any) -> PersonCrops:  # Any: as in `Poses`
        few = np.arange(len(self))[_as_rows(rows)]
        return PersonCrops(self.heatmaps[few.tolist()], self.crop_from_image[few], self.boxes[few])


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Record(ShowsShapes):
    """The item of a pipeline's stream: a frame and what is known of it so far.

    Attributes:
        frame: the image, or only its index and time.
        detections: None until a detector has run.
        poses: None until an estimator has run.
        gaps: frames lost immediately before this one.
        features: None unless the tracker needs something from the pixels.
        shot: number of the shot the frame is of, from 0, as far as it is known: nobody goes on into another.
        crops: what the network saw of each of `poses`; None unless a later stage compares frames by it.
        tube_id: (N,) the tube each row of `poses` is of (`tracking.tubes.tracklets.tube_id`), between the stages that
            estimate along tubes and merge them; None elsewhere.
    """

    frame: Frame
    detections: Detections | None = None
    poses: Poses | None = None
    gaps: tuple[Gap, ...] = field(default=())
    features: TrackingFeatures | None = None
    shot: int = 0
    crops: PersonCrops | None = None
    tube_id: I64 | None = None

    def __post_init__(self) -> None:
        people = 0 if self.poses is None else len(self.poses)
        if self.tube_id is not None:
            check_shape("Record.tube_id", self.tube_id, people)
        if self.crops is not None:
            check_shape("Record.crops.boxes.xyxy", self.crops.boxes.xyxy, people, 4)
