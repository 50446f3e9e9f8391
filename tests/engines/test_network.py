"""Engines and tiles on a small local network whose weights are drawn here."""

from __future__ import annotations

import numpy as np
import pytest

import thermend
from thermend import InputError, UsageError
from thermend.engines import open_onnx
from thermend.engines.network import TiledNetwork
from thermend.engines.tiling import run_tiled

onnx = pytest.importorskip("onnx", reason="needs the train extra")


def _weights() -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [
        rng.normal(0, 0.12, (8, 1, 5, 5)).astype(np.float32), rng.normal(0, 0.02, 8).astype(np.float32),
        rng.normal(0, 0.05, (8, 8, 5, 5)).astype(np.float32), rng.normal(0, 0.02, 8).astype(np.float32),
        rng.normal(0, 0.05, (1, 8, 5, 5)).astype(np.float32), np.zeros(1, np.float32),
    ]  # fmt: skip


def _network(path, size=(None, None), channels=1):
    from onnx import TensorProto, helper, numpy_helper

    names = ["w1", "b1", "w2", "b2", "w3", "b3"]
    weights = _weights()
    if channels == 3:
        weights[0] = np.repeat(weights[0], 3, axis=1) / 3
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], pads=[2] * 4), helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], pads=[2] * 4), helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("Conv", ["r2", "w3", "b3"], ["c3"], pads=[2] * 4), helper.make_node("Add", ["x", "c3"], ["y"]),
    ]  # fmt: skip
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "small",
        [info("x", TensorProto.FLOAT, [1, channels, *size])], [info("y", TensorProto.FLOAT, [1, channels, *size])],
        [numpy_helper.from_array(w, n) for w, n in zip(weights, names)],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return _network(tmp_path_factory.mktemp("network") / "small.onnx")


@pytest.fixture
def image(scene):
    return np.tile(scene, (2, 2))[:296, :400]


def _by_hand(image):
    from scipy.signal import correlate

    w1, b1, w2, b2, w3, b3 = (w.astype(np.float64) for w in _weights())
    first = [np.maximum(correlate(image, w1[i, 0], "same") + b1[i], 0) for i in range(8)]
    second = [np.maximum(sum(correlate(f, w2[i, j], "same") for j, f in enumerate(first)) + b2[i], 0) for i in range(8)]
    return image + sum(correlate(f, w3[0, j], "same") for j, f in enumerate(second)) + b3[0]


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "torch"])
def test_every_engine_computes_the_network(engine, network, image):
    if engine == "torch":
        torch = pytest.importorskip("torch", reason="needs the train extra")
        from thermend.engines.torch import TorchEngine

        class Small(torch.nn.Module):
            def forward(self, x):
                w1, b1, w2, b2, w3, b3 = map(torch.from_numpy, _weights())
                conv = torch.nn.functional.conv2d
                return x + conv(conv(conv(x, w1, b1, padding=2).relu(), w2, b2, padding=2).relu(), w3, b3, padding=2)

        opened = TorchEngine(Small())
    else:
        opened = open_onnx(network, engine)
    result = opened.run(image[None, None])[0][0, 0]
    np.testing.assert_allclose(result, _by_hand(image), atol=2e-5)
    assert opened.name == engine


@pytest.mark.parametrize(("tile", "overlap"), [(96, 32), (128, 48), (400, 48)])
def test_tiles_leave_no_seam(network, image, tile, overlap):
    function = TiledNetwork(open_onnx(network, "onnxruntime"), tile, overlap)
    whole = TiledNetwork(open_onnx(network, "onnxruntime"), tile=400, multiple=1)(image)
    assert np.abs(function(image) - whole).max() < 1 / 255


def test_tiles_of_the_identity_give_the_image_back(rng):
    image = rng.random((77, 131)).astype(np.float32)
    np.testing.assert_allclose(run_tiled(image, lambda x: x, 40, 16), image, atol=1e-6)
    doubled = run_tiled(image, lambda x: np.kron(x, np.ones((2, 2), np.float32)), 40, 16)
    np.testing.assert_allclose(doubled, np.kron(image, np.ones((2, 2))), atol=1e-6)


def test_a_network_of_fixed_size_runs_in_tiles_of_that_size(tmp_path, network, image):
    fixed = TiledNetwork(open_onnx(_network(tmp_path / "f.onnx", (96, 128)), "onnxruntime"))
    free = TiledNetwork(open_onnx(network, "onnxruntime"), multiple=1)
    assert np.abs(fixed(image) - free(image)).max() < 1 / 255
    assert fixed(image[:20, :30]).shape == (20, 30)


def test_a_three_channel_network_gets_the_grey_image_three_times(tmp_path, network, image):
    three = TiledNetwork(open_onnx(_network(tmp_path / "3.onnx", channels=3), "onnxruntime"), multiple=1)
    one = TiledNetwork(open_onnx(network, "onnxruntime"), multiple=1)
    np.testing.assert_allclose(three(image), one(image), atol=1e-5)


def test_a_network_from_a_file_is_a_method_like_any_other(network, bird):
    small = bird.with_pixels(bird.pixels[:120, :160])
    result = thermend.load("onnx", weights=network).restore(small)
    assert result.unit == "celsius"
    assert abs(result.pixels.mean() - small.pixels.mean()) < 0.05
    assert len(result.metadata.provenance["weights_sha256"]) == 64


def test_what_cannot_be_run_is_refused_in_words(tmp_path, network):
    (tmp_path / "no.onnx").write_bytes(b"no network")
    for engine in ("onnxruntime", "openvino"):
        with pytest.raises(InputError, match="not an ONNX network"):
            thermend.load("onnx", weights=tmp_path / "no.onnx", engine=engine)
    with pytest.raises(UsageError, match="needs --weights"):
        thermend.load("onnx")
    with pytest.raises(UsageError, match="has no weights"):
        thermend.load("classical.he", weights=network)
    with pytest.raises(UsageError, match="expected one of auto"):
        thermend.load("onnx", weights=network, engine="abacus")
    with pytest.raises(UsageError, match="device"):
        thermend.load("onnx", weights=network, engine="onnxruntime", device="tpu")


@pytest.fixture
def doubling(tmp_path):
    """A network that gives every pixel back as four."""
    nodes = [
        onnx.helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest", nearest_mode="floor",
                              coordinate_transformation_mode="asymmetric")
    ]  # fmt: skip
    shapes = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 1, None, None]) for n in ("x", "y")]
    scales = onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    graph = onnx.helper.make_graph(nodes, "doubling", [shapes[0]], [shapes[1]], [scales])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "double.onnx")
    return tmp_path / "double.onnx"


def test_a_network_that_upsamples_itself_keeps_the_temperatures(doubling, rng):
    pixels = (20 + rng.normal(0, 0.1, (96, 120))).astype(np.float32)
    pixels[39:44, 49:54] = 90
    result = thermend.load("onnx", weights=doubling, engine="onnxruntime").restore(
        thermend.ThermalImage.from_array(pixels, "celsius")
    )
    assert result.shape == (192, 240)
    assert abs(result.pixels[80:86, 100:106] - 90).max() < 0.2
    assert abs(result.pixels.mean() - pixels.mean()) < 0.05
    assert result.metadata.provenance["scale"] == 2


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "w.onnx"])
def test_weights_that_are_no_onnx_network_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="ONNX"):
        thermend.load("onnx", weights=tmp_path / name)
