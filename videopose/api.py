"""From a video to poses in one call: what `videopose run` and `videopose.run` do.

A run has two halves. The costly one (decode, networks) goes through a journal on disk, so a kill costs little; the
cheap one (track, link, smooth, write) reads the journal from frame 0, so ids cannot depend on an interruption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, cast

import torch

from videopose import __version__, catalog
from videopose.config import Options, merge, parse_overrides, read_yaml, validate
from videopose.errors import ConfigError, InputError
from videopose.io.base import VideoReader
from videopose.io.boxes_file import check_boxes
from videopose.io.identity import file_identity
from videopose.io.journal_store import JournalStore
from videopose.io.lock import only_run
from videopose.io.reader import open_video
from videopose.io.result import Facts, ResultHeader
from videopose.io.results import check_suffix
from videopose.skeletons import Skeleton
from videopose.stages.flow import Pipeline, Stage, prefetch
from videopose.stages.journal import Journal
from videopose.stages.sink import WriteResult
from videopose.types import F32, Gap, Record

LOOK_AHEAD = 8
"""Frames decoded ahead of the networks."""

Progress = Callable[[int, int], None]
"""Called with the number of frames done and of all frames; first with 0, when the networks are loaded."""


class Recipe(Protocol):
    """What a module in `pipelines/` offers."""

    PipelineOptions: type[Options]

    def skeleton_of(self, options: Options) -> Skeleton:
        """Give the skeleton of the poses."""

    def build_networks(self, options: Options, device: torch.device) -> Pipeline:
        """Put together the costly half."""

    def build_tracks(self, options: Options, skeleton: Skeleton) -> Pipeline:
        """Put together the cheap half."""

    def describe_weights(self, options: Options) -> list[dict[str, str]]:
        """Name the weights and their checksums."""

    def neighbours(self, options: Options) -> tuple[int, int]:
        """Give how many records before and after a frame the networks look at for it."""

    def input_files(self, options: Options) -> list[Path]:
        """List the files of boxes that stand in for a detector; they are checked against the video."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame.

    Attributes:
        track_id: stays with the person through the video; -1 = not tracked.
        score: in [0, 1].
        box: (4,) x1, y1, x2, y2 in image pixels.
        keypoints: (K, 3) x, y in image pixels and score, in the skeleton's order.
    """

    track_id: int
    score: float
    box: F32
    keypoints: F32


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


def load_pipeline(name: str, overrides: Iterable[str] = ()) -> tuple[Recipe, Options]:
    """Find a pipeline's config, lay overrides over it and check it against its recipe.

    Args:
        name: of a shipped config, or a path to a YAML file.
        overrides: `dotted.key=value` texts.

    Raises:
        ConfigError: a key or a value is wrong; the message names the nearest valid key.
        UnknownNameError: there is no such config or recipe.
    """
    path = catalog.config_file("pipelines", name)
    overrides = list(overrides)
    values = merge(read_yaml(path), parse_overrides(overrides))
    if not isinstance(values.get("recipe"), str):
        raise ConfigError(f"{path}: `recipe` must name a recipe in pipelines/, as in `recipe: topdown`")
    recipe = cast(Recipe, catalog.recipe(values["recipe"]))
    source = f"{path}" + (" with --set" if overrides else "")
    return recipe, validate(recipe.PipelineOptions, values, source=source)


def choose_device(name: str) -> torch.device:
    """Turn `auto`, `cpu`, `cuda` or `cuda:1` into a device.

    Raises:
        InputError: there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, colon, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (colon and not (kind == "cuda" and number.isdecimal())):
        raise InputError(f"device {name!r} is unknown. Give auto, cpu, cuda or cuda:1")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device {name!r}: no CUDA GPU was found. Leave --device out to use the CPU")
    if number and int(number) >= torch.cuda.device_count():
        raise InputError(f"device {name!r}: the GPUs here are cuda:0 to cuda:{torch.cuda.device_count() - 1}")
    return torch.device(name)


