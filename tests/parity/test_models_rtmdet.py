"""RTMDet-nano against MMDetection's output for rule-made weights (`tests/data/README.models.md`)."""

from pathlib import Path

import numpy as np
import torch
from reference_inputs import reference_input, reference_tensor

from videopose.models import create_model, name_converter
from videopose.models.rtmdet import STRIDES
from videopose.models.weights import load_into

GAIN = 2.58
ABSOLUTE = {"cls": 8e-4, "reg": 0.017}  # as the reference recommends: 1e-3 and 5e-4 of the outputs' spread


def test_rtmdet_nano_gives_the_release_s_scores_and_distances():
    model = create_model("rtmdet_nano")
    weights = {name: reference_tensor(name, tensor.shape, GAIN) for name, tensor in model.state_dict().items()}
    release = {name: torch.from_numpy(value) for name, value in weights.items()}
    load_into(model, name_converter("rtmdet_nano")(release), source="the rule")
    blue_first = torch.from_numpy(reference_input("rtmdet_nano_person", (1, 3, 320, 320)))

    with torch.inference_mode():
        levels = model.neck(model.backbone.levels(blue_first.flip(1))[1:])
        scores, distances = model.bbox_head(levels)

    expected = np.load(Path(__file__).parents[1] / "data" / "models" / "rtmdet_nano_person.npz")
    for kind, outputs in {"cls": scores, "reg": distances}.items():
        for stride, output in zip(STRIDES, outputs, strict=True):
            difference = float(np.abs(output[..., ::2, ::2].numpy() - expected[f"{kind}{stride}"]).max())
            print(f"{kind}{stride}: max difference {difference:.1e} of {ABSOLUTE[kind]:.1e}")
            assert difference <= ABSOLUTE[kind]
