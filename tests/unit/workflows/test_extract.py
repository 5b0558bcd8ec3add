"""`videopose frames`: images named as exported annotations name them."""

import json

import cv2
import numpy as np
from video_files import damage_packets, number_in, write_video

from videopose.cli.main import main
from videopose.io.reader import open_video
from videopose.io.result import ResultHeader
from videopose.io.results import write_result
from videopose.skeletons import skeleton_named
from videopose.types import Frame, Poses, Record


def frames(clip, folder, *options):
    return main(["frames", str(clip), "-o", str(folder), "-q", *options])


def test_every_frame_becomes_the_image_that_coco_names(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=6)
    header = ResultHeader(open_video(clip).info, skeleton_named("coco17"))
    with write_result(tmp_path / "r.json", header) as writer:
        for index in (1, 4):
            writer.write(Record(Frame(index, index / 25, None), poses=Poses.empty(17)))
    main(["convert", str(tmp_path / "r.json"), "-o", str(tmp_path / "coco.json"), "--to", "coco"])

    assert frames(clip, tmp_path / "all") == 0
    assert frames(clip, tmp_path / "some", "--poses", str(tmp_path / "r.json")) == 0
    assert frames(clip, tmp_path / "coco", "--poses", str(tmp_path / "coco.json")) == 0

    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [f"frame_{k:06d}.png" for k in range(6)]
    named = sorted(image["file_name"] for image in json.loads((tmp_path / "coco.json").read_text())["images"])
    for folder in ("some", "coco"):
        assert (
            sorted(path.name for path in (tmp_path / folder).iterdir())
            == named
            == ["frame_000001.png", "frame_000004.png"]
        )
    image = cv2.imread(str(tmp_path / "all" / "frame_000004.png"))[..., ::-1]
    assert number_in(image, 4) == 4
    np.testing.assert_array_equal(image, open_video(clip)[4].image.permute(1, 2, 0).numpy())


def test_images_are_as_displayed_and_spans_keep_their_indices(tmp_path):
    clip = write_video(tmp_path / "clip.mp4", num_frames=12, rotation=90)

    assert frames(clip, tmp_path / "out", "--frames", "3-9", "--every", "3") == 0

    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"frame_{k:06d}.png" for k in (3, 6, 9)]
    assert cv2.imread(str(tmp_path / "out" / "frame_000003.png")).shape[:2] == open_video(clip).info.size_hw == (64, 48)


def test_what_is_there_is_kept_unless_it_may_go(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=3)
    assert frames(clip, tmp_path / "out") == 0

    assert frames(clip, tmp_path / "out") == 1
    assert "frame_000000.png: is already there. Add --overwrite" in capsys.readouterr().err
    assert frames(clip, tmp_path / "out", "--overwrite") == 0
    assert "3 images" in capsys.readouterr().err


def test_frames_that_cannot_be_decoded_are_said(tmp_path, capsys):
    clip = damage_packets(write_video(tmp_path / "clip.mp4", num_frames=30), [13])

    assert frames(clip, tmp_path / "out") == 0

    said = capsys.readouterr().err
    assert "note: frames 13-" in said
    assert not (tmp_path / "out" / "frame_000013.png").exists()
    assert (tmp_path / "out" / "frame_000012.png").exists()


def test_poses_of_another_video_are_one_line(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=3)
    header = ResultHeader(open_video(clip).info, skeleton_named("coco17"))
    with write_result(tmp_path / "r.json", header) as writer:
        writer.write(Record(Frame(90, 3.6, None), poses=Poses.empty(17)))
    with write_result(tmp_path / "empty.json", header):
        pass

    assert frames(clip, tmp_path / "out", "--poses", str(tmp_path / "r.json")) == 1
    assert "Error: " in capsys.readouterr().err
    assert frames(clip, tmp_path / "out", "--poses", str(tmp_path / "empty.json")) == 1
    assert "lists no frame, so there is nothing to write" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    clip = write_video(tmp_path / "clip.mp4", num_frames=2)
    (tmp_path / "file").write_text("")

    assert frames(clip, tmp_path / "file" / "out") == 1
    assert "Not a directory" in capsys.readouterr().err
