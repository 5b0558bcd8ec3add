"""Labels on some frames of a clip, carried to the frames between them: `videopose annotate propagate`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from pydantic import Field

from videopose import __version__
from videopose.config import Options
from videopose.errors import ConfigError, DatasetError, InputError
from videopose.estimators.build import PoseOptions, create_estimator, describe_pose
from videopose.estimators.build_fused import TemporalOptions, create_head
from videopose.estimators.heads import as_fusion_head
from videopose.estimators.label_fusion import LabelFusion
from videopose.estimators.mapped import HeatmapEstimator
from videopose.geometry.keypoints import oks
from videopose.image_motion.optical_flow import (
    FlowName,
    OpticalFlow,
    create_flow,
    shrink_image,
)
from videopose.image_motion.propagation import (
    FlowPair,
    blend_paths,
    flow_pairs,
    follow_points,
    without_drift,
)
from videopose.io.exchange.formats import read_table
from videopose.io.exchange.frames import in_frame_order
from videopose.io.exchange.own_result import records_from
from videopose.io.exchange.table import PoseTable
from videopose.io.reader import open_video
from videopose.io.result import ResultHeader
from videopose.io.results import check_suffix, write_result
from videopose.models.zoo import weights_table
from videopose.skeletons import Skeleton, shared_keypoints, skeleton_named
from videopose.tracking.assign import assign
from videopose.types import F32, F64, FILLED, U8, UNTRACKED, Poses, Record
from videopose.workflows.outputs import check_output

HEAD = "posewarper_head.default"
OKS_TOLERANCE = 3.0
"""Factor on the OKS falloff where people without ids are joined: carried poses drift."""


class PropagateOptions(Options):
    """How labels are propagated."""

    flow: FlowName = "dis"
    flow_path: str = ""
    """TorchScript file of a learned flow, for `flow: torch`."""
    head: str = "auto"
    """Trained head that looks at the images between, none = flow alone; auto = `posewarper_head.default` where it is
    shipped, for labels of keypoints the default pose network knows."""
    weights: str = ""
    """A checkpoint of the head to use instead of its own; then `head` may be a bare architecture."""
    head_span: int = Field(default=10, ge=1)
    """Frames; between labels nearer to each other flow loses little, and the head is not used."""
    max_side: int = Field(default=480, ge=64)
    """Images are made this small for measuring flow, pixels."""
    max_span: int = Field(default=60, ge=1)
    """Frames; labels further apart are not joined, and the frames between them stay empty."""
    min_similarity: float = Field(default=0.1, ge=0, le=1)
    """People without ids are the same in two labelled frames from this lenient OKS on."""


@dataclass(frozen=True)
class PropagateLabels:
    """Return the frames between labelled ones the poses of people labelled on both sides.

    Labelled frames come out as they are. A person who is labelled on one side only has left or not come yet, nobody
    knows where, and is not carried. Frames before the first and after the last label stay empty.

    Attributes:
        labels: by frame index, the people of each labelled frame.
        skeleton: of the labels.
        flow: measures dense flow between two images.
        options: sizes and bounds.
        fusion: what looks at the images between, None = flow alone.
    """

    labels: Mapping[int, Poses]
    skeleton: Skeleton
    flow: OpticalFlow
    options: PropagateOptions = field(default_factory=PropagateOptions)
    fusion: LabelFusion | None = None

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Label a stream of records with images.

        Raises:
            InputError: a record has no image, or a label's frame is not in the stream.
        """
        span: list[Record] = []  # a labelled record and those after it
        images: list[U8] = []
        met = 0
        for record in records:
            labels = self.labels.get(record.frame.index)
            image, scale = _shrunk_image(record, self.options.max_side)
            span.append(replace(record, poses=labels if labels is not None else Poses.empty(len(self.skeleton))))
            images.append(image)
            if labels is not None:
                met += 1
                yield from self._filled(span, images, scale)[:-1]
                span, images = span[-1:], images[-1:]
            elif span[0].frame.index not in self.labels or len(span) > self.options.max_span:
                yield from span
                span, images = [], []
        yield from span
        if met < len(self.labels):
            raise InputError(
                f"{len(self.labels) - met} of {len(self.labels)} labelled frames are not in the video; "
                "check that the labels are of this video and count its frames from 0"
            )

    def _filled(self, span: list[Record], images: list[U8], scale: float) -> list[Record]:
        """Return the records of a span from one labelled frame to the next."""
        first, last = span[0].poses, span[-1].poses
        same_size = all(image.shape == images[0].shape for image in images)
        if len(span) < 3 or first is None or last is None or span[0].frame.index not in self.labels or not same_size:
            return span
        pairs = flow_pairs(self.flow, images)
        onward = [follow_points(_points(pose) * scale, pairs) / scale for pose in first.keypoints]
        people = self._linked(first, last, onward)
        carried = [self._carried(first[[a]], last[[b]], onward[a], pairs, scale, span) for a, b in people]
        nobody = Poses.empty(len(self.skeleton))
        between = [
            replace(record, poses=Poses.concatenate([nobody, *(poses[t] for poses in carried)]))
            for t, record in enumerate(span)
        ]
        return [span[0], *between[1:-1], span[-1]]

    def _linked(self, first: Poses, last: Poses, onward: list[F64]) -> list[tuple[int, int]]:
        """Pair the rows of people labelled on both sides: by id, and those without by where they were carried to."""
        ids = {int(track_id): row for row, track_id in enumerate(last.track_id) if track_id != UNTRACKED}
        pairs = [(row, ids[int(track_id)]) for row, track_id in enumerate(first.track_id) if int(track_id) in ids]
        a, b = (np.flatnonzero(poses.track_id == UNTRACKED) for poses in (first, last))
        if len(a) and len(b):
            ends = np.stack([onward[row][-1] for row in a]).astype(np.float32)
            area = (last.xyxy[b, 2:] - last.xyxy[b, :2]).clip(1).prod(1)
            alike = oks(ends, last.keypoints[b], area, OKS_TOLERANCE * self.skeleton.sigmas)
            rows, columns = assign(alike, self.options.min_similarity)
            pairs += zip(a[rows].tolist(), b[columns].tolist(), strict=True)
        return sorted(pairs)

    def _carried(
        self, first: Poses, last: Poses, onward: F64, pairs: list[FlowPair], scale: float, span: list[Record]
    ) -> list[Poses]:
        """Return one person's pose in each frame of a span."""
        times = np.array([record.frame.time for record in span])
        share = (times - times[0]) / (times[-1] - times[0])
        backward = follow_points(_points(last.keypoints[0]) * scale, pairs, backwards=True) / scale
        keypoints = blend_paths(first.keypoints[0], last.keypoints[0], onward, backward, share)
        boxes = _boxes(first, last, keypoints, share)
        if self.fusion is not None and len(span) - 1 >= self.options.head_span:
            a, b = first.keypoints[0], last.keypoints[0]
            misses = (b[:, :2] - onward[-1], a[:, :2] - backward[0])
            drift = np.max([np.linalg.norm(miss, axis=1) for miss in misses], axis=0)
            onward, backward = without_drift(a, b, onward, backward, share)
            for t in range(1, len(span) - 1):
                image, seconds = span[t].frame.image, times[[0, -1]] - times[t]
                assert image is not None, "an image was taken of it"
                paths = onward[t], backward[t]
                keypoints[t] = self.fusion.corrected(image, keypoints[t], paths, drift, boxes[t], seconds)
        scores = (1 - share) * first.score + share * last.score
        filled = np.full((1, len(self.skeleton)), FILLED, np.uint8)
        return [
            Poses(keypoints[[t]], scores[[t]].astype(np.float32), boxes[[t]], first.track_id, source=filled)
            for t in range(len(share))
        ]


