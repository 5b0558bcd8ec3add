"""Training heads over neighbouring frames: clips, cached heatmaps, windows, and the whole run on drawn clips."""

import csv
import json

import cv2
import numpy as np
import pytest
import torch
from video_files import write_video

from videopose.codecs.spatial import SpatialCodec
from videopose.config import validate
from videopose.data.jhmdb import read_jhmdb
from videopose.data.person_clips import ClipOptions, StillOptions, from_video, load_clips
from videopose.errors import ConfigError, DatasetError
from videopose.geometry.affine import translation
from videopose.geometry.sampling import moved_cells
from videopose.models import create_model
from videopose.models.weights import load_model, save_weights
from videopose.models.zoo import Weights
from videopose.skeletons import skeleton_named
from videopose.training.map_cache import MappedClip
from videopose.training.run import TrainOptions, create_task, run_training
from videopose.training.temporal_batches import ClipSampler, WindowOptions, mirrored, places_between, window_inputs

COUNT, SIZE = 9, (64, 80)
INPUT = (64, 64)
JHMDB = skeleton_named("jhmdb15")
BODY = skeleton_named("body19")
LOOP = {"steps": 4, "batch_size": 2, "log_every": 1, "save_every": 1, "evaluate_every": 4, "precision": "32-true",
        "threads": 1}  # fmt: skip


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Four clips of a person who walks to the right, one still, and a pose network that has learned nothing."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    entries = []
    for number in range(4):
        shape = rng.uniform((15, 10), (45, 55), (15, 2))
        keypoints = shape[None] + np.arange(COUNT)[:, None, None] * [2.0, 0]
        write_video(folder / f"walk_{number}.mp4", num_frames=COUNT, size_hw=SIZE)
        entries.append(
            {"clip": f"walk_{number}.mp4", "action": "walk", "split": "train" if number else "val",
             "keypoints": keypoints.tolist()}
        )  # fmt: skip
    index = {"keypoint_names": list(JHMDB.keypoints), "width": SIZE[1], "height": SIZE[0], "clips": entries}
    (folder / "clips.json").write_text(json.dumps(index))
    cv2.imwrite(str(folder / "still.png"), rng.integers(0, 255, (120, 120, 3), np.uint8))
    points = np.concatenate([rng.uniform(20, 100, (17, 2)), np.full((17, 1), 2)], 1)
    document = {
        "images": [{"id": 1, "file_name": "still.png", "width": 120, "height": 120}],
        "annotations": [{"id": 1, "image_id": 1, "bbox": [10, 10, 100, 100], "keypoints": points.ravel().tolist()}],
        "categories": [{"id": 1, "keypoints": list(skeleton_named("coco17").keypoints)}],
    }
    (folder / "still.json").write_text(json.dumps(document))
    small = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}
    torch.manual_seed(0)
    network = create_model("fpn_pose", num_keypoints=19, **small)
    card = Weights("fpn_pose.tiny", "", skeleton="body19", input_hw=INPUT, codec="spatial", options=small)
    save_weights(folder / "tiny.safetensors", network.state_dict(), card)
    return folder


def clip_options(**changes):
    still = {"name": "still", "annotations": "still.json", "images": "."}
    stills = StillOptions(sources=(still,), frames=6, min_side=40)
    return ClipOptions(**{"annotations": "clips.json", "clips": ".", "held_out": 3, "stills": stills, **changes})


def options(folder, architecture="dcpose_head", **loop):
    return validate(
        TrainOptions,
        {
            "task": "temporal",
            "temporal": {
                "architecture": architecture,
                "model": {"width": 8} if architecture == "convlstm_head" else {"before": 1, "after": 1, "width": 8},
                "backbone": {"model": "fpn_pose", "weights": str(folder / "tiny.safetensors"), "input_hw": INPUT},
                "clips": clip_options().model_dump(),
                "cache": {"kinds_per_clip": 1},
                "track_frames": 4,
            },
            "loop": {**LOOP, **loop},
            "optimiser": {"warmup_steps": 2},
        },
        source="test",
    )


