"""Write `videopose/assets/pipelines.json`: what published pipelines are made of (facts of their publishers' tables).

Run as `python tests/data/models/make_pipelines.py ../shared/zoo/pipelines.json`, of which mirrors and checksums are
taken. GFLOPs and parameters are those of the publishers, or of `videopose models info` where they print none.
"""

import json
import sys
from pathlib import Path

MMPOSE = "https://download.openmmlab.com/mmpose/v1/projects"
RTMPOSE = "Jiang et al., 2023"


def published(name, file, *, folder, paper, skeleton, input_hw, codec, scores, **more):
    digits = [part for part in file.removesuffix(".pth").replace("_", "-").split("-") if len(part) == 8]
    checksum = next((part for part in digits if not part.startswith("20")), "") if file.endswith(".pth") else ""
    return {
        "name": name, "file": file, "sha256": checksum, "licence": "Apache-2.0", "origin": f"{MMPOSE}/{folder}/{file}",
        "paper": paper, "skeleton": skeleton, "input_hw": input_hw, "codec": codec, "convert": file.endswith(".pth"),
        "scores": scores, **more,
    }  # fmt: skip


def pose(name, file, *, folder="rtmposev1", skeleton="coco17", input_hw=(256, 192), **scores):
    network = {} if file.endswith(".pth") else {"member": "end2end.onnx"}
    return published(
        name, file, folder=folder, paper=RTMPOSE if folder == "rtmposev1" else "Jiang et al., RTMW, 2024",
        skeleton=skeleton, input_hw=list(input_hw), codec="simcc", scores=scores, **network,
    )  # fmt: skip


def by_hand(name, page, paper, licence, **scores):
    return {
        "name": name, "file": f"{name}.pth", "licence": licence, "paper": paper, "skeleton": "posetrack17",
        "input_hw": [384, 288], "codec": "msra", "convert": True, "scores": scores, "page": page,
    }  # fmt: skip


WEIGHTS = [
    pose("rtmpose_x.body8_384x288", "rtmpose-x_simcc-body7_pt-body7_700e-384x288-71d7b7e9_20230629.pth",
         input_hw=(384, 288), body8_ap=0.788),
    pose("rtmpose_m.halpe26_256x192", "rtmpose-m_simcc-body7_pt-body7-halpe26_700e-256x192-4d3e73dd_20230605.pth",
         skeleton="halpe26", **{"body8_mean@0.1": 0.947, "body8_auc": 0.719}),
    pose("rtmw_m.cocktail14_256x192", "rtmw-dw-l-m_simcc-cocktail14_270e-256x192_20231122.zip",
         folder="rtmw/onnx_sdk", skeleton="wholebody133", wholebody_ap=0.582, body_ap=0.676),
    pose("rtmw_l.cocktail14_384x288", "rtmw-dw-x-l_simcc-cocktail14_270e-384x288_20231122.zip",
         folder="rtmw/onnx_sdk", skeleton="wholebody133", input_hw=(384, 288), wholebody_ap=0.701, body_ap=0.761),
    by_hand("dcpose.posetrack18_384x288", "https://github.com/Pose-Group/DCPose", "Liu et al., CVPR 2021",
            "unknown", posetrack18_ap=80.9, posetrack17_ap=82.8),
    by_hand("posewarper.posetrack18_384x288", "https://github.com/facebookresearch/PoseWarper",
            "Bertasius et al., NeurIPS 2019", "Apache-2.0", posetrack18_ap=79.7, posetrack17_ap=81.2),
]  # fmt: skip

COCO, PAIR, BODY8 = "COCO AP", "COCO AP with this detector", "AP on Body8"
PIPELINES = [  # name, accuracy in per cent, what it is, million parameters and GFLOPs of detector and pose network
    ("rtmpose-t", 64.4, PAIR, (0.99, 3.34), (0.31, 0.36)),
    ("rtmpose-s", 68.5, PAIR, (0.99, 5.47), (0.31, 0.68)),
    ("rtmpose-m", 75.7, PAIR, (24.66, 13.59), (38.95, 1.93)),
    ("rtmpose-l", 76.6, PAIR, (24.66, 27.66), (38.95, 4.16)),
    ("rtmpose-x", 78.8, BODY8, (24.66, 49.43), (38.95, 17.22)),
    ("rtmpose-m-feet", 94.7, "PCK@0.1 on Body8", (24.66, 13.93), (38.95, 1.95)),
    ("rtmw-m", 58.2, "whole-body AP (COCO-WholeBody)", (24.66, None), (38.95, None)),
    ("rtmw-l", 70.1, "whole-body AP (COCO-WholeBody)", (24.66, 57.3), (38.95, None)),
    ("vitpose-b", 75.7, COCO, (24.66, 89.99), (38.95, 17.8)),
    ("vitpose-h", 78.8, COCO, (24.66, 637.21), (38.95, 122.8)),
    ("hrnet-w32", 74.6, COCO, (24.66, 28.54), (38.95, 7.1)),
    ("hrnet-w48", 76.7, COCO, (24.66, 63.6), (38.95, 32.9)),
    ("dcpose-posetrack", 80.9, "PoseTrack 2018 val AP", (24.66, 65.2), (38.95, 117.0)),
    ("posewarper-posetrack", 79.7, "PoseTrack 2018 val AP", (24.66, 71.15), (38.95, 437.4)),
]


def main(facts, target):
    known = json.loads(Path(facts).read_text())
    mirrors = {
        each["address"].rsplit("/", 1)[-1]: [each["mirror"]]
        for each in (*known["onnx_sdk"], *known["checkpoints"])
        if "mirror" in each
    }
    stated = {each["address"]: each["sha256_starts"] for each in (*known["onnx_sdk"], *known["checkpoints"])
              if each.get("sha256_starts") and each["address"].endswith(".pth")}  # fmt: skip
    for row in WEIGHTS:
        assert stated.get(row.get("origin"), row.get("sha256", "")) == row.get("sha256", ""), row["name"]
    rows = [
        {"name": name, "accuracy": accuracy, "measure": measure, "parameters_m": parameters, "gflops": gflops}
        for name, accuracy, measure, parameters, gflops in PIPELINES
    ]
    parts = [
        f'"weights": [\n{_lines(WEIGHTS)}\n]',
        '"mirrors": {\n' + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(mirrors.items())) + "\n}",
        f'"pipelines": [\n{_lines(rows)}\n]',
    ]
    Path(target).write_text("{" + ",\n".join(parts) + "}\n")


def _lines(rows):
    return ",\n".join(json.dumps(row) for row in rows)


if __name__ == "__main__":
    main(sys.argv[1], Path(__file__).parents[3] / "videopose" / "assets" / "pipelines.json")
