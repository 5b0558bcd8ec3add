"""Every network with a reference file against the official code's output, weights made by the documented rule."""

import json

import numpy as np
import pytest
import torch
from reference_inputs import reference_input, reference_tensor

from videopose.models import create_model, name_converter
from videopose.models.weights import load_into

pytestmark = [pytest.mark.shared, pytest.mark.slow]

# reference file -> (architecture, builder options)
NETWORKS = {
    "hrnet_w32_256x192": ("hrnet_w32", {}),
    "hrnet_w48_384x288": ("hrnet_w48", {}),
    "simplebaseline_r50_256x192": ("simple_baseline_50", {}),
    "simplebaseline_r50_caffe_256x192": ("simple_baseline_50", {"caffe": True}),
    "litehrnet_18_256x192": ("lite_hrnet_18", {}),
    "litehrnet_30_256x192": ("lite_hrnet_30", {}),
    "vitpose_b_classic_256x192": ("vitpose_b", {}),
    "vitpose_b_simple_256x192": ("vitpose_b_simple", {}),
    "vitpose_s_simple_256x192": ("vitpose_s", {}),  # its config says "simple", but it has transposed convolutions
    "rtmpose_t_256x192": ("rtmpose_t", {}),
    "rtmpose_s_256x192": ("rtmpose_s", {}),
    "rtmpose_m_256x192": ("rtmpose_m", {}),
    "hourglass8_princeton_mpii_256": ("hourglass_8", {}),
    "mspn_2xstg_256x192": ("mspn_2", {}),
    "cpn50_256x192": ("cpn_50", {}),
    "cpn50_384x288": ("cpn_50", {}),
    "omnipose_w48_256x192": ("omnipose", {}),
    "posewarper_w48_384x288": ("posewarper", {}),
    "dcpose_w48_384x288": ("dcpose", {}),
    "lstm_pm_penn_caffe": ("lstm_pm", {}),
    "rtmdet_nano_person": ("rtmdet_nano", {}),
    "rtmdet_m_person": ("rtmdet_m", {}),
    "yolox_m": ("yolox_m", {}),
    "dekr_w32_512": ("dekr_w32", {}),
    "dekr_w48_640": ("dekr_w48", {}),
}


# values of the release that never reach an output, or are folded into others: unused shortcuts of the hourglass, biases
# before MSPN's batch norms
DROPPED = {"hourglass8_princeton_mpii_256": 112 * (256 + 1) * 256 + (128 + 1) * 128, "mspn_2xstg_256x192": 66568}


def run_plainly(model, crop):
    return (model(crop),)


def run_mspn(model, crop):
    stages = model.stages(crop)
    return (stages[-1][-1], *stages[0], *stages[1])


def run_cpn(model, crop):
    predictions, refined = model.stages(crop)
    return (*predictions, refined)


def watch(model, **layers):
    """Keep what named layers give when they first run."""
    seen = {}
    for what, layer in layers.items():
        model.get_submodule(layer).register_forward_hook(lambda _, __, out, what=what: seen.setdefault(what, out))
    return seen


def run_posewarper(model, crop):
    seen = watch(model, features="offset_feats", offsets="offsets1", warped="deform_conv1", rough="final_layer")
    heatmaps = model(crop.unflatten(1, (5, 3)))
    return (heatmaps, seen["rough"], seen["features"], seen["offsets"], seen["warped"])


def run_dcpose(model, crop):
    layers = {"rough": "rough_pose_estimation_net", "difference": "diff_temporal_fuse"}
    layers |= {"support": "support_temporal_fuse", "offsets": "offsets_list.2", "masks": "masks_list.2"}
    seen = watch(model, **layers)
    heatmaps = model(crop.unflatten(1, (3, 3)), torch.tensor([[1.0, 1.0], [1.0, 2.0]]))
    return (heatmaps, *(seen[what] for what in layers))


def run_lstm_pm(model, crop):
    center = torch.from_numpy(reference_input("lstm_pm_penn_caffe:center", (1, 1, 184, 184)))
    frames, state, heatmaps = crop.unflatten(1, (3, 3)), None, []
    for frame in frames.unbind(1):
        state = model.step(frame, center, state)
        heatmaps.append(state.heatmaps)
    return (model.start(frames[:, 0]), *heatmaps, state.hidden, state.cell)


