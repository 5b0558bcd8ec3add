"""`videopose edit`: correct ids of a result in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from videopose.annotation.operations import Operation

_SPAN = r"(?:@(?P<first>\d{1,9})(?P<open>-)?(?P<last>\d{1,9})?)?"
_FORMS: dict[str, tuple[str, str]] = {
    "merge": (rf"(?P<keep>\d{{1,9}}),(?P<other>\d{{1,9}}){_SPAN}", "2,3 or 2,3@40-90"),
    "split": (r"(?P<track_id>\d{1,9})@(?P<first>\d{1,9})(?:=(?P<new_id>\d{1,9}))?", "3@150 or 3@150=12"),
    "swap": (rf"(?P<a>\d{{1,9}}),(?P<b>\d{{1,9}}){_SPAN}", "1,2@40- or 1,2@40-90"),
    "drop": (rf"(?P<track_id>\d{{1,9}}){_SPAN}", "4 or 4@0-20"),
    "rename": (rf"(?P<track_id>\d{{1,9}})=(?P<new_id>\d{{1,9}}){_SPAN}", "7=1 or 7=1@40-90"),
}
"""How each operation is written, and an example of it."""


class _InOrder(click.Command):
    """A command that remembers in which order its options stand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta["order"] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


class _Operation(click.ParamType[dict[str, int]]):
    """An operation as it is written on the command line."""

    def __init__(self, op: str) -> None:
        self.op = self.name = op

    def convert(
        self, value: str | dict[str, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, int]:
        """Read the numbers; a span without a dash is one frame."""
        if isinstance(value, dict):
            return value
        pattern, example = _FORMS[self.op]
        found = re.fullmatch(pattern, value)
        if found is None:
            self.fail(f"{value!r} is not understood. Write {example}", param, ctx)
        numbers = {key: int(text) for key, text in found.groupdict().items() if text and key != "open"}
        is_open = found.groupdict().get("open") is not None or self.op == "split"
        if "first" in numbers and not is_open:
            numbers["last"] = numbers["first"]
        return numbers


@click.command("edit", cls=_InOrder, short_help="Merge, split, swap, drop or rename people of a result.")
@click.argument("poses", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Result to write.")
@click.option("--merge", type=_Operation("merge"), multiple=True, metavar="A,B[@SPAN]", help="B is A.")
@click.option("--split", type=_Operation("split"), multiple=True, metavar="A@FRAME[=B]",
              help="From FRAME on A is somebody else, B or the next free id.")  # fmt: skip
@click.option("--swap", type=_Operation("swap"), multiple=True, metavar="A,B[@SPAN]", help="A and B change names.")
@click.option("--drop", type=_Operation("drop"), multiple=True, metavar="A[@SPAN]", help="A is nobody.")
@click.option("--rename", type=_Operation("rename"), multiple=True, metavar="A=B[@SPAN]", help="A is called B.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@click.pass_context
def command(
    ctx: click.Context, /, poses: Path, output: Path, overwrite: bool, **given: tuple[dict[str, int], ...]
) -> None:
    """Correct ids of POSES, a result of `videopose run`, and write another.

    Operations are done in the order in which they stand, and recorded in the provenance. SPAN is a frame (40), frames
    from one to another (40-90), or from one on (40-).
    """
    from videopose.workflows.edit import edit

    waiting = {name: list(values) for name, values in given.items()}
    asked = [(name, waiting[name].pop(0)) for name in ctx.meta["order"] if name in waiting]
    if not asked:
        raise click.UsageError("say what to change: --merge, --split, --swap, --drop or --rename")
    click.echo(edit(poses, [*_operations(poses, asked)], output, overwrite=overwrite), err=True)
    click.echo(str(output))


def _operations(poses: Path, asked: list[tuple[str, dict[str, int]]]) -> list[Operation]:
    from videopose.annotation.operations import parse
    from videopose.io.results import read_result

    free = 1 + max((number for _, fields in asked for key, number in fields.items() if "id" in key), default=0)
    if any(name == "split" and "new_id" not in fields for name, fields in asked):
        ids = (record.poses.track_id.max(initial=0) for record in read_result(poses) if record.poses is not None)
        free = max(free, 1 + int(max(ids, default=0)))
    out = []
    for name, fields in asked:
        values: Mapping[str, Any] = fields  # Any: as `parse` takes them
        if name == "split" and "new_id" not in fields:
            values, free = {**fields, "new_id": free}, free + 1
        out.append(parse("delete" if name == "drop" else name, values, f"--{name}"))
    return out
