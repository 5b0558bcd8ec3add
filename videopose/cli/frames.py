"""`videopose frames`: a video's frames as images, named as exported annotations name them."""

from __future__ import annotations

from pathlib import Path

import click

from videopose.cli.run import FrameRange


@click.command("frames", short_help="Write a video's frames as images.")
@click.argument("clip")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Folder for the images.")
@click.option("--poses", type=click.Path(path_type=Path), help="A result or export: only the frames it lists.")
@click.option("--frames", type=FrameRange(), help="First and last frame, inclusive, as 100-199 or 100-.")
@click.option("--every", type=click.IntRange(min=1), default=1, metavar="N", help="Only every nth of them.")
@click.option("--stream", type=int, metavar="N", help="Video stream wanted [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="Numbers missing among a folder's images are frames that are lost.")
@click.option("--overwrite", is_flag=True, help="Replace images that are there.")
@click.option("-q", "--quiet", is_flag=True, help="Show no progress.")
def command(
    clip: str, output: Path, poses: Path | None, frames: tuple[int, int | None] | None, every: int, stream: int | None,
    allow_references: bool, keep_holes: bool, overwrite: bool, quiet: bool,
) -> None:  # fmt: skip
    """Write the frames of CLIP as PNG images, as they are displayed, named by their index: frame_000012.png.

    COCO and CVAT files that `videopose convert` writes name the same images. Frames that cannot be decoded are listed.
    """
    from videopose.cli.main import printable
    from videopose.cli.progress import ProgressBar
    from videopose.workflows.extract import extract_frames

    progress = ProgressBar(is_quiet=quiet)
    try:
        written, gaps = extract_frames(
            clip, output, poses=poses, frames=frames, every=every, overwrite=overwrite, stream=stream,
            allow_references=allow_references, keep_holes=keep_holes, progress=progress,
        )  # fmt: skip
    finally:
        progress.close()
    for gap in gaps:
        click.echo(f"note: frames {gap.first}-{gap.last} are missing: {printable(gap.reason)}", err=True)
    click.echo(f"{written} images", err=True)
    click.echo(str(output))
