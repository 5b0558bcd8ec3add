"""From a file to a result, through the command line."""

import json
import os
import stat

import cv2
import numpy as np
import pytest
from builders import assert_same_records
from video_files import damage_packets, frame_image, write_video

from videopose.io.results import read_result


def test_a_run_writes_every_frame_beside_the_clip(command, clip):
    done = command("run", clip)

    document = json.loads((command.folder / "clip.poses.json").read_text())
    assert (done.code, done.out) == (0, f"{command.folder / 'clip.poses.json'}\n")
    assert [frame["index"] for frame in document["frames"]] == list(range(40))
    assert [person["track_id"] for person in document["frames"][7]["people"]] == [1, 2]
    assert document["provenance"]["config"]["people"] == 2
    assert document["provenance"]["weights"] == [{"option": "people", "name": "fake", "sha256": "0" * 64}]
    assert "40 frames, 2 people" in done.err


def test_only_the_result_is_left(command, clip):
    command("run", clip)

    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "clip.poses.json"]


def test_a_finished_result_is_not_overwritten(command, clip):
    command("run", clip)
    (command.folder / "clip.poses.json").write_text("mine")

    done = command("run", clip)

    assert done.code == 1
    assert "clip.poses.json: is already there. Add --overwrite" in done.err
    assert (command.folder / "clip.poses.json").read_text() == "mine"


def test_overwrite_replaces_it(command, clip):
    (command.folder / "clip.poses.json").write_text("mine")

    assert command("run", clip, "--overwrite").code == 0
    assert len(list(read_result(command.folder / "clip.poses.json"))) == 40


def test_the_three_formats_agree(command, clip):
    for suffix in ("json", "parquet", "csv"):
        assert command("run", clip, "-o", f"out.{suffix}").code == 0

    results = [read_result(f"out.{suffix}") for suffix in ("json", "parquet", "csv")]
    assert results[0].header == results[1].header == results[2].header
    assert_same_records(list(results[1]), list(results[0]))
    assert_same_records(list(results[2]), list(results[0]))


def test_the_same_run_gives_the_same_bytes(command, clip):
    command("run", clip, "-o", "a.json")
    command("run", clip, "-o", "b.json")

    assert (command.folder / "a.json").read_bytes() == (command.folder / "b.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        (("--frames", "5-9"), [5, 6, 7, 8, 9]),
        (("--frames", "37-"), [37, 38, 39]),
        (("--frames", "6"), [6]),
        (("--start", "0.4", "--end", "0.52"), [10, 11, 12]),
        (("--every", "15"), [0, 15, 30]),
        (("--frames", "3-20", "--every", "8"), [3, 11, 19]),
    ],
)
def test_parts_of_a_video_keep_their_indices(command, clip, options, indices):
    assert command("run", clip, *options).code == 0

    assert [record.frame.index for record in read_result("clip.poses.json")] == indices


def test_nobody_is_nobody(command, clip):
    done = command("run", clip, "--set", "people=0")

    assert done.code == 0
    assert "40 frames, 0 people" in done.err
    assert all(len(record.poses) == 0 for record in read_result("clip.poses.json"))


def test_a_gap_is_in_the_result_and_a_warning(command):
    path = damage_packets(write_video(command.folder / "clip.mp4", num_frames=30, options={"bf": "0"}), [14, 29])

    done = command("run", path)

    gaps = read_result("clip.poses.json").header.gaps
    assert done.code == 0
    assert [(gap.first, gap.last) for gap in gaps] == [(14, 14), (29, 29)]
    assert "Warning: " in done.err
    assert "frame 14 (0.56-0.60 s) could not be decoded: Invalid data" in done.err


def test_strict_makes_a_gap_an_error(command):
    path = damage_packets(write_video(command.folder / "clip.mp4", num_frames=30, options={"bf": "0"}), [14])

    done = command("run", path, "--strict")

    assert done.code == 1
    assert "frame 14 (0.56 s) cannot be decoded" in done.err
    assert not (command.folder / "clip.poses.json").exists()


def test_a_rotated_video_has_upright_coordinates(command):
    path = write_video(command.folder / "clip.mp4", num_frames=3, rotation=90)

    command("run", path)

    video = read_result("clip.poses.json").header.video
    assert (video.size_hw, video.rotation) == ((64, 48), 90)


def test_a_video_of_one_frame_is_a_video(command):
    command("run", write_video(command.folder / "clip.mp4", num_frames=1))

    assert len(list(read_result("clip.poses.json"))) == 1


