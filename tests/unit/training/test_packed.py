"""Packs: what is stored is what was labelled, views are the ordinary ones, and a training learns, stops and goes on."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from packed_toy import config, packed, rewritten
from safetensors.torch import save_file

from videopose.config import validate
from videopose.data.augment_geometry import GeometryOptions
from videopose.data.augment_pixels import PixelOptions
from videopose.data.samples import read_image
from videopose.data.sources import load_source
from videopose.errors import ConfigError, DatasetError
from videopose.geometry.affine import apply, crop_from_box
from videopose.geometry.warp import warp_array
from videopose.skeletons import skeleton_named
from videopose.training.packed import blocks
from videopose.training.packed.parts import from_webp, read_parts
from videopose.training.packed.pixels import change_pixels
from videopose.training.packed.views import cut_crops, draw_views, move_labels, plain_views
from videopose.training.packing import PackOptions, pack, stored_hw
from videopose.training.run import TrainOptions

CPU = torch.device("cpu")
SKELETON = skeleton_named("body19")


@pytest.fixture(scope="module")
def parts(tmp_path_factory, data):
    """Two parts: the limit is below what all the people take."""
    return packed(tmp_path_factory.mktemp("pack"), data, {"part_mib": 0.09, "margin": 2.0, "density": 1.5})


@pytest.fixture(scope="module")
def people(parts):
    return read_parts(parts, CPU)


smooth = st.integers(0, 2**32 - 1).map(
    lambda seed: (
        torch.nn.functional.interpolate(
            torch.rand(2, 3, 5, 4, generator=torch.Generator().manual_seed(seed)) * 255, size=(48, 32), mode="bicubic"
        )
        .clamp(0, 255)
        .byte()
    )
)


@settings(max_examples=15, deadline=None)
@given(images=smooth, quality=st.integers(50, 95))
def test_crops_come_back_as_they_were_but_for_rounding(images, quality):
    data = blocks.compress(images.permute(0, 2, 3, 1).contiguous().numpy(), quality)

    back = blocks.restore(blocks.unpack(data, 2, (48, 32)), quality, CPU)

    assert back.shape == images.shape
    assert (back.float() - images.float()).abs().mean() < 10
    assert data == blocks.compress(images.permute(0, 2, 3, 1).contiguous().numpy(), quality)


def test_a_higher_quality_takes_more_bytes_and_errs_less():
    images = (torch.rand(3, 32, 32, 3) * 255).byte().numpy()
    sizes, errors = [], []
    for quality in (20, 50, 80):
        data = blocks.compress(images, quality)
        back = blocks.restore(blocks.unpack(data, 3, (32, 32)), quality, CPU).permute(0, 2, 3, 1).numpy()
        sizes.append(len(data))
        errors.append(np.abs(back.astype(float) - images).mean())

    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)


def test_bytes_that_unpack_to_more_or_less_than_they_should_are_refused():
    data = blocks.compress(np.zeros((2, 32, 32, 3), np.uint8), 50)

    with pytest.raises(DatasetError, match=r"1 crops of \(32, 32\) unpack to \d+ bytes instead of 1560"):
        blocks.unpack(data, 1, (32, 32))
    with pytest.raises(DatasetError, match="crops cannot be unpacked"):
        blocks.unpack(b"\xff" * 40, 1, (32, 32))


@settings(max_examples=10, deadline=None)
@given(quality=st.integers(5, 95))
def test_lossy_crops_stay_in_range_and_an_unfilled_border_is_kept(quality):
    images = torch.rand(2, 3, 20, 27)

    out = blocks.requantised(images, torch.tensor([float(quality), 60.0]))

    assert out.min() >= 0
    assert out.max() <= 1
    assert not torch.equal(out[..., :16, :24], images[..., :16, :24])
    assert torch.equal(out[..., 16:, :], images[..., 16:, :])
    assert torch.equal(out[..., 24:], images[..., 24:])


def test_a_pack_holds_every_person_of_every_source_and_those_held_out(parts, people):
    labels = people.labels

    assert [path.name for path in parts] == ["toy-1.safetensors", "toy-2.safetensors"]
    assert all(path.stat().st_size < 0.09 * 2**20 for path in parts)
    assert np.bincount(labels.source[~labels.held_out]).tolist() == [6, 6]
    assert labels.held_out.sum() == 3
    assert people.images.shape == (15, 3, *people.header.size_hw)


def test_stored_crops_and_labels_are_those_of_the_data(people, data):
    source = validate(TrainOptions, config(), source="toy").pose.validation[0]
    image = load_source(data, source, SKELETON)[0]
    row = int(np.flatnonzero(people.labels.held_out)[0])
    hw = people.header.input_hw
    true = crop_from_box(image.people[0].xyxy, hw, padding=1.25)

    views = plain_views(people.labels, np.array([row]), hw, 1.25)
    keypoints, weight = move_labels(people.labels, np.array([row]), views, np.array([False]), SKELETON)
    crop = cut_crops(people.images, np.array([row]), views, hw)[0].permute(1, 2, 0).numpy() * 255

    labelled = image.people[0].keypoints[:, 2] > 0
    expected = apply(true, image.people[0].keypoints[:, :2])
    assert np.abs(keypoints[0, labelled, :2] - expected[labelled]).max() < 0.1
    assert keypoints[0, :, 2].tolist() == image.people[0].keypoints[:, 2].tolist()
    assert weight[0].tolist() == image.people[0].weight.tolist()
    error = np.abs(crop - warp_array(read_image(image.path), true, hw).astype(float))
    assert error.mean() < 14  # noise of 80 levels, coarsely coded; a shift of one pixel costs twice that
    shifted = np.abs(np.roll(crop, 1, 1) - warp_array(read_image(image.path), true, hw).astype(float))
    assert shifted.mean() > 1.4 * error.mean()


def test_an_area_is_that_of_the_stored_crop(people):
    scale = people.labels.area / 4356  # as the drawn people's annotations say

    side = (people.labels.xyxy[:, 2] - people.labels.xyxy[:, 0]) / 66
    assert np.allclose(scale, side**2, rtol=0.01)


GEOMETRY = {
    "padding": 1.6, "rotation_degrees": 50.0, "rotation_probability": 0.0, "full_turn_probability": 1.0, "scale": 0.5,
    "translation": 0.3, "flip_probability": 1.0, "half_body_probability": 1.0, "truncation_probability": 1.0,
}  # fmt: skip
HIDDEN = {"truncation": ("truncation_probability", 0.1), "half_body_min_keypoints": ("half_body_probability", 18)}


def views_of(people, **options):
    rows = np.arange(len(people.labels))
    values = GeometryOptions(**options).model_dump()
    return draw_views(np.random.default_rng(1), people.labels, rows, SKELETON, people.header.input_hw, values)


@pytest.mark.parametrize("name", list(GeometryOptions.model_fields))
def test_every_option_of_geometry_changes_views(people, name):
    if name in HIDDEN:
        gate, value = HIDDEN[name]
        before, after = views_of(people, **{gate: 1.0}), views_of(people, **{gate: 1.0, name: value})
    else:
        before, after = views_of(people), views_of(people, **{name: GEOMETRY[name]})

    assert not np.array_equal(before[0], after[0])


def test_without_chance_a_view_is_the_plain_one(people):
    still = {"rotation_probability": 0, "full_turn_probability": 0, "scale": 0, "translation": 0,
             "flip_probability": 0, "half_body_probability": 0}  # fmt: skip

    views, flipped = views_of(people, **still)

    rows = np.arange(len(people.labels))
    assert np.allclose(views, plain_views(people.labels, rows, people.header.input_hw, 1.25))
    assert not flipped.any()


def test_mirrored_people_have_their_sides_exchanged(people):
    rows = np.arange(len(people.labels))
    views, flipped = views_of(people, flip_probability=1.0)

    keypoints, _ = move_labels(people.labels, rows, views, flipped, SKELETON)

    left, right = SKELETON.index_of("left_wrist"), SKELETON.index_of("right_wrist")
    assert flipped.all()
    assert np.allclose(keypoints[:, left, :2], apply(views, people.labels.keypoints[:, right, :2]), atol=1e-3)


PIXELS = {
    "brightness": 0.9, "contrast": 0.9, "saturation": 0.9, "gray_probability": 1.0, "blur_probability": 1.0,
    "blur_sigma": 4.0, "motion_blur_probability": 1.0, "motion_blur_length": 21, "jpeg_probability": 1.0,
    "erase_probability": 1.0, "occluder_probability": 1.0, "patch_size": (0.5, 0.9),
}  # fmt: skip


def changed(**options):
    images = torch.rand(12, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    return change_pixels(images, np.random.default_rng(5), PixelOptions(**options).model_dump())


@pytest.mark.parametrize("name", list(PixelOptions.model_fields))
def test_every_option_of_pixels_changes_crops(name):
    gate = {"blur_sigma": "blur_probability", "motion_blur_length": "motion_blur_probability",
            "patch_size": "erase_probability"}.get(name)  # fmt: skip
    base = {gate: 1.0} if gate else {}

    before, after = changed(**base), changed(**{**base, name: PIXELS[name]})

    assert not torch.equal(before, after)
    assert after.min() >= 0
    assert after.max() <= 1
    assert torch.equal(after, changed(**{**base, name: PIXELS[name]}))


def test_blurring_keeps_what_is_flat():
    flat = torch.full((4, 3, 16, 16), 0.25)
    quiet = {name: 0.0 for name in PIXELS if name not in ("blur_sigma", "motion_blur_length", "patch_size")}
    options = {**PixelOptions().model_dump(), **quiet, "blur_probability": 1.0, "motion_blur_probability": 1.0}

    out = change_pixels(flat.clone(), np.random.default_rng(0), options)

    assert torch.allclose(out, flat, atol=1e-5)


def test_webp_is_smaller_and_comes_back(parts, tmp_path, data):
    paths = packed(tmp_path, data, {"coding": "webp", "quality": 60, "margin": 2.0, "density": 1.5})

    there, usual = read_parts(paths, CPU), read_parts(parts, CPU)
    assert there.images.shape == usual.images.shape
    assert (there.images.float() - usual.images.float()).abs().mean() < 25
    with pytest.raises(DatasetError, match="crop 0 of 1 is no WebP image"):
        from_webp(b"\x03\0\0\0abc", 1, (16, 16))


HOW = {"coding": "webp", "quality": 20, "margin": 1.0, "density": 0.4, "part_mib": 0.03, "people": 4, "held_out": 1,
       "seed": 1}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in PackOptions.model_fields if name != "workers"])
def test_every_option_of_packing_changes_the_parts(tmp_path, data, name):
    usual = packed(tmp_path, data)
    (tmp_path / "other").mkdir()
    other = packed(tmp_path / "other", data, {name: HOW[name]})

    assert [path.read_bytes() for path in usual] != [path.read_bytes() for path in other]


def test_threads_do_not_change_the_bytes(tmp_path, data):
    usual = packed(tmp_path, data)
    (tmp_path / "other").mkdir()

    assert usual[0].read_bytes() == packed(tmp_path / "other", data, {"workers": 3})[0].read_bytes()


def test_stored_crops_are_as_large_as_asked_for():
    assert stored_hw((256, 192), PackOptions()) == (288, 224)
    assert stored_hw((256, 192), PackOptions(margin=2.0, density=1.0)) == (512, 384)


BROKEN = [
    (lambda row: row.update(format=9), {}, "packed by another version"),
    (lambda row: row.pop("card"), {}, "its header cannot be read"),
    (lambda row: row.update(size_hw=[8, 10**9]), {}, "its header cannot be so"),
    (lambda row: None, {"source": torch.full((12,), 9, dtype=torch.uint8)}, "not of equal number"),
    (lambda row: None, {"chunk_bytes": torch.tensor([-5])}, "not of equal number"),
    (lambda row: None, {"crops": torch.zeros(3, dtype=torch.uint8)}, "not of equal number"),
    (lambda row: None, {"chunk_crops": torch.tensor([10**9])}, "is no whole part|not of equal number"),
]


@pytest.mark.parametrize(("change", "tensors", "message"), BROKEN)
def test_a_damaged_part_is_refused(tmp_path, data, change, tensors, message):
    whole = packed(tmp_path, data, {"held_out": 0})[0]

    with pytest.raises(DatasetError, match=message):
        read_parts([rewritten(whole, tmp_path / "broken.safetensors", change, **tensors)], CPU)


def test_a_file_that_is_no_part_is_refused(tmp_path, parts):
    (tmp_path / "cut.safetensors").write_bytes(parts[0].read_bytes()[:500])
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")

    with pytest.raises(DatasetError, match=r"cut.safetensors: not a readable part of a pack"):
        read_parts([tmp_path / "cut.safetensors"], CPU)
    with pytest.raises(DatasetError, match=r"other.safetensors: is no part of a pack; `videopose train pack`"):
        read_parts([tmp_path / "other.safetensors"], CPU)
    with pytest.raises(DatasetError, match="at least one part"):
        read_parts([], CPU)


def test_parts_of_two_packs_and_one_part_twice_are_refused(parts, tmp_path, data):
    other = packed(tmp_path, data)

    with pytest.raises(DatasetError, match="is a part of another pack"):
        read_parts([parts[0], other[0]], CPU)
    with pytest.raises(DatasetError, match="one part is there twice"):
        read_parts([parts[0], parts[0]], CPU)


def test_configs_that_cannot_be_packed_are_refused(tmp_path, data):
    with pytest.raises(ConfigError, match=r"pose.phases: a packed training has one input size"):
        packed(tmp_path, data, phases=[{"until": 0.5, "input_hw": [32, 32]}])
    with pytest.raises(ConfigError, match=r"pose.anchor: a packed training has none"):
        packed(tmp_path, data, anchor={"weights": "x"})
    detector = {"task": "detector", "loop": {"steps": 1}}
    with pytest.raises(ConfigError, match="task = detector: packs are of pose configs"):
        pack(validate(TrainOptions, detector, source="toy"), data, tmp_path / "x", PackOptions())
    crowd = validate(TrainOptions, config(data={**config()["pose"]["data"], "min_keypoints": 18}), source="toy")
    with pytest.raises(DatasetError, match=r"labels.json: nobody has 18 keypoints"):
        pack(crowd, data, tmp_path / "x", PackOptions())


def test_labels_read_again_are_those_written(people, parts):
    again = read_parts(parts[::-1], CPU, threads=3)

    order = np.argsort(again.labels.xyxy[:, 0], kind="stable")
    assert {len(getattr(again.labels, field.name)) for field in fields(again.labels)} == {15}
    assert np.sort(again.labels.area[order]).tolist() == np.sort(people.labels.area).tolist()
    assert replace(again.header, number=1) == replace(people.header, number=1)
