"""What other runtimes run gives what PyTorch gives. Skipped where a runtime is not installed."""

import pytest
import torch

from videopose.errors import InputError
from videopose.models import create_model
from videopose.runtime.export import FORMATS, export
from videopose.runtime.onnx import OnnxNetwork
from videopose.runtime.openvino import OpenVinoNetwork

EQUAL = 1e-4
SIZE = (64, 64)
NEEDED = {"onnx": ("onnx", "onnxscript", "onnxruntime"), "openvino": ("openvino",)}


@pytest.fixture
def network():
    return create_model("hrnet_w16", width=4, modules=(1, 1, 1), blocks=1, stem_blocks=1, stem_width=8)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMATS)
def test_an_exported_network_gives_what_pytorch_gives(tmp_path, network, form):
    for package in NEEDED[form]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    path = tmp_path / f"network{FORMATS[form]}"
    export(network, path, input_hw=SIZE, form=form)
    other = OpenVinoNetwork(path, "float32") if form == "openvino" else OnnxNetwork(path)

    for people in (1, 3):  # the batch size is free
        crops = torch.randn(people, 3, *SIZE)
        with torch.inference_mode():
            difference = (other(crops)[0] - network(crops)).abs().max().item()
        print(f"{form}, {people} people: max difference {difference:.1e}")
        assert difference <= EQUAL
    assert not list(tmp_path.glob("*.part*"))


def test_an_unknown_format_names_the_known_ones(tmp_path, network):
    with pytest.raises(InputError, match="cannot export to 'tflite'; choose one of onnx, openvino"):
        export(network, tmp_path / "a.tflite", input_hw=SIZE, form="tflite")


def test_a_suffix_of_another_format_is_an_error(tmp_path, network):
    with pytest.raises(InputError, match=r"a.xml: a file for onnx ends in .onnx"):
        export(network, tmp_path / "a.xml", input_hw=SIZE, form="onnx")
