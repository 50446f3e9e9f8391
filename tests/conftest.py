"""What the tests share: scenes whose damage is known, and the folder of real images, where it is to be had."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture(scope="session")
def scene() -> np.ndarray:
    """A clean scene, (192, 240) float32 in [0.1, 0.9]: shading, blocks, discs, a fine lattice."""
    y, x = np.mgrid[0:192, 0:240].astype(np.float32)
    image = 0.25 + 0.15 * y / 192
    image[40:110, 30:90] = 0.55
    image[60:90, 45:75] = 0.3
    image[120:180, 150:220] = 0.7
    image[(y - 60) ** 2 + (x - 170) ** 2 < 900] = 0.8
    image[130:170, 20:80] += 0.05 * np.sign(np.sin(x[130:170, 20:80] / 3) * np.sin(y[130:170, 20:80] / 3))
    return cv2.GaussianBlur(image, (0, 0), 0.7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, scene) -> Path:
    """Three clean images of one scene, to train on."""
    path = tmp_path_factory.mktemp("clean")
    for n in range(3):
        Image.fromarray(np.rint(np.roll(scene, 40 * n, 1) * 255).astype(np.uint8)).save(path / f"{n}.png")
    return path


@pytest.fixture
def replace_features(monkeypatch) -> Callable[[ModuleType], None]:
    """Put a convolution in the place of the pretrained networks, which are large, that a module of training asks for."""
    import torch

    from thermend.training.features import Features

    def small(network, file=None, blocks=16):
        torch.manual_seed(0)
        return Features(torch.nn.Conv2d(3, 4, 3, stride=2), f"small {network}")

    return lambda module: monkeypatch.setattr(module, "features", small)


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of real images that the environment variable THERMEND_CASES names."""
    folder = os.environ.get("THERMEND_CASES")
    if not folder:
        pytest.skip("needs real images: set THERMEND_CASES to the folder that holds data/")
    return Path(folder)


@pytest.fixture(scope="session")
def bird(cases: Path):
    """A FLIR radiometric JPEG, 480 x 640, 22.7 to 35.3 degrees Celsius."""
    import thermend

    return thermend.read(cases / "data/radiometric/IR_2412.jpg")


@pytest.fixture
def for_engine(tmp_path: Path):
    """From a method, its checkpoint and an engine to the file that the engine runs: torch the checkpoint, others an export."""

    def file(method: str, weights: Path, engine: str) -> Path:
        if engine == "torch":
            return weights
        from thermend.app.cli import export

        path = tmp_path / "w.onnx"
        assert export.run(method, str(weights), str(path), say=lambda _: None) == 0
        return path

    return file


def psnr(a: np.ndarray, b: np.ndarray, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in decibels."""
    return float(10 * np.log10(peak**2 / max(float(np.mean((a.astype(np.float64) - b) ** 2)), 1e-12)))
