"""`videopose render`: draw a result over its video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from videopose.cli.drawing import drawing_from, drawing_options
from videopose.cli.run import FrameRange


@click.command("render", short_help="Draw a result over its video.")
@click.argument("clip")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="Video to write [<clip>.overlay.mp4]; or .mkv, .gif, .webp.",
)
@click.option("--overwrite", is_flag=True, help="Replace a video that is there.")
@click.option("--frames", type=FrameRange(), help="First and last frame wanted of those in POSES.")
@click.option("--every", type=click.IntRange(1), default=1, metavar="N", help="Take every Nth of these.")
@click.option("--width", type=click.IntRange(16), metavar="PIXELS", help="Of what is written [the clip's].")
@click.option("--side-by-side", is_flag=True, help="Put the frame without the drawing beside it.")
@drawing_options(short=True)
@click.option("--frame-rate", type=float, help="Images per second, for a folder of images [the result's].")
@click.option("--stream", type=int, metavar="N", help="Video stream the result is of [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="The result counts the missing numbers of images.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    clip: str,
    poses: Path,
    output: Path | None,
    overwrite: bool,
    frames: tuple[int, int | None] | None,
    every: int,
    width: int | None,
    side_by_side: bool,
    frame_rate: float | None,
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
    quiet: bool,
    **drawing: Any,  # Any: of `drawing_options`
) -> None:
    """Draw the people of POSES, a result of `videopose run`, over CLIP, the video it was made of.

    Each person keeps one colour; limbs the network is unsure of are faint, those that were filled in between frames
    dashed; the lighter side is the person's left. A .gif or .webp is an animation for a page.
    """
    from videopose.cli.progress import ProgressBar
    from videopose.cli.run import default_output
    from videopose.workflows.render import render

    place = output or default_output(clip, ".overlay.mp4")
    progress = ProgressBar(is_quiet=quiet)
    try:
        render(
            clip, poses, place, overwrite=overwrite, frame_rate=frame_rate, stream=stream,
            allow_references=allow_references, keep_holes=keep_holes, drawing=drawing_from(drawing),
            frames=frames, every=every, width=width, side_by_side=side_by_side, progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    click.echo(place)
