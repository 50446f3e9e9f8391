"""Networks of strangers are tried elsewhere first."""

from __future__ import annotations

import time

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the train extra")

import thermend  # noqa: E402

pytestmark = pytest.mark.slow
FLOAT, UINT8, INT64, BOOL = (getattr(onnx.TensorProto, n) for n in ("FLOAT", "UINT8", "INT64", "BOOL"))


def written(path, nodes, kinds=(FLOAT, FLOAT), shapes=((1, 1, None, None), (1, 1, None, None)), constants=()):
    values = [onnx.helper.make_tensor_value_info(n, k, s) for n, k, s in zip("xy", kinds, shapes)]
    graph = onnx.helper.make_graph(nodes, "network", values[:1], values[1:], list(constants))
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(kind, inputs=("x",), outputs=("y",), **attributes):
    return onnx.helper.make_node(kind, inputs, outputs, **attributes)


def endless(path):
    """A loop that goes on for as long as nobody stops it."""
    bodies = [onnx.helper.make_tensor_value_info(n, k, s) for n, k, s in (
        ("i", INT64, ()), ("go", BOOL, ()), ("v", FLOAT, None), ("going", BOOL, ()), ("w", FLOAT, None))]  # fmt: skip
    body = onnx.helper.make_graph(
        [node("Identity", ["go"], ["going"]), node("Sin", ["v"], ["w"])], "body", bodies[:3], bodies[3:]
    )
    constants = [
        onnx.helper.make_tensor("most", INT64, (), [2**62]),
        onnx.helper.make_tensor("true", BOOL, (), [True]),
    ]
    return written(path, [node("Loop", ["most", "true", "x"], ["y"], body=body)], constants=constants)


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_a_network_that_runs_is_taken(tmp_path, engine, scene):
    path = written(tmp_path / "same.onnx", [node("Identity")])
    made = thermend.load("onnx", weights=path, engine=engine).restore((255 * scene).astype(np.uint8)).pixels
    assert np.abs(made - np.rint(255 * scene)).max() <= 1


@pytest.mark.parametrize(
    ("name", "made", "reason"),
    [
        ("turned", lambda p: written(p, [node("Transpose", perm=[0, 1, 3, 2])]), "which is no whole multiple"),
        (
            "one number",
            lambda p: written(p, [node("ReduceMean", keepdims=0)], shapes=((1, 1, None, None), ())),
            "shape",
        ),
        ("half", lambda p: written(p, [node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])]), "no whole multiple"),
        (
            "whole numbers",
            lambda p: written(p, [node("Cast", to=FLOAT)], kinds=(UINT8, FLOAT)),
            "takes or gives 'x' as (u8|uint8); expected float32",
        ),
        ("endless", endless, "does not end|does not run"),
    ],
)
def test_what_makes_no_image_is_refused_with_a_line(tmp_path, name, made, reason):
    path = made(tmp_path / f"{name}.onnx")
    begun = time.monotonic()
    with pytest.raises(thermend.InputError, match=reason) as found:
        thermend.load("onnx", weights=path, engine="onnxruntime")
    assert str(path) in str(found.value)
    assert "\n" not in str(found.value)
    assert time.monotonic() - begun < 25  # of which the start of a process is the larger part
