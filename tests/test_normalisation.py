from __future__ import annotations

import numpy as np
import pytest

from thermend import ThermalImage
from thermend.normalisation import Normalisation


def test_eight_bits_are_divided_by_255():
    image = ThermalImage.from_array(np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(Normalisation.of(image).apply(image.pixels), [[0, 0.2, 1]], atol=1e-7)


def test_percentiles_of_other_images_become_5_and_95_percent(rng):
    image = ThermalImage.from_array(rng.normal(20_000, 300, (200, 300)).astype(np.float32))
    normal = Normalisation.of(image).apply(image.pixels)
    low, high = np.percentile(normal, (0.1, 99.9))
    assert (low, high) == (pytest.approx(0.05, abs=1e-5), pytest.approx(0.95, abs=1e-5))


def test_undo_gives_the_pixels_back(rng):
    image = ThermalImage.from_array(rng.uniform(29_000, 31_000, (40, 50)).astype(np.float32))
    normalisation = Normalisation.of(image)
    np.testing.assert_allclose(normalisation.undo(normalisation.apply(image.pixels)), image.pixels, atol=2e-3)


def test_a_constant_image_sits_in_the_middle():
    image = ThermalImage.from_array(np.full((5, 6), 21.5, np.float32), unit="celsius")
    np.testing.assert_allclose(Normalisation.of(image).apply(image.pixels), 0.5)
