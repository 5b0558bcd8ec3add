"""The border: one clear error for each image that would be answered wrongly, and no copy of those that are right."""

import numpy as np
import pytest
import torch
from bright_people import CPU, boxes_of, bright_estimator

from videopose.errors import InputError
from videopose.estimators.build import DetectorOptions, create_detector
from videopose.images import as_images
from videopose.runtime.choice import RuntimeOptions
from videopose.types import Detections

PLAIN = RuntimeOptions(runtime="torch", precision="float32")

ARRAY = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
TENSOR = torch.from_numpy(ARRAY.copy()).permute(2, 0, 1)

WRONG = [
    (ARRAY / 255, r"array float64\(40, 30, 3\): levels must be uint8 from 0 to 255; of floats from 0 to 1"),
    (TENSOR.float() / 255, r"tensor float32\(3, 40, 30\): levels must be uint8 from 0 to 255"),
    (TENSOR.long(), r"tensor int64\(3, 40, 30\): int64 levels; convert from their range to uint8"),
    (ARRAY.astype(np.uint16), r"array uint16\(40, 30, 3\): uint16 levels; convert from their range to uint8"),
    (ARRAY[..., 0], r"array uint8\(40, 30\): gray; give numpy \(H, W, 3\), the channel three times"),
    (ARRAY[..., :1], r"array uint8\(40, 30, 1\): gray; give numpy"),
    (TENSOR[:1], r"tensor uint8\(1, 40, 30\): gray; give torch \(3, H, W\)"),
    (np.dstack([ARRAY, ARRAY[..., 0]]), r"array uint8\(40, 30, 4\): four channels; .* by image\[..., :3\]"),
    (torch.cat([TENSOR, TENSOR[:1]]), r"tensor uint8\(4, 40, 30\): four channels; .* by image\[:3\]"),
    (ARRAY.transpose(2, 0, 1), r"array uint8\(3, 40, 30\): channels on the wrong side; .* by .transpose"),
    (TENSOR.permute(1, 2, 0), r"tensor uint8\(40, 30, 3\): channels on the wrong side; .* by .permute"),
    (ARRAY[:0], r"array uint8\(0, 30, 3\): has no pixels; check how it was read or cut"),
    (TENSOR[:, :, :0], r"tensor uint8\(3, 40, 0\): has no pixels"),
    (np.zeros((4, 5, 6), np.uint8), r"array uint8\(4, 5, 6\): 6 channels; give numpy"),
    (np.zeros(5, np.uint8), r"array uint8\(5,\): an image has three axes"),
]  # fmt: skip


@pytest.mark.parametrize(("image", "message"), WRONG, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_an_image_of_another_kind_is_one_clear_error(image, message):
    with pytest.raises(InputError, match=rf"^image: {message}"):
        as_images(image)
    with pytest.raises(InputError, match=rf"^images\[1\]: {message}"):
        as_images([ARRAY, image])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("clip.mp4", "images: str is no image; give numpy"),
        (None, "images: NoneType is no image; give numpy"),
        (["a.jpg"], r"images\[0\]: str is no image; give numpy"),
        ([None], r"images\[0\]: NoneType is no image"),
        (ARRAY[None], r"images: one array uint8\(1, 40, 30, 3\) with four axes; give a list of images"),
    ],
)  # fmt: skip
def test_what_is_no_image_at_all_is_one_clear_error(value, message):
    with pytest.raises(InputError, match=message):
        as_images(value)


def test_arrays_and_tensors_alone_and_in_lists_are_the_same_images():
    assert as_images([]) == []
    for value in (ARRAY, TENSOR, [ARRAY], (TENSOR,)):
        (image,) = as_images(value)
        assert torch.equal(image, TENSOR)
    assert len(as_images([ARRAY, TENSOR])) == 2


def test_right_images_are_not_copied():
    whole = ARRAY.copy()

    assert as_images(TENSOR)[0] is TENSOR
    assert as_images(whole)[0].data_ptr() == whole.ctypes.data


@pytest.mark.parametrize("cut", [np.s_[..., ::-1], np.s_[::2, 3:], np.s_[::-1]])
def test_arrays_that_lie_oddly_in_memory_are_taken(cut):
    frozen = ARRAY[cut].copy()
    frozen.setflags(write=False)

    for array in (ARRAY[cut], np.asfortranarray(ARRAY[cut]), frozen):
        assert np.array_equal(as_images(array)[0].permute(1, 2, 0).numpy(), ARRAY[cut])


def test_networks_answer_arrays_and_tensors_alike():
    detector, estimator = create_detector(DetectorOptions(), CPU, PLAIN), bright_estimator()
    boxes = boxes_of([2, 2, 28, 38])

    assert len(detector.detect([ARRAY])) == len(detector.detect(TENSOR)) == 1
    one, other = (estimator.estimate(images, [boxes])[0] for images in ([ARRAY], TENSOR))
    assert np.array_equal(one.keypoints, other.keypoints)


@pytest.mark.parametrize(("image", "message"), WRONG, ids=lambda value: value[:40] if isinstance(value, str) else "")
def test_networks_refuse_images_of_another_kind(image, message):
    with pytest.raises(InputError, match=message):
        bright_estimator().estimate([image], [boxes_of([2, 2, 28, 38])])


def test_a_detector_refuses_images_of_another_kind():
    detector = create_detector(DetectorOptions(), CPU, PLAIN)

    for image, message in WRONG:
        with pytest.raises(InputError, match=message):
            detector.detect([image])


def test_every_image_needs_its_boxes():
    with pytest.raises(InputError, match=r"2 images, but boxes of 1; give one Detections per image"):
        bright_estimator().estimate([TENSOR, TENSOR], [Detections.empty()])
