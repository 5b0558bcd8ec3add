"""`videopose submission`: write and check the files of a leaderboard submission."""

from __future__ import annotations

from pathlib import Path

import click


@click.group("submission")
def command() -> None:
    """Write and check the files of a PoseTrack submission."""


@command.command()
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--truth", type=click.Path(path_type=Path), required=True, help="Folder of ground truth (names, frames).")
@click.option("--profile", required=True, metavar="NAME", help="estimation (every keypoint) or tracking.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder to write to.")
@click.option("--threshold", type=float, help="Keypoint score below which the tracking profile drops keypoints [0.3].")
@click.option("--tune", type=click.Path(path_type=Path), metavar="VAL_DIR",
              help="Choose the threshold that maximises MOTA: a folder with `results` and `truth`.")  # fmt: skip
def make(
    results: tuple[Path, ...], truth: Path, profile: str, output: Path, threshold: float | None,
    tune: Path | None,
) -> None:  # fmt: skip
    """Write one JSON per sequence from RESULTS, files or folders."""
    from videopose import catalog

    made = catalog.evaluation("submission.write").make(
        results, truth, profile, output, threshold=threshold, tuned_on=tune
    )
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    if made.threshold:
        click.echo(f"note: keypoints with a score below {made.threshold:g} are dropped", err=True)
    for file in made.files:
        click.echo(str(file))


@command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--truth", type=click.Path(path_type=Path), help="Folder of ground truth; names and frames need it.")
def check(folder: Path, truth: Path | None) -> None:
    """Check for every rule of the challenge whether the files in FOLDER keep it; exit 1 if one does not."""
    from videopose import catalog
    from videopose.errors import DatasetError

    verdicts = catalog.evaluation("submission.write").check(folder, truth)
    for verdict in verdicts:
        click.echo(f"{'ok ' if verdict.kept else 'NO '} {verdict.rule:12} {verdict.what}")
        for problem in verdict.problems:
            click.echo(f"    {problem}")
        if verdict.count > len(verdict.problems):
            click.echo(f"    … and {verdict.count - len(verdict.problems)} more")
    if truth is None:
        click.echo("    names and frames were not checked; give --truth for that")
    broken = [verdict.rule for verdict in verdicts if not verdict.kept]
    if broken:
        raise DatasetError(f"{folder}: breaks {len(broken)} of {len(verdicts)} rules: {', '.join(broken)}")
