"""`videopose models`: which networks and weights there are, and getting, converting and exporting them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

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
@click.option("--pipelines", is_flag=True, help="Pipelines of published networks instead: made of what, how good.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(pattern: str, pipelines: bool, as_json: bool) -> None:
    """List architectures and their weights; PATTERN keeps names that contain it."""
    from videopose.models import ARCHITECTURES, GRAPHS, architecture_named
    from videopose.models.store import find
    from videopose.models.zoo import own_weights, weights_table

    if pipelines:
        _list_pipelines(pattern, as_json=as_json)
        return
    own = own_weights()
    table = [weights for name, weights in weights_table().items() if pattern in name]
    table += [weights for name, weights in own.items() if pattern in name or pattern in weights.name]
    kept = {name: [w for w in table if w.architecture == name] for name in (*ARCHITECTURES, *GRAPHS)}
    kept = {name: rows for name, rows in kept.items() if rows or (pattern in name and name in ARCHITECTURES)}
    if as_json:
        click.echo(json.dumps({name: [weights.name for weights in rows] for name, rows in kept.items()}, indent=1))
        return
    short = {weights.name: name for name, weights in own.items()}
    for name, rows in kept.items():
        click.echo(f"{name}  ({architecture_named(name).task})")
        for weights in rows:
            there = weights.is_shipped or find(weights) is not None
            scores = "  ".join(f"{key} {value:g}" for key, value in list(weights.scores.items())[:1])
            scores = f"added as {short[weights.name]}" if weights.name in short else scores
            click.echo(f"  {'*' if there else ' '} {weights.name:44s} {weights.licence:12s} {scores}".rstrip())
    click.echo("* = ready to use; fetch others with `videopose models fetch NAME`", err=True)


def _list_pipelines(pattern: str, *, as_json: bool) -> None:
    from videopose.workflows.published import published_pipelines

    rows = [row for row in published_pipelines() if pattern in row.name]
    if as_json:
        click.echo(json.dumps([row.facts() for row in rows], indent=1))
        return
    for row in rows:
        click.echo(
            f"{'*' if row.is_here else ' '} {row.name:21s} {row.accuracy:5.1f} {row.measure:31s} "
            f"{row.gflops_text:>13s} GFLOPs  {row.size_text:>9s}  {row.licence_text:20s} {' + '.join(row.weights)}"
        )
    click.echo(
        "* = ready to use; others are fetched by the first run, or by `videopose models fetch NAME`. Accuracy in per "
        "cent and GFLOPs (of the detector for a frame and the pose network for a person) as published",
        err=True,
    )


@command.command("info")
@click.argument("name")
@click.option("--input", "size", type=int, nargs=2, metavar="H W", help="Input size, pixels.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(name: str, size: Size | None, as_json: bool) -> None:
    """Describe an architecture or weights: parameters, GFLOPs as its paper counts, input, keypoints."""
    from videopose.models import GRAPHS, architecture_named
    from videopose.models.complexity import count, gflops
    from videopose.models.zoo import own_weights, weights_named

    weights = weights_named(name) if "." in name or name in own_weights() else None
    architecture = weights.architecture if weights is not None else name
    entry = architecture_named(architecture)
    input_hw = size or (weights.input_hw if weights else entry.input_hw)
    if architecture in GRAPHS:  # nothing is known of what is inside
        facts = _facts(name, architecture, input_hw, None, 0, weights)
    else:
        counts = count(architecture, input_hw=input_hw, num_keypoints=weights.num_keypoints if weights else None)
        facts = _facts(name, architecture, input_hw, counts, gflops(architecture, counts), weights)
    if as_json:
        click.echo(json.dumps(facts))
        return
    for key, value in facts.items():
        click.echo(f"{key:12s} {_readable(value)}")


def _facts(
    name: str, architecture: str, input_hw: Size, counts: Counts | None, giga: float, weights: Weights | None
) -> dict[str, object]:
    from videopose.models import architecture_named
    from videopose.skeletons import skeleton_named

    entry = architecture_named(architecture)
    skeleton = weights.skeleton if weights else entry.skeleton
    facts: dict[str, object] = {
        "name": name,
        "parameters": counts.parameters if counts else None,
        "gflops": round(giga, 3) if counts else None,
        "input": list(input_hw),
        "keypoints": len(skeleton_named(skeleton)) if skeleton else None,
        "skeleton": skeleton or None,
        "codec": (weights.codec if weights else entry.codec) or None,
        "macs": counts.macs if counts else None,
        "convention": entry.flops,
        "task": entry.task,
    }
    if weights is not None:
        facts |= {
            "licence": weights.licence,
            "paper": weights.paper or None,
            "origin": weights.origin or weights.page or None,
            "mirrors": list(weights.mirrors),
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
@click.option("--to", "folder", type=click.Path(path_type=Path), help="Also copy them there, for another machine.")
@click.option("--accept-licence", is_flag=True, help="Take weights that may not be used commercially.")
def fetch(names: tuple[str, ...], folder: Path | None, accept_licence: bool) -> None:
    """Download weights, or all that a pipeline needs; resumed where it broke off, checked against the checksum."""
    from videopose.cli.downloads import shown_on_stderr
    from videopose.models.fetch import fetch as fetch_weights
    from videopose.models.store import copy_name, copy_out

    options = shown_on_stderr(accept_licence=accept_licence)
    for weights in [each for name in names for each in _meant(name)]:
        path = fetch_weights(weights, options)
        click.echo(str(path if folder is None else copy_out(path, folder)))
    if folder is not None:
        for name in names:
            copy_name(name, folder)


def _meant(name: str) -> list[Weights]:
    """Return the weights of a name, or those that the pipeline of a name has to have fetched."""
    from videopose import catalog
    from videopose.errors import UnknownNameError, nearest_name
    from videopose.models.zoo import weights_named, weights_table
    from videopose.workflows.pipelines import load_pipeline

    pipelines = [*catalog.config_names("pipelines"), *catalog.published_names()]
    if name in pipelines or name.endswith((".yaml", ".yml")) or Path(name).is_dir():
        needed = [each.weights for each in load_pipeline(name).needed()]
        return [weights for weights in needed if not weights.is_shipped]
    try:
        return [weights_named(name)]
    except UnknownNameError as error:
        if "." in name or name in str(error).split():
            raise
        hint = nearest_name(name, [*pipelines, *weights_table()])
        raise UnknownNameError(f"no pipeline and no weights are named {name!r}. {hint}") from error


@command.command("add")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--arch", metavar="NAME", help="The architecture a checkpoint is of; an ONNX file has none.")
@click.option("--skeleton", help="What it predicts; a detector has none.")
@click.option(
    "--input", "size", type=int, nargs=2, metavar="H W", help="Its input size, pixels, where the file leaves that open."
)
@click.option("--codec", help="What its output means, if not the usual.")
@click.option("--licence", default="unknown", help="Of the weights.")
@click.option("--replace", is_flag=True, help="Let NAME stand for FILE from now on, whatever it stood for.")
def add(
    name: str,
    file: Path,
    arch: str | None,
    skeleton: str | None,
    size: Size | None,
    codec: str | None,
    licence: str,
    replace: bool,
) -> None:
    """Add an ONNX file or a checkpoint to the store under a name: `--pipeline NAME`, `--set pose.model=NAME`.

    NAME may also be one of the table whose file has to be fetched by hand.
    """
    from videopose.codecs import create_codec
    from videopose.workflows.adding import add_network

    if codec is not None:
        create_codec(codec, size or (256, 192))  # an unknown name is an error before anything is read
    path = add_network(
        name, file, architecture=arch, skeleton=skeleton, input_hw=size, codec=codec, licence=licence, replaces=replace
    )
    click.echo(str(path))


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


@command.command("quantize")
@click.argument("name")
@click.option("--clip", required=True, help="A clip, a folder of images or a quoted glob that shows what is to come.")
@click.option("--count", default=300, show_default=True, help="People the ranges of int8 are taken from.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to write [NAME.int8.xml].")
@click.option(
    "--weights", "checkpoint", type=click.Path(path_type=Path), help="A checkpoint; NAME is its architecture."
)
def quantize(name: str, clip: str, count: int, output: Path | None, checkpoint: Path | None) -> None:
    """Write a pose network in int8 and say how far keypoints move; run it with --set pose.weights=FILE."""
    from videopose.estimators.quantised import quantise_pose

    target = output or Path(f"{name}.int8.xml")
    change = quantise_pose(name, clip, target, weights=str(checkpoint or ""), count=count)
    click.echo(f"{name} in int8: {change}", err=True)
    click.echo(str(target))
