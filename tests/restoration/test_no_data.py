"""What a map holds no data for tells nothing of the camera, and takes no part in the restoration."""

from __future__ import annotations

import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.image import ThermalImage

SHAPE = (512, 640)


@pytest.fixture(params=[0.3, 0.5, 0.75])
def outside(request):
    """A tilted footprint, without data in so much of the image."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array([[[256]], [[320]]])
    u, v = x * np.cos(0.4) + y * np.sin(0.4), y * np.cos(0.4) - x * np.sin(0.4)
    reach = np.maximum(np.abs(u) / 1.3, np.abs(v))
    return reach > np.quantile(reach, 1 - request.param)


@pytest.fixture(params=[0, 1, 2])
def truth(request):
    """A rendered scene as 15 to 35 °C."""
    return (15 + 20 * scene_picture(7, request.param)).astype(np.float32)


def mapped(pixels, outside):
    return ThermalImage(np.where(outside, np.float32(np.nan), pixels), "celsius", nodata=outside)


def test_stripes_within_a_footprint_go(truth, outside, rng):
    pixels = truth + rng.normal(0, 1, SHAPE[1]).astype(np.float32)
    striped = mapped(pixels, outside)
    found = thermend.diagnose(striped)
    assert found.stripe_direction == "columns"
    assert found.dead_columns == 0
    error = (thermend.enhance(striped).pixels - truth)[~outside]
    whole = (thermend.enhance(ThermalImage(pixels, "celsius")).pixels - truth)[~outside]
    assert error.std() < 0.25 + whole.std()  # what is inpainted estimated along with it left 0.9


@pytest.mark.parametrize("sigma", [0.15, 0.5])
def test_noise_within_a_footprint_is_told(truth, outside, rng, sigma):
    noisy = mapped(truth + rng.normal(0, sigma, SHAPE).astype(np.float32), outside)
    found = thermend.diagnose(noisy)
    assert found.noise_kelvin == pytest.approx(sigma, rel=0.2)
    assert found.dead_columns == 0


def test_a_dead_column_within_a_footprint_is_found(truth, outside, rng):
    pixels = truth + rng.normal(0, 0.1, SHAPE).astype(np.float32)
    pixels[:, 320] = 60
    assert thermend.diagnose(mapped(pixels, outside)).dead_columns == 1
