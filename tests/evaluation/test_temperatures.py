"""Temperatures and counts measured in their own unit, by numbers known by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

import thermend
from thermend import metrics
from thermend.datasets.samples import Sample
from thermend.evaluation.measures import Preset, measure


@pytest.fixture
def wall(tmp_path: Path, rng) -> Path:
    """A clean image in degrees Celsius, 160 x 200."""
    y, x = np.mgrid[0:160, 0:200]
    scene = 12 + 0.02 * y + 5 * ((x - 100) ** 2 + (y - 80) ** 2 < 900) + 0.3 * np.sin(x / 7) * np.sin(y / 9)
    path = tmp_path / "wall.tif"
    thermend.write(thermend.ThermalImage(scene.astype(np.float32), "celsius"), path)
    return path


def shifted(by: float):
    """A method that adds a constant."""
    return lambda image, scale: image.with_pixels(image.pixels + np.float32(by))


def test_measures_by_hand():
    clean = np.zeros((64, 80), np.float32)
    off = clean + 0.5
    off[0, 0] = np.nan  # no part in it
    assert metrics.rmse(off, clean) == pytest.approx(0.5)
    assert metrics.mean_shift(clean - 0.25, clean) == pytest.approx(0.25)
    assert metrics.smooth_shift(off, clean) == pytest.approx(0.5, rel=1e-6)
    checks = np.where(np.indices(clean.shape).sum(0) % 2 == 0, 1.0, -1.0)
    assert metrics.rmse(checks, clean) == pytest.approx(1.0)
    assert metrics.smooth_shift(checks, clean) < 1e-3
    with pytest.raises(thermend.UsageError, match="cannot be compared"):
        metrics.rmse(off, clean[:-1])
    with pytest.raises(thermend.UsageError, match="no valid pixel"):
        metrics.rmse(np.full_like(clean, np.nan), clean)


def test_temperatures_are_measured_in_kelvin(wall):
    found = measure(Sample("wall.tif", wall), shifted(0.3))
    assert found.metrics["rmse_kelvin"] == pytest.approx(0.3, abs=1e-4)
    assert found.metrics["mean_shift_kelvin"] == pytest.approx(0.3, abs=1e-3)
    assert found.metrics["smooth_shift_kelvin"] == pytest.approx(0.3, abs=0.02)
    assert found.input_metrics["rmse_kelvin"] == 0
    assert found.input_metrics["ssim"] == pytest.approx(1)


def test_a_preset_spoils_temperatures_without_rounding_them(wall):
    seen = []

    def keep(image, scale):
        seen.append(image)
        return image

    found = measure(Sample("wall.tif", wall), keep, Preset("hidra-fpn", 3))
    assert seen[0].unit == "celsius"
    assert len(np.unique(seen[0].pixels)) > 20_000
    clean = thermend.read(wall)
    assert found.input_metrics["rmse_kelvin"] == pytest.approx(metrics.rmse(seen[0].pixels, clean.pixels))
    assert found.metrics == found.input_metrics
    again = measure(Sample("wall.tif", wall), keep, Preset("hidra-fpn", 3))
    assert again.metrics == found.metrics


def test_the_promises_hold_for_the_default(wall):
    restorer = thermend.load("auto")
    found = measure(
        Sample("wall.tif", wall),
        lambda image, scale: restorer.restore(image, scale=scale),
        Preset("deal-stripe-moderate"),
    )
    assert found.metrics["rmse_kelvin"] < 0.4 * found.input_metrics["rmse_kelvin"]
    assert found.metrics["mean_shift_kelvin"] < 0.05
    assert found.metrics["smooth_shift_kelvin"] < 0.2


def test_counts_are_measured_in_counts(tmp_path, scene):
    path = tmp_path / "c.tif"
    tifffile.imwrite(path, np.rint(20_000 + 4_000 * scene).astype(np.uint16))
    found = measure(Sample("c.tif", path), shifted(10))
    assert found.metrics["rmse_counts"] == pytest.approx(10, abs=0.01)


def test_a_degraded_file_is_measured_in_the_same_unit(wall, tmp_path):
    image = thermend.read(wall)
    thermend.write(replace(image, pixels=image.pixels + np.float32(0.1)), tmp_path / "bad.tif")
    found = measure(Sample("wall.tif", wall, tmp_path / "bad.tif"), shifted(-0.1))
    assert found.input_metrics["rmse_kelvin"] == pytest.approx(0.1, abs=1e-4)
    assert found.metrics["rmse_kelvin"] == pytest.approx(0, abs=1e-4)
