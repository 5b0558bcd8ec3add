"""A data set small enough to be drawn here, for everything that trains."""

import json

import cv2
import numpy as np
import pytest

from videopose.skeletons import skeleton_named


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Six images of a stick figure each, with all of COCO's keypoints."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(1, 7):
        points = rng.uniform(20, 76, (17, 2))
        image = rng.integers(0, 80, (96, 96, 3), np.uint8)
        for x, y in points:
            cv2.circle(image, (int(x), int(y)), 3, (255, 255, 255), -1)
        cv2.imwrite(str(folder / f"{number}.png"), image)
        images.append({"id": number, "file_name": f"{number}.png", "width": 96, "height": 96})
        keypoints = np.concatenate([points, np.full((17, 1), 2)], 1).round(1)
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "bbox": [15, 15, 66, 66],
                "area": 4356,
                "keypoints": keypoints.ravel().tolist(),
            }
        )
    names = list(skeleton_named("coco17").keypoints)
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "keypoints": names}]}
    (folder / "labels.json").write_text(json.dumps(document))
    return folder
