"""Small ONNX files that take and give what networks from elsewhere do; their answers are constants.

An output may also hold the mean of each colour of the image, so that a test can read what the network was given.
"""

import numpy as np


def write_graph(path, outputs, *, size=(320, 320), batch=None, dtype="float32", last=False, probe=None, stem=None):
    """Write a network of images.

    Args:
        path: of the file.
        outputs: name -> array of one image, with the batch axis in front.
        size: (height, width) it takes; None = any.
        batch: the only number of images it takes; None = any.
        dtype: of the pixels it takes.
        last: whether colours come last.
        probe: (3, columns) how much of the means of the three colours is added to each column of the first output.
        stem: input channels of a first convolution that changes nothing, or None.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    kinds = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8, "float16": TensorProto.FLOAT16}
    height, width = size or ("rows", "columns")
    shape = [batch or "batch", height, width, 3] if last else [batch or "batch", 3, height, width]
    tensors = {"axes": np.array([1, 2] if last else [2, 3]), "nothing": np.zeros((3, 1), np.float32)}
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["means"], keepdims=0),
        helper.make_node("MatMul", ["means", "nothing"], ["zero"]),
    ]
    if stem is not None:
        tensors |= {"kernel": np.zeros((1, stem, 1, 1), np.float32), "flat": np.array([1, stem, 1, 1])}
        tensors["pixel"] = np.zeros((1, stem, 1, 1), np.float32)
        nodes += [
            helper.make_node("Conv", ["pixel", "kernel"], ["convolved"]),
            helper.make_node("Squeeze", ["convolved"], ["stem"]),
            helper.make_node("Add", ["zero", "stem"], ["zero_of_stem"]),
        ]
    results = []
    for number, (name, values) in enumerate(outputs.items()):
        tensors[f"constant_{name}"] = np.asarray(values)
        tensors[f"shape_{name}"] = np.array([-1] + [1] * (np.ndim(values) - 1))
        kind = helper.np_dtype_to_tensor_dtype(np.asarray(values).dtype)
        zero = "zero" if stem is None else "zero_of_stem"
        nodes += [
            helper.make_node("Reshape", [zero, f"shape_{name}"], [f"zero_{name}"]),
            helper.make_node("Cast", [f"zero_{name}"], [f"typed_{name}"], to=kind),
            helper.make_node("Add", [f"constant_{name}", f"typed_{name}"], [f"plain_{name}"]),
        ]
        given = f"plain_{name}"
        if probe is not None and number == 0:
            tensors["probe"], tensors["middle"] = np.asarray(probe, np.float32), np.array([1])
            nodes += [
                helper.make_node("MatMul", ["means", "probe"], ["seen"]),
                helper.make_node("Unsqueeze", ["seen", "middle"], ["seen_rows"]),
                helper.make_node("Add", [given, "seen_rows"], [f"probed_{name}"]),
            ]
            given = f"probed_{name}"
        nodes.append(helper.make_node("Identity", [given], [name]))
        results.append(helper.make_tensor_value_info(name, kind, [batch or "batch", *np.shape(values)[1:]]))
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("images", kinds[dtype], shape)],
        results,
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
