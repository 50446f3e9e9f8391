"""Noise that is not white is found, measured, and not taken for texture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.estimation.correlated_noise import correlated_noise


def _noise(rng: np.random.Generator, shape: tuple[int, int], width: float, sigma: float) -> np.ndarray:
    field = cv2.GaussianBlur(rng.normal(size=shape), (0, 0), width)
    return sigma / 255 * field / field.std()


@pytest.mark.parametrize(("width", "correlation"), [(0.6, 0.5), (0.8, 0.68), (1.0, 0.78)])
@pytest.mark.parametrize("sigma", [4.0, 8.0])
def test_its_strength_and_correlation_are_measured(rng, width, correlation, sigma):
    picture = 0.2 + 0.6 * scene_picture(0, 3)
    found, shared = correlated_noise((picture + _noise(rng, picture.shape, width, sigma)).astype(np.float32))
    assert 255 * found == pytest.approx(sigma, rel=0.3)
    assert shared == pytest.approx(correlation, abs=0.15)


def test_white_noise_and_none_are_not_taken_for_it(rng):
    for number in range(6):
        picture = 0.2 + 0.6 * scene_picture(0, number)
        white = (picture + rng.normal(0, 6 / 255, picture.shape)).astype(np.float32)
        assert correlated_noise(white) == (0.0, 0.0)


def test_stripes_are_not_taken_for_it(rng):
    stripes = np.repeat(rng.normal(0, 0.05, 320)[None], 256, 0).astype(np.float32)
    assert correlated_noise(0.5 + stripes) == (0.0, 0.0)


@pytest.mark.parametrize("folder", ["roadscene", "hit-uav", "llvip"])
def test_texture_of_undamaged_images_is_seldom_taken_for_it(cases, folder):
    files = sorted((cases / "data" / folder / "val").iterdir())
    found = [thermend.diagnose(thermend.read(path)).correlated_noise_sigma for path in files]
    assert np.mean([sigma > 0 for sigma in found]) <= 0.25
    assert max(found) < 6


def test_it_stands_in_the_diagnosis(rng):
    noisy = np.clip(255 * (0.5 + _noise(rng, (256, 320), 0.9, 7)), 0, 255).astype(np.uint8)
    told = thermend.diagnose(noisy).as_dict()
    assert told["correlated_noise_sigma"] == pytest.approx(7, rel=0.3)
    assert told["noise_sigma"] < 3
    assert 0.5 < told["noise_correlation"] < 0.9
