"""One worker: networks loaded once, for one clip after another, as a whole or in parts."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext

from videopose.errors import (
    AlreadyFinishedError,
    ConfigError,
    DatasetError,
    InputError,
    InUseError,
    UnknownNameError,
    VideoError,
    VideoPoseError,
    WeightsError,
)
from videopose.fleet.executor import Answer, Order
from videopose.fleet.inputs import Input
from videopose.fleet.job import Job, Report, counted, failed, finished_before, said
from videopose.fleet.layout import Done, layout_of
from videopose.io.lock import exclusive_lock
from videopose.runtime.device import choose_device
from videopose.workflows.parts import compute_unit, extent_of, prepare_journal, use_networks
from videopose.workflows.pipelines import load_pipeline
from videopose.workflows.recipe import LoadedNetworks, load_networks
from videopose.workflows.run import check_name, run
from videopose.workflows.running import Progress, Run, journal_folder

if sys.platform != "win32":
    import resource

OF_THE_INPUT = (InputError, ConfigError, UnknownNameError, VideoError, WeightsError)
"""Errors that come again, whoever tries."""

_IMAGES = 3.5
"""Images in memory while networks run, for each of a window (`README.md`)."""


class Worker:
    """Runs clips of a job one after another, and keeps the networks of the last ones.

    Attributes:
        job: what is asked of every clip.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._loaded: tuple[tuple[str, ...], LoadedNetworks] | None = None
        self._read: tuple[Input, Run] | None = None

    def networks(self, clip: Input) -> LoadedNetworks:
        """Load a clip's networks, unless they are those of the clip before.

        Raises:
            VideoPoseError: weights are missing or damaged.
        """
        options = self.job.options_of(clip)
        if self._loaded is None or self._loaded[0] != options["overrides"]:
            recipe = load_pipeline(options["pipeline"], options["overrides"])
            self._loaded = options["overrides"], load_networks(recipe, choose_device(options["device"]))
        return self._loaded[1]

    def begin(self, clip: Input, *, restart: bool | None = None, progress: Progress | None = None) -> Run:
        """Check a clip and everything asked of it; load no network.

        Raises:
            AlreadyFinishedError: its result is there and of the very same run.
            VideoPoseError: as `videopose.run`.
        """
        if not clip.is_chosen:
            check_name(clip.output, clip.clip)
        job = self.job
        return run(
            clip.clip, clip.output, overwrite=job.overwrite, restart=job.restart if restart is None else restart,
            progress=progress, **job.options_of(clip), **job.reading_of(clip),
        )  # fmt: skip

    def whole(self, clip: Input, progress: Progress | None = None) -> Report:
        """Run a clip from beginning to end, and say what became of it; what goes wrong concerns this clip alone."""
        start = time.monotonic()
        try:
            clip.output.parent.mkdir(parents=True, exist_ok=True)
            return self._finish(clip, progress, start)
        except (VideoPoseError, OSError) as error:
            return failed(clip, error, time.monotonic() - start)

    def _finish(self, clip: Input, progress: Progress | None, start: float, restart: bool | None = None) -> Report:
        """Run a clip, or what is left of it, and write its result."""
        try:
            begun = self.begin(clip, progress=progress, restart=restart)
        except AlreadyFinishedError:
            return finished_before(clip)
        use_networks(begun, self.networks(clip))
        frames, people = counted([person.track_id for person in frame.people] for frame in begun)
        seconds = time.monotonic() - start
        return Report(clip.clip, str(clip.output), "done", frames, people, len(begun.gaps), seconds)

    def do(self, order: Order) -> Answer:
        """Do what is ordered and answer; errors are answers too."""
        start = time.monotonic()
        try:
            answer = self._answer(order, start)
        except InUseError as error:
            return Answer(error=str(error), is_busy=not order.alone)
        except (VideoPoseError, OSError) as error:
            # A file of boxes may be damaged for ever; a damaged chunk is computed again.
            is_final = isinstance(error, OF_THE_INPUT) or (order.kind == "open" and isinstance(error, DatasetError))
            return Answer(error=said(error), is_lost=not is_final, seconds=time.monotonic() - start)
        return answer

    def _answer(self, order: Order, start: float) -> Answer:
        if order.kind == "open":
            return self._opened(order)
        if order.kind == "join":
            self._read = None
            return Answer(report=self._finish(order.clip, None, start, restart=False))
        assert order.unit is not None, "an order of a unit names it"
        store = compute_unit(self._reading(order.clip), order.clip.output, order.unit, order.owner)
        done = Done(store.num_chunks, store.next_index - 1, store.has_ended)
        return Answer(done=done, seconds=time.monotonic() - start)

    def _opened(self, order: Order) -> Answer:
        """Find out what there is to do; where others plan too, the journal is locked meanwhile."""
        clip = order.clip
        folder = journal_folder(clip.output)
        with nullcontext() if order.alone else exclusive_lock(folder):
            try:
                begun = self.begin(clip)
            except AlreadyFinishedError:
                return Answer(report=finished_before(clip))
            use_networks(begun, self.networks(clip))
            extent = extent_of(begun)
            store = prepare_journal(begun)
        self._read = clip, begun  # its container is scanned
        height, width = begun.header.video.size_hw
        window = getattr(load_pipeline(self.job.pipeline, self.job.options_of(clip)["overrides"]).options, "window", 16)
        memory = _used() + round(_IMAGES * window * height * width * 3)
        if order.alone and store.is_complete:
            return Answer(memory=memory)
        start, after = (store.num_chunks, store.next_index - 1) if order.alone else (0, -1)
        return Answer(layout=layout_of(extent, order.wanted, start=start, after=after, name=clip.clip), memory=memory)

    def _reading(self, clip: Input) -> Run:
        """Open a clip for its units, unless it is the one before; a container is scanned once."""
        if self._read is None or self._read[0] != clip:
            options, reading = self.job.options_of(clip), self.job.reading_of(clip)
            self._read = clip, run(clip.clip, networks=self.networks(clip), **options, **reading)
        return self._read[1]


def _used() -> int:
    """Return the most memory this process has had, bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
