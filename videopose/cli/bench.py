"""`videopose bench`: how fast the networks and a whole run are on this machine."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("bench")
@click.argument("clip", type=click.Path(path_type=Path), required=False)
@click.option("--pipeline", default="default", show_default=True, help="Name of a pipeline, or a YAML file.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the pipeline.")
@click.option(
    "--frames", type=click.IntRange(min=1), default=300, show_default=True, help="How many frames of the clip are run."
)
@click.option(
    "--threads", type=click.IntRange(min=0), default=0, help="Threads of the networks; 0 leaves it to PyTorch."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the numbers as JSON.")
def command(
    clip: Path | None,
    pipeline: str,
    overrides: tuple[str, ...],
    frames: int,
    threads: int,
    device: str,
    output: Path | None,
) -> None:
    """Measure speed: the networks beside HRNet-W32 and, with CLIP, a whole run beside its network calls alone."""
    import json

    import torch

    from videopose import catalog
    from videopose.errors import InputError
    from videopose.runtime.device import choose_device
    from videopose.workflows.pipelines import load_pipeline

    if output is not None and output.suffix.lower() != ".json":
        raise InputError(f"{output}: the numbers are written as JSON; give a name that ends in .json")
    if output is not None and not output.parent.is_dir():
        raise InputError(f"{output}: there is no folder {output.parent}. Make it, or choose another place with -o")
    if threads:
        torch.set_num_threads(threads)
    networks, whole = catalog.evaluation("benchmarks.speed.networks"), catalog.evaluation("benchmarks.speed.pipeline")
    options = load_pipeline(pipeline, overrides).options
    sections = {name: getattr(options, name) for name in ("detector", "pose") if hasattr(options, name)}
    report = {"machine": whole.machine()}
    if clip is not None:
        report["run"] = whole.measure_pipeline(
            clip, pipeline=pipeline, overrides=overrides, frames=frames, device=device
        )
        _print("run", report["run"])
    report["networks"] = networks.measure_networks(networks.NetworkSpeedOptions(**sections), choose_device(device))
    _print("networks", report["networks"])
    if output is not None:
        output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        click.echo(str(output))


def _print(title: str, numbers: dict[str, object]) -> None:
    click.echo(title)
    for name, value in numbers.items():
        if isinstance(value, dict):
            for part, seconds in sorted(value.items(), key=lambda item: -item[1]):
                click.echo(f"    {part:<24}{seconds:10.3f} s")
        elif isinstance(value, list):
            click.echo(f"  {name:<28}" + "".join(f"{wall:10.3f} /{alone:7.3f}" for wall, alone in value))
        else:
            click.echo(f"  {name:<28}{value:10.3f}" if isinstance(value, float) else f"  {name:<28}{value!s:>10}")
