"""The scripts beside the recipes: a network that is grown computes what it did, and a pack trains from itself alone."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from thermend.methods.detail.network import DetailNetwork  # noqa: E402
from thermend.methods.level.network import LevelNetwork  # noqa: E402

RECIPES = Path(__file__).parents[2] / "recipes"


def script(name):
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def learned(network):
    """Weights that are none at random: those of the last layers are 0 before any training."""
    torch.manual_seed(1)
    for value in network.parameters():
        if value.dim() > 1:
            value.data.normal_(0, 0.05)
    return network


@pytest.mark.parametrize(
    ("small", "changes"),
    [
        (DetailNetwork((8, 12), (1,), 1, (1,)), {"widths": (12, 20), "encoder": (2,), "middle": 2, "decoder": (3,)}),
        (LevelNetwork((4, 6, 8, 10), 1), {"widths": (6, 8, 12, 16), "blocks": 2}),
    ],
    ids=["detail", "level"],
)
def test_a_larger_network_computes_what_the_smaller_does(small, changes):
    learned(small)
    large = script("grow").larger(small, changes).double()
    small.double()
    assert sum(p.numel() for p in large.parameters()) > sum(p.numel() for p in small.parameters())
    inputs = [torch.rand(value.shape, dtype=torch.float64) for value, _ in small.example_inputs().values()]
    with torch.no_grad():
        before, after = small(*inputs), large(*inputs)
    for first, second in zip(*((r if isinstance(r, tuple) else (r,)) for r in (before, after))):
        assert first.abs().max() > 1e-3
        torch.testing.assert_close(second, first, rtol=0, atol=1e-9)


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    for folder, count in (("first", 12), ("others", 2)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            pixels = cv2.GaussianBlur(rng.integers(0, 255, (256, 320)).astype(np.uint8), (0, 0), 1)
            cv2.imwrite(str(tmp_path / folder / f"{number}.png"), pixels)
    (tmp_path / "noise" / "sky").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "noise" / "sky" / "mean.png"), np.full((256, 320), 30000, np.uint16))
    frame = np.clip(rng.normal(117, 3, (256, 320)), 0, 255).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "noise" / "sky" / "frame-0.png"), frame)
    return tmp_path


def packed(images, *options):
    command = [sys.executable, RECIPES / "pack.py", "make", "--out", images / "pack.zip", "--noise", images / "noise"]
    command += ["--images", images / "first", images / "others", *options]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    with zipfile.ZipFile(images / "pack.zip") as pack:
        return pack.namelist()


def test_what_has_no_room_comes_at_half_its_size(images):
    every = packed(images)
    assert sum("first" in name for name in every) == 12
    assert all(name.endswith(".png") for name in every)
    some = packed(images, "--mib", "0.7")
    halves = packed(images, "--mib", "0.7", "--reduce")
    assert 1 <= sum("first" in name for name in some) < 12
    assert sum("first" in name for name in halves) > sum("first" in name for name in some)
    assert any(name.endswith(".jpg") for name in halves)
    for names in (some, halves):
        assert {"images/others/0.png", "noise/sky/mean.png", "noise/sky/frame-0.png"} <= set(names)


@pytest.mark.slow
def test_both_networks_train_from_a_pack_side_by_side(images):
    packed(images)
    out = images / "out"
    command = [sys.executable, RECIPES / "pack.py", "train", images / "pack.zip", "--out", out, "--minutes", "0.01"]
    command += ["--together", "--fresh", "--device", "cpu", "precision=float32", "scenes=0", "batch_size=2"]
    command += ["checkpoint_every=1", "detail.options={widths: [4, 8], encoder: [1], middle: 1, decoder: [1]}"]
    command += ["detail.patch_size=64", "level.options={widths: [4, 4, 4, 4], blocks: 1}"]
    subprocess.run([str(word) for word in command], check=True, capture_output=True, timeout=300)
    assert (out / "level-compact.onnx").is_file()
    assert (out / "detail-compact.onnx").is_file()
