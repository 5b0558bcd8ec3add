"""`videopose convert`: read pose files of one format, write them in another, and say what does not fit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from videopose.io.exchange.impossible import Impossible
    from videopose.io.exchange.table import PoseTable
    from videopose.io.result import Layout


@click.command(name="convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File or, for a folder, folder.")
@click.option("--to", "target", metavar="FORMAT", help="Format to write; see --list [told by the suffix of -o].")
@click.option("--from", "origin", metavar="FORMAT", help="Format of SOURCE; recognised by default.")
@click.option("--clip", type=click.Path(path_type=Path), help="The video: its size, frame rate and times are taken.")
@click.option("--size", metavar="WxH", help="Size of the images in pixels, where SOURCE does not say.")
@click.option("--first", type=int, metavar="N", help="What the first frame is called in image names [told by them].")
@click.option("--no-derive", is_flag=True, help="Leave keypoints absent that could be computed from others (a neck).")
@click.option(
    "--layout",
    type=click.Choice(["wide", "long"]),
    default="wide",
    show_default=True,
    help="Of CSV and Parquet: a row per person, or a row per keypoint.",
)
@click.option(
    "--impossible",
    type=click.Choice(["keep", "fade", "drop"]),
    default="keep",
    show_default=True,
    help="Keypoints that make a limb longer than it is: halve their scores, or leave them out.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    default=0.0,
    metavar="S",
    help="Leave keypoints out whose score is below: empty, NaN or not labelled.",
)
@click.option(
    "--only", "ids", type=int, multiple=True, metavar="ID", help="Only the person of this id; may be repeated."
)
@click.option(
    "--metres-per-pixel",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Write markers in metres, as `videopose angles --height` measures them.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--list", "show", is_flag=True, is_eager=True, expose_value=False, callback=lambda *args: _list(*args),
              help="List the formats and exit.")  # fmt: skip
def command(
    source: Path, output: Path, target: str | None, origin: str | None, clip: Path | None, size: str | None,
    first: int | None, no_derive: bool, layout: Layout, impossible: Impossible, min_score: float, ids: tuple[int, ...],
    metres_per_pixel: float | None, overwrite: bool,
) -> None:  # fmt: skip
    """Convert SOURCE, a file or a folder of files, to another format.

    What the target format has no place for is said once on stderr. Keypoints are matched by name, images with frames
    of a video by the last number in their names (docs/formats.md).
    """
    from dataclasses import replace

    from videopose.cli.main import printable
    from videopose.errors import DatasetError, InputError
    from videopose.io.disk import refusals_said
    from videopose.io.exchange.formats import format_named, format_of_suffix, read_table, write_table
    from videopose.io.exchange.impossible import without_impossible

    if target is None:
        target = format_of_suffix(output)
    suffix = format_named(target).suffix
    if source.is_dir():
        pattern = format_named(origin).suffix if origin else ".json"
        with refusals_said(source):
            files = sorted(path for path in source.iterdir() if path.name.endswith(pattern))
        if not files:
            hint = "" if origin else "; name the format of other files with --from"
            raise DatasetError(f"{source}: no *{pattern} file in this folder{hint}")
        with refusals_said(output):
            output.mkdir(parents=True, exist_ok=True)
        pairs = [(file, output / f"{file.stem}{suffix}") for file in files]
    else:
        pairs = [(source, output)]
    said: set[str] = set()
    placed = _placing(clip, size, first)
    for file, written in pairs:
        with refusals_said(written):
            if written.exists() and not overwrite:
                raise InputError(f"{written}: exists already. Give another -o, or --overwrite")
        table = _chosen(placed(read_table(file, origin)), ids)
        table, notes = without_impossible(replace(table, metres_per_pixel=metres_per_pixel), impossible)
        notes += write_table(table, written, target, derive=not no_derive, layout=layout, min_score=min_score)
        for sentence in notes:
            if sentence not in said:
                said.add(sentence)
                click.echo(f"note: {printable(sentence)}", err=True)
        click.echo(str(written))


def _chosen(table: PoseTable, ids: tuple[int, ...]) -> PoseTable:
    """Keep the people of some ids; everybody if none is given."""
    from videopose.errors import InputError

    known = sorted(set(table.track_id.tolist()))
    for each in ids:
        if each not in known:
            shown = ", ".join(map(str, known[:20]))
            raise InputError(f"{table.source}: nobody has the id {each}. Known: {shown or 'none'}")
    return table[[each in ids for each in table.track_id.tolist()]] if ids else table


def _placing(clip: Path | None, size: str | None, first: int | None) -> Callable[[PoseTable], PoseTable]:
    """Return what says of a table which frames, sizes and times its images have."""
    from dataclasses import replace

    from videopose.errors import InputError
    from videopose.io.exchange.frames import in_frame_order
    from videopose.io.exchange.own_result import of_video
    from videopose.io.reader import open_video

    if clip is not None:
        reader = open_video(clip)
        times = reader.times()
        return lambda table: of_video(table, reader.info, times, first=first)
    sides = re.fullmatch(r"([1-9]\d{0,5})x([1-9]\d{0,5})", size or "1x1")
    if sides is None:
        raise InputError(f"--size {size}: write it as width x height in pixels, such as 1280x720")
    size_hw = (int(sides[2]), int(sides[1])) if size else None

    def placed(table: PoseTable) -> PoseTable:
        if size_hw is not None:
            table = replace(table, frames=tuple(replace(frame, size_hw=size_hw) for frame in table.frames))
        return table if first is None else in_frame_order(table, first=first)

    return placed


def _list(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from videopose.io.exchange.formats import FORMATS

    for name, each in FORMATS.items():
        ways = "read, write" if each.read and each.write else "read" if each.read else "write"
        needs = f" (needs {each.needs}: videopose[exports])" if each.needs else ""
        click.echo(f"{name:14} {each.suffix:8} {ways:12} {each.title}{needs}")
    context.exit()
