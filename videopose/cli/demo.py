"""`videopose demo`: from nothing to real people with their keypoints drawn in."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("demo", short_help="Try it on a clip of real people.")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="demo", show_default=True, help="Folder.")
@click.option("--clip", type=click.Path(path_type=Path), help="Another clip; then nothing is downloaded.")
@click.option("--pipeline", default="default", show_default=True, help="fast, default, accurate, or a YAML file.")
@click.option("--frames", "last", type=click.IntRange(1), metavar="N", help="Take the first N frames alone.")
def command(output: Path, clip: Path | None, pipeline: str, last: int | None) -> None:
    """Download a clip of 8 seconds (9 MB, from the package index), find its people, draw them, and say where that is.

    The clip ships in the package sports2d under the BSD 3-Clause License; nothing of it is installed. All else works
    without a network.
    """
    import numpy as np

    from videopose.cli.progress import ProgressBar
    from videopose.drawing.options import DrawOptions
    from videopose.errors import VideoPoseError
    from videopose.io.results import read_result
    from videopose.workflows.demo import CREDIT, fetch_demo_clip
    from videopose.workflows.render import render
    from videopose.workflows.run import run
    from videopose.workflows.sheet import contact_sheet

    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VideoPoseError(f"{output}: cannot be made ({error.strerror}). Choose another folder with -o") from error
    if clip is None:
        click.echo("The clip comes from the package index …", err=True)
        clip = fetch_demo_clip(output)
        click.echo(CREDIT, err=True)
    endings = (".poses.json", ".overlay.mp4", ".sheet.jpg")
    result, video, image = (output / f"{clip.stem}{ending}" for ending in endings)
    frames = None if last is None else (0, last - 1)
    shown = ProgressBar()
    try:
        for _ in run(clip, result, pipeline=pipeline, frames=frames, overwrite=True, progress=shown):
            pass
    finally:
        shown.close()
    options = DrawOptions(draw=("skeleton", "faces", "labels", "trail"))
    render(clip, result, video, overwrite=True, drawing=options)
    contact_sheet(clip, result, image, columns=3, rows=3, drawing=options, overwrite=True)
    arrays = read_result(result).to_arrays()
    for column, track_id in enumerate(arrays.track_id):
        seen = np.flatnonzero(np.isfinite(arrays.score[:, column]))
        if len(seen):
            begin, end = arrays.time[seen[[0, -1]]]
            click.echo(f"person {track_id}: {len(seen)} frames, {begin:.1f} to {end:.1f} s")
    click.echo(f"result  {result.resolve()}\nvideo   {video.resolve()}\nimage   {image.resolve()}")
