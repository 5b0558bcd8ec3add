"""`videopose plot`: a figure per person of a result."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("plot", short_help="Draw each person's way, scores and speed over time.")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Plot to write: .png or .html [<poses>.png].")
@click.option("--id", "ids", type=int, multiple=True, metavar="N", help="Only the person of this id; may be repeated.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(poses: Path, output: Path | None, ids: tuple[int, ...], overwrite: bool) -> None:
    """Draw one figure per id of POSES: trajectories, scores, speed, and when it was seen, filled in or corrected."""
    from videopose.io.results import read_result
    from videopose.workflows.outputs import check_output
    from videopose.workflows.plots import check_plot, plot_result

    place = output or poses.with_suffix(".png")
    check_plot(place)
    check_output(place, (poses,), overwrite=overwrite)
    plot_result(place, read_result(poses), ids)
    click.echo(str(place))