def test_a_folder_of_images_is_a_video(command):
    (command.folder / "images").mkdir()
    for number in range(3):
        cv2.imwrite(f"images/{number}.png", frame_image(number))

    done = command("run", "images", "--frame-rate", "10")

    assert done.code == 0
    assert [record.frame.time for record in read_result("images.poses.json")] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_one_line(command, clip):
    clip.chmod(stat.S_IWUSR)

    done = command("run", clip)

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "Permission denied" in done.err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("-o", "out.xml"), 1, "out.xml: results are written as .json, .parquet, .csv"),
        (("-o", "nowhere/out.json"), 1, "there is no folder nowhere"),
        (("--set", "peple=3"), 1, "peple is not an option. Did you mean people?"),
        (("--set", "people"), 1, "--set people: write it as key=value"),
        (("--device", "gpu9"), 1, "device 'gpu9' is unknown"),
        (("--device", "meta"), 1, "device 'meta' is unknown. Give auto, cpu, cuda or cuda:1"),
        (("--device", "cuda:x"), 1, "device 'cuda:x' is unknown"),
        (("--backend", "opencvv"), 1, "Did you mean opencv?"),
        (("--boxes", "missing.txt"), 1, "missing.txt: cannot be read"),
        (("--frames", "9-5"), 1, "the last comes before the first"),
        (("--frames", "5..9"), 2, "is not a range of frames"),
        (("--start", "99"), 1, "none of its frames is selected"),
        (("--every", "0"), 1, "give 1 or more"),
        (("--frame-rate", "5"), 1, "a video file has its own timestamps"),
        (("--boxes", "a", "--single-person"), 2, "exclude each other"),
        (("--save", "sound"), 2, "'sound' is not 'video'"),
    ],
)
def test_a_bad_option_says_what_to_do(command, clip, options, code, message):
    done = command("run", clip, *options)

    assert (done.code, done.out) == (code, "")
    assert message in done.err
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4"]


def test_the_boxes_are_not_replaced_by_the_result(command, clip):
    boxes = command.folder / "boxes.json"
    boxes.write_text('[{"image_id": 0, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 1}]')
    before = boxes.read_bytes()

    done = command("run", clip, "--boxes", boxes, "-o", boxes, "--overwrite")

    assert (done.code, boxes.read_bytes()) == (1, before)
    assert "boxes.json: is what the result is made from. Choose another place with -o" in done.err


def test_print_config_prints_everything_and_stops(command):
    done = command("run", "nowhere.mp4", "--print-config", "--set", "people=3", "--single-person")

    assert done.code == 0
    assert done.out == (
        "recipe: fake\npeople: 3\nwindow: 5\nbefore: 0\nnumbers:\n  first: 1\n  names: ''\n"
        "detector:\n  source: frame\n  boxes: ''\npose: {}\n"
    )


def test_boxes_reach_the_config_whatever_they_are_called(command, clip):
    (command.folder / "my: boxes.txt").write_text("1,-1,1,2,3,4,0.5\n")

    assert command("run", clip, "--boxes", "my: boxes.txt").code == 0

    config = read_result("clip.poses.json").header.provenance["config"]
    assert config["detector"] == {"source": "file", "boxes": "my: boxes.txt"}


def test_boxes_of_another_video_are_refused(command, clip):
    (command.folder / "boxes.txt").write_text("1,-1,1,2,3,4,0.5\n41,-1,1,2,3,4,0.5\n")

    done = command("run", clip, "--boxes", "boxes.txt")

    assert (done.code, done.err.count("\n")) == (1, 1)
    assert "boxes.txt: has boxes for frame 40, counted from 0, but" in done.err
    assert sorted(path.name for path in command.folder.iterdir()) == ["boxes.txt", "clip.mp4"]


def test_an_error_in_a_stage_says_where(command, clip, monkeypatch):
    from videopose.errors import InputError

    def failing(self, record, batch):
        if record.frame.index == 7:
            raise InputError("the network has a headache")
        return original(self, record, batch)

    import fake_recipe

    original = fake_recipe.InventPeople._poses
    monkeypatch.setattr(fake_recipe.InventPeople, "_poses", failing)

    done = command("run", clip)

    assert done.code == 1
    assert done.err == f"Error: the network has a headache (in InventPeople, after frame 6 of {clip})\n"


def test_debug_shows_the_traceback(command, clip):
    from videopose.errors import VideoError

    with pytest.raises(VideoError, match="no such file"):
        command("run", "nowhere.mp4", "--debug")


def test_quiet_says_nothing_but_the_path(command, clip):
    done = command("run", clip, "--quiet")

    assert (done.out, done.err) == (f"{command.folder / 'clip.poses.json'}\n", "")


def test_save_video_draws_an_overlay(command, clip):
    done = command("run", clip, "--save", "video")

    assert done.code == 0
    assert done.out.splitlines()[-1] == str(command.folder / "clip.overlay.mp4")
    assert (command.folder / "clip.overlay.mp4").stat().st_size > 1000


def test_python_gives_what_the_command_writes(command, clip):
    import videopose

    command("run", clip)
    stored = list(read_result("clip.poses.json"))

    frames = list(videopose.run(clip, pipeline=str(command.config)))

    assert [frame.index for frame in frames] == [record.frame.index for record in stored]
    for frame, record in zip(frames, stored, strict=True):
        assert [person.track_id for person in frame.people] == record.poses.track_id.tolist()
        np.testing.assert_allclose([person.keypoints for person in frame.people], record.poses.keypoints, atol=0.006)
        np.testing.assert_allclose([person.box for person in frame.people], record.poses.xyxy, atol=0.006)
    assert sorted(path.name for path in command.folder.iterdir()) == ["clip.mp4", "clip.poses.json"]


def test_python_tells_of_gaps(command):
    import videopose

    path = damage_packets(write_video(command.folder / "clip.mp4", num_frames=30, options={"bf": "0"}), [14, 29])
    run = videopose.run(path, pipeline=str(command.config))

    assert len(list(run)) == 28
    assert [gap.first for gap in run.gaps] == [14, 29]


def test_progress_counts_from_loaded_networks_up_to_all_frames(command, clip):
    import videopose

    seen = []
    list(videopose.run(clip, pipeline=str(command.config), progress=lambda done, total: seen.append((done, total))))

    assert seen == [(k, 40) for k in range(41)]
