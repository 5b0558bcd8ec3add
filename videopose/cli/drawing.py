"""The options of commands that draw people."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from videopose.drawing.options import DrawOptions

Command = TypeVar("Command", bound=Callable[..., Any])

_PREFIX = "drawing_"
_LAYERS = "Of skeleton, faces, labels, scores, boxes, trail [skeleton,faces,labels]."
_SCORE = "Keypoints below are not drawn [0.15]."
_SIDES = "Left limbs blue, right ones orange."
_BLUR = "Make the heads of everybody found unrecognisable."


def drawing_options(*, short: bool) -> Callable[[Command], Command]:
    """Add the options of a drawing to a command, which takes them as keywords for `drawing_from`.

    Args:
        short: name them `--min-score` and `--scale`, where nothing else could be meant, not `--draw-min-score`.
    """
    named = "--" if short else "--draw-"
    score, scale = click.FloatRange(0, 1), click.FloatRange(0, 10, min_open=True)
    options = [
        click.option("--draw", f"{_PREFIX}draw", metavar="LAYERS", help=_LAYERS),
        click.option(
            f"{named}min-score", f"{_PREFIX}min_score", type=score, help="Keypoints below are not drawn [0.15]."
        ),
        click.option(f"{named}scale", f"{_PREFIX}scale", type=scale, help="Size of lines and labels [1]."),
        click.option("--side-colours", f"{_PREFIX}side_colours", is_flag=True, default=None, help=_SIDES),
        click.option("--blur-faces", f"{_PREFIX}blur_faces", is_flag=True, default=None, help=_BLUR),
    ]

    def add(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def drawing_from(keywords: dict[str, Any]) -> DrawOptions:  # Any: values of click
    """Build the options of a drawing from a command's keywords; what was not given is as in `DrawOptions`.

    Raises:
        UsageError: a layer does not exist.
    """
    from videopose.drawing.options import LAYERS, DrawOptions
    from videopose.errors import nearest_name

    given = {name.removeprefix(_PREFIX): value for name, value in keywords.items() if value is not None}
    for layer in str(given.get("draw", "")).split(","):
        if layer.strip() and layer.strip() not in LAYERS:
            raise click.UsageError(
                f"--draw: there is no layer {layer.strip()!r}. {nearest_name(layer.strip(), LAYERS)}"
            )
    return DrawOptions.model_validate(given)