def run_rtmdet(model, image):
    levels = model.backbone.levels(image.flip(1))[1:]  # theirs takes blue first
    merged = model.neck(levels)
    scores, distances = model.bbox_head(merged)
    return (*levels, *merged, *scores, *distances)


def run_yolox(model, image):
    levels = model.backbone.levels(image.flip(1))[1:]  # theirs takes blue first
    merged = model.neck.merged(levels)
    person, box, objectness = model.bbox_head(model.neck(levels))
    parts = ([x.flatten(2) for x in each] for each in (box, objectness, person))
    box, objectness, person = (torch.cat(each, 2).transpose(1, 2) for each in parts)
    scores = torch.cat([objectness, person], 2).sigmoid()
    xyxy = model(image.flip(1)).boxes()
    center, size = (xyxy[..., :2] + xyxy[..., 2:]) / 2, xyxy[..., 2:] - xyxy[..., :2]
    return (*levels, *merged, torch.cat([box, scores], 2), torch.cat([center, size, scores], 2))


def run_dekr(model, image):
    block = "offset_feature_layers.0.0"
    seen = watch(model, transform=f"{block}.transform_matrix_conv", translation=f"{block}.translation_conv")
    return (*model(image), seen["transform"], seen["translation"])


RUN = {
    "dekr": run_dekr,
    "posewarper": run_posewarper,
    "dcpose": run_dcpose,
    "lstm": run_lstm_pm,
    "rtmpose": lambda model, crop: torch.split(model(crop), [384, 512], -1),
    "hourglass8": lambda model, crop: (model.stages(crop.permute(0, 3, 1, 2)),),  # theirs takes channels last
    "mspn": run_mspn,
    "cpn50": run_cpn,
    "rtmdet": run_rtmdet,
    "yolox": run_yolox,
}


def reference_state(spec):
    skipped = set(spec["constant_keys"])
    return {
        name: torch.from_numpy(reference_tensor(name, tuple(shape), spec["gain"]))
        for name, shape, _ in spec["state_dict"]
        if name not in skipped
    }


def every_nth(array, steps):
    return array[tuple(slice(None, None, step) for step in steps)]


@pytest.mark.parametrize("reference", NETWORKS)
def test_network_gives_the_release_s_outputs(shared_dir, reference):
    folder = shared_dir / "parity"
    spec = json.loads((folder / f"{reference}.json").read_text())
    name, options = NETWORKS[reference]
    model = create_model(name, **options)
    load_into(model, name_converter(name)(reference_state(spec)), source=reference)
    given = spec["inputs"][0]
    crop = torch.from_numpy(reference_input(given["seed_name"], tuple(given["shape"])))

    with torch.inference_mode():
        outputs = RUN.get(reference.partition("_")[0], run_plainly)(model, crop)[: len(spec["outputs"])]

    assert sum(p.numel() for p in model.parameters()) + DROPPED.get(reference, 0) == spec["num_parameters"]
    expected = np.load(folder / f"{reference}.npz")
    for output, stated in zip(outputs, spec["outputs"], strict=True):
        compare(f"{reference} {stated['name']}", output.numpy(), expected[stated["name"]], stated)


def compare(what, output, theirs, stated):
    ours = every_nth(output, stated["stored_strides"])
    assert list(output.shape) == stated["shape"]
    difference = float(np.abs(ours - theirs).max())
    line = f"{what:34s} ours {ours.flat[7]:.6f} theirs {theirs.flat[7]:.6f}"
    print(f"{line} max difference {difference:.1e} of {stated['recommended_atol']:.1e}")
    assert difference <= stated["recommended_atol"]


def test_mmpose_names_of_hrnet_lead_to_the_same_tensors(shared_dir):
    table = json.loads((shared_dir / "parity" / "hrnet_w32_mmpose_keys.json").read_text())
    theirs = {mmpose: official for official, mmpose in table["key_map"]}

    ours = name_converter("hrnet_w32")({name: torch.zeros(0) for name, *_ in table["state_dict"]})

    assert sorted(ours) == sorted(theirs.values())