def _shrunk_image(record: Record, max_side: int) -> tuple[U8, float]:
    if record.frame.image is None:
        raise InputError(f"frame {record.frame.index} has no image; labels are carried before DropImages")
    return shrink_image(record.frame.image, max_side)


def _points(keypoints: F32) -> F64:
    """Return (K, 2) places to follow; keypoints that are not labelled go along with the others' middle."""
    here = keypoints[:, 2] > 0
    middle = keypoints[here, :2].mean(axis=0) if here.any() else np.zeros(2)
    return np.where(here[:, None], keypoints[:, :2], middle).astype(np.float64)


def _boxes(first: Poses, last: Poses, keypoints: F32, share: F64) -> F32:
    """Return (T, 4) boxes: between those of the labels, moved as the pose's middle leaves the straight line."""
    late = share[:, None]
    here = (first.keypoints[0, :, 2] > 0) & (last.keypoints[0, :, 2] > 0)
    straight = (1 - late) * first.xyxy + late * last.xyxy
    if not here.any():
        return straight.astype(np.float32)
    middle = keypoints[:, here, :2].mean(axis=1)
    shift = middle - ((1 - late) * middle[0] + late * middle[-1])
    return np.asarray(straight + np.tile(shift, 2), np.float32)


def labels_of(table: PoseTable, *, first_number: int | None = None, count: int | None = None) -> dict[int, Poses]:
    """Return the people of each labelled frame, also of those labelled as without people.

    That somebody looked is said by a result, which lists no frame without, and by PoseTrack's `is_labeled`. Which frame
    an image is says `io.exchange.frames`.

    Args:
        table: the labels.
        first_number: what the video's first frame is called in the images' names; told by them if not given.
        count: how many frames the video has, if that is known.

    Raises:
        DatasetError: an image has no frame number, or two have the same.
    """
    table = in_frame_order(table, first=first_number, count=count, needs_numbers=True)
    looked = {frame.number for frame in table.frames if frame.labelled or table.header is not None}
    return {
        record.frame.index: record.poses
        for record in records_from(table)
        if record.poses is not None and (len(record.poses) or record.frame.index in looked)
    }


