"""Images as players show them: mirrored, cropped, HD without a tag, HDR, deep."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_files import add_clean_aperture, frame_image, number_in, write_video

from videopose.io._color import sdr_of_hdr
from videopose.io._orientation import from_matrix
from videopose.io.reader import open_video

MATRICES = [(1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1)]
MATRICES += [(0, 1, 1, 0), (0, 1, -1, 0), (0, -1, 1, 0), (0, -1, -1, 0)]
PQ, HLG = 16, 18


def _shown(image, a, b, c, d):
    """Move every pixel to (a x + c y, b x + d y), as ISO/IEC 14496-12 says, and the image back to the origin."""
    rows, columns = np.indices(image.shape[:2])
    x, y = a * columns + c * rows, b * columns + d * rows
    out = np.zeros((np.ptp(y) + 1, np.ptp(x) + 1, *image.shape[2:]), image.dtype)
    out[y - y.min(), x - x.min()] = image
    return out


@pytest.mark.parametrize("matrix", MATRICES)
def test_every_display_matrix_lays_the_image_as_the_standard_says(matrix):
    image = np.arange(18).reshape(2, 3, 3)

    orientation = from_matrix(*matrix)

    np.testing.assert_array_equal(orientation.apply(image), _shown(image, *matrix))
    assert orientation.size_hw((2, 3)) == orientation.apply(image).shape[:2]


@given(st.sampled_from(MATRICES), st.floats(-40, 40))
def test_a_matrix_between_two_is_the_nearer_one(matrix, degrees):
    turn = np.exp(1j * np.radians(degrees))
    near = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]]) @ np.array(matrix).reshape(2, 2).T

    assert from_matrix(*near.T.ravel()) == from_matrix(*matrix)


def test_no_matrix_is_no_turning():
    assert from_matrix(0, 0, 0, 0).apply(np.eye(2, dtype=np.uint8)).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize("matrix", MATRICES)
def test_mirrored_and_turned_video_is_shown_as_players_show_it(tmp_path, matrix, backend):
    path = write_video(tmp_path / "clip.mp4", num_frames=2)
    _set_matrix(path, *matrix)

    reader = open_video(path, backend=backend)
    image = next(iter(reader)).image.permute(1, 2, 0).numpy()

    expected = _shown(frame_image(0), *matrix)
    assert reader.info.size_hw == image.shape[:2] == expected.shape[:2]
    assert np.abs(image.astype(int) - expected).mean() < 5


def _set_matrix(path, a, b, c, d):
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 44
    for at, value in zip((0, 4, 12, 16), (a, b, c, d), strict=True):
        data[place + at : place + at + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def _flat_video(path, planes, pix_fmt, size_hw, **tags):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0", "preset": "ultrafast"})
        stream.height, stream.width = size_hw
        stream.pix_fmt = pix_fmt
        for name, value in tags.items():
            setattr(stream.codec_context, name, value)
        frame = av.VideoFrame(size_hw[1], size_hw[0], pix_fmt)
        for plane, value in zip(frame.planes, planes, strict=True):
            kind = "<u2" if pix_fmt.endswith("le") else "u1"
            plane.update(np.full(plane.buffer_size // np.dtype(kind).itemsize, value, kind).tobytes())
        for name, value in tags.items():
            setattr(frame, name, value)
        for _ in range(3):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _color(path, **options):
    image = next(iter(open_video(path, **options))).image
    return image[:, image.shape[1] // 2, image.shape[2] // 2].tolist()


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize(
    ("size_hw", "rgb"), [((720, 64), (254, 0, 0)), ((64, 1280), (254, 0, 0)), ((64, 64), (232, 0, 1))]
)
def test_untagged_hd_is_read_as_bt709(tmp_path, size_hw, rgb, backend):
    path = _flat_video(tmp_path / "clip.mp4", (63, 102, 240), "yuv420p", size_hw)

    assert _color(path, backend=backend) == pytest.approx(rgb, abs=3)


def test_a_tag_decides_whatever_the_size(tmp_path):
    path = _flat_video(tmp_path / "clip.mp4", (81, 90, 240), "yuv420p", (720, 64), colorspace=6)  # BT.601's red

    assert _color(path) == pytest.approx((254, 0, 0), abs=3)


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize(("transfer", "white"), [(PQ, 573), (HLG, 721)])
def test_hdr_white_is_shown_as_white(tmp_path, transfer, white, backend):
    tags = {"color_trc": transfer, "colorspace": 9, "color_primaries": 9}
    path = _flat_video(tmp_path / "clip.mp4", (white, 512, 512), "yuv420p10le", (64, 64), **tags)

    rgb = _color(path, backend=backend)

    assert min(rgb) >= 200
    assert max(rgb) - min(rgb) <= 2


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_hdr_stays_in_order_and_black_stays_black(transfer):
    table = sdr_of_hdr(transfer)

    assert (table[0], table[-1]) == (0, 255)
    assert (np.diff(table.astype(int)) >= 0).all()


def test_opencv_gives_pyavs_images_of_10_bits(tmp_path):
    path = _flat_video(tmp_path / "clip.mp4", (572, 400, 600), "yuv420p10le", (64, 64), colorspace=9, color_primaries=9)

    assert _color(path) == _color(path, backend="opencv") == pytest.approx((185, 139, 88), abs=4)


@pytest.mark.parametrize("backend", ["pyav", "opencv"])
@pytest.mark.parametrize(("pixel_aspect", "size_hw"), [(None, (24, 32)), (Fraction(3, 2), (24, 48))])
def test_only_the_clean_aperture_is_shown(tmp_path, pixel_aspect, size_hw, backend):
    path = write_video(tmp_path / "clip.mp4", num_frames=3, pixel_aspect=pixel_aspect)
    add_clean_aperture(path, 32, 24)

    reader = open_video(path, backend=backend)
    frames = list(reader)

    assert reader.info.size_hw == size_hw
    assert [tuple(frame.image.shape) for frame in frames] == [(3, *size_hw)] * 3
    red = frames[0].image[0].float() - frames[0].image[1].float() > 100
    assert not red.any()  # the red corner of `image` ends at (12, 16), where the aperture begins


@pytest.mark.parametrize("size", [(0, 24), (200, 24)])
def test_a_clean_aperture_that_makes_no_sense_is_passed_over(tmp_path, size):
    path = add_clean_aperture(write_video(tmp_path / "clip.mp4", num_frames=2), *size)

    assert open_video(path).info.size_hw == (48, 64)


@pytest.mark.parametrize(("bits", "said"), [(8, True), (10, True), (12, True), (16, False)])
def test_deep_images_are_as_bright_as_their_bits_say(tmp_path, caplog, bits, said):
    for number in range(3):
        deep = frame_image(number)[..., ::-1].astype(np.uint16) << (bits - 8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), deep)

    frames = list(open_video(tmp_path))

    assert [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index) for frame in frames] == [0, 1, 2]
    assert (f"they are read as {bits} bits" in caplog.text) == said


@pytest.mark.parametrize("name", ["pages.tif", "moving.webp", "moving.png"])
@pytest.mark.parametrize("alone", [True, False])
def test_every_image_of_a_file_is_a_frame(tmp_path, name, alone):
    pages = [frame_image(number)[..., ::-1].copy() for number in range(5)]
    if name.endswith("tif"):
        cv2.imwritemulti(str(tmp_path / name), pages)
    else:
        moving = cv2.Animation()
        moving.frames, moving.durations = [cv2.cvtColor(p, cv2.COLOR_BGR2BGRA) for p in pages], np.full(5, 40, np.int32)
        cv2.imwriteanimation(str(tmp_path / name), moving)
    cv2.imwrite(str(tmp_path / "z.png"), pages[0])

    frames = list(open_video(tmp_path / name if alone else tmp_path))

    numbers = [number_in(frame.image.permute(1, 2, 0).numpy(), frame.index % 5) for frame in frames]
    assert numbers == ([0, 1, 2, 3, 4] if alone else [0, 1, 2, 3, 4, 0])


def _exif(orientation):
    """Write the EXIF block that holds an orientation alone, as a JPEG segment."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + orientation.to_bytes(2, "big") + b"\x00\x00"
    body = b"Exif\0\0MM\0*\0\0\0\x08\x00\x01" + entry + b"\0\0\0\0"
    return b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body


