"""`videopose run` and `videopose.run`: everything a user may ask for, checked before the work begins."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast

import torch

from videopose import catalog
from videopose.config import Options, input_paths, merge, parse_overrides, read_yaml, validate
from videopose.errors import ConfigError, InputError, VideoPoseError
from videopose.io.identity import WatchedClip, clip_files
from videopose.io.journal_store import check_folder, clip_of
from videopose.io.reader import check_is_path, open_video
from videopose.io.result import JsonObject, part_of
from videopose.io.results import check_suffix
from videopose.workflows.running import (
    Progress,
    Recipe,
    Run,
    journal_folder,
    stored_header,
    stored_provenance,
)

_LONGEST_NAME = 255 - len(".partial")
"""Bytes a result's name may have, with room for that of its unfinished run."""


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
    stream: int | None = None,
    allow_references: bool = False,
    keep_holes: bool = False,
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
        stream: number of the video stream wanted, as FFmpeg counts them; None for the one with the frames.
        allow_references: let the clip name other local files (`.m3u8`, ffconcat), which are then read too.
        keep_holes: numbers missing among the names of a folder's images become gaps.
        overwrite: replace a result that is there.
        restart: throw away what an unfinished run has left.
        progress: called with (frames done, all frames), first with 0, when the networks are loaded.

    Raises:
        VideoPoseError: with one line that says what is wrong, where, and what to do.
    """
    check_is_path(str(clip))
    recipe, options = load_pipeline(pipeline, overrides)
    if output is not None:
        check_output(Path(output), overwrite=overwrite)
        keep_inputs(Path(output), [*_files_of(clip), *input_paths(options).values()])
    chosen = choose_device(device)
    watched = WatchedClip(clip)
    reader = open_video(
        clip, backend=backend, start=start, end=end, frames=frames, every=every, frame_rate=frame_rate, strict=strict,
        stream=stream, allow_references=allow_references, keep_holes=keep_holes,
    )  # fmt: skip
    recipe.check_inputs(options, reader.info)
    request: JsonObject = {
        "video": watched.identify(),
        "backend": backend,
        "start": start,
        "end": end,
        "frames": None if frames is None else list(frames),
        "every": every,
        "frame_rate": frame_rate,
        "stream": stream,
        "keep_holes": keep_holes,
    }
    return Run(
        clip, output, reader, recipe, options, chosen,
        overwrite=overwrite, restart=restart, watched=watched, request=request, progress=progress,
    )  # fmt: skip


def check_output(path: Path, *, overwrite: bool) -> None:
    """Raise `InputError` unless a result may be written there, as far as that can be told before the clip is opened."""
    check_suffix(path)
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise InputError(f"{path.name[:40]}…: the result's name would be too long. Choose a shorter one with -o")
    if path.exists() and not overwrite and not (path.is_file() and stored_provenance(path)):
        raise InputError(f"{path}: is already there. Add --overwrite to replace it, or choose another place with -o")
    if path.is_dir():
        raise InputError(f"{path}: is a folder. Choose another place with -o")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}. Make it, or choose another place with -o")
    check_folder(journal_folder(path))


def check_name(output: Path, clip: str) -> None:
    """Raise `InputError` where a result's name was not chosen, and what lies there is another clip's.

    `clip.mp4`, `clip.mov` and a folder `clip` have one default name between them.
    """
    stored = stored_header(output)
    other = clip_of(journal_folder(output)) if stored is None else stored.video.path
    is_pattern = not Path(clip).exists()
    if other and (other != clip if is_pattern else Path(other).name != Path(clip).name):
        name = Path(clip).name + (".images" if Path(clip).is_dir() else "")
        begun = "is" if stored is not None else "is begun as"
        raise InputError(
            f"{output}: {begun} the result of {other}, and would also be that of {clip}. "
            f"Choose another name, as -o {name}.poses.json"
        )


def keep_inputs(output: Path, inputs: Iterable[Path]) -> None:
    """Raise `InputError` where a result, or what is written on the way to it, would replace a file it is made from."""
    written = [path for path in (output, part_of(output)) if path.exists()]
    journal = journal_folder(output).resolve()
    for path in inputs:
        if path.exists() and (any(path.samefile(each) for each in written) or journal in path.resolve().parents):
            raise InputError(f"{output}: is what the result is made from. Choose another place with -o")


def _files_of(clip: str | Path) -> list[Path]:
    try:
        return clip_files(clip)
    except VideoPoseError:
        return []  # what is wrong with it is said when it is opened