def create_fusion(options: PropagateOptions, skeleton: Skeleton) -> LabelFusion | None:
    """Load what looks at the images between labelled frames, None if nothing does.

    Raises:
        VideoPoseError: as `create_head`.
    """
    name = (HEAD if HEAD in weights_table() else "none") if options.head == "auto" else options.head
    pose = PoseOptions()
    if name == "none" or not len(shared_keypoints(skeleton, skeleton_named(describe_pose(pose).skeleton))[0]):
        return None
    head = as_fusion_head(create_head(pose, TemporalOptions(head=name, weights=options.weights)), f"head = {name}")
    if min(head.before, head.after) < 1:
        raise ConfigError(f"head = {name}: labels on both sides need a head over windows, such as {HEAD}")
    return LabelFusion(HeatmapEstimator(create_estimator(pose, torch.device("cpu"))), head, skeleton)


def propagate(
    clip: Path,
    labels: Path,
    output: Path,
    options: PropagateOptions,
    *,
    origin: str | None = None,
    first_number: int | None = None,
    overwrite: bool = False,
    stream: int | None = None,
    allow_references: bool = False,
    keep_holes: bool = False,
) -> str:
    """Propagate labels through a video and write a result with poses in every frame between them.

    Args:
        clip: the video.
        labels: a result, or labels in an exchange format with keypoints.
        output: where to write; the suffix chooses the format.
        options: how labels are carried.
        origin: the labels' format; recognised if not given.
        first_number: what the video's first frame is called in the labels' image names; told by them if not given.
        overwrite: replace a file that is there.
        stream: number of the video stream the labels are of, as `open_video` takes it.
        allow_references: let the clip name other local files, as `open_video` takes it.
        keep_holes: the labels count the missing numbers of a folder's images.

    Returns:
        A sentence for the user.

    Raises:
        InputError: the output exists or is an input, or labels are not of this video.
        DatasetError: the labels break their format, or there are none.
        VideoError: the video cannot be read.
    """
    check_suffix(output)
    check_output(output, (labels, clip), overwrite=overwrite)
    table = read_table(labels, origin)
    reader = open_video(clip, stream=stream, allow_references=allow_references, keep_holes=keep_holes)
    people = labels_of(table, first_number=first_number, count=reader.info.frames)
    if not any(map(len, people.values())) or not len(table.skeleton):
        raise DatasetError(f"{labels}: labels nobody's keypoints; give poses in at least two frames")
    facts = {"version": __version__, "labels": str(labels), "propagation": options.model_dump(mode="json")}
    header = ResultHeader(reader.info, table.skeleton, {**facts, "labelled_frames": sorted(people)})
    flow = create_flow(options.flow, Path(options.flow_path) if options.flow_path else None)
    stage = PropagateLabels(people, table.skeleton, flow, options, create_fusion(options, table.skeleton))
    frames = carried = 0
    with write_result(output, header) as writer:
        for record in stage(reader.records()):
            writer.write(record)
            frames += 1
            carried += record.frame.index not in people and record.poses is not None and len(record.poses) > 0
    return f"{len(people)} labelled frames, {carried} between them filled, {frames} in all"
