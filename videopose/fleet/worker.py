"""One worker: networks loaded once, for one clip after another."""

from __future__ import annotations

import time

from videopose.errors import AlreadyFinishedError, VideoPoseError
from videopose.fleet.inputs import Input
from videopose.fleet.job import Job, Report, counted, failed, finished_before
from videopose.runtime.device import choose_device
from videopose.workflows.pipelines import load_pipeline
from videopose.workflows.recipe import LoadedNetworks, load_networks
from videopose.workflows.run import check_name, run
from videopose.workflows.running import Progress, Run


class Worker:
    """Runs clips of a job one after another, and keeps the networks of the last ones.

    Attributes:
        job: what is asked of every clip.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._loaded: tuple[tuple[str, ...], LoadedNetworks] | None = None

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
            try:
                begun = self.begin(clip, progress=progress)
                begun.use(self.networks(clip))
            except AlreadyFinishedError:
                return finished_before(clip)
            frames, people = counted([person.track_id for person in frame.people] for frame in begun)
        except (VideoPoseError, OSError) as error:
            return failed(clip, error, time.monotonic() - start)
        seconds = time.monotonic() - start
        return Report(clip.clip, str(clip.output), "done", frames, people, len(begun.gaps), seconds)
