"""`videopose train`: train a network as a config says."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("train")
@click.argument("config")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="Folder for the run [runs/<config>].")
@click.option("--resume", is_flag=True, help="Continue the run in the folder, exactly where it stopped.")
@click.option("--stop-after", type=int, help="Stop at this step; continue later with --resume.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the config.")
@click.option("--print-config", is_flag=True, help="Print the whole config and stop.")
def command(
    config: str,
    data_dir: Path,
    run_dir: Path | None,
    resume: bool,
    stop_after: int | None,
    overrides: tuple[str, ...],
    print_config: bool,
) -> None:
    """Train a network.

    CONFIG is the name of a shipped training config (pose, detector, hrnet, teacher …) or a path to a YAML file.
    """
    import logging
    from importlib.util import find_spec

    from tqdm import tqdm

    from videopose.errors import VideoPoseError

    if find_spec("lightning_fabric") is None:
        raise VideoPoseError("training needs Lightning Fabric, which is not installed: pip install 'videopose[train]'")

    from videopose.catalog import config_file
    from videopose.config import dump, load
    from videopose.training.run import TrainOptions, run_training

    path = config_file("train", config)
    options = load(TrainOptions, path, overrides)
    if print_config:
        click.echo(dump(options), nl=False)
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = run_dir or Path("runs") / path.stem
    with tqdm(total=options.loop.steps, unit="step", dynamic_ncols=True, mininterval=5, delay=1) as bar:

        def show(step: int, values: dict[str, float]) -> None:
            bar.update(step - bar.n)
            bar.set_postfix({key: f"{value:.3f}" for key, value in values.items()}, refresh=False)

        scores = run_training(options, data_dir, folder, resume=resume, stop_after=stop_after, on_step=show)
    for name, value in scores.items():
        click.echo(f"{name}\t{value:.4f}")
    click.echo(str(folder / "best.pt" if (folder / "best.pt").exists() else folder / "last.pt"))
