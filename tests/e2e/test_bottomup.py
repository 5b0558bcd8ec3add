"""The bottom-up recipe from a clip to a result, with random weights of a small DEKR."""

import numpy as np
import pytest
import torch
from video_files import write_video

from videopose.cli.main import main
from videopose.estimators.build_scene import SceneOptions, create_scene_estimator
from videopose.estimators.scene import input_of
from videopose.geometry.affine import apply
from videopose.io.results import read_result
from videopose.models import create_model
from videopose.models.weights import save_weights
from videopose.models.zoo import Weights

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    model = create_model("dekr_w32", width=8, keypoint_width=4)
    model.head_heatmap[1].bias.data[:] = 0.5  # people are then met everywhere
    card = Weights("dekr_w32.random", "", codec="dekr", input_hw=(64, 64), options={"width": 8, "keypoint_width": 4})
    path = tmp_path_factory.mktemp("weights") / "dekr.safetensors"
    save_weights(path, model.state_dict(), card)
    return path


@pytest.fixture
def pipeline(weights, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"recipe: bottomup\nscene: {{model: dekr_w32, weights: '{weights}', flip_test: false, min_score: 0.0}}\n"
        "tracker: {keep_untracked: true}\n"
    )
    return path


def test_a_run_finds_people_without_boxes_and_writes_the_same_bytes_twice(pipeline, tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=10)
    for name in ("a.json", "b.json"):
        assert main(["run", str(clip), "-q", "--pipeline", str(pipeline), "-o", str(tmp_path / name)]) == 0

    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    result = read_result(tmp_path / "a.json")
    records = list(result)
    assert [record.frame.index for record in records] == list(range(10))
    assert max(len(record.poses) for record in records) > 0
    assert result.header.skeleton.name == "coco17"
    (used,) = result.header.provenance["weights"]
    assert used["option"] == "scene.weights"


@pytest.mark.parametrize("words", [["--single-person"], ["--set", "detector.every=2"]])
def test_boxes_do_not_apply(pipeline, tmp_path, capsys, words):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)

    assert main(["run", str(clip), "--pipeline", str(pipeline), *words]) == 1

    assert "find people themselves: leave out detector, --boxes and --single-person" in capsys.readouterr().err


def test_recovery_by_flow_does_not_apply(pipeline, tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)

    words = ["--set", "tracker.features.recover=true", "--set", "tracker.features.flow=dis"]
    assert main(["run", str(clip), "--pipeline", str(pipeline), *words]) == 1

    assert "tracker.features.recover: looks again at boxes" in capsys.readouterr().err


def test_a_network_for_crops_is_refused(tmp_path, capsys):
    clip, config = write_video(tmp_path / "clip.mp4", num_frames=2), tmp_path / "p.yaml"
    config.write_text("recipe: bottomup\nscene: {model: tinypose.default}\n")

    assert main(["run", str(clip), "--pipeline", str(config)]) == 1

    assert "tinypose.default: does not look at whole images; those that do are dekr_w32" in capsys.readouterr().err


def test_scales_begin_with_one(tmp_path, capsys):
    clip, config = write_video(tmp_path / "clip.mp4", num_frames=2), tmp_path / "p.yaml"
    config.write_text("recipe: bottomup\nscene: {scales: [0.5, 1]}\n")

    assert main(["run", str(clip), "--pipeline", str(config)]) == 1

    assert "the first is 1, the others lie between 0.1 and 4" in capsys.readouterr().err


IMAGES = [torch.randint(0, 256, (3, *hw), dtype=torch.uint8) for hw in ((60, 80), (90, 70), (60, 80))]


@pytest.mark.parametrize(
    "change",
    [{"flip_test": True}, {"scales": (1.0, 0.5)}, {"short_side": 128}, {"min_score": 0.99}],
    ids=lambda change: next(iter(change)),
)
def test_every_option_changes_the_answer(weights, change):
    base = SceneOptions(model="dekr_w32", weights=str(weights), flip_test=False, min_score=0.0)
    usual, other = (
        create_scene_estimator(options, CPU).estimate(IMAGES[:1])[0]
        for options in (base, base.model_copy(update=change))
    )

    assert usual.keypoints.shape != other.keypoints.shape or not np.allclose(usual.keypoints, other.keypoints)


def test_an_image_s_people_do_not_depend_on_the_others(weights):
    options = SceneOptions(model="dekr_w32", weights=str(weights), min_score=0.0, batch_size=4)
    estimator = create_scene_estimator(options, CPU)

    together = estimator.estimate(IMAGES)

    for image, poses in zip(IMAGES, together, strict=True):
        (alone,) = estimator.estimate([image])
        assert np.allclose(alone.keypoints, poses.keypoints, atol=1e-3)


@pytest.mark.parametrize("image_hw", [(60, 80), (360, 640), (1000, 500), (64, 64)])
def test_an_image_is_placed_with_its_corner_kept_and_its_short_side_scaled(image_hw):
    input_from_image, (height, width) = input_of(image_hw, 128, 64)

    first, last = apply(input_from_image, np.array([[-0.5, -0.5], [image_hw[1] - 0.5, image_hw[0] - 0.5]]))
    assert np.allclose(first, -0.5)
    assert min(last + 0.5) == pytest.approx(128)
    assert height % 64 == width % 64 == 0
    assert height >= last[1] + 0.5 - 1
    assert width >= last[0] + 0.5 - 1
