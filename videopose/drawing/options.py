"""What is drawn of people, and how."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from videopose.config import Options

Layer = Literal["skeleton", "faces", "labels", "scores", "boxes", "trail"]
LAYERS: tuple[Layer, ...] = get_args(Layer)


def _split(value: Any) -> Any:  # Any: a text of words with commas, or a sequence that pydantic checks
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


class DrawOptions(Options):
    """How people are drawn into an image."""

    draw: Annotated[tuple[Layer, ...], BeforeValidator(_split)] = ("skeleton", "faces", "labels")
    """Layers: `skeleton`, `faces` (the lines between eyes, ears and nose), `labels` (ids), `scores` (of people, in
    their labels), `boxes`, `trail` (where people were)."""
    min_score: float = Field(default=0.15, ge=0, le=1)
    """Keypoints below are not drawn."""
    scale: float = Field(default=1.0, gt=0, le=10)
    """Factor on the thickness of lines and on the height of labels."""
    side_colours: bool = False
    """Left limbs blue, right ones orange, the rest white; labels, boxes and trails keep the colour of the id."""
    blur_faces: bool = False
    """Make heads unrecognisable, also those whose person is not drawn otherwise."""
    trail_seconds: float = Field(default=1.0, gt=0)
    """How far back a trail reaches."""


PLAIN = DrawOptions()
"""As it is drawn where nobody asks for anything else."""
