"""What the tests of trained methods share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image


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
