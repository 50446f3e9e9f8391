"""What a camera cut off has no stripes in it, and gets none."""

from __future__ import annotations

import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.estimation.saturation import saturated


def cut_off(number, size, end, by):
    """Temperatures with stripes and noise, a plate in them beyond the range, and where it is."""
    rng = np.random.default_rng(number)
    scene = 15 + 20 * scene_picture(5, number)
    plate = np.s_[60 : 60 + size, 100 : 100 + size]
    scene[plate] = end + by
    given = scene + rng.normal(0, 1, 640) + rng.normal(0, 0.05, scene.shape)
    given = np.minimum(given, end) if by > 0 else np.maximum(given, end)
    return given.astype(np.float32), scene, plate


@pytest.mark.parametrize(("end", "by"), [(45, 15), (5, -15)])
@pytest.mark.parametrize("size", [40, 150, 380])
@pytest.mark.parametrize("method", ["auto", "classical.column-median"])
def test_a_plateau_keeps_its_value(size, end, by, method):
    given, scene, plate = cut_off(3, size, end, by)
    result = thermend.enhance(thermend.ThermalImage.from_array(given, unit="celsius"), method=method).pixels
    assert (np.abs(result[plate] - end) < 0.2).mean() >= 0.98
    rest = np.ones(scene.shape, bool)
    rest[40 : 80 + size, 80 : 120 + size] = False
    if method == "auto":  # the filter by itself takes what is cut off for the scene
        assert np.sqrt(((result - scene)[rest] ** 2).mean()) < 0.35


def test_counts_and_more_pixels_too():
    given, _, plate = cut_off(7, 150, 45, 15)
    counts = np.rint((given + 273.15) * 25).astype(np.uint16)
    result = thermend.enhance(counts, method="classical.chain").pixels
    assert np.abs(result[plate].astype(float) - counts.max()).max() == 0
    kelvin = thermend.ThermalImage.from_array(given, unit="celsius")
    large = thermend.enhance(kelvin, method="classical.chain", scale=2).pixels
    assert np.abs(large[130:410, 210:490] - 45).max() < 1e-3


def test_noise_is_no_plateau():
    given, _, _ = cut_off(7, 150, 45, 15)
    image = thermend.ThermalImage.from_array(given, unit="celsius")
    assert saturated(image).sum() >= 150 * 150
    rng = np.random.default_rng(0)
    counts = np.rint(rng.normal(8000, 3, (200, 300))).astype(np.uint16)
    assert saturated(thermend.ThermalImage.from_array(counts)) is None
    assert saturated(thermend.ThermalImage.from_array(np.full((40, 50), 3, np.uint16))) is None
