"""ONNX files are looked into before a library opens them: no code of their own, no other files."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from published_files import simcc_graph

from videopose.errors import WeightsError
from videopose.models.graph_check import check_graph

GRAPH = simcc_graph(3, (32, 32))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "lab.onnx"


def refused(path, content, message):
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        check_graph(path)
    assert "\n" not in str(caught.value)


def test_a_plain_graph_is_taken(path):
    path.write_bytes(GRAPH)

    check_graph(path)


def test_operators_of_somebody_s_own_library_are_refused(path):
    refused(path, simcc_graph(3, (32, 32), domain="lab.secret"), r"lab.onnx: has operators of lab.secret, which would")


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "weights.bin"])
def test_numbers_in_other_files_are_refused(path, location):
    content = simcc_graph(3, (32, 32), location=location)

    refused(path, content, rf"lab.onnx: keeps numbers in other files \({location}\); export it as one file")


def test_numbers_in_other_files_are_found_inside_of_branches_too(path):
    from onnx import TensorProto, helper, numpy_helper

    tensor = numpy_helper.from_array(__import__("numpy").zeros(3, "float32"), "w")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, [3])
    branch = helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "branch", [], [output])
    node = helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)
    condition = helper.make_tensor_value_info("x", TensorProto.BOOL, [])
    model = helper.make_model(helper.make_graph([node], "g", [condition], [output]))

    refused(path, model.SerializeToString(), "keeps numbers in other files")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"text that is none", bytes(100), GRAPH[:-7], GRAPH + GRAPH])
def test_what_is_no_onnx_file_is_one_line(path, content):
    refused(path, content, "lab.onnx: not a readable ONNX file")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(GRAPH) - 1), value=st.integers(0, 255), length=st.integers(0, len(GRAPH)))
def test_a_damaged_file_is_taken_or_refused_in_one_line(path, place, value, length):
    content = bytearray(GRAPH)
    content[place] = value
    path.write_bytes(bytes(content[:length] or b"\x00"))

    said = str(path)
    try:
        check_graph(path)
    except WeightsError as error:
        said = str(error)
    assert said.startswith(str(path))
    assert "\n" not in said
