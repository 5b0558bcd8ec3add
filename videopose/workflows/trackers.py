"""Ids for poses that are in memory: frame by frame, or over a whole video at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import get_args

from videopose.config import merge, parse_overrides, validate
from videopose.errors import InputError, UnknownNameError, nearest_name
from videopose.learned_tracking import learned_similarity
from videopose.skeletons import Skeleton
from videopose.stages.smooth import TrackAndSmooth
from videopose.tracking.options import SmoothingOptions, TrackerName, TrackerOptions
from videopose.tracking.tracker import OnlineTracker, create_tracker
from videopose.types import Frame, Poses, Record

_WHOLE_VIDEO = ("whole-video", "pose-flow")
"""Trackers that see a video's end before they give the first id."""


class Tracker:
    """Assigns ids to people frame by frame, seeing only the past.

    Example:
        >>> import numpy as np
        >>> from videopose.skeletons import skeleton_named
        >>> body = np.ones((1, 17, 3), np.float32) * [50, 80, 0.9] + np.arange(17)[None, :, None] * [1, 3, 0]
        >>> poses = Poses(body.astype(np.float32), np.float32([0.9]), np.float32([[40, 70, 80, 140]]),
        ...               np.int64([-1]), skeleton=skeleton_named("coco17"))
        >>> tracker = Tracker("oks")
        >>> tuple(int(tracker.update(poses, time=time).track_id[0]) for time in (0.0, 0.04, 0.08))
        (1, 1, 1)
    """

    def __init__(self, name: str = "oks", *, skeleton: Skeleton | None = None, overrides: Iterable[str] = ()) -> None:
        """Choose a tracker.

        Args:
            name: an online tracker, as `videopose track --tracker`.
            skeleton: of the poses; taken from the first ones if they say it.
            overrides: `key=value` texts over the tracker's options, as `max_age=2`.

        Raises:
            UnknownNameError: there is no such tracker.
            InputError: the tracker needs the whole video; use `track`.
            ConfigError: an override is wrong.
        """
        self.options = _tracker_options(name, overrides)
        if self.options.name in _WHOLE_VIDEO:
            raise InputError(
                f"tracker {name!r} looks at the whole video before it gives ids; call videopose.track(poses, times)"
            )
        self._skeleton = skeleton
        self._tracker: OnlineTracker | None = None

    def update(self, poses: Poses, *, time: float) -> Poses:
        """Return the poses with their ids, in the same order; -1 = belongs to no track (yet).

        Args:
            poses: people of the next frame, image pixels; their `track_id` is ignored.
            time: seconds, later than that of the frame before.

        Raises:
            InputError: the time is not later, or nobody has said which skeleton the poses have.
        """
        if self._tracker is None:
            skeleton = _skeleton_of([poses], self._skeleton)
            learned = learned_similarity(self.options.similarity, skeleton)
            self._tracker = create_tracker(self.options, skeleton, similarity=learned)
        return replace(poses, track_id=self._tracker.step(poses, time))


def track(
    poses: Sequence[Poses],
    times: Sequence[float],
    *,
    tracker: str = "whole-video",
    skeleton: Skeleton | None = None,
    overrides: Iterable[str] = (),
    smoothing: SmoothingOptions | None = None,
) -> list[Poses]:
    """Assign ids to people over a whole video, with knowledge of the future; fill gaps and smooth.

    Args:
        poses: people of each frame, image pixels; their `track_id` is ignored.
        times: seconds, one per frame, increasing.
        tracker: as `videopose track --tracker`.
        skeleton: of the poses; taken from them if they say it.
        overrides: `key=value` texts over the tracker's options, as `max_age=2`.
        smoothing: what is done to tracks; None = the default, as in `videopose run`.

    Returns:
        One `Poses` per frame, by id. People in no track are left out, filled ones are new rows.

    Raises:
        UnknownNameError: there is no such tracker.
        InputError: there are not as many times as poses, times do not increase, or nobody says which skeleton it is.
        ConfigError: an override is wrong.
    """
    if len(poses) != len(times):
        raise InputError(f"{len(poses)} frames of poses and {len(times)} times; give one time for each frame")
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise InputError("times must increase from frame to frame; give presentation times in seconds")
    if not poses:
        return []
    known = _skeleton_of(poses, skeleton)
    options = _tracker_options(tracker, overrides)
    stage = TrackAndSmooth(options, smoothing or SmoothingOptions.model_validate({}), known)
    records = (Record(Frame(index, float(times[index]), None), poses=each) for index, each in enumerate(poses))
    done = (record.poses for record in stage(records))
    return [Poses.empty(len(known), skeleton=known) if each is None else replace(each, skeleton=known) for each in done]


def _tracker_options(name: str, overrides: Iterable[str]) -> TrackerOptions:
    known = get_args(TrackerName)
    if name not in known:
        raise UnknownNameError(f"no tracker is named {name!r}. {nearest_name(name, known)}")
    values = merge({"name": name}, parse_overrides(overrides))
    return validate(TrackerOptions, values, source=f"overrides of {name}")


def _skeleton_of(poses: Sequence[Poses], skeleton: Skeleton | None) -> Skeleton:
    found = skeleton or next((each.skeleton for each in poses if each.skeleton is not None), None)
    if found is None:
        raise InputError(
            f"poses of {poses[0].keypoints.shape[1]} keypoints do not say which skeleton they have; give "
            "skeleton=videopose.skeleton_named(…)"
        )
    return found
