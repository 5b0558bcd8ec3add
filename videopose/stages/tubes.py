"""The stages of tubes: who is in their middle frames, everybody along them, and, behind the journal, one pose again.

Between the last two, the poses of a frame hold a row for each tube that passes through it, and the record's `tube_id`
says which. So they fit into the journal, and merging sees the whole video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import Tensor

from videopose.errors import InputError
from videopose.estimators.tubes import Tube, TubeEstimator
from videopose.geometry import boxes
from videopose.skeletons import Skeleton
from videopose.stages.pipeline import Stage, TemporalContext, batched
from videopose.stages.shots import is_new_shot
from videopose.tracking.tubes.hypotheses import merge
from videopose.tracking.tubes.options import TubeOptions
from videopose.tracking.tubes.tracklets import TubeTracks, middle_of, tube_id
from videopose.types import F32, I64, Poses, Record


@dataclass(frozen=True)
class DetectTubeCenters:
    """Run a detection stage on the middle frames of tubes; the others pass with `detections` None.

    The first frame is one, then every `step`-th, and every frame that is further from the last one than tubes reach.

    Attributes:
        who: the stage.
        options: of the tubes.
        window: records looked at together.
    """

    detector: Stage
    options: TubeOptions
    window: int = 16

    @property
    def context(self) -> TemporalContext:
        """Middle frames are counted from the first record on."""
        return TemporalContext(step=self.options.step)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Detect people in a stream of records with images."""
        since, last = 0, -np.inf
        for batch in batched(records, self.window):
            chosen = []
            for row, record in enumerate(batch):
                since += 1
                if since >= self.options.step or record.frame.time - last > self.options.max_seconds:
                    chosen.append(row)
                    since, last = 0, record.frame.time
            found = dict(zip(chosen, self.detector(batch[row] for row in chosen), strict=True))
            yield from (found.get(row, replace(record, detections=None)) for row, record in enumerate(batch))


