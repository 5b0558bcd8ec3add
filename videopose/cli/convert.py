"""`videopose convert`: read pose files of one format, write them in another, and say what does not fit."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="convert")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="File or, for a folder, folder.")
@click.option("--to", "target", required=True, metavar="FORMAT", help="Format to write; see --list.")
@click.option("--from", "origin", metavar="FORMAT", help="Format of SOURCE; recognised by default.")
@click.option("--no-derive", is_flag=True, help="Leave keypoints absent that could be computed from others (a neck).")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--list", "show", is_flag=True, is_eager=True, expose_value=False, callback=lambda *args: _list(*args),
              help="List the formats and exit.")  # fmt: skip
def command(source: Path, output: Path, target: str, origin: str | None, no_derive: bool, overwrite: bool) -> None:
    """Convert SOURCE, a file or a folder of files, to another format.

    What the target format has no place for is said once on stderr. Keypoints are matched by name.
    """
    from videopose.errors import DatasetError, InputError
    from videopose.io.exchange.formats import format_named, read_table, write_table

    suffix = format_named(target).suffix
    if source.is_dir():
        pattern = format_named(origin).suffix if origin else ".json"
        files = sorted(source.glob(f"*{pattern}"))
        if not files:
            hint = "" if origin else "; name the format of other files with --from"
            raise DatasetError(f"{source}: no *{pattern} file in this folder{hint}")
        output.mkdir(parents=True, exist_ok=True)
        pairs = [(file, output / f"{file.stem}{suffix}") for file in files]
    else:
        pairs = [(source, output)]
    said: set[str] = set()
    for file, written in pairs:
        if written.exists() and not overwrite:
            raise InputError(f"{written}: exists already. Give another -o, or --overwrite")
        for sentence in write_table(read_table(file, origin), written, target, derive=not no_derive):
            if sentence not in said:
                said.add(sentence)
                click.echo(f"note: {sentence}", err=True)
        click.echo(str(written))


def _list(context: click.Context, _option: click.Parameter, asked: bool) -> None:
    if not asked:
        return
    from videopose.io.exchange.formats import FORMATS

    for name, each in FORMATS.items():
        ways = "read, write" if each.read and each.write else "read" if each.read else "write"
        click.echo(f"{name:14} {each.suffix:6} {ways:12} {each.title}")
    context.exit()
