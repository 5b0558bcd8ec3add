"""Files of networks are read as data; whatever is wrong with one, the answer is one line of ours."""

import numpy as np
import pytest
from graphs import write_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from videopose.errors import InputError, VideoPoseError, WeightsError
from videopose.runtime import graph as graphs
from videopose.runtime.graph import Graph, Port, network_source, order_of_simcc, read_graph

pytest.importorskip("onnx", reason="an optional extra")


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "x.onnx"
    return write_graph(
        path, {"dets": np.zeros((1, 4, 5), np.float32), "labels": np.zeros((1, 4), np.int64)}
    ).read_bytes()


def test_a_graph_says_what_it_takes_and_gives(tmp_path):
    read = read_graph(write_graph(tmp_path / "x.onnx", {"out": np.zeros((1, 7), np.float32)}, batch=2, stem=12))

    assert str(read) == "takes images (2, 3, 320, 320) float32; gives out (2, 7) float32"
    assert (read.batch, read.input_hw, read.stem_channels, read.is_of_images) == (2, (320, 320), 12, True)


def test_colours_may_come_last_and_sizes_may_be_open(tmp_path):
    read = read_graph(write_graph(tmp_path / "x.onnx", {"out": np.zeros((1, 7), np.float32)}, size=None, last=True))

    assert read.inputs[0].shape == (None, None, None, 3)
    assert (read.batch, read.input_hw, read.is_of_images) == (None, None, True)


def test_shapes_a_file_leaves_out_are_worked_out(tmp_path):
    import onnx

    model = onnx.load(write_graph(tmp_path / "x.onnx", {"out": np.zeros((1, 7), np.float32)}, batch=2))
    model.graph.output[0].type.tensor_type.ClearField("shape")
    (tmp_path / "x.onnx").write_bytes(model.SerializeToString())

    assert len(read_graph(tmp_path / "x.onnx").outputs[0].shape) in (0, 2)  # as far as the library can


def test_a_file_that_changed_is_read_again(tmp_path):
    path = write_graph(tmp_path / "x.onnx", {"out": np.zeros((1, 7), np.float32)})
    before = read_graph(path)
    write_graph(path, {"out": np.zeros((1, 9, 5), np.float32)})

    assert read_graph(path) != before
    assert network_source(path) == path


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_is_answered_with_one_line(tmp_path, content, data):
    place = data.draw(st.integers(0, len(content) - 1))
    kind = data.draw(st.sampled_from(["cut", "change", "insert"]))
    rest = {"cut": b"", "change": content[place + 1 :], "insert": content[place:]}[kind]
    path = tmp_path / "x.onnx"
    path.write_bytes(content[:place] + data.draw(st.binary(min_size=kind != "cut", max_size=3)) + rest)

    try:
        said = f"{path}: {graphs._read_onnx(path)}"
    except VideoPoseError as error:
        said = str(error)

    assert "\n" not in said
    assert said.startswith(f"{path}: ")


@pytest.mark.parametrize(("shapes", "names", "expected"), [
    (((17, 192), (17, 256)), ("a", "b"), (0, 1)),
    (((17, 256), (17, 192)), ("a", "b"), (1, 0)),
    (((17, 192), (16, 256)), ("a", "b"), None),
    (((17, 192), (17, 200)), ("a", "b"), None),
    (((17, 192),), ("a",), None),
])  # fmt: skip
def test_simccs_bins_are_told_apart_by_the_size(shapes, names, expected):
    outputs = tuple(Port(name, (None, *shape), "float32") for name, shape in zip(names, shapes, strict=True))

    assert order_of_simcc(Graph((Port("x", (None, 3, 128, 96), "float32"),), outputs)) == expected


@pytest.mark.parametrize(("names", "expected"), [(("simcc_x", "simcc_y"), (0, 1)), (("simcc_y", "simcc_x"), (1, 0))])
def test_where_both_sides_are_equal_names_tell_simccs_bins_apart(names, expected):
    outputs = tuple(Port(name, (None, 21, 512), "float32") for name in names)

    assert order_of_simcc(Graph((Port("x", (1, 3, 256, 256), "float32"),), outputs)) == expected
    assert order_of_simcc(Graph((Port("x", (1, 3, 128, 128), "float32"),), outputs)) is None


def test_what_is_missing_says_so(tmp_path, monkeypatch):
    with pytest.raises(WeightsError, match=r"none.onnx: no such exported network; check the path"):
        read_graph(tmp_path / "none.onnx")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(InputError, match="onnx is not installed; run `pip install onnx onnxscript`"):
        graphs._read_onnx(write_nothing(tmp_path / "x.onnx"))


def write_nothing(path):
    path.write_bytes(b"")
    return path
