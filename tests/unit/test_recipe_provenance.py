"""What a result says it was made from, and which of it an unfinished run must have in common with the one that goes on.

One walk over the options finds every file they name; networks' half and tracks' half share them out.
"""

import pytest
import torch
from video_files import write_video

from videopose import catalog
from videopose.config import Options, input_paths, merge, validate
from videopose.estimators.build import used_weights
from videopose.io.provenance import describe_run, networks_identity
from videopose.io.reader import open_video
from videopose.models.zoo import Weights

RECIPES = ("topdown", "temporal", "tubes")
CHEAP = {
    "tracker.max_age": 0.5,
    "tracker.linking.max_gap": 1.0,
    "tracker.similarity": "iou",
    "tracker.pose_flow.skip": 3,
    "smoothing.method": "gaussian",
    "smoothing.max_fill": 0.0,
}
COSTLY = {
    "window": 4,
    "detector.every": 2,
    "detector.min_score": 0.1,
    "pose.flip_test": True,
    "tracker.features.camera": True,
    "tracker.features.flow": "dis",
    "tracker.name": "flow",
}
TUBES_CHEAP = {"tubes.merge.method": "best", "tubes.look_ahead": 5, "tubes.tolerance": 1.0}
TUBES_COSTLY = {"tubes.length": 7, "tubes.overlap": 1, "tubes.max_seconds": 0.1, "tubes.enlarge": 1.3}
TEMPORAL_COSTLY = {"temporal.before": 1, "temporal.warp": "flow"}


def recipe_of(name, values):
    tree = {}
    for key, value in values.items():
        for part in reversed(key.split(".")):
            value = {part: value}
        tree = merge(tree, value)
    module = catalog.recipe(name)
    return module.RECIPE(validate(module.PipelineOptions, tree, source="test"))


def identity(name, **values):
    recipe = recipe_of(name, values)
    provenance = describe_run(recipe.weights(), recipe.options, torch.device("cpu"), {}, {})
    return networks_identity(provenance, *recipe.split())


def cases(plain, tubes, temporal):
    for name, extra in (("topdown", {}), ("tubes", tubes), ("temporal", temporal)):
        for key, value in (plain | extra).items():
            if name == "tubes" and (key in ("detector.every", "tracker.features.flow") or value == "flow"):
                continue  # refused there
            yield pytest.param(name, key, value, id=f"{name}-{key}")


@pytest.mark.parametrize("name", RECIPES)
def test_the_two_halves_are_all_there_is(name):
    recipe = recipe_of(name, {})
    networks, tracks = recipe.split()

    assert merge(networks, tracks) == recipe.options.model_dump(mode="json") == merge(tracks, networks)
    assert not set(leaves(networks)) & set(leaves(tracks))


def leaves(values, prefix=""):
    for key, value in values.items():
        yield from leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]


@pytest.mark.parametrize(("name", "key", "value"), list(cases(CHEAP, TUBES_CHEAP, {})))
def test_a_change_of_the_tracks_half_alone_leaves_the_identity(name, key, value):
    assert identity(name, **{key: value}) == identity(name)


@pytest.mark.parametrize(("name", "key", "value"), list(cases(COSTLY, TUBES_COSTLY, TEMPORAL_COSTLY)))
def test_a_change_of_the_networks_half_changes_the_identity(name, key, value):
    assert identity(name, **{key: value}) != identity(name)


def test_learned_tracking_and_smoothing_belong_to_the_tracks():
    assert identity("topdown", **{"tracker.name": "entailment", "smoothing.method": "learned"}) == identity("topdown")


@pytest.mark.slow
def test_the_networks_never_look_at_the_tracks_half(tmp_path):
    """Their answer is the same to the last bit whatever that half says, so it may change freely."""
    clip = write_video(tmp_path / "clip.mp4", num_frames=5)
    plain = {"detector.source": "frame", "pose.input_hw": [64, 32], "window": 4}
    for name, cheap in (("topdown", CHEAP), ("tubes", CHEAP | TUBES_CHEAP), ("temporal", CHEAP)):
        answers = []
        for values in (plain, plain | cheap):
            networks = recipe_of(name, values).networks(torch.device("cpu"))
            answers.append([record.poses for record in networks(open_video(clip).records())])
            assert networks.context == recipe_of(name, plain).networks(torch.device("cpu")).context
        for one, other in zip(*answers, strict=True):
            assert one.keypoints.tobytes() == other.keypoints.tobytes()


def test_every_option_that_names_a_file_is_found():
    """A new option of such a name must say that it is a file, or a swapped one goes unnoticed."""
    for name in RECIPES:
        model = catalog.recipe(name).PipelineOptions
        found = {key.rpartition(".")[2] for key in input_paths(filled(model()))}
        names = {key.rpartition(".")[2] for key in leaves(model().model_dump())}
        assert {key for key in names if key.endswith(("weights", "boxes", "path")) or key == "calibration"} == found


def filled(options):
    """Return every text a value, without checking what it says."""
    values = {key: getattr(options, key) for key in type(options).model_fields}
    changed = {
        key: filled(value) if isinstance(value, Options) else "some.file"
        for key, value in values.items()
        if isinstance(value, Options) or value == ""
    }
    return options.model_copy(update=changed)


def test_files_of_either_half_are_hashed_and_shared_out(tmp_path):
    for name in ("flow.pt", "boxes.txt"):
        (tmp_path / name).write_text("as it was")
    values = {
        "tracker.features.flow": "torch",
        "tracker.features.flow_path": str(tmp_path / "flow.pt"),
        "detector.source": "file",
        "detector.boxes": str(tmp_path / "boxes.txt"),
    }
    before = identity("topdown", **values)
    assert sorted(before["files"]) == ["detector.boxes", "tracker.features.flow_path"]

    for name in ("flow.pt", "boxes.txt"):
        (tmp_path / name).write_text("or other")
        assert identity("topdown", **values) != before
        (tmp_path / name).write_text("as it was")


def test_provenance_names_every_weight_by_its_option():
    values = {"tracker.name": "entailment", "smoothing.method": "learned", "temporal.head": "dcpose_head.default"}
    recipe = recipe_of("temporal", values)

    used = {entry["option"]: entry["name"] for entry in recipe.weights()}

    assert used == {
        "detector.model": "rtmdet_nano.default",
        "pose.model": "tinypose.default",
        "tracker.similarity": "pose_entailment.default",
        "smoothing.method": "refiner.default",
        "temporal.head": "dcpose_head.default",
    }


@pytest.mark.parametrize(("graph", "data"), [("net.xml", "net.bin"), ("net.onnx", "net.onnx.data")])
def test_the_numbers_beside_an_exported_network_are_noticed(tmp_path, graph, data):
    (tmp_path / graph).write_text("graph")
    weights = Weights("fpn_pose.net", str(tmp_path / graph))
    alone = used_weights(weights, "pose.model", str(tmp_path / graph))
    (tmp_path / data).write_text("numbers")
    before = used_weights(weights, "pose.model", str(tmp_path / graph))
    (tmp_path / data).write_text("changed")
    after = used_weights(weights, "pose.model", str(tmp_path / graph))

    assert alone["option"] == "pose.weights"
    assert "data_sha256" not in alone
    assert before["sha256"] == after["sha256"]
    assert before["data_sha256"] != after["data_sha256"]
