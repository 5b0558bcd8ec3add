"""The stages that let neighbouring frames help: people are followed, windows of frames fused, states carried along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from videopose.errors import InputError
from videopose.estimators.fused import FusedEstimator
from videopose.estimators.neighbors import FrameContext, FrameWindow
from videopose.estimators.recurrent import RecurrentEstimator, RecurrentState
from videopose.skeletons import Skeleton
from videopose.stages.pipeline import TemporalContext, Window, batched, windows
from videopose.stages.shots import is_new_shot
from videopose.tracking.options import TrackerOptions
from videopose.tracking.tracker import create_tracker
from videopose.types import Record

PROVISIONAL_TRACKER = TrackerOptions(name="whole-video")
"""The tracker whose online pass gives the provisional ids; the final ones come after the journal."""


@dataclass(frozen=True)
class FuseNeighbors:
    """Estimate people of each frame from a window around it.

    It stands between `EstimateWithHeatmaps`, whose heatmaps it uses, and `DropImages`. An online
    tracker says who is who within the stream, from its first record on; ids do not come out again. A window ends where
    the scene changes.

    Attributes:
        estimator: what fuses; its `before` and `after` are how far this stage looks.
        window: records whose people share batches.
    """

    estimator: FusedEstimator
    window: int = 16

    @property
    def context(self) -> TemporalContext:
        """The estimator's window."""
        return TemporalContext(self.estimator.before, self.estimator.after)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Fuse a stream of records with images, poses and their crops."""
        before, after = self.estimator.before, self.estimator.after
        followed = follow(records, self.estimator.single.skeleton)
        for batch in batched(windows(followed, before=before, after=after), self.window):
            fused = self.estimator.fuse([_moments(window, before, after) for window in batch])
            for window, poses in zip(batch, fused, strict=True):
                yield replace(window.center[0], poses=poses, crops=None)


@dataclass(frozen=True)
class PropagateStates:
    """Estimate people of each frame from that frame and what their track has left behind.

    It stands where `FuseNeighbors` stands. A state begins with a track, and again when its person was not seen for
    longer than the estimator reaches, as behind a gap in the video. It warms up over the estimator's `before` frames:
    that is how far a stream has to begin ahead of the first frame whose poses count.

    Attributes:
        estimator: what goes along the tracks.
    """

    estimator: RecurrentEstimator

    @property
    def context(self) -> TemporalContext:
        """The frames over which a state warms up."""
        return TemporalContext(self.estimator.before, self.estimator.after)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Process a stream of records with images, poses and their crops."""
        memories: dict[int, RecurrentState] = {}
        for record, moment, _ in follow(records, self.estimator.single.skeleton):
            poses, memories = self.estimator.step(moment, memories)
            yield replace(record, poses=poses, crops=None)


def follow(records: Iterable[Record], skeleton: Skeleton) -> Iterator[tuple[Record, FrameContext, int]]:
    """Return people provisional ids, frames the form their neighbours see them in, and both the number of the shot."""
    tracker = create_tracker(PROVISIONAL_TRACKER, skeleton)
    before: Record | None = None
    shot = 0
    for record in records:
        if before is not None and is_new_shot(before, record):
            tracker.start_shot()
            shot += 1
        before = record
        people, image = record.poses, record.frame.image
        if image is None:
            raise InputError(f"frame {record.frame.index} has no image; temporal stages stand before DropImages")
        if people is None or record.crops is None:
            raise InputError(
                f"frame {record.frame.index} has no heatmaps; EstimateWithHeatmaps stands before this stage"
            )
        seen = replace(people, track_id=tracker.step(people, record.frame.time))
        yield record, FrameContext(record.frame.index, record.frame.time, image, seen, record.crops), shot


def _moments(window: Window[tuple[Record, FrameContext, int]], before: int, after: int) -> FrameWindow:
    past, future = (
        [moment for _, moment, shot in side if shot == window.center[2]] for side in (window.past, window.future)
    )
    start, end = [None] * (before - len(past)), [None] * (after - len(future))
    return FrameWindow(window.center[1], (*start, *past, *future, *end))
