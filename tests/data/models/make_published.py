"""Write `videopose/assets/published.json` from a listing of OpenMMLab's published checkpoints (facts, Apache-2.0).

Run as `python tests/data/models/make_published.py ../shared/zoo/openmmlab_body_2d.json`. Only checkpoints of networks
this package has are kept.
"""

import json
import re
import sys
from pathlib import Path

SKELETONS = {
    "COCO": "coco17", "Body8": "coco17", "Human-Art": "coco17", "MPII": "mpii16", "CrowdPose": "crowdpose14",
    "JHMDB": "jhmdb15", "PoseTrack18": "posetrack17", "AI Challenger": "aic14", "ExLPose": "crowdpose14",
}  # fmt: skip
PAPERS = {
    "hrnet": "Sun et al., CVPR 2019", "simple_baseline": "Xiao et al., ECCV 2018", "lite_hrnet": "Yu et al., CVPR 2021",
    "vitpose": "Xu et al., NeurIPS 2022", "rtmpose": "Jiang et al., 2023", "cspnext": "Lyu et al., 2022",
    "mspn": "Li et al., 2019", "cpm": "Wei et al., CVPR 2016", "deeppose": "Toshev and Szegedy, CVPR 2014",
}  # fmt: skip
MMPOSE = "https://download.openmmlab.com/mmpose/v1"
WORDS = ("humanart", "sub1", "sub2", "sub3", "coarsedropout", "gridmask", "photometric", "merge")
SIZES = {"tiny": "t", "small": "s", "base": "b", "large": "l", "huge": "h"}
RULES = [
    (r"td-hm_(?:hrnet|posetrack18_hrnet).*?(w32|w48)", lambda m: f"hrnet_{m[1]}"),
    (r"td-hm_res(50|101|152)[_-]", lambda m: f"simple_baseline_{m[1]}"),
    (r"td-hm_litehrnet-(18|30)", lambda m: f"lite_hrnet_{m[1]}"),
    (r"td-hm_ViTPose-(small|base|large|huge)(-simple)?", lambda m: f"vitpose_{SIZES[m[1]]}" + ("_simple" * bool(m[2]))),
    (r"rtmpose-([tsml])_", lambda m: f"rtmpose_{m[1]}"),
    (r"cspnext-(tiny|s|m|l)_udp", lambda m: f"cspnext_{SIZES.get(m[1], m[1])}"),
    (r"td-hm_mspn50", lambda m: "mspn_1"),
    (r"td-hm_([234])xmspn50", lambda m: f"mspn_{m[1]}"),
    (r".*cpm", lambda m: "cpm"),
    (r"td-reg_res(50|101|152)_8xb", lambda m: f"deeppose_{m[1]}"),
]
CODECS = {
    "vitpose": "udp",
    "rtmpose": "simcc",
    "cspnext": "udp",
    "mspn": "megvii",
    "cpm": "msra8",
    "deeppose": "regression",
}


def family_of(architecture):
    return next(family for family in PAPERS if architecture.startswith(family))


def row(entry):
    file = entry["url"].rsplit("/", 1)[-1]
    named = file if file.startswith("rtmpose-m") else entry["name"]  # one entry names another size than its file
    found = next(((rule, m) for pattern, rule in RULES if (m := re.match(pattern, named))), None)
    if found is None or re.search("halpe26|udp-regress|fp16|wholebody|2deconv|combine", entry["name"] + entry["url"]):
        return None
    architecture = found[0](found[1])
    family = family_of(architecture)
    dataset = entry["dataset"][0]
    size = re.findall(r"(\d{3})x(\d{3})", entry["name"] + entry["config"])
    checksum = re.search(r"[-_]([0-9a-f]{8})[-_]\d{8}\.pth$", entry["url"])
    if dataset not in SKELETONS or not size or not checksum:
        return None
    codec = CODECS.get(family, "msra")
    variant = "udp" if "UDP" in entry["architecture"] else "dark" if "DarkPose" in entry["architecture"] else ""
    if variant and family not in CODECS:
        codec = variant
    short = dataset.lower().replace("ai challenger", "aic")
    tags = ["aic-coco" if "aic-coco" in entry["name"] else short, f"{size[0][0]}x{size[0][1]}"]
    tags += [variant] * bool(variant and family != "cspnext")
    tags += [word for word in WORDS if word in entry["name"] + entry["url"]]
    metrics = entry["metrics"][0] if entry["metrics"] else {}
    return {
        "name": f"{architecture}." + "_".join(tags),
        "file": file,
        "sha256": checksum[1],
        "licence": "Apache-2.0",
        "origin": entry["url"],
        "paper": PAPERS[family],
        "skeleton": SKELETONS[dataset],
        "input_hw": [int(size[0][0]), int(size[0][1])],
        "codec": codec,
        "convert": True,
        "scores": {f"{short}_{key.lower().replace(' ', '_')}": value for key, value in metrics.items()},
    }


