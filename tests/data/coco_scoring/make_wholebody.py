"""Write whole-body annotations and results that follow from a seed, and what COCO-WholeBody's kit says of them.

Run as `python tests/data/coco_scoring/make_wholebody.py` where xtcocotools 1.14.3 is installed (`pip install
xtcocotools`); the kit's own sums, by part, are written to `wholebody_expected.json`.
"""

import contextlib
import io
import json
import sys
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np

HERE = Path(__file__).parent
PARTS = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
KINDS = {"body": "keypoints_body", "foot": "keypoints_foot", "face": "keypoints_face",
         "lefthand": "keypoints_lefthand", "righthand": "keypoints_righthand", "": "keypoints_wholebody"}  # fmt: skip


def people(rng):
    """Draw true people and what a network might say of them."""
    truth, found, identity = [], [], 0
    for image in range(1, 9):
        for _ in range(int(rng.integers(1, 4))):
            identity += 1
            size = float(rng.choice([30, 70, 150, 300]))
            corner = rng.uniform(0, 300, 2)
            entry = {"id": identity, "image_id": image, "category_id": 1, "iscrowd": int(rng.random() < 0.08),
                     "bbox": [round(float(v), 1) for v in (*corner, size, 2 * size)],
                     "area": round(size * size, 1)}  # fmt: skip
            guess = {"image_id": image, "category_id": 1, "score": round(float(rng.random()), 3)}
            near = rng.choice([0.004, 0.01, 0.03, 0.1]) * size
            for key, count in PARTS.items():
                spread = size * (1 if key == "keypoints" else 0.15)
                points = corner + rng.uniform(0, spread, (count, 2))
                flags = rng.choice([0, 1, 2], count, p=[0.2, 0.2, 0.6]) * (rng.random() > 0.2)
                said = points + rng.normal(0, near, (count, 2))
                scores = rng.uniform(0.1, 1, count) * (rng.random() > 0.1)  # now and then a part is not there at all
                entry[key] = flat(points * (flags[:, None] > 0), flags)
                guess[key] = flat(said, scores)
            entry["num_keypoints"] = int(np.count_nonzero(entry["keypoints"][2::3]))
            truth.append(entry)
            if rng.random() < 0.9:
                found.append(guess)
        if rng.random() < 0.4:  # somebody who is not there
            again = json.loads(json.dumps(found[-1]))
            again["image_id"], again["score"] = image, round(float(rng.random()), 3)
            found.append(again)
    return truth, found


def flat(points, third):
    return [round(float(value), 2) for value in np.column_stack([points, third]).ravel()]


def main():
    setattr(np, "float", float)  # noqa: B010 - the kit was written before NumPy 1.24
    sys.modules["xtcocotools._mask"] = MagicMock()  # masks; compiled for a NumPy before 2, and not needed here
    from xtcocotools.coco import COCO
    from xtcocotools.cocoeval import COCOeval

    from videopose.skeletons import skeleton_named

    truth, found = people(np.random.default_rng(7))
    names = ["nose", *(f"{side}_{part}" for part in ("eye", "ear", "shoulder", "elbow", "wrist", "hip", "knee", "ankle")
                       for side in ("left", "right"))]  # fmt: skip
    images = [{"id": number, "file_name": f"{number}.jpg", "height": 480, "width": 640} for number in range(1, 9)]
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": []}
    (HERE / "wholebody_gt.json").write_text(
        json.dumps({"images": images, "annotations": truth, "categories": [category]}, separators=(",", ":")) + "\n"
    )
    (HERE / "wholebody_dt.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
    sigmas = np.array(skeleton_named("wholebody133").oks_sigmas)
    expected = {}
    for part, kind in KINDS.items():
        with contextlib.redirect_stdout(io.StringIO()):
            real = COCO(str(HERE / "wholebody_gt.json"))
            guessed = real.loadRes(str(HERE / "wholebody_dt.json"))
            own = sigmas[skeleton_named("wholebody133").slices[part]] if part else sigmas
            scored = COCOeval(real, guessed, kind, own, use_area=True)
            scored.evaluate()
            scored.accumulate()
            scored.summarize()
        expected[part] = scored.stats.tolist()
    (HERE / "wholebody_expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