class Run:
    """A video on its way to poses. Everything is checked when it is made; iterating does the work, once.

    Attributes:
        clip: the video, as given.
        output: where the result goes; None for nowhere.
        header: what is true of the result; its gaps are complete when the run is over.
        num_frames: how many frames will come if none is missing.
        begun_at: how many of them an earlier, unfinished run has left behind.
        progress: called with (frames done, all frames) as the networks go; first with 0, when they are loaded.
    """

    def __init__(
        self,
        clip: str | Path,
        output: str | Path | None,
        reader: VideoReader,
        recipe: Recipe,
        options: Options,
        device: torch.device,
        *,
        restart: bool,
        asked: Facts,
        progress: Progress | None,
    ) -> None:
        self.clip = clip
        self.output = None if output is None else Path(output)
        self.num_frames = reader.num_frames
        self._reader, self._recipe, self._options, self._device = reader, recipe, options, device
        self.progress = progress
        self._wrap: Callable[[Pipeline], Pipeline] = lambda stages: stages
        provenance = {
            "version": __version__,
            "weights": recipe.describe_weights(options),
            "config": options.model_dump(mode="json"),
            "device": str(device),
        }
        self.header = ResultHeader(reader.info, recipe.skeleton_of(options), provenance)
        self._store = None
        if self.output is not None:
            identity = {**provenance, "torch": torch.__version__, "asked": asked}
            self._store = JournalStore(journal_folder(self.output), identity, restart=restart)
        self.begun_at = 0 if self._store is None else self._store.num_records

    def wrap_stages(self, wrap: Callable[[Pipeline], Pipeline]) -> None:
        """Have both halves put through a function before they run; for stopwatches and the like."""
        self._wrap = wrap

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Frames that could not be decoded; complete when the run is over."""
        return self.header.gaps

    def __iter__(self) -> Iterator[FrameResult]:
        for record in self.records():
            yield _frame_result(record)

    def records(self) -> Iterator[Record]:
        """Do the work and give the records, tracked and smoothed.

        Raises:
            VideoPoseError: as the stages do; what is kept stays kept.
        """
        tracks = self._recipe.build_tracks(self._options, self.header.skeleton)
        tracks = self._wrap(replace(tracks, video=str(self.clip)))
        if self.output is None or self._store is None:
            yield from tracks(self._posed(self._networks()))
            self._close_header(self._reader.gaps)
            return
        with only_run(self._store.folder):
            self._fill(self._store)
            # The second half starts when the first is done, because the gaps stand above the frames in every format.
            self._close_header(self._store.gaps())
            yield from WriteResult(self.output, self.header)(tracks(self._store))
            self._store.remove()

    def _fill(self, store: JournalStore) -> None:
        if store.is_complete:
            return
        before, after = self._recipe.neighbours(self._options)
        journal = Journal(self._networks(), store, before=before, after=after)
        for _ in self._posed(journal, since=store.index_before(before)):
            pass
        known = {gap.first for gap in store.gaps()}
        store.finish([gap for gap in self._reader.gaps if gap.first not in known])

    def _posed(self, networks: Stage, *, since: int = 0) -> Iterator[Record]:
        """Run the costly half, frames decoded ahead in a thread, and tell how far it is."""
        ahead = prefetch(self._reader.records(since=since), LOOK_AHEAD)
        if self.progress is not None:
            self.progress(0, self.num_frames)
        try:
            for done, record in enumerate(networks(ahead), start=1):
                if self.progress is not None:
                    self.progress(done, self.num_frames)
                yield record
        finally:
            ahead.close()

    def _networks(self) -> Pipeline:
        networks = self._recipe.build_networks(self._options, self._device)
        return self._wrap(replace(networks, video=str(self.clip)))

    def _close_header(self, gaps: Iterable[Gap]) -> None:
        self.header = replace(self.header, gaps=tuple(gaps))


def run(
    clip: str | Path,
    output: str | Path | None = None,
    *,
    pipeline: str = "default",
    overrides: Iterable[str] = (),
    device: str = "auto",
    backend: str = "pyav",
    start: float | None = None,
    end: float | None = None,
    frames: tuple[int, int | None] | None = None,
    every: int = 1,
    frame_rate: float | None = None,
    strict: bool = False,
    overwrite: bool = False,
    restart: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Find everybody in a video: boxes, keypoints and ids. Iterate over the answer to do the work.

    Args:
        clip: a video file, a folder of images or a glob.
        output: write the result here too, `.json`, `.parquet` or `.csv`; such a run can be interrupted and goes on
            when it is asked for again.
        pipeline: name of a shipped pipeline (fast, default, accurate), or a YAML file.
        overrides: `dotted.key=value` texts laid over the pipeline's config.
        device: auto, cpu, cuda, cuda:1 …
        backend: what decodes, `pyav`, `opencv` or `decord`.
        start: first presentation time wanted, seconds.
        end: presentation time to stop before, seconds.
        frames: first and last index wanted, inclusive; a last of None is the end.
        every: take every nth of these frames.
        frame_rate: images to the second, for a folder of images.
        strict: frames that cannot be decoded are an error; otherwise they become gaps.
        overwrite: replace a result that is there.
        restart: throw away what an unfinished run has left.
        progress: called with (frames done, all frames), first with 0, when the networks are loaded.

    Raises:
        VideoPoseError: with one line that says what is wrong, where, and what to do.
    """
    recipe, options = load_pipeline(pipeline, overrides)
    if output is not None:
        check_output(Path(output), overwrite=overwrite)
        keep_inputs(Path(output), recipe.input_files(options))
    chosen = choose_device(device)
    reader = open_video(
        clip, backend=backend, start=start, end=end, frames=frames, every=every, frame_rate=frame_rate, strict=strict
    )
    for boxes in recipe.input_files(options):
        check_boxes(boxes, reader.info)
    asked: Facts = {
        "video": _identity(Path(clip)),
        "backend": backend,
        "start": start,
        "end": end,
        "frames": None if frames is None else list(frames),
        "every": every,
        "frame_rate": frame_rate,
        "files": {str(path): _identity(path) for path in recipe.input_files(options)},
    }
    return Run(clip, output, reader, recipe, options, chosen, restart=restart, asked=asked, progress=progress)


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise `InputError` unless a result may be written there."""
    check_suffix(path)
    if path.exists() and not overwrite:
        raise InputError(f"{path}: is already there. Add --overwrite to replace it, or choose another place with -o")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}. Make it, or choose another place with -o")


def keep_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Raise `InputError` where a result would replace a file it is made from."""
    for path in inputs:
        if path.exists() and path.resolve() == output.resolve():
            raise InputError(f"{output}: is what the result is made from. Choose another place with -o")


def journal_folder(output: Path) -> Path:
    """Name the folder in which an unfinished run keeps its chunks."""
    return output.with_name(output.name + ".partial")


def _identity(path: Path) -> Facts:
    return file_identity(path) if path.exists() else {"pattern": str(path)}


def _frame_result(record: Record) -> FrameResult:
    poses = record.poses
    if poses is None:
        return FrameResult(record.frame.index, record.frame.time, ())
    people = tuple(
        Person(int(poses.track_id[row]), float(poses.score[row]), poses.xyxy[row], poses.keypoints[row])
        for row in range(len(poses))
    )
    return FrameResult(record.frame.index, record.frame.time, people)
