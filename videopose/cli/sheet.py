"""`videopose sheet`: frames of a result in one image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from videopose.cli.drawing import drawing_from, drawing_options
from videopose.cli.run import FrameRange


@click.command("sheet", short_help="Draw frames of a result into one image.")
@click.argument("clip")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Image to write [<clip>.sheet.jpg]; .png, .webp.")
@click.option("--overwrite", is_flag=True, help="Replace an image that is there.")
@click.option("--columns", type=click.IntRange(1), default=4, show_default=True, help="Frames beside each other.")
@click.option("--rows", type=click.IntRange(1), default=3, show_default=True, help="Frames below each other, at most.")
@click.option("--width", type=click.IntRange(64), default=1600, show_default=True, help="Of the image, pixels.")
@click.option("--frames", type=FrameRange(), help="First and last frame wanted of those in POSES.")
@drawing_options(short=True)
@click.option("--frame-rate", type=float, help="Images per second, for a folder of images [the result's].")
@click.option("--stream", type=int, metavar="N", help="Video stream the result is of [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="The result counts the missing numbers of images.")
def command(
    clip: str,
    poses: Path,
    output: Path | None,
    overwrite: bool,
    columns: int,
    rows: int,
    width: int,
    frames: tuple[int, int | None] | None,
    frame_rate: float | None,
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
    **drawing: Any,  # Any: of `drawing_options`
) -> None:
    """Draw frames of POSES, a result of `videopose run`, evenly spaced over CLIP, into one image.

    Each frame carries its number and its time.
    """
    from videopose.cli.run import default_output
    from videopose.workflows.sheet import contact_sheet

    place = output or default_output(clip, ".sheet.jpg")
    contact_sheet(
        clip, poses, place, columns=columns, rows=rows, width=width, drawing=drawing_from(drawing), frames=frames,
        overwrite=overwrite, frame_rate=frame_rate, stream=stream, allow_references=allow_references,
        keep_holes=keep_holes,
    )  # fmt: skip
    click.echo(place)