@pytest.mark.parametrize(("orientation", "matrix"), list(enumerate([MATRICES[k] for k in (0, 1, 3, 2, 4, 5, 7, 6)], 1)))
@pytest.mark.parametrize("alone", [True, False])
def test_photos_are_turned_and_mirrored_by_their_exif_tag(tmp_path, orientation, matrix, alone):
    data = cv2.imencode(".jpg", frame_image(5)[..., ::-1])[1].tobytes()
    (tmp_path / "0.jpg").write_bytes(data[:2] + _exif(orientation) + data[2:])

    image = next(iter(open_video(tmp_path / "0.jpg" if alone else tmp_path))).image.permute(1, 2, 0).numpy()

    assert np.abs(image.astype(int) - _shown(frame_image(5), *matrix)).mean() < 5


def test_motion_jpeg_with_exif_in_its_images_is_read(tmp_path):
    path = tmp_path / "clip.mjpeg"
    images = [cv2.imencode(".jpg", frame_image(number)[..., ::-1])[1].tobytes() for number in range(5)]
    path.write_bytes(b"".join(data[:2] + _exif(3) + data[2:] for data in images))

    frames = list(open_video(path))

    assert len(frames) == 5
    shown = frames[0].image.permute(1, 2, 0).numpy().astype(int)
    assert np.abs(shown - _shown(frame_image(0), -1, 0, 0, -1)).mean() < 5
