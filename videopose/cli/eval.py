"""`videopose eval`: score predictions against ground truth under a protocol, and explain the score."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from types import ModuleType

Function = TypeVar("Function", bound=Callable[..., Any])


def _common(function: Function) -> Function:
    """Add the options every protocol has."""
    options = (
        click.option("--truth", type=click.Path(path_type=Path), required=True, help="Ground truth: file or folder."),
        click.option("--predictions", type=click.Path(path_type=Path), required=True, help="Results: file or folder."),
        click.option("-o", "--output", type=click.Path(path_type=Path), help="Write everything as JSON."),
        click.option("--html", type=click.Path(path_type=Path), help="Write one page that needs no network."),
        click.option("--from", "origin", metavar="FORMAT", help="Format of the truth; recognised by default."),
        click.option("--bootstrap", "repeats", type=click.IntRange(0), default=0, metavar="N",
                     help="Draws for 95 % intervals; 1000 is usual [0]."),
        click.option("--compare", type=click.Path(path_type=Path), help="A second result set, to compare with."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.group("eval")
def command() -> None:
    """Score predictions against ground truth and explain the score."""


@command.command()
@_common
@click.option("--protocol", default="poseval", metavar="NAME", help="poseval (as the kit) or corrected [poseval].")
@click.option("--images", type=click.Path(path_type=Path), help="Folder of the images, for images in the page.")
@click.option("--workers", type=click.IntRange(1), help="Processes [one per core].")
def posetrack(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, protocol: str, images: Path | None, workers: int | None,
) -> None:  # fmt: skip
    """PoseTrack: AP, MOTA, IDF1 and HOTA per keypoint, equal to the official kit or corrected."""
    from videopose import catalog

    kit = catalog.protocol("posetrack")
    scored = kit.score_folders(truth, predictions, protocol, origin=origin, workers=workers, explain=True)
    other = None
    if compare is not None:
        other = kit.score_folders(truth, compare, protocol, origin=origin, workers=workers)
    tables = kit.read_tables(truth, predictions, origin) if images is not None else None
    build = catalog.evaluation("reports.build").posetrack
    _finish(build(scored, repeats=repeats, other=other, images=images, tables=tables), output, html)


@command.command()
@_common
@click.option("--protocol", default="coco", metavar="NAME", help="coco or crowdpose [coco].")
def coco(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, protocol: str,
) -> None:  # fmt: skip
    """COCO keypoints or CrowdPose: AP and AR by object keypoint similarity."""
    from videopose import catalog

    score = catalog.protocol("coco").score_files
    scored = score(truth, predictions, protocol, origin=origin, explain=True)
    other = score(truth, compare, protocol, origin=origin) if compare is not None else None
    _finish(_reports().coco(scored, scored.keypoints, repeats=repeats, other=other), output, html)


@command.command()
@_common
@click.option("--convention", required=True, metavar="NAME", help="lsp, lspet, flic, mpii, jhmdb, penn, posetrack …")
@click.option("--alpha", type=click.FloatRange(0, min_open=True), help="Another threshold.")
def pck(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, convention: str, alpha: float | None,
) -> None:  # fmt: skip
    """PCK, PCKh and PDJ under a benchmark's convention."""
    from videopose import catalog

    score = catalog.protocol("pck").score_files
    scored = score(truth, predictions, convention, alpha=alpha, origin=origin)
    other = score(truth, compare, convention, alpha=alpha, origin=origin) if compare is not None else None
    _finish(_reports().pck(scored, repeats=repeats, other=other), output, html)


@command.command()
@_common
@click.option("--alpha", type=click.FloatRange(0, min_open=True), default=0.5, help="Share of the part's length [0.5].")
def pcp(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, alpha: float,
) -> None:  # fmt: skip
    """PCP: strict, mean and PCPm of ten sticks."""
    from videopose import catalog

    score = catalog.protocol("pcp").score_files
    scored = score(truth, predictions, alpha=alpha, origin=origin)
    other = score(truth, compare, alpha=alpha, origin=origin) if compare is not None else None
    _finish(_reports().pcp(scored, repeats=repeats, other=other), output, html)


@command.command()
@_common
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.5,
    help="Overlap from which on a box can be an object's [0.5].",
)
@click.option("--workers", type=click.IntRange(1), help="Processes [one per core].")
@click.option("--benchmark", metavar="NAME", help="MOT15, MOT16, MOT17 or MOT20 [told by names and columns].")
def mot(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, threshold: float, workers: int | None, benchmark: str | None,
) -> None:  # fmt: skip
    """Box tracking: MOTA, IDF1 and HOTA by overlap, as MOT Challenge's kit counts them."""
    from videopose import catalog

    score = partial(
        catalog.protocol("mot").score_folders, threshold=threshold, origin=origin, workers=workers, benchmark=benchmark
    )
    scored = score(truth, predictions)
    other = score(truth, compare) if compare is not None else None
    _finish(_reports().mot(scored, repeats=repeats, other=other), output, html)


@command.command()
@_common
@click.option(
    "--min-side", type=click.FloatRange(0), default=0.0, help="People with a shorter side in pixels do not count [0]."
)
def boxes(
    truth: Path, predictions: Path, output: Path | None, html: Path | None, origin: str | None, repeats: int,
    compare: Path | None, min_side: float,
) -> None:  # fmt: skip
    """Person boxes: COCO's AP and AR by overlap, ignore regions respected."""
    from videopose import catalog

    score = catalog.protocol("boxes").score_files
    scored = score(truth, predictions, min_side=min_side, origin=origin)
    other = score(truth, compare, min_side=min_side, origin=origin) if compare is not None else None
    _finish(_reports().boxes(scored, repeats=repeats, other=other), output, html)


@command.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="As detector.weights=… or pose.weights=….")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:1.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the numbers as JSON.")
def networks(data_dir: Path, overrides: tuple[str, ...], device: str, output: Path | None) -> None:
    """Measure the default detector and pose network on their held-out sets, beside what is asked of them."""
    import json
    from dataclasses import asdict

    from videopose import catalog
    from videopose.config import merge, parse_overrides, validate
    from videopose.runtime.device import choose_device

    bars = catalog.evaluation("benchmarks.networks")
    values = merge(bars.NetworkBarsOptions().model_dump(), parse_overrides(overrides))
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


def _reports() -> ModuleType:
    from videopose import catalog

    return catalog.evaluation("reports.build")


def _finish(
    report: Any, output: Path | None, html: Path | None
) -> None:  # Any: a Report, whose module is found by name
    from videopose.cli.main import printable
    from videopose.io.result import atomic_write

    reports = _reports()
    click.echo(printable(reports.as_text(report)))
    for path, text in ((output, reports.as_json), (html, reports.as_html)):
        if path is not None:
            with atomic_write(path) as file:
                file.write(text(report).encode())
            click.echo(str(path))
