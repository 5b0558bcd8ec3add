"""Files of the form of published ones, with random weights, served by a `file_server` in place of the real ones."""

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import torch
from file_server import sha256

from videopose import catalog
from videopose.models import create_model, zoo
from videopose.models.zoo import weights_table
from videopose.skeletons import skeleton_named
from videopose.workflows.pipelines import load_pipeline


def content_of(weights, *, half=False):
    """Make the bytes of a checkpoint or of a zip with a graph, of the right shapes."""
    if weights.member:
        return zipped({f"2023/somewhere/{weights.member}": simcc_graph(weights.num_keypoints, weights.input_hw)})
    torch.manual_seed(0)
    model = create_model(
        weights.architecture, num_keypoints=weights.num_keypoints, input_hw=weights.input_hw, **weights.options
    )
    state = {name: value.half() if half else value for name, value in model.state_dict().items()}
    file = io.BytesIO()
    torch.save({"meta": {"epoch": 420}, "state_dict": state}, file)
    return file.getvalue()


def zipped(files):
    """Pack texts or bytes by name."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def simcc_graph(num_keypoints, input_hw, *, domain="", location=""):
    """Make a small ONNX graph with the inputs and outputs of a SimCC network; its answers depend on the image."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("GlobalAveragePool", ["input"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
    ]
    numbers, outputs = [], []
    for name, side in (("x", input_hw[1]), ("y", input_hw[0])):
        weight = rng.standard_normal((3, num_keypoints * side * 2)).astype(np.float32)
        numbers += [numpy_helper.from_array(weight, f"w_{name}"),
                    numpy_helper.from_array(np.array([-1, num_keypoints, side * 2]), f"shape_{name}")]  # fmt: skip
        nodes += [helper.make_node("MatMul", ["flat", f"w_{name}"], [f"row_{name}"]),
                  helper.make_node("Reshape", [f"row_{name}", f"shape_{name}"], [f"simcc_{name}"])]  # fmt: skip
        shape = ["batch", num_keypoints, side * 2]
        outputs.append(helper.make_tensor_value_info(f"simcc_{name}", TensorProto.FLOAT, shape))
    if domain:
        nodes[0].domain = domain
    if location:
        numbers[0].data_location = TensorProto.EXTERNAL
        numbers[0].external_data.add(key="location", value=location)
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, *input_hw])
    graph = helper.make_graph(nodes, "network", [image], outputs, numbers)
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def boxes_graph(input_hw):
    """Make a small ONNX graph with the inputs and outputs of a detector that suppresses inside."""
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).random((3, 20)).astype(np.float32)
    numbers = [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(np.array([-1, 4, 5]), "shape")]
    steps = (
        ("GlobalAveragePool", ["input"]),
        ("Flatten", ["mean"]),
        ("MatMul", ["flat", "w"]),
        ("Reshape", ["row", "shape"]),
    )
    nodes = [helper.make_node(*step, [out]) for step, out in zip(steps, ("mean", "flat", "row", "dets"), strict=True)]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, *input_hw])
    output = helper.make_tensor_value_info("dets", TensorProto.FLOAT, ["batch", 4, 5])
    graph = helper.make_graph(nodes, "network", [image], [output], numbers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


class Internet:
    """Serves what pipelines need; the table of weights says so instead of the real addresses."""

    def __init__(self, site, monkeypatch, folder):
        self._site, self._patch, self._folder = site, monkeypatch, folder
        self._rows = {}

    def publish(self, *names, half=False):
        """Serve the weights of these names."""
        for name in names:
            weights = replace(weights_table()[name], mirrors=())
            content = content_of(weights, half=half)
            address = self._site.put(f"/{weights.file}", content)
            self._rows[name] = {"name": name, "origin": address, "sha256": sha256(content), "bytes": len(content)}
        rows = []
        for file in ("published.json", "pipelines.json"):
            rows += json.loads(catalog.asset(file).read_text())["weights"]
        rows = [{**row, **self._rows.get(row["name"], {}), "page": ""} for row in rows]
        (self._folder / "table.json").write_text(json.dumps({"weights": rows}))
        self._patch.setattr(zoo, "_LISTED", (self._folder / "table.json",))
        weights_table.cache_clear()

    def publish_pipeline(self, name, *, half=False, overrides=()):
        """Serve what a pipeline needs."""
        self.publish(*(each.weights.name for each in load_pipeline(name, overrides).needed()), half=half)

    @staticmethod
    def keypoints_of(name):
        """Return how many keypoints a pipeline's poses have."""
        return len(skeleton_named(load_pipeline(name).skeleton.name))
