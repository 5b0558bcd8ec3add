"""A pack small enough to be trained in a second, and its config."""

import json

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from videopose.config import validate
from videopose.training.packed.parts import KEY
from videopose.training.packing import PackOptions, pack
from videopose.training.run import TrainOptions

TINY = {"widths": [8, 8, 8, 8], "depths": [1, 1, 1, 1], "decoder_width": 8}


def config(**pose):
    """A pose config on the drawn people of `conftest.data`."""
    source = {"name": "drawn", "annotations": "labels.json", "images": ".", "share": 2.0}
    values = {
        "architecture": "fpn_pose",
        "model": TINY,
        "input_hw": [64, 64],
        "data": {"sources": [source, {**source, "name": "again", "share": 1.0}]},
        "validation": [source],
    }
    return {
        "task": "pose",
        "pose": values | pose,
        "loop": {"steps": 10, "batch_size": 8, "ema_decay": 0.9},
        "optimiser": {"learning_rate": 0.01},
    }


def packed(folder, data, how=None, **pose):
    """Write a pack of the drawn people."""
    options = validate(TrainOptions, config(**pose), source="toy")
    return pack(options, data, folder / "toy.safetensors", PackOptions(**{"held_out": 3, **(how or {})}))


def rewritten(path, to, change=lambda row: None, **tensors):
    """Copy a part with its header and some tensors changed."""
    with safe_open(path, framework="pt") as file:
        row = json.loads(file.metadata()[KEY])
    change(row)
    save_file({**load_file(path), **tensors}, to, metadata={KEY: json.dumps(row)})
    return to
