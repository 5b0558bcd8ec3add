"""`videopose models`: which networks and weights there are, and getting, converting and exporting them."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from videopose.models.complexity import Counts
    from videopose.models.zoo import Weights

Size = tuple[int, int]


@click.group("models")
def command() -> None:
    """List, describe, fetch, import and export networks."""


@command.command("list")
@click.argument("pattern", default="")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(pattern: str, as_json: bool) -> None:
    """List architectures and their weights; PATTERN keeps names that contain it."""
    from videopose.models import ARCHITECTURES
    from videopose.models.weights import weights_folder
    from videopose.models.zoo import weights_table

    table = [weights for name, weights in weights_table().items() if pattern in name]
    kept = {name: [w for w in table if w.architecture == name] for name in ARCHITECTURES}
    kept = {name: rows for name, rows in kept.items() if rows or pattern in name}
    if as_json:
        click.echo(json.dumps({name: [weights.name for weights in rows] for name, rows in kept.items()}, indent=1))
        return
    for name, rows in kept.items():
        click.echo(f"{name}  ({ARCHITECTURES[name].task})")
        for weights in rows:
            there = weights.is_shipped or (weights_folder() / weights.file).is_file()
            scores = "  ".join(f"{key} {value:g}" for key, value in list(weights.scores.items())[:1])
            click.echo(f"  {'*' if there else ' '} {weights.name:44s} {weights.licence:12s} {scores}".rstrip())
    click.echo("* = ready to use; fetch others with `videopose models fetch NAME`", err=True)


@command.command("info")
@click.argument("name")
@click.option("--input", "size", type=int, nargs=2, metavar="H W", help="Input size, pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, size: Size | None, as_json: bool) -> None:
    """Describe an architecture or weights: parameters, GFLOPs as its paper counts, input, keypoints."""
    from videopose.models import architecture_named
    from videopose.models.complexity import count, gflops
    from videopose.models.zoo import weights_named

    weights = weights_named(name) if "." in name else None
    architecture = name.partition(".")[0]
    entry = architecture_named(architecture)
    input_hw = size or (weights.input_hw if weights else entry.input_hw)
    keypoints = weights.num_keypoints if weights else None
    counts = count(architecture, input_hw=input_hw, num_keypoints=keypoints)
    facts = _facts(name, architecture, input_hw, counts, gflops(architecture, counts), weights)
    if as_json:
        click.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        click.echo(f"{key:12s} {_readable(value)}")


def _facts(
    name: str, architecture: str, input_hw: Size, counts: Counts, giga: float, weights: Weights | None
) -> dict[str, object]:
    from videopose.models import architecture_named
    from videopose.skeletons import skeleton_named

    entry = architecture_named(architecture)
    skeleton = weights.skeleton if weights else entry.skeleton
    facts: dict[str, object] = {
        "name": name,
        "parameters": counts.parameters,
        "gflops": round(giga, 3),
        "input": list(input_hw),
        "keypoints": len(skeleton_named(skeleton)) if skeleton else None,
        "skeleton": skeleton or None,
        "codec": (weights.codec if weights else entry.codec) or None,
        "macs": counts.macs,
        "convention": entry.flops,
        "task": entry.task,
    }
    if weights is not None:
        facts |= {
            "licence": weights.licence,
            "paper": weights.paper or None,
            "origin": weights.origin or None,
            "file": weights.file,
            "sha256": weights.sha256 or None,
            "scores": dict(weights.scores),
        }
    return facts


def _readable(value: object) -> str:
    if isinstance(value, dict):
        return "  ".join(f"{key} {score}" for key, score in value.items())
    if isinstance(value, list):
        return " x ".join(str(part) for part in value)
    return f"{value:,}" if isinstance(value, int) else str(value)


@command.command("fetch")
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Download weights, resuming what broke off, and check them against their checksum."""
    from videopose.models.fetch import fetch as fetch_weights
    from videopose.models.zoo import weights_named

    for weights in [weights_named(name) for name in names]:
        quiet = not sys.stderr.isatty()
        with click.progressbar(length=1000, label=weights.name, file=sys.stderr, hidden=quiet) as bar:
            path = fetch_weights(weights, progress=partial(_show, bar))
        click.echo(str(path))


def _show(bar: Any, done: int, total: int | None) -> None:  # Any: click does not export its bar's type
    if total:
        bar.update(done * 1000 // total - bar.pos)


@command.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--arch", required=True, metavar="NAME", help="The architecture the checkpoint is of.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write [FILE.safetensors].")
@click.option("--skeleton", help="What it predicts, if not the architecture's usual skeleton.")
@click.option("--codec", help="The codec it was trained with, if not the architecture's usual one.")
@click.option("--input", "size", type=int, nargs=2, metavar="H W", help="Input size it was trained with, pixels.")
@click.option("--licence", default="unknown", help="Of the weights.")
def import_checkpoint(
    file: Path,
    arch: str,
    output: Path | None,
    skeleton: str | None,
    codec: str | None,
    size: Size | None,
    licence: str,
) -> None:
    """Convert a checkpoint to safetensors that describe themselves; no code in FILE is run."""
    from videopose.codecs import create_codec
    from videopose.models.importing import import_file

    if codec is not None:
        create_codec(codec, size or (256, 192))  # an unknown name is an error before anything is read
    target = output or file.with_suffix(".safetensors")
    import_file(file, target, arch, skeleton=skeleton, codec=codec, input_hw=size, licence=licence)
    click.echo(str(target))


@command.command("export")
@click.argument("name")
@click.option("--to", "form", type=click.Choice(["onnx", "openvino"]), required=True, help="The format.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write [NAME.onnx or NAME.xml].")
@click.option(
    "--weights", "checkpoint", type=click.Path(path_type=Path), help="A checkpoint; NAME is its architecture."
)
def export(name: str, form: str, output: Path | None, checkpoint: Path | None) -> None:
    """Write a network for another runtime; its output equals PyTorch's."""
    from videopose.models.weights import load_model
    from videopose.runtime.export import FORMATS
    from videopose.runtime.export import export as export_model

    model, weights = load_model(name, checkpoint=checkpoint)
    target = output or Path(f"{name}{FORMATS[form]}")
    export_model(model, target, input_hw=weights.input_hw, form=form)
    click.echo(str(target))
