"""The one pose network of the comparison, written in the forms contestants take."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights
from videopose.runtime.onnx import require

from .material import Material

INPUT_HW = (256, 192)
_BINS_OF_X = 2 * INPUT_HW[1]


class _Split(nn.Module):
    """A network whose bins come out in two parts, as OpenMMLab exports them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        out: Tensor = self.model(crops)
        return tuple(torch.tensor_split(out, [_BINS_OF_X], -1))


def prepare(material: Material) -> None:
    """Write the network, random weights from a fixed seed, in both forms, unless both are there.

    Raises:
        InputError: what writes ONNX is not installed.
    """
    material.folder.mkdir(parents=True, exist_ok=True)
    if material.graph.exists() and material.checkpoint.exists():
        return
    require("onnx")
    require("onnxscript")
    torch.manual_seed(0)
    model = create_model(material.architecture, num_keypoints=17, input_hw=INPUT_HW)
    card = Weights(f"{material.architecture}.random", "", skeleton="coco17", codec="simcc", licence="none")
    save_weights(material.checkpoint, model.state_dict(), card)
    torch.onnx.export(
        _Split(model).eval(),
        (torch.zeros(2, 3, *INPUT_HW),),
        str(material.graph),
        input_names=["input"],
        output_names=["simcc_x", "simcc_y"],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        external_data=False,
        dynamo=True,
        verbose=False,
    )
