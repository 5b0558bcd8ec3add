"""`videopose angles`: joint and segment angles of a result, as a table and a plot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click


@click.command("angles", short_help="Measure joint and segment angles.")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Table to write: .csv, .parquet, or OpenSim's .mot of one person.",
)
@click.option("--id", "ids", type=int, multiple=True, metavar="N", help="Only the person of this id; may be repeated.")
@click.option("--min-score", type=float, metavar="S", help="Keypoints with a lower score give no angles [0.3].")
@click.option("--keep-filled", is_flag=True, default=None, help="Use keypoints that were filled in, not seen.")
@click.option("--keep-impossible", is_flag=True, default=None, help="Use keypoints that make a limb too long or jump.")
@click.option(
    "--max-stretch", type=float, metavar="R", help="Ratio of a limb's lengths above which a pose cannot be [1.3]."
)
@click.option(
    "--facing",
    type=click.Choice(["auto", "right", "left", "front", "back"]),
    help="Where people look in the image [auto, by how their knees bend].",
)
@click.option(
    "--height",
    "heights",
    multiple=True,
    metavar="[ID=]METRES",
    help="A known height, of one person or of everybody: lengths and speeds in metres.",
)
@click.option("--calibrate", metavar="X1,Y1,X2,Y2=METRES", help="A segment of known length in the image: likewise.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw them too: .png or .html.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
def command(
    poses: Path, output: Path, ids: tuple[int, ...], heights: tuple[str, ...], calibrate: str | None,
    plot: Path | None, overwrite: bool, **given: Any,  # Any: options by name, checked by their model
) -> None:  # fmt: skip
    """Measure the angles of everybody in POSES, a result with ids, in every frame.

    Names and signs are those of Sports2D: flexion is positive, segments are measured from the horizontal
    (docs/angles.md). Angles of keypoints that are absent, doubtful, filled in or impossible are empty.
    """
    from videopose.config import validate
    from videopose.io.results import read_result
    from videopose.workflows.angles import (
        AngleOptions,
        angle_header,
        angle_table,
        check_ids,
        measure_angles,
        write_angles,
    )
    from videopose.workflows.outputs import check_output
    from videopose.workflows.plots import check_plot, plot_angles

    check_output(output, (poses,), overwrite=overwrite)
    if plot is not None:
        check_plot(plot)
        check_output(plot, (poses, output), overwrite=overwrite)
    values = {name: value for name, value in given.items() if value is not None}
    if heights:
        values["heights"] = dict(_height(text) for text in heights)
    if calibrate is not None:
        values["pixels_per_metre"] = _pixels_per_metre(calibrate)
    options = validate(AngleOptions, values, source="angles")
    stored = read_result(poses)
    people = check_ids(stored, measure_angles(stored, options), ids)
    header = angle_header(stored, options, people)
    write_angles(output, angle_table(stored.to_arrays(), people), header)
    if plot is not None:
        plot_angles(plot, stored, people)
    for person in people:
        click.echo(_summary(person), err=True)
    click.echo(str(output))
    if plot is not None:
        click.echo(str(plot))


def _summary(person: Any) -> str:  # Any: PersonAngles, imported when the command runs
    left_out = person.facts["keypoints_left_out"]
    lines = [
        f"{person.track_id}: {person.facts['frames']} frames, facing {person.facing}; left out "
        + ", ".join(f"{number} {kind}" for kind, number in left_out.items())
        + " keypoints"
    ]
    for name, found in person.facts["ranges"].items():
        lines.append(f"  {name:15} {found['least']:7.1f} to {found['most']:6.1f}°, range {found['range']:.1f}°")
    unit = "px" if person.metres_per_pixel is None else "m"
    for name, found in person.facts["limbs"].items():
        lines.append(f"  {name:15} {found['median']:.4g} {unit}, spread {100 * found['spread']:.0f} %")
    return "\n".join(lines)


def _height(text: str) -> tuple[int, float]:
    found = re.fullmatch(r"(?:(\d+)=)?(\d+(?:\.\d*)?)", text)
    if found is None or not 0.3 <= float(found[2]) <= 3:
        raise click.UsageError(f"--height {text}: write metres, as 1.75, or an id and metres, as 2=1.75")
    return int(found[1] or -1), float(found[2])


def _pixels_per_metre(text: str) -> float:
    number = r"(-?\d+(?:\.\d*)?)"
    found = re.fullmatch(rf"{number},{number},{number},{number}=(\d+(?:\.\d*)?)", text)
    if found is None or not float(found[5]):
        raise click.UsageError(f"--calibrate {text}: write two points in pixels and metres, as 100,400,700,410=2.5")
    x1, y1, x2, y2, metres = map(float, found.groups())
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    if not length:
        raise click.UsageError(f"--calibrate {text}: the two points are one; give the ends of a segment")
    return float(length / metres)
