"""`videopose report`: a result as one HTML page for those who only look."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("report", short_help="Show a result as one HTML page.")
@click.argument("clip", type=click.Path(path_type=Path))
@click.argument("poses", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Page to write [<clip>.report.html].")
@click.option("--frame-rate", type=float, help="Images per second, for a folder of images [25].")
@click.option("--stream", type=int, metavar="N", help="Video stream the result is of [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="The result counts the missing numbers of images.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def command(
    clip: Path,
    poses: Path,
    output: Path | None,
    frame_rate: float | None,
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
    overwrite: bool,
) -> None:
    """Show POSES, the result of CLIP, as one HTML page: counts, timeline, scores, speeds, doubtful moments, settings.

    The page needs no network and runs no scripts.
    """
    from videopose.catalog import evaluation
    from videopose.cli.run import default_output

    place = output or default_output(str(clip), ".report.html")
    said = evaluation("reports.result_page").write(
        clip, poses, place, overwrite=overwrite, frame_rate=frame_rate, stream=stream,
        allow_references=allow_references, keep_holes=keep_holes,
    )  # fmt: skip
    click.echo(said, err=True)
    click.echo(str(place))
