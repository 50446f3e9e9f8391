"""Weights that an ONNX network keeps beside its file: they count, and they lie beside it."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs the train extra")

import thermend  # noqa: E402
from thermend.weights.checkpoints import sha256_of  # noqa: E402
from thermend.weights.onnx_external import external_files  # noqa: E402


def scaling(path, value: float, location: str | None = "weights.bin", nested: bool = False):
    """A network that multiplies by a number, kept in another file."""
    kernel = onnx.numpy_helper.from_array(np.full((1, 1, 1, 1), value, np.float32), "k")
    shapes = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 1, None, None]) for n in "xy"]
    if nested:
        nodes = [onnx.helper.make_node("Constant", [], ["k"], value=kernel)]
        held = nodes[0].attribute[0].t
        constants = []
    else:
        nodes, constants, held = [], [kernel], kernel
    nodes.append(onnx.helper.make_node("Conv", ["x", "k"], ["y"]))
    if location is not None:
        (path.parent / "weights.bin").write_bytes(held.raw_data)
        held.ClearField("raw_data")
        held.data_location = onnx.TensorProto.EXTERNAL
        for key, text in (("location", location), ("offset", "0"), ("length", "4")):
            entry = held.external_data.add()
            entry.key, entry.value = key, text
    graph = onnx.helper.make_graph(nodes, "network", shapes[:1], shapes[1:], constants)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("nested", [False, True])
def test_they_are_found_and_count_in_the_hash(tmp_path, nested):
    path = scaling(tmp_path / "a.onnx", 1.0, nested=nested)
    assert external_files(path) == [tmp_path / "weights.bin"]
    before = sha256_of(path)
    (tmp_path / "weights.bin").write_bytes(np.float32(0.5).tobytes())
    assert sha256_of(path) != before


def test_a_network_without_any_has_none(tmp_path):
    path = scaling(tmp_path / "a.onnx", 1.0, None)
    assert external_files(path) == []
    (tmp_path / "b.onnx").write_bytes(path.read_bytes()[:-3])
    with pytest.raises(thermend.InputError, match="is not an ONNX network"):
        external_files(tmp_path / "b.onnx")


def test_a_hub_s_cache_may_be_made_of_links(tmp_path):
    (tmp_path / "blobs").mkdir()
    path = scaling(tmp_path / "blobs/aa", 1.0)
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "snapshot/a.onnx").symlink_to(path)
    (tmp_path / "snapshot/weights.bin").symlink_to(tmp_path / "blobs/weights.bin")
    assert external_files(tmp_path / "snapshot/a.onnx") == [tmp_path / "snapshot/weights.bin"]


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "..\\weights.bin", "C:\\weights.bin", "sub/../../w"]
)
@pytest.mark.parametrize("nested", [False, True])
def test_files_elsewhere_are_refused(tmp_path, location, nested):
    path = scaling(tmp_path / "a.onnx", 1.0, location, nested)
    with pytest.raises(thermend.InputError, match="does not lie beside it"):
        thermend.load("onnx", weights=path)


def test_a_link_is_refused_and_so_is_what_is_missing(tmp_path):
    path = scaling(tmp_path / "a.onnx", 1.0)
    (tmp_path / "other").mkdir()
    (tmp_path / "weights.bin").rename(tmp_path / "other/elsewhere.bin")
    with pytest.raises(thermend.InputError, match="which is not there"):
        thermend.load("onnx", weights=path)
    folder = tmp_path / "folder"
    folder.mkdir()
    path = path.rename(folder / "a.onnx")
    (folder / "weights.bin").symlink_to(tmp_path / "other/elsewhere.bin")
    with pytest.raises(thermend.InputError, match="does not lie beside it"):
        thermend.load("onnx", weights=path)


def test_it_runs_with_them(tmp_path, scene):
    path = scaling(tmp_path / "a.onnx", 0.5)
    made = thermend.load("onnx", weights=path, engine="onnxruntime").restore((200 * scene).astype(np.uint8)).pixels
    assert np.abs(made - np.floor(200 * scene) / 2).max() <= 1
