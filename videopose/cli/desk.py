"""`videopose desk`: look through a result in the browser, and correct it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("desk", short_help="Look through a result in the browser, and correct it.")
@click.argument("clip", type=click.Path(path_type=Path))
@click.argument("poses", type=click.Path(path_type=Path), required=False)
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; others can then reach it.")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("--pipeline", default="default", show_default=True, help="Of the run that makes POSES if it is missing.")
@click.option("--frame-rate", type=float, help="Images per second, for a folder of images [25].")
@click.option("--stream", type=int, metavar="N", help="Video stream to read [the one with the frames].")
@click.option("--allow-references", is_flag=True, help="Let CLIP name other local files (m3u8, ffconcat).")
@click.option("--keep-holes", is_flag=True, help="Images whose numbers are missing are gaps.")
def command(
    clip: Path,
    poses: Path | None,
    port: int,
    host: str,
    no_browser: bool,
    pipeline: str,
    frame_rate: float | None,
    stream: int | None,
    allow_references: bool,
    keep_holes: bool,
) -> None:
    """Show POSES, the result of CLIP, in the browser, and correct it there; POSES is made first if it is missing.

    POSES itself is never changed: every correction is a line in <poses>.edits.jsonl, saved at once, and
    `videopose annotate apply` makes a result of both. Ctrl-C ends it.
    """
    from importlib.util import find_spec

    from videopose.cli.run import default_output
    from videopose.errors import InputError

    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise InputError("the desk needs starlette and uvicorn: pip install 'videopose[desk]'")
    from videopose.desk.serve import ServeOptions, serve

    reading: dict[str, Any] = {  # Any: values of several types
        "frame_rate": frame_rate, "stream": stream, "allow_references": allow_references, "keep_holes": keep_holes,
    }  # fmt: skip
    options = ServeOptions(host, port, not no_browser, pipeline, reading)
    serve(clip, poses or default_output(str(clip), ".poses.json"), options, click.echo)
