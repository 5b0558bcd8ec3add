"""HRNet-W32 against the original release's output for rule-made weights (`tests/data/README.models.md`)."""

from pathlib import Path

import numpy as np
import torch
from reference_inputs import reference_input, reference_tensor

from videopose.models import create_model
from videopose.models.weights import load_into

GAIN = 0.5
ABSOLUTE = 1.7e-4  # 2e-5 of the output's spread; threads and float64 move the release's own output by 2e-5


def test_hrnet_w32_gives_the_release_s_heatmaps():
    model = create_model("hrnet_w32")
    # values follow from names: only with the release's names can the outputs agree
    weights = {name: reference_tensor(name, tensor.shape, GAIN) for name, tensor in model.state_dict().items()}
    load_into(model, {name: torch.from_numpy(value) for name, value in weights.items()}, source="the rule")
    crop = torch.from_numpy(reference_input("hrnet_w32_256x192", (1, 3, 256, 192)))

    with torch.inference_mode():
        ours = model(crop)[:, :, ::2, ::2].numpy()

    theirs = np.load(Path(__file__).parents[1] / "data" / "models" / "hrnet_w32_256x192.npz")["heatmaps"]
    difference = float(np.abs(ours - theirs).max())
    print(f"ours {ours[0, 0, 5, 5]:.6f}  theirs {theirs[0, 0, 5, 5]:.6f}  max difference {difference:.1e}")
    assert difference <= ABSOLUTE
