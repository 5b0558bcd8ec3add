"""Zips from elsewhere: one file comes out, nowhere else, never more than was said."""

import io
import struct
import zipfile

import pytest
from published_files import zipped

from videopose.errors import WeightsError
from videopose.models import archive
from videopose.models.archive import extract

CONTENT = b"network" * 1000


@pytest.fixture
def target(tmp_path):
    return tmp_path / "out" / "end2end.onnx"


def extracted(tmp_path, target, content):
    (tmp_path / "a.zip").write_bytes(content)
    target.parent.mkdir(exist_ok=True)
    extract(tmp_path / "a.zip", "end2end.onnx", target)


def refused(tmp_path, target, content, message):
    with pytest.raises(WeightsError, match=message) as caught:
        extracted(tmp_path, target, content)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.zip"]


@pytest.mark.parametrize("place", ["end2end.onnx", "20230831/rtmpose_onnx/end2end.onnx"])
def test_the_network_is_found_wherever_it_lies(tmp_path, target, place):
    extracted(tmp_path, target, zipped({"deploy.json": "{}", place: CONTENT}))

    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["../../end2end.onnx", "/end2end.onnx", "..\\..\\end2end.onnx/end2end.onnx"])
def test_a_name_that_leads_out_of_the_folder_leads_nowhere(tmp_path, target, place):
    extracted(tmp_path, target, zipped({place: CONTENT}))

    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.zip", "end2end.onnx"]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"other.onnx": CONTENT}, "a.zip: holds 0 files named end2end.onnx, not one"),
        ({"a/end2end.onnx": CONTENT, "b/end2end.onnx": CONTENT}, "a.zip: holds 2 files named end2end.onnx, not one"),
    ],
)
def test_a_zip_without_the_one_network_is_refused(tmp_path, target, files, message):
    refused(tmp_path, target, zipped(files), message)


def test_a_zip_that_says_less_than_it_holds_gives_nothing(tmp_path, target):
    content = bytearray(zipped({"end2end.onnx": bytes(10_000_000)}))
    low = content.rindex(b"PK\x01\x02") + 24
    content[low : low + 4] = struct.pack("<I", 100)  # the size the list of contents says

    refused(tmp_path, target, bytes(content), r"not a readable zip|another size than the zip says")


def test_a_zip_that_would_fill_the_disk_is_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)

    refused(tmp_path, target, zipped({"end2end.onnx": CONTENT}), "would take 7000 bytes, more than any network")


def test_a_zip_with_endless_entries_is_refused(tmp_path, target, monkeypatch):
    monkeypatch.setattr(archive, "_MOST_FILES", 3)

    refused(tmp_path, target, zipped({f"{number}": b"" for number in range(4)}), "a.zip: holds 4 files; it is not what")


@pytest.mark.parametrize("kept", [0, 10, 500, -30])
def test_a_zip_that_was_cut_off_is_one_line(tmp_path, target, kept):
    rng = zipped({"end2end.onnx": bytes(range(256)) * 100})

    refused(tmp_path, target, rng[:kept], "a.zip: not a readable zip")


def test_a_damaged_zip_is_one_line(tmp_path, target):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as stored:
        stored.writestr("end2end.onnx", CONTENT)
    content = file.getvalue().replace(b"networknetwork", b"networkNETWORK", 1)

    refused(tmp_path, target, content, r"not a readable zip \(Bad CRC-32")
