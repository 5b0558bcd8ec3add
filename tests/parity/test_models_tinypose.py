"""PP-TinyPose against OpenVINO running the published graph with rule-made weights (`tests/data/README.models.md`)."""

from pathlib import Path

import numpy as np
import torch
from reference_inputs import reference_input, reference_tensor

from videopose.models import create_model
from videopose.models.unshuffled import unshuffled
from videopose.models.weights import load_into

GAIN = 0.5
ABSOLUTE = 1.5e-5  # 2e-5 of the output's spread


def test_tinypose_gives_the_published_graphs_heatmaps():
    model = create_model("tinypose")
    # the published file stores half precision, so the rule's weights were rounded to it
    weights = {
        name: torch.from_numpy(reference_tensor(name, tuple(tensor.shape), GAIN).astype(np.float16)).float()
        for name, tensor in model.state_dict().items()
    }
    load_into(model, weights, source="the rule")
    crop = torch.from_numpy(reference_input("tinypose_256x192", (1, 3, 256, 192)))

    with torch.inference_mode():
        ours = model(crop)[:, :, ::4, ::4].numpy()

    theirs = np.load(Path(__file__).parents[1] / "data" / "models" / "tinypose_256x192.npz")["heatmaps"]
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_300_177
    assert float(np.abs(ours - theirs).max()) <= ABSOLUTE


def test_a_branch_leaves_the_published_keypoints_as_they_are():
    torch.manual_seed(0)
    published, longer = create_model("tinypose"), create_model("tinypose", num_keypoints=19, branch=2)
    longer.load_state_dict(published.state_dict(), strict=False)
    crop = torch.from_numpy(reference_input("tinypose_256x192", (1, 3, 256, 192)))

    with torch.inference_mode():
        ours, theirs = longer(crop), published(crop)

    assert ours.shape == (1, 19, 64, 48)
    assert torch.equal(ours[:, :17], theirs)


def test_without_shuffles_the_heatmaps_are_the_same():
    torch.manual_seed(0)
    model = create_model("tinypose", num_keypoints=19, branch=2).eval()
    crops = torch.from_numpy(reference_input("tinypose_256x192", (2, 3, 256, 192)))

    plain = unshuffled(model)
    with torch.inference_mode():
        ours, theirs = plain(crops), model(crops)

    assert float((ours - theirs).abs().max()) < 1e-6 * float(theirs.abs().max() + 1)
    assert float(theirs.std()) > 1e-3  # heatmaps that say something
