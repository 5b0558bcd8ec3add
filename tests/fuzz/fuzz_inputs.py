"""Good files of every kind that is read, made once; what is done to them later is in `fuzz_damage`."""

import json
from contextlib import suppress

import av
import cv2
import numpy as np
import torch
import yaml
from coco_files import a_truth, some_results
from safetensors.torch import save_file
from video_files import frame_image, write_video

from videopose.models import create_model

VIDEOS = {
    "h264.mp4": {}, "plain.mp4": {"options": {"bf": "0"}}, "faststart.mp4": {"muxer": {"movflags": "faststart"}},
    "fragments.mp4": {"muxer": {"movflags": "frag_keyframe+empty_moov"}}, "mpeg4.mov": {"codec": "mpeg4"},
    "h264.mkv": {}, "vfr.mkv": {"times": [k * 0.04 + 0.02 * (k % 3) for k in range(24)]},
    "vp8.webm": {"codec": "libvpx"},
    "mpeg4.avi": {"codec": "mpeg4"}, "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p"}, "h264.ts": {},
    "mpeg2.mpg": {"codec": "mpeg2video"}, "h264.flv": {}, "ffv1.nut": {"codec": "ffv1"}, "raw.h264": {},
    "raw.mjpeg": {"codec": "mjpeg", "pix_fmt": "yuvj420p"}, "flv1.flv": {"codec": "flv"},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "gray.mkv": {"codec": "ffv1", "pix_fmt": "gray"}, "turned.mp4": {"rotation": 90},
}  # fmt: skip
"""By name, how `write_video` makes them; those this FFmpeg has no encoder for are left out."""

EXCHANGE = ("posetrack17", "posetrack18", "posetrack21", "coco", "coco-results", "crowdpose", "hieve", "mot")


def make_all(folder, command):
    """Write all of them; `command` runs a command line.

    Returns:
        By kind, the paths.
    """
    made = {"video": []}
    for name, how in VIDEOS.items():
        with suppress(av.error.FFmpegError, ValueError):
            made["video"].append(write_video(folder / name, num_frames=24, **how))
    clip = folder / "plain.mp4"
    images = folder / "images"
    images.mkdir()
    for number in range(5):
        suffix = ("png", "jpg", "bmp", "tif", "webp")[number]
        cv2.imwrite(str(images / f"img_{number:04d}.{suffix}"), frame_image(number))
    made["folder"] = [images]
    made["results"] = [folder / f"result{suffix}" for suffix in (".json", ".parquet", ".csv")]
    for path in made["results"]:
        command("run", clip, "-o", path, "-q")
    made["exchange"] = []
    for name in EXCHANGE:
        path = folder / f"{name}.{'txt' if name == 'mot' else 'json'}"
        command("convert", made["results"][0], "-o", path, "--to", name)
        made["exchange"].append(path)
    made["scores"] = [folder / "truth.json", folder / "guess.json"]
    rng = np.random.default_rng(3)
    truth = a_truth(rng, odd=False)
    for path, document in zip(made["scores"], (truth, some_results(rng, truth, odd=False)), strict=True):
        path.write_text(json.dumps(document))
    made["boxes"] = [path for path in made["exchange"] if path.stem in ("mot", "coco", "posetrack18", "coco-results")]
    made["config"] = []
    for name, recipe in (("default", "pipelines"), ("dcpose", "pipelines"), ("pose", "train")):
        words = ("run", clip, "--pipeline", name) if recipe == "pipelines" else ("train", name, "--data", ".")
        path = folder / f"{recipe}_{name}.yaml"
        path.write_text(yaml.safe_dump(yaml.safe_load(command(*words, "--print-config", real=True).out)))
        made["config"].append(path)
    made["weights"] = _weights(folder)
    return made


def _weights(folder):
    options = {"widths": [8, 8, 16, 16], "depths": [1, 1, 1, 1], "decoder_width": 8}
    torch.manual_seed(0)
    state = create_model("fpn_pose", num_keypoints=17, **options).state_dict()
    card = {
        "name": "fpn_pose.mine", "file": "x", "options": options, "skeleton": "coco17", "codec": "msra",
        "input_hw": [64, 64], "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "scores": {"ap": 0.5},
    }  # fmt: skip
    paths = [folder / "mine.safetensors", folder / "mine.pth", folder / "legacy.pth"]
    save_file(state, paths[0], metadata={"videopose": json.dumps(card)})
    torch.save(state, paths[1])
    torch.save({"state_dict": state, "epoch": 3}, paths[2], _use_new_zipfile_serialization=False)
    return paths
