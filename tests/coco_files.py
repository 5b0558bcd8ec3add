"""COCO files as many tools write them, made at random, and what COCO's own tool says of them."""

import contextlib
import io

import numpy as np

from videopose.skeletons import skeleton_named

NAMES = list(skeleton_named("coco17").keypoints)


def a_truth(rng, *, odd=True):
    """Return annotations of a few images: people near each other, with the oddities of real files if `odd`."""
    count = int(rng.integers(1, 5))
    ids = rng.choice(40, count, replace=False).tolist()
    images = [{"id": float(i) if odd and rng.random() < 0.2 else i, "file_name": f"{i:06d}.jpg", "width": 320,
               "height": 240} for i in ids]  # fmt: skip
    person = int(rng.integers(1, 4)) if odd else 1
    categories = [{"id": person, "name": "person", "keypoints": NAMES, "skeleton": []}]
    if odd and rng.random() < 0.4:
        categories.insert(0, {"id": person + 1, "name": "hand", "keypoints": ["a", "b", "c"], "skeleton": []})
    annotations = []
    for image in ids:
        for _ in range(int(rng.integers(0, 5))):
            annotations.append(_person(rng, len(annotations), image, person, odd))
            if len(categories) > 1 and rng.random() < 0.3:
                annotations.append(
                    {"id": len(annotations), "image_id": image, "category_id": person + 1, "iscrowd": 0, "area": 50.0,
                     "keypoints": [1, 2, 2] * 3, "num_keypoints": 3, "bbox": [0, 0, 5, 5]}
                )  # fmt: skip
    first, gap = (int(rng.integers(0, 2)), int(rng.integers(1, 4))) if odd else (1, 1)
    for number, entry in enumerate(annotations):
        entry["id"] = first + number * gap
    if odd and len(annotations) > 1 and rng.random() < 0.05:
        annotations[1]["id"] = annotations[0]["id"]
    rng.shuffle(images)
    return {"images": images, "categories": categories, "annotations": annotations}


def _person(rng, number, image, category, odd):
    x, y, w, h = rng.uniform(-20, 250), rng.uniform(-20, 150), rng.uniform(5, 150), rng.uniform(5, 150)
    xy = np.column_stack([rng.uniform(x, x + w, 17), rng.uniform(y, y + h, 17)]).round(2)
    flags = rng.choice([0, 1, 2], 17, p=[0.2, 0.2, 0.6])
    if rng.random() < 0.15:
        flags[:] = 0
    hide = rng.random() < 0.5
    points = [value for (px, py), v in zip(xy.tolist(), flags.tolist(), strict=True)
              for value in ((px, py, v) if v or not hide else (0, 0, 0))]  # fmt: skip
    entry = {
        "id": number, "image_id": image, "category_id": category, "keypoints": points, "iscrowd": 0,
        "num_keypoints": int((flags > 0).sum()), "bbox": [round(v, 2) for v in (x, y, w, h)],
        "area": round(w * h / 2, 2),
    }  # fmt: skip
    if odd:
        if rng.random() < 0.15:
            entry["num_keypoints"] = int(rng.choice([0, 5]))
        if rng.random() < 0.3:
            entry["iscrowd"] = bool(rng.random() < 0.5)
        if rng.random() < 0.1:
            entry["iscrowd"] = 1
        if rng.random() < 0.1:
            entry["ignore"] = 1
        if rng.random() < 0.1:
            entry["bbox"][2] = 0
        if rng.random() < 0.1:
            entry["area"] = 0
        if rng.random() < 0.05:
            entry["area"] = 1024.0
        if rng.random() < 0.01:
            entry["keypoints"][4] = float("nan")
    return entry


def some_results(rng, truth, *, odd=True):
    """Return predictions near the people of a truth, some of them twice, some of other categories."""
    found = []
    with_box = rng.random() < 0.5
    person = next(each["id"] for each in truth["categories"] if each["name"] == "person")
    for entry in truth["annotations"]:
        if len(entry["keypoints"]) != 51 or rng.random() < 0.2:
            continue
        for _ in range(int(rng.integers(1, 3))):
            triples = np.nan_to_num(np.array(entry["keypoints"], float)).reshape(17, 3)
            triples[:, :2] += rng.normal(0, rng.choice([0.5, 3, 20]), (17, 2))
            triples[:, 2] = rng.random(17)
            triples[rng.random(17) < 0.1] = 0
            result = {
                "image_id": entry["image_id"], "category_id": person, "keypoints": triples.round(2).ravel().tolist(),
                "score": round(float(rng.random()), 1),
            }  # fmt: skip
            if odd and rng.random() < 0.15:
                result["category_id"] = person + int(rng.integers(1, 3))
            if odd and rng.random() < 0.2:
                result["score"] = round(float(rng.uniform(-1, 5)), 1)
            if with_box:
                low, high = triples[:, :2].min(axis=0), triples[:, :2].max(axis=0)
                result["bbox"] = [*low.round(2).tolist(), *(high - low).round(2).tolist()]
            found.append(result)
    return found


def official(truth, results, kind="keypoints"):
    """Give COCO's tool's numbers for the people of a truth; -1 where nobody counts."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        real = COCO()
        real.dataset = truth
        real.createIndex()
        evaluation = COCOeval(real, real.loadRes(results), kind)
        evaluation.params.catIds = [next(each["id"] for each in truth["categories"] if each["name"] == "person")]
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats
