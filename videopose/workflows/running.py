"""From a video to poses: a run's two halves, and what comes out of it.

The costly half (decode, networks) goes through a journal on disk, so a kill costs little; the cheap one (track, link,
smooth, write) sees every record from frame 0 on, kept or new, so ids cannot depend on an interruption.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from html import escape
from itertools import chain, islice
from pathlib import Path

import torch

from videopose.errors import AlreadyFinishedError, InputError, VideoPoseError
from videopose.io.base import VideoReader
from videopose.io.identity import WatchedClip, difference
from videopose.io.journal_store import JournalStore, gone_folder
from videopose.io.lock import exclusive_lock
from videopose.io.provenance import networks_identity, stored_provenance
from videopose.io.result import JsonObject, ResultHeader
from videopose.stages.concurrency import prefetch
from videopose.stages.journal import Journal
from videopose.stages.pipeline import Pipeline, Stage
from videopose.stages.shots import NumberShots
from videopose.stages.sink import WriteResult
from videopose.types import F32, U8, Gap, Record
from videopose.workflows.recipe import LoadedNetworks, Recipe, describe_recipe

LOOK_AHEAD = 8
"""Frames decoded ahead of the networks."""

Progress = Callable[[int, int], None]
"""Called with the number of frames done and of all frames; first with 0, when the networks are loaded."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame.

    Attributes:
        track_id: stays with the person through the video; -1 = not tracked.
        score: in [0, 1].
        box: (4,) x1, y1, x2, y2 in image pixels.
        keypoints: (K, 3) x, y in image pixels and score, in the skeleton's order.
        source: (K,) where each keypoint comes from: `videopose.types.SEEN`, FILLED or CORRECTED.
    """

    track_id: int
    score: float
    box: F32
    keypoints: F32
    source: U8


@dataclass(frozen=True, slots=True, eq=False)
class FrameResult:
    """The people in one frame.

    Attributes:
        index: 0, 1, 2 … in presentation order, counted over the whole file.
        time: presentation time, seconds.
        people: everybody in the frame; empty where nobody is seen.
    """

    index: int
    time: float
    people: tuple[Person, ...]


class Run:
    """A video on its way to poses. Everything is checked when it is made; iterating does the work, once.

    Attributes:
        clip: the video, as given.
        output: where the result goes; None for nowhere.
        header: what is true of the result; its gaps are complete when the run is over.
        num_frames: how many frames will come if none is missing.
        resumed_frames: how many of them an earlier, unfinished run has left behind.
        progress: called with (frames done, all frames) as the networks go; first with 0, when they are loaded.
    """

    def __init__(
        self,
        clip: str | Path,
        output: str | Path | None,
        reader: VideoReader,
        recipe: Recipe,
        device: torch.device,
        *,
        overwrite: bool,
        restart: bool,
        watched: WatchedClip,
        request: JsonObject,
        progress: Progress | None,
        networks: LoadedNetworks | None = None,
    ) -> None:
        self.clip = clip
        self.output = None if output is None else Path(output)
        self.num_frames = reader.num_frames
        self._reader, self._recipe, self._device = reader, recipe, device
        self._overwrite, self._loaded = overwrite, networks
        self._watched = watched
        self._is_over = False
        self.progress = progress
        self._wrap: Callable[[Pipeline], Pipeline] = lambda stages: stages
        self._asked = request
        provenance = self._describe()
        self._used = networks_identity(provenance, *recipe.split())
        if networks is not None:
            networks.check(self._used)
        self.header = ResultHeader(reader.info, recipe.skeleton, provenance)
        self._shots: list[int] = []
        self._store: JournalStore | None = None
        if self.output is not None:
            self._refuse_to_replace(self.output)
            self._store = self._open_journal(self.output, restart=restart)
        self.resumed_frames = 0 if self._store is None else self._store.num_records

    def instrument(self, wrap: Callable[[Pipeline], Pipeline]) -> None:
        """Wrap both halves with a function before they run, to measure them for example."""
        self._wrap = wrap

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Frames that could not be decoded; complete when the run is over."""
        return self.header.gaps

    def __repr__(self) -> str:
        done = "over" if self._is_over else f"{self.resumed_frames} of {self.num_frames} frames done"
        return f"Run({str(self.clip)!r}, output={None if self.output is None else str(self.output)!r}, {done})"

    def _repr_html_(self) -> str:
        """Show in a notebook what this run is, and how it is set going."""
        how = "" if self._is_over else "<p>Iterate over it to do the work: <code>for frame in run: …</code></p>"
        return f"<p>{escape(repr(self))}</p>{how}"

    def __iter__(self) -> Iterator[FrameResult]:
        for record in self.records():
            yield _frame_result(record)

    def records(self) -> Iterator[Record]:
        """Run the pipeline and return its records, tracked and smoothed.

        Raises:
            InputError: the run is over, and its result written.
            VideoPoseError: as the stages do; what is kept stays kept.
        """
        if self._is_over and self.output is not None:
            raise InputError(f"{self.output}: this run is over and its result written. Read it with read_result")
        tracks = self._recipe.tracks()
        tracks = self._wrap(replace(tracks, video=str(self.clip)))
        if self.output is None or self._store is None:
            yield from tracks(self._in_shots(self._posed(self._networks(), self._reader.records())))
            self._close_header(self._reader.gaps)
            return
        with exclusive_lock(self._store.folder):
            self._refuse_to_replace(self.output)
            self._store.prepare()
            kept = self._kept(self._store)
            tracked = tracks(self._in_shots(kept))
            first = list(islice(tracked, 1))
            if not self._store.is_complete:
                # These tracks answer at once, which is too early: gaps stand above the frames in every format.
                deque(kept, maxlen=0)
                first, tracked = [], tracks(self._in_shots(self._store))
            self._close_header(self._store.gaps())
            yield from WriteResult(self.output, self.header)(chain(first, tracked))
            self._is_over = True
            self._store.remove()

    def _in_shots(self, records: Iterable[Record]) -> Iterator[Record]:
        """Number the shots, and remember where they begin for the header."""
        self._shots, last = [], 0
        for record in NumberShots()(records):
            if record.shot != last:
                self._shots.append(record.frame.index)
                last = record.shot
            yield record

    def _open_journal(self, output: Path, *, restart: bool = False) -> JournalStore:
        folder, skeleton = journal_folder(output), self.header.skeleton
        return JournalStore(folder, self._used, clip=str(self.clip), skeleton=skeleton, restart=restart)

    def _describe(self) -> JsonObject:
        return describe_recipe(self._recipe, self._device, self._asked)

    def _clear_up(self, output: Path) -> None:
        """Remove the journal that a kill has left behind a finished result, if it is of this run and not in use."""
        folder = journal_folder(output)
        if not folder.exists() and not gone_folder(folder).exists():
            return
        with suppress(VideoPoseError):
            store = self._open_journal(output)
            with exclusive_lock(folder):
                store.prepare()
                store.remove()

    def _refuse_to_replace(self, output: Path) -> None:
        """Raise unless there is no result, or it may be replaced."""
        if self._overwrite or not output.exists():
            return
        changes = difference(stored_provenance(output) or {}, json.loads(json.dumps(self.header.provenance)))
        if not changes:
            if self._store is None:  # when it is made; later the lock is ours
                self._clear_up(output)
            raise AlreadyFinishedError(f"{output}: is already finished. Add --overwrite to make it again")
        other = f", made with other settings ({changes[0]})" if stored_provenance(output) else ""
        raise InputError(
            f"{output}: is already there{other}. Add --overwrite to replace it, or choose another place with -o"
        )

    def _kept(self, store: JournalStore) -> Iterator[Record]:
        """Return what the store has and then what the networks still have to give, which it keeps."""
        if store.is_complete:
            yield from store
            return
        networks = self._networks()
        journal = Journal(networks, store, networks.context, check=self._watched.check)
        since = store.index_before(networks.context.before)
        yield from self._posed(journal, self._reader.records(since=since))
        known = {gap.first for gap in store.gaps()}
        store.finish([gap for gap in self._reader.gaps if gap.first not in known])

    def _posed(self, networks: Stage, records: Iterable[Record]) -> Iterator[Record]:
        """Run the costly half, frames decoded ahead in a thread, and tell how far it is."""
        ahead = prefetch(records, LOOK_AHEAD)
        if self.progress is not None:
            self.progress(0, self.num_frames)
        try:
            for done, record in enumerate(networks(ahead), start=1):
                if self.progress is not None:
                    self.progress(done, self.num_frames)
                yield record
            self._watched.check()
        finally:
            ahead.close()

    def _networks(self) -> Pipeline:
        networks = self._recipe.networks(self._device) if self._loaded is None else self._loaded.stages
        changes = difference(self._used, networks_identity(self._describe(), *self._recipe.split()))
        if changes:
            raise InputError(f"{self.clip}: since the run was made, {changes[0]}. Make it again")
        return self._wrap(replace(networks, video=str(self.clip)))

    def _close_header(self, gaps: Iterable[Gap]) -> None:
        found = {"shots": self._shots} if self._shots else {}
        self.header = replace(self.header, gaps=tuple(gaps), provenance={**self.header.provenance, **found})


def journal_folder(output: Path) -> Path:
    """Return the folder in which an unfinished run keeps its chunks."""
    return output.with_name(output.name + ".partial")


def _frame_result(record: Record) -> FrameResult:
    poses = record.poses
    if poses is None:
        return FrameResult(record.frame.index, record.frame.time, ())
    source = poses.sources
    people = tuple(
        Person(int(poses.track_id[row]), float(poses.score[row]), poses.xyxy[row], poses.keypoints[row], source[row])
        for row in range(len(poses))
    )
    return FrameResult(record.frame.index, record.frame.time, people)