def a_mapped_clip(*, frames=6, variants=3):
    """Make logits whose every value names its variant and frame."""
    maps = np.zeros((variants, frames, 2, 4, 4), np.float16)
    maps += np.arange(variants)[:, None, None, None, None] * 10 + np.arange(frames)[None, :, None, None, None]
    keypoints = np.full((frames, 2, 3), 2, np.float32)
    crops = np.stack([translation(t, 0) for t in range(frames)])
    return MappedClip("video", maps, crops, keypoints, np.ones((frames, 2), np.float32))


def test_val_clips_are_never_learned_from(clips):
    learned, kept = load_clips(clips, clip_options(), BODY)

    assert {clip.name for clip in [*learned, *kept]} == {"walk_1", "walk_2", "walk_3", "still:0"}
    assert [clip.name for clip in kept] == ["walk_1"]


def test_a_set_too_small_to_keep_a_clip_is_refused(clips):
    with pytest.raises(DatasetError, match="clips.json: too few train clips to keep one of 1"):
        load_clips(clips, clip_options(held_out=1), BODY)


def test_a_moved_still_carries_its_keypoints_along(clips):
    still = next(clip for clip in load_clips(clips, clip_options(), BODY)[0] if clip.source == "still")
    frames = still.read()

    assert len(frames) == len(still.keypoints) == 6
    inside = still.keypoints[..., 2] > 0
    steps = np.linalg.norm(np.diff(still.keypoints[..., :2], axis=0), axis=-1)[inside[1:] & inside[:-1]]
    assert 0 < steps.max() < 40
    assert not np.array_equal(frames[0], frames[-1])


def test_frames_in_which_the_person_is_out_of_sight_get_the_nearest_box(clips):
    clip = read_jhmdb(clips / "clips.json", clips, JHMDB)[0]
    clip.keypoints[3:, :, 2] = 0

    boxes = from_video(clip).boxes

    assert np.array_equal(boxes[8], boxes[2])


def test_a_stretch_takes_frames_around_the_current_one():
    plain = WindowOptions(clean_probability=1, double_step_probability=0, absent_probability=0, frame_rates=(10.0,))
    stretch = ClipSampler([a_mapped_clip()], plain, seed=0).draw(0, [-1, 0, 1])

    frame = int(stretch.maps[1, 0, 0, 0])
    wanted = np.array([frame - 1, frame, frame + 1])
    assert stretch.present.tolist() == [0 <= row < 6 for row in wanted]
    assert stretch.maps[:, 0, 0, 0].tolist() == np.clip(wanted, 0, 5).tolist()
    assert stretch.seconds.tolist() == pytest.approx([-0.1, 0, 0.1])
    assert stretch.keypoints[1, 0, 0] == 2 + frame  # in its own crop


