"""`videopose track`: track saved poses again, or compare trackers on them; no network runs."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("track")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write; the suffix chooses the format.")
@click.option("--tracker", metavar="NAME", help="Which tracker [whole-video].")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value, as tracker.max_age=2.")
@click.option("--keep-ids", is_flag=True, help="Call people as POSES does, where they overlap.")
@click.option(
    "--lock",
    "locked",
    type=int,
    multiple=True,
    metavar="ID",
    help="Keep the person of this id as it is: neither joined nor renamed; may be repeated.",
)
@click.option("--print-config", is_flag=True, help="Print all values and stop.")
@click.option("--overwrite", is_flag=True, help="Replace a finished result.")
@click.option("--compare", metavar="A,B,C", help="Print a table of trackers instead of writing a result.")
@click.option("--truth", type=click.Path(path_type=Path), help="True tracks: a result, or PoseTrack json.")
def command(
    poses: Path,
    output: Path | None,
    tracker: str | None,
    overrides: tuple[str, ...],
    keep_ids: bool,
    locked: tuple[int, ...],
    print_config: bool,
    overwrite: bool,
    compare: str | None,
    truth: Path | None,
) -> None:
    """Track the people of a result again.

    POSES is a result of `videopose run` (.json, .parquet or .csv). Its ids are forgotten and given anew, unless
    `--keep-ids` or `--lock` holds them.
    """
    from videopose.config import dump
    from videopose.workflows.retrack import retrack, retrack_options

    if compare is not None:
        _compare(poses, compare, truth, overrides)
        return
    if truth is not None:
        raise click.UsageError("--truth goes with --compare")
    options = retrack_options(tracker, overrides)
    if print_config:
        click.echo(dump(options), nl=False)
        return
    if output is None:
        raise click.UsageError("say where to write the result: -o OUT")
    summary = retrack(poses, output, options, overwrite=overwrite, keep_ids=keep_ids, locked=locked)
    click.echo(summary, err=True)
    click.echo(str(output))


def _compare(poses: Path, names: str, truth: Path | None, overrides: tuple[str, ...]) -> None:
    from videopose.catalog import evaluation

    if truth is None:
        raise click.UsageError("--compare needs --truth FILE to compare with")
    trackers = [name.strip() for name in names.split(",") if name.strip()]
    click.echo(evaluation("reports.trackers").compare(poses, trackers, truth, overrides))
