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


DETECTORS = [
    {
        "name": "rtmdet_nano.coco-obj365_320x320",
        "file": "rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
        "sha256": "05d8511e",
        "licence": "Apache-2.0",
        "origin": f"{MMPOSE}/projects/rtmpose/rtmdet_nano_8xb32-100e_coco-obj365-person-05d8511e.pth",
        "paper": "Lyu et al., 2022",
        "skeleton": "",
        "input_hw": [320, 320],
        "codec": "",
        "convert": True,
        "scores": {},
    }
]
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
