"""Leeds Sports Pose and its extension as published: `joints.mat` beside a folder of images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from videopose.data.samples import LabelledImage
from videopose.data.tables import images_of
from videopose.errors import DatasetError
from videopose.io.exchange import matlab
from videopose.skeletons import Skeleton, skeleton_named

_TRAIN_IMAGES = 1000
"""LSP's first images are for training, the rest for testing; its extension has no such parts."""


def read_lsp(joints: Path, images: Path, skeleton: Skeleton) -> list[LabelledImage]:
    """Read LSP (`im0001.jpg` …) or its extension (`im00001.jpg` …), one person in each image.

    Boxes end at the keypoints, as the sets have none.

    Args:
        joints: the set's `joints.mat`.
        images: the set's folder of images.
        skeleton: the target order of keypoints.

    Raises:
        DatasetError: the file is another one, or an image is missing.

    Source:
        Johnson and Everingham, Clustered Pose and Nonlinear Appearance Models for Human Pose Estimation, BMVC 2010;
        Learning Effective Human Pose Estimation from Inaccurate Annotation, CVPR 2011.
    """
    table = matlab.read(joints)
    if table.skeleton is not skeleton_named("lsp14"):
        raise DatasetError(f"{joints}: holds {table.skeleton.name}, not LSP's 14 keypoints; name its joints.mat")
    listed = images_of(table, skeleton, lambda frame: images / frame.name)
    if any(len(frame.name) > len("im0001.jpg") for frame in table.frames):
        return listed
    return [replace(image, split="train" if int(image.key) <= _TRAIN_IMAGES else "val") for image in listed]
