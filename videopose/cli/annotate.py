"""`videopose annotate`: help for people who label videos by hand."""

from __future__ import annotations

from pathlib import Path

import click


@click.group(name="annotate")
def command() -> None:
    """Propagate labels drawn by hand, and apply corrections."""


@command.command(name="propagate")
@click.argument("clip", type=click.Path(path_type=Path))
@click.argument("labels", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Result to write.")
@click.option("--from", "origin", metavar="FORMAT", help="Format of LABELS; recognised by default.")
@click.option("--first", "first_number", type=int, metavar="N",
              help="What the first frame is called in the labels' image names [told by them].")  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value, as max_span=100.")
@click.option("--stream", type=int, metavar="N", help="Video stream the labels are of [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="The labels count the missing numbers of images.")
@click.option("--overwrite", is_flag=True, help="Replace a finished result.")
def propagate_command(
    clip: Path,
    labels: Path,
    output: Path,
    origin: str | None,
    first_number: int | None,
    overrides: tuple[str, ...],
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
    overwrite: bool,
) -> None:
    """Propagate LABELS on some frames of CLIP to the frames between them.

    LABELS is a result (.json, .parquet, .csv), COCO or PoseTrack json, or any other format `videopose convert` reads.
    Labelled frames come out as they are.
    """
    from videopose.config import parse_overrides, validate
    from videopose.workflows.propagate import PropagateOptions, propagate

    options = validate(PropagateOptions, parse_overrides(overrides), source="--set")
    summary = propagate(
        clip, labels, output, options, origin=origin, first_number=first_number, overwrite=overwrite, stream=stream,
        allow_references=allow_references, keep_holes=keep_holes,
    )  # fmt: skip
    click.echo(summary, err=True)
    click.echo(str(output))


@command.command(name="apply")
@click.argument("result", type=click.Path(path_type=Path))
@click.argument("edits", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Result to write.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
def apply_command(result: Path, edits: Path, output: Path, overwrite: bool) -> None:
    """Write RESULT with the corrections of EDITS, the .edits.jsonl of `videopose desk`.

    RESULT stays as it is. What is written says the checksum of EDITS and which keypoints were placed by hand.
    """
    from videopose.workflows.edit import apply_edits

    click.echo(apply_edits(result, edits, output, overwrite=overwrite), err=True)
    click.echo(str(output))
