"""What the networks of published pipelines cost, by runtime, with random weights: nothing has to be fetched.

Run as `python -m videopose.eval.benchmarks.speed.published [NAME …]`. Times are of the processor, one thread.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click
import torch

from videopose import catalog
from videopose.models import ARCHITECTURES, create_model
from videopose.models.weights import describe, save_weights
from videopose.models.zoo import Weights, weights_named
from videopose.runtime.choice import RuntimeName, instruction_set
from videopose.runtime.network import CONVERTED, Network, load_network
from videopose.workflows.pipelines import load_pipeline

RUNTIMES: tuple[RuntimeName, ...] = ("torch", "openvino")


def network_names(pipelines: Iterable[str]) -> list[str]:
    """List the weights that pipelines are made of, each once, without graphs and networks over several frames."""
    needed = [each.weights for name in pipelines for each in load_pipeline(name).needed()]
    return list(
        dict.fromkeys(each.name for each in needed if each.architecture in ARCHITECTURES and each.task in CONVERTED)
    )


def measure(names: Iterable[str], *, repeats: int = 3) -> Iterator[tuple[str, dict[str, float]]]:
    """Time networks in float32 on one thread, runtimes in turn.

    Args:
        names: of weights; they are replaced by random ones.
        repeats: calls whose median counts, after one that warms up.

    Yields:
        The name and, by runtime, milliseconds of processor time for one crop or frame.
    """
    torch.set_num_threads(1)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            weights = _random(weights_named(name), Path(folder))
            networks = {
                each: load_network(weights, torch.device("cpu"), runtime=each, precision="float32") for each in RUNTIMES
            }
            yield name, _in_turn(networks, weights, repeats)


def _random(weights: Weights, folder: Path) -> Weights:
    model = create_model(
        weights.architecture, num_keypoints=weights.num_keypoints, input_hw=weights.input_hw, **weights.options
    )
    path = folder / f"{weights.name}.safetensors"
    save_weights(path, model.state_dict(), replace(weights, convert=False, origin=""))
    return describe(weights.architecture, checkpoint=path)


def _in_turn(networks: dict[RuntimeName, Network], weights: Weights, repeats: int) -> dict[str, float]:
    pixels = torch.randint(0, 256, (1, 3, *weights.input_hw), dtype=torch.uint8)
    times: dict[str, list[float]] = {name: [] for name in networks}
    for turn in range(repeats + 1):
        for name, network in networks.items():
            images = pixels if network.dtype is torch.uint8 else pixels.to(network.dtype) / 255
            begun = time.process_time()
            with torch.inference_mode():
                network(images)
            if turn:
                times[name].append((time.process_time() - begun) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}


@click.command()
@click.argument("pipelines", nargs=-1)
def main(pipelines: tuple[str, ...]) -> None:
    """Print a row for each network of PIPELINES, or of all published ones."""
    click.echo(f"milliseconds of processor time, float32, one thread, {instruction_set()}")
    for name, found in measure(network_names(pipelines or catalog.published_names())):
        click.echo(f"{name:<34}" + "".join(f"{runtime:>12} {value:9.1f}" for runtime, value in found.items()))


if __name__ == "__main__":
    main()
