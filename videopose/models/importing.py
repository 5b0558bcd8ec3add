"""Convert a checkpoint of another release to safetensors that describe themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from videopose.errors import WeightsError
from videopose.models import create_model, name_converter
from videopose.models.store import file_sha256
from videopose.models.weights import load_into, read_state, save_weights
from videopose.models.zoo import Weights, weights_for_file
from videopose.skeletons import skeleton_named


def import_file(
    source: Path,
    target: Path,
    architecture: str,
    *,
    skeleton: str | None = None,
    codec: str | None = None,
    input_hw: tuple[int, int] | None = None,
    licence: str = "unknown",
) -> Weights:
    """Convert a checkpoint; nothing is written unless every tensor fits.

    Args:
        source: the checkpoint; nothing in it is executed.
        target: the file to write, ending in .safetensors.
        architecture: what it is a checkpoint of.
        skeleton: what it predicts; None = the architecture's usual one.
        codec: what it was trained with; None = the architecture's usual one.
        input_hw: (height, width) it was trained with, pixels; None = the architecture's usual one.
        licence: of the weights.

    Returns:
        The description that was written into the file.

    Raises:
        UnknownNameError: there is no such architecture or skeleton.
        WeightsError: the checkpoint is missing, damaged or does not fit.
    """
    usual = weights_for_file(architecture, source)
    weights = replace(
        usual,
        name=f"{architecture}.{target.stem}",
        file=target.name,
        skeleton=usual.skeleton if skeleton is None else skeleton,
        codec=usual.codec if codec is None else codec,
        input_hw=input_hw or usual.input_hw,
        licence=licence,
        origin=f"{source.name}, sha256 {file_sha256(source)}" if source.is_file() else "",
        convert=False,
    )
    if not source.is_file():
        raise WeightsError(f"{source}: no such checkpoint; check the path")
    if target.suffix != ".safetensors":
        raise WeightsError(f"{target}: weights are written as .safetensors; change the suffix")
    num_keypoints = len(skeleton_named(weights.skeleton)) if weights.skeleton else None
    state = name_converter(architecture)(read_state(source))
    model = create_model(architecture, num_keypoints=num_keypoints, input_hw=weights.input_hw)
    load_into(model, state, source=str(source))
    save_weights(target, model.state_dict(), weights)
    return weights
