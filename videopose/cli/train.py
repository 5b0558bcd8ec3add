"""`videopose train`: train a network as a config says, here or from packed crops on another machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class _Train(click.Group):
    """A group whose nameless command trains as a config says: any word but a command's begins its arguments."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args if args and args[0] in ("pack", "packed") else ["", *args])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "pack"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _pack_command() if cmd_name == "pack" else super().get_command(ctx, cmd_name)


@click.group("train", cls=_Train, add_help_option=False)
def command() -> None:
    """Train a network."""


@command.command("")
@click.argument("config")
@click.option("--data", "data_dir", type=click.Path(path_type=Path), required=True, help="Folder with the data sets.")
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="Folder for the run [runs/<config>].")
@click.option("--resume", is_flag=True, help="Continue the run in the folder, exactly where it stopped.")
@click.option("--stop-after", type=int, help="Stop at this step; continue later with --resume.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the config.")
@click.option("--print-config", is_flag=True, help="Print the whole config and stop.")
def from_config(
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
    `train pack` and `train packed` (see their --help) carry a pose training to a machine where nothing is installed.
    """
    import logging
    from importlib.util import find_spec

    from tqdm import tqdm

    from videopose.errors import VideoPoseError

    if find_spec("lightning_fabric") is None:
        raise VideoPoseError("training needs Lightning Fabric, which is not installed: pip install 'videopose[train]'")

    from videopose.catalog import config_file, config_folder
    from videopose.config import dump, load
    from videopose.training.run import TrainOptions, run_training

    path = config_file("train", config)
    options = load(TrainOptions, path, overrides, shipped=config_folder("train"))
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


def _pack_command() -> click.Command:
    from videopose.cli.options import options_of
    from videopose.training.packing import PackOptions

    path = click.Path(path_type=Path)
    params: list[click.Parameter] = [
        click.Argument(["config"]),
        click.Option(["--data", "data_dir"], type=path, required=True, help="Folder with the data sets."),
        click.Option(["-o", "--output"], type=path, required=True, help="Parts are named after it."),
        click.Option(["--set", "overrides"], multiple=True, metavar="KEY=VALUE", help="Change a value of the config."),
        *options_of(PackOptions),
    ]
    return click.Command("pack", params=params, callback=pack_crops, help=pack_crops.__doc__)


def pack_crops(config: str, data_dir: Path, output: Path, overrides: tuple[str, ...], **given: Any) -> None:
    """Write all crops of a pose config with their labels into parts that a bare machine trains from.

    The parts are FOLDER/NAME-1.safetensors and so on, for -o FOLDER/NAME. Each stands for itself.
    """
    from tqdm import tqdm

    from videopose.catalog import config_file
    from videopose.config import load, validate
    from videopose.training.packing import PackOptions, pack
    from videopose.training.run import TrainOptions

    how = validate(PackOptions, {name: value for name, value in given.items() if value is not None}, source="pack")
    options = load(TrainOptions, config_file("train", config), overrides)
    with tqdm(unit="person", dynamic_ncols=True, mininterval=5, delay=1) as bar:

        def show(done: int, whole: int) -> None:
            bar.total = whole
            bar.update(done - bar.n)

        parts = pack(options, data_dir, output, how, on_people=show)
    for path in parts:
        click.echo(f"{path}\t{path.stat().st_size / 2**20:.1f} MiB")


@command.command("packed", context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def from_parts(arguments: tuple[str, ...]) -> None:
    """Train from the parts of a pack."""
    from videopose.training.packed.command import run_command

    click.echo(str(run_command(arguments, prog="videopose train packed")))