@dataclass(frozen=True)
class EstimateTubes:
    """Estimate everybody along tubes around the records that have detections.

    A tube reaches `options.half` frames to both sides, unless the stream ends or a frame is more than
    `options.max_seconds` away. It goes on over frames that the next tube does not reach, so no frame is left out.

    Attributes:
        estimator: what estimates.
        options: how long tubes are.
        window: records whose tubes share batches.
    """

    estimator: TubeEstimator
    options: TubeOptions
    window: int = 16

    @property
    def context(self) -> TemporalContext:
        """A frame's tubes reach a tube's length to both sides."""
        beside = self.options.length - 1 + self.options.step
        return TemporalContext(beside, beside)

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Estimate a stream of records with images; each gets a row per tube and person."""
        waiting: deque[_Passing] = deque()
        begun = 0  # of those waiting, how many have had the tubes around them estimated
        for record in records:
            waiting.append(_Passing(record))
            if len(waiting) - begun < self.window + self.options.length + self.options.step:
                continue
            begun = self._estimate(waiting, begun, begun + self.window)
            while begun > self.options.half:
                begun -= 1
                yield waiting.popleft().finished()
        self._estimate(waiting, begun, len(waiting))
        while waiting:
            yield waiting.popleft().finished()

    def _estimate(self, waiting: deque[_Passing], start: int, end: int) -> int:
        """Estimate the tubes whose middle frame lies in start … end - 1 of the waiting; gives `end`."""
        rows = list(waiting)
        middles = [row for row, passing in enumerate(rows) if passing.record.detections is not None]
        spans = [
            self._span(rows, middle, next((later for later in middles if later > middle), len(rows)))
            for middle in middles
            if start <= middle < end
        ]
        tubes = [_tube(rows, *span) for span in spans]
        for (first, middle, last), frames in zip(spans, self.estimator.estimate(tubes), strict=True):
            index = rows[middle].record.frame.index
            for passing, poses in zip(rows[first : last + 1], frames, strict=True):
                ids = np.array([tube_id(index, person) for person in range(len(poses))], np.int64)
                passing.found.append((poses, ids))
        return end

    def _span(self, rows: Sequence[_Passing], middle: int, following: int) -> tuple[int, int, int]:
        """Return a tube's first, middle and last row; `following` is the next tube's middle, or the number of rows."""
        first = last = middle
        while self._reaches(rows, middle, first - 1):
            first -= 1
        while self._reaches(rows, middle, last + 1):
            last += 1
        while last + 1 < following and not (following < len(rows) and self._reaches(rows, following, last + 1)):
            last += 1
        return first, middle, last

    def _reaches(self, rows: Sequence[_Passing], middle: int, other: int) -> bool:
        if not 0 <= other < len(rows) or abs(other - middle) > self.options.half:
            return False
        between = range(min(middle, other) + 1, max(middle, other) + 1)
        if any(is_new_shot(rows[row - 1].record, rows[row].record) for row in between):
            return False
        times = (rows[middle].record.frame.time, rows[other].record.frame.time)
        return abs(times[0] - times[1]) <= self.options.max_seconds


@dataclass(eq=False)
class _Passing:
    """A record on its way, and the poses of the tubes through it."""

    record: Record
    found: list[tuple[Poses, I64]] = field(default_factory=list)

    def finished(self) -> Record:
        if not self.found:
            raise InputError(
                f"frame {self.record.frame.index} is in no tube; DetectTubeCenters stands before EstimateTubes"
            )
        tube_id = np.concatenate([ids for _, ids in self.found])
        return replace(self.record, poses=Poses.concatenate([poses for poses, _ in self.found]), tube_id=tube_id)


def _tube(rows: Sequence[_Passing], first: int, middle: int, last: int) -> Tube:
    records = [passing.record for passing in rows[first : last + 1]]
    people = rows[middle].record.detections
    assert people is not None, "middle frames have detections"
    times = np.array([record.frame.time for record in records], np.float64)
    return Tube([_image(record) for record in records], times, middle - first, people)


def _image(record: Record) -> Tensor:
    if record.frame.image is None:
        raise InputError(f"frame {record.frame.index} has no image; tubes are estimated before DropImages")
    return record.frame.image


@dataclass(frozen=True)
class MergeTubes:
    """Merge the rows of tubes into one pose per person and frame.

    Tubes are joined to tracks by the frames they share, then each person's poses are merged over stretches of
    `options.look_ahead` frames, with as many of the future in view. It needs no images and stands behind the journal.
    The ids that come out are those of the tracks, which break where nobody was found for a tube's length.

    Attributes:
        options: how tubes are joined and merged.
        skeleton: of the poses.
    """

    options: TubeOptions
    skeleton: Skeleton

    def __call__(self, records: Iterable[Record], /) -> Iterator[Record]:
        """Merge a stream of poses; records without poses pass through as they are."""
        tracks = TubeTracks(self.skeleton.sigmas, self.options)
        waiting: deque[Record] = deque()
        before: dict[int, tuple[float, F32]] = {}
        stretch = self.options.look_ahead
        for record in records:
            waiting.append(record)
            if record.poses is not None:
                poses = record.poses
                tracks.add(
                    record.frame.index, record.frame.time, _tubes(record), poses.keypoints, poses.score, poses.xyxy
                )
            if len(waiting) >= 2 * stretch + 2 * self.options.length + 2 * self.options.step:
                yield from self._merged(waiting, tracks, before, stretch)
        tracks.finish()
        while waiting:
            yield from self._merged(waiting, tracks, before, stretch)

    def _merged(
        self, waiting: deque[Record], tracks: TubeTracks, before: dict[int, tuple[float, F32]], count: int
    ) -> Iterator[Record]:
        """Merge and give the first `count` of the waiting records, looking at those whose tubes are joined."""
        seen = [record for record, _ in zip(waiting, range(2 * count), strict=False)]
        people = _by_track(seen, tracks)
        done: list[list[Poses]] = [[] for _ in seen]
        for track in sorted(people):
            for row, poses in self._one_person(seen, people[track], before.get(track), track):
                done[row].append(poses)
        given = min(count, len(seen))
        last_seen, nobody = {}, Poses.empty(len(self.skeleton), skeleton=self.skeleton)
        for row, record in enumerate(seen[:given]):
            waiting.popleft()
            if record.poses is None:
                yield record
                continue
            last_seen.update({int(poses.track_id[0]): (record.frame.time, poses.keypoints[0]) for poses in done[row]})
            yield replace(record, poses=Poses.concatenate([nobody, *done[row]]), tube_id=None)
        before.update(last_seen)
        if waiting:
            now = waiting[0].frame
            gone = [track for track, (time, _) in before.items() if now.time - time > self.options.merge.max_gap]
            for track in gone:
                del before[track]
            earliest = [tube for record in waiting if record.poses is not None for tube in _tubes(record)]
            tracks.forget(min((middle_of(int(tube)) for tube in earliest), default=now.index))

    def _one_person(
        self, seen: Sequence[Record], rows: dict[int, list[int]], before: tuple[float, F32] | None, track: int
    ) -> Iterator[tuple[int, Poses]]:
        """Merge one person's poses; `rows` says, per record, which of its poses are that person's."""
        frames = sorted(rows)
        most = max(len(chosen) for chosen in rows.values())
        keypoints = np.full((len(frames), most, len(self.skeleton), 3), np.nan, np.float32)
        size, times = np.empty(len(frames), np.float32), np.empty(len(frames))
        merged: list[Poses] = []
        for number, frame in enumerate(frames):
            record = seen[frame]
            assert record.poses is not None, "it has a row of this person"
            chosen = record.poses[rows[frame]]
            keypoints[number, : len(chosen)] = chosen.keypoints
            size[number] = np.sqrt(max(float(boxes.area(chosen.xyxy).mean()), 1.0))
            times[number] = record.frame.time
            merged.append(_outline(chosen, track))
        since = times[0] if before is None else before[0]
        joined = np.diff(times, prepend=since) <= self.options.merge.max_gap
        start = None if before is None else before[1]
        points = merge(keypoints, size, joined, self.options.merge, start=start)
        for number, frame in enumerate(frames):
            yield frame, replace(merged[number], keypoints=points[number : number + 1])


def _tubes(record: Record) -> I64:
    if record.tube_id is None:
        raise InputError(f"frame {record.frame.index} has poses of no tube; EstimateTubes stands before MergeTubes")
    return record.tube_id


def _by_track(records: Sequence[Record], tracks: TubeTracks) -> dict[int, dict[int, list[int]]]:
    """Sort rows: track -> number of the record -> rows of its poses."""
    people: dict[int, dict[int, list[int]]] = {}
    for number, record in enumerate(records):
        if record.poses is None:
            continue
        for row, tube in enumerate(_tubes(record).tolist()):
            track = tracks.track_of(tube)
            if track is not None:
                people.setdefault(track, {}).setdefault(number, []).append(row)
    return people


def _outline(poses: Poses, track: int) -> Poses:
    """Return one person's mean box and score, each pose weighted by its score; keypoints are still to be merged."""
    weight = np.maximum(np.nan_to_num(poses.score), 1e-6).astype(np.float64)
    weight /= weight.sum()
    xyxy = (poses.xyxy * weight[:, None]).sum(0, keepdims=True).astype(np.float32)
    score = np.array([(np.nan_to_num(poses.score) * weight).sum()], np.float32)
    return Poses(poses.keypoints[:1], score, xyxy, np.array([track], np.int64), skeleton=poses.skeleton)