def test_windows_mix_clean_and_degraded_frames_as_told():
    never = {"double_step_probability": 0, "absent_probability": 0}
    one_kind = ClipSampler([a_mapped_clip()], WindowOptions(clean_probability=0, mixed_probability=0, **never), seed=0)
    mixed = ClipSampler([a_mapped_clip()], WindowOptions(clean_probability=0, mixed_probability=1, **never), seed=0)

    kinds = [one_kind.draw(number, range(-3, 4)).maps[:, 0, 0, 0] // 10 for number in range(20)]
    assert all(len(set(kind.tolist())) == 1 and kind[0] > 0 for kind in kinds)
    kinds = [mixed.draw(number, range(-3, 4)).maps[:, 0, 0, 0] // 10 for number in range(20)]
    assert all(kind[3] > 0 for kind in kinds)
    assert any(0 in kind.tolist() for kind in kinds)


def test_places_are_those_of_the_exact_formula():
    codec = SpatialCodec(INPUT)
    crops = np.stack([translation(5, -3), np.diag([1.5, 1.5, 1])])
    others = np.stack([np.diag([0.8, 0.8, 1]), translation(0, 7)])
    cell = codec.crop_from_heatmap
    exact = moved_cells(np.linalg.inv(cell) @ others @ np.linalg.inv(crops) @ cell, codec.heatmap_hw)

    assert np.abs(places_between(crops, others, codec).numpy() - exact).max() < 1e-4


def test_neighbours_come_into_the_current_crop():
    codec = SpatialCodec((16, 16))
    stretch = ClipSampler([a_mapped_clip()], WindowOptions(clean_probability=1), seed=0).draw(0, [-1, 0, 1])
    stretch.maps[:] = 0
    stretch.maps[0, 0, 1, 1] = 9
    stretch.crop_from_image[0] = np.eye(3)
    stretch.crop_from_image[1] = translation(4, 0)  # the current crop sees everything a cell further right

    _, neighbors, _, _ = window_inputs(stretch, 1, codec)

    assert neighbors[0, 0].argmax() == 1 * 4 + 2


def test_mirrored_maps_exchange_sides():
    maps = torch.zeros(19, 4, 4)
    maps[BODY.index_of("left_wrist"), 1, 0] = 1

    assert mirrored(maps, BODY)[BODY.index_of("right_wrist"), 1, 3] == 1


@pytest.mark.parametrize("architecture", ["dcpose_head", "posewarper_head", "convlstm_head"])
def test_a_run_trains_resumes_and_leaves_a_head(clips, tmp_path, architecture):
    run_training(options(clips, architecture), clips, tmp_path / "whole")
    run_training(options(clips, architecture), clips, tmp_path / "halves", stop_after=2)
    scores = run_training(options(clips, architecture), clips, tmp_path / "halves", resume=True)

    losses = [
        [row["loss"] for row in csv.DictReader((tmp_path / run / "log.csv").open())] for run in ("whole", "halves")
    ]
    assert losses[0] == losses[1]
    assert {"pck", "pck_clean", "pck_degraded", "pck_single_clean", "pck_single_degraded"} <= scores.keys()
    head, card = load_model(architecture, checkpoint=tmp_path / "whole/weights.safetensors")
    assert (card.skeleton, card.codec, head.num_keypoints) == ("body19", "spatial", 19)


def test_heatmaps_are_made_once(clips, tmp_path):
    create_task(options(clips), clips, tmp_path)
    made = (tmp_path / "maps/learned.npy").stat().st_mtime_ns
    task = create_task(options(clips), clips, tmp_path)

    assert (tmp_path / "maps/learned.npy").stat().st_mtime_ns == made
    whole = task.batch(3, range(2), torch.device("cpu"), progress=0.5)
    half = task.batch(3, range(1, 2), torch.device("cpu"), progress=0.5)
    assert torch.equal(whole["neighbors"][1:], half["neighbors"])


def test_heatmaps_of_other_clips_or_weights_are_made_anew(clips, tmp_path):
    create_task(options(clips), clips, tmp_path)
    before = np.load(tmp_path / "maps/learned.npy")
    other = options(clips)
    changed = other.temporal.model_copy(update={"cache": other.temporal.cache.model_copy(update={"seed": 7})})
    create_task(other.model_copy(update={"temporal": changed}), clips, tmp_path)

    assert not np.array_equal(np.load(tmp_path / "maps/learned.npy"), before)


def test_a_network_without_heatmaps_is_refused(clips, tmp_path):
    wrong = options(clips)
    backbone = wrong.temporal.backbone.model_copy(update={"codec": "simcc"})
    wrong = wrong.model_copy(update={"temporal": wrong.temporal.model_copy(update={"backbone": backbone})})

    with pytest.raises(ConfigError, match="has codec simcc, but heads fuse heatmaps"):
        create_task(wrong, clips, tmp_path)