BYTES = {"mean": [0.0, 0.0, 0.0], "std": [1 / 255] * 3}
"""Networks that take 0..255."""
MMDET = "https://download.openmmlab.com/mmdetection"
MEGVII = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"


def detector(name, side, address, **facts):
    checksum = re.search(r"-([0-9a-f]{8})\.pth$", address)
    family = name.partition("_")[0]
    return {
        "name": name,
        "file": address.rsplit("/", 1)[-1],
        "sha256": checksum[1] if checksum else "",
        "licence": "Apache-2.0",
        "origin": address,
        "paper": {"rtmdet": "Lyu et al., 2022", "yolox": "Ge et al., 2021"}[family],
        "skeleton": "",
        "input_hw": [side, side],
        "codec": "",
        "convert": True,
        "scores": facts.pop("scores", {}),
        "resize": "letterbox",
        **(BYTES if family == "yolox" else {}),
        **facts,
    }


def ap(value, of="coco_box_ap"):
    return {"scores": {of: value}}


RTMPOSE = f"{MMPOSE}/projects/rtmpose"
HUMANART = f"{MMPOSE}/projects/rtmposev1"
DETECTORS = [
    detector("rtmdet_nano.person_320", 320, f"{RTMPOSE}/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
             **ap(0.403, "coco_person_ap")),
    detector("rtmdet_m.person_640", 640, f"{RTMPOSE}/rtmdet_m_8xb32-100e_coco-obj365-person-235e8209.pth",
             **ap(0.625, "coco_person_ap")),
    *(
        detector(f"rtmdet_{size}.coco", 640, f"{MMDET}/v3.0/rtmdet/rtmdet_{size}_8xb32-300e_coco/"
                 f"rtmdet_{size}_8xb32-300e_coco_{file}.pth", **ap(value))
        for size, file, value in (
            ("tiny", "20220902_112414-78e30dcc", 0.411), ("s", "20220905_161602-387a891e", 0.446),
            ("m", "20220719_112220-229f527c", 0.494), ("l", "20220719_112030-5a0be7c4", 0.515),
            ("x", "20220715_230555-cc79b9ae", 0.528),
        )
    ),
    *(
        detector(f"yolox_{size}.coco", side, f"{MMDET}/v2.0/yolox/yolox_{size}_8x8_300e_coco/"
                 f"yolox_{size}_8x8_300e_coco_{file}.pth", **ap(value))
        for size, side, file, value in (
            ("tiny", 416, "20211124_171234-b4047906", 0.318), ("s", 640, "20211121_095711-4592a793", 0.405),
            ("l", 640, "20211126_140236-d3bd2b23", 0.494), ("x", 640, "20211126_140254-1ef88d67", 0.509),
        )
    ),
    detector("yolox_m.coco", 640, f"{MEGVII}/yolox_m.pth", resize="letterbox_down", **ap(0.469)),
    *(
        detector(f"{name}.humanart", side, f"{HUMANART}/{name}_{file}.pth", **ap(value, "humanart_person_ap"))
        for name, side, file, value in (
            ("rtmdet_tiny", 640, "8xb32-300e_humanart-7da5554e", 0.466),
            ("rtmdet_s", 640, "8xb32-300e_humanart-af5bd52d", 0.506),
            ("yolox_tiny", 416, "8xb8-300e_humanart-6f3252f9", 0.477),
            ("yolox_s", 640, "8xb8-300e_humanart-3ef259a7", 0.546),
            ("yolox_m", 640, "8xb8-300e_humanart-c2c7a14a", 0.591),
            ("yolox_l", 640, "8xb8-300e_humanart-ce1d7a62", 0.602),
            ("yolox_x", 640, "8xb8-300e_humanart-a39d44ed", 0.613),
        )
    ),
]  # fmt: skip
"""What the listing, which is of pose networks, leaves out."""


def main(listing, target):
    rows, seen = list(DETECTORS), {}
    for entry in json.loads(Path(listing).read_text()):
        made = row(entry)
        if made is None or any(made["origin"] == other["origin"] for other in rows):
            continue
        seen[made["name"]] = seen.get(made["name"], 0) + 1
        if seen[made["name"]] > 1:
            made["name"] += f"_{seen[made['name']]}"
        rows.append(made)
    lines = ",\n".join(json.dumps(made) for made in sorted(rows, key=lambda made: made["name"]))
    Path(target).write_text(f'{{"weights": [\n{lines}\n]}}\n')
    print(len(rows), "checkpoints")


if __name__ == "__main__":
    main(sys.argv[1], Path(__file__).parents[3] / "videopose" / "assets" / "published.json")
