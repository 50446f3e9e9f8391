from __future__ import annotations

import cv2
import numpy as np

from thermend import bands
from thermend.methods.classical.dct_denoise import denoise_dct


def test_a_local_filter_in_bands_equals_the_filter_at_once(monkeypatch, rng):
    image = rng.random((333, 64)).astype(np.float32)
    whole = cv2.medianBlur(image, 3)
    monkeypatch.setattr(bands, "PIXELS_AT_ONCE", 64 * 40)
    banded = image.copy()
    bands.filter_in_bands(banded, lambda b: cv2.medianBlur(b, 3), 4)
    np.testing.assert_array_equal(banded, whole)


def test_denoising_in_bands_shows_no_band(monkeypatch, rng):
    image = (0.5 + rng.normal(0, 0.03, (300, 128))).astype(np.float32)
    monkeypatch.setattr(bands, "PIXELS_AT_ONCE", 128 * 100)
    banded = image.copy()
    bands.filter_in_bands(banded, lambda b: denoise_dct(b, 0.03), 16)
    assert np.abs(banded - denoise_dct(image, 0.03)).max() < 1e-5
