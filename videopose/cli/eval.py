"""`videopose eval`: score predictions against ground truth under a protocol, and explain the score.

Every protocol in `eval/protocols` is a command; its own options are the fields of its `Options`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click


class _Protocols(click.Group):
    """A group that makes a command of every protocol, whose module is imported when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        from videopose import catalog

        return sorted([*super().list_commands(ctx), *catalog.protocol_names()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        from videopose import catalog

        if cmd_name not in catalog.protocol_names():
            return super().get_command(ctx, cmd_name)
        return _command_of(catalog.protocol(cmd_name).PROTOCOL)


@click.group("eval", cls=_Protocols)
def command() -> None:
    """Score predictions against ground truth and explain the score."""


def _command_of(protocol: Any) -> click.Command:  # Any: a Protocol, whose module is found by name
    from videopose.cli.options import options_of

    path = click.Path(path_type=Path)
    every_protocol_has = [
        click.Option(["--truth"], type=path, required=True, help="Ground truth: file or folder."),
        click.Option(["--predictions"], type=path, required=True, help="Results: file or folder."),
        click.Option(["-o", "--output"], type=path, help="Write everything as JSON."),
        click.Option(["--html"], type=path, help="Write one page that needs no network."),
        click.Option(["--from", "origin"], metavar="FORMAT", help="Format of the truth; recognised by default."),
        click.Option(["--bootstrap", "repeats"], type=click.IntRange(0), default=0, metavar="N",
                     help="Draws for 95 % intervals; 1000 is usual [0]."),
        click.Option(["--compare"], type=path, help="A second result set, to compare with."),
    ]  # fmt: skip
    return click.Command(
        protocol.name,
        params=[*every_protocol_has, *options_of(protocol.options)],
        callback=partial(_score, protocol),
        help=protocol.title,
    )


def _score(
    protocol: Any, /, truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None,
    repeats: int, compare: Path | None, **given: Any,
) -> None:  # fmt: skip  # Any: a Protocol, whose module is found by name, and values of its options
    from videopose import catalog
    from videopose.cli.main import printable
    from videopose.config import validate
    from videopose.io.result import atomic_write

    values = {name: value for name, value in given.items() if value is not None}
    options = validate(protocol.options, values, source=f"eval {protocol.name}")
    scored = protocol.score(truth, predictions, options, origin=origin, explain=True)
    other = protocol.score(truth, compare, options, origin=origin) if compare is not None else None
    reports = catalog.evaluation("reports.build")
    report = reports.build(scored, repeats=repeats, other=other)
    click.echo(printable(reports.as_text(report)))
    for target, text in ((output, reports.as_json), (html, reports.as_html)):
        if target is not None:
            with atomic_write(target) as file:
                file.write(text(report).encode())
            click.echo(str(target))


@command.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As detector.weights=… or pose.weights=….")
@click.option("--every", type=click.IntRange(1), help="Measure every so many people and images alone, for a look.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the numbers as JSON.")
def networks(data_dir: Path, overrides: tuple[str, ...], every: int | None, device: str, output: Path | None) -> None:
    """Measure the default detector and pose network on their held-out sets, beside what is asked of them."""
    import json
    from dataclasses import asdict

    from videopose import catalog
    from videopose.config import merge, parse_overrides, validate
    from videopose.runtime.device import choose_device

    bars = catalog.evaluation("benchmarks.networks")
    values = merge(bars.NetworkBarsOptions().model_dump(), parse_overrides(overrides))
    if every is not None:
        values["every"] = every
    options = validate(bars.NetworkBarsOptions, values, source="--set")
    measured = []
    click.echo(f"{'measure':<22}{'value':>8}{'floor':>8}{'aim':>8}{'n':>7}  protocol")
    for bar in bars.measure(data_dir, options, choose_device(device)):
        numbers = "".join(f"{number:>8.3g}" for number in (bar.value, bar.floor, bar.aim))
        click.echo(f"{bar.name:<22}{numbers}{bar.samples:>7}  {bar.protocol}")
        measured.append(asdict(bar))
    if output is not None:
        output.write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


@command.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--modules", metavar="A,B", help="Pipeline configs to judge [flow,dcpose,posewarper,convlstm].")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As boxes=detector or seeds=[0].")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the numbers as JSON.")
def temporal(data_dir: Path, modules: str | None, overrides: tuple[str, ...], device: str, output: Path | None) -> None:
    """Measure what neighbouring frames add, on clean and on degraded clips (JHMDB's val split)."""
    import json

    from videopose import catalog
    from videopose.config import merge, parse_overrides, validate
    from videopose.io.result import atomic_write
    from videopose.runtime.device import choose_device

    bars = catalog.evaluation("benchmarks.temporal")
    values = merge(bars.TemporalBarsOptions().model_dump(), parse_overrides(overrides))
    if modules is not None:
        values["modules"] = [name for name in modules.split(",") if name]
    options = validate(bars.TemporalBarsOptions, values, source="--set")
    scores = bars.measure(data_dir, options, choose_device(device))
    click.echo(bars.as_table(scores))
    if output is not None:
        with atomic_write(output) as file:
            file.write((json.dumps(bars.as_document(scores, options), indent=1) + "\n").encode())


@command.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--every", "distances", type=click.IntRange(2), multiple=True, default=(7, 15), show_default=True,
              metavar="K", help="Labels on every so many frames; may be given again.")  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As of annotate propagate.")
def propagation(data_dir: Path, distances: tuple[int, ...], overrides: tuple[str, ...]) -> None:
    """Measure how well labels fill in the frames between them (JHMDB's val split), beside a straight line."""
    from videopose import catalog
    from videopose.config import parse_overrides, validate
    from videopose.workflows.propagate import PropagateOptions

    bars = catalog.evaluation("benchmarks.propagation")
    options = validate(PropagateOptions, parse_overrides(overrides), source="--set")
    click.echo(bars.as_table(bars.measure(data_dir, distances, options)))
