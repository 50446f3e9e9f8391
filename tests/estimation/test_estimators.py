"""Noise, stripes and bad pixels found in scenes whose damage is known."""

from __future__ import annotations

import numpy as np
import pytest

from thermend.estimation.bad_pixels import find_dead_columns, find_dead_pixels
from thermend.estimation.estimates import Estimates
from thermend.estimation.noise import noise_sigma
from thermend.estimation.stripes import column_offsets


@pytest.fixture
def striped(scene, rng):
    offsets = rng.normal(0, 0.05, scene.shape[1]).astype(np.float32)
    return scene + offsets, offsets


@pytest.mark.parametrize("sigma", [0.005, 0.02, 0.08])
def test_the_noise_level_is_found_to_a_tenth(scene, rng, sigma):
    noisy = (scene + rng.normal(0, sigma, scene.shape)).astype(np.float32)
    assert noise_sigma(noisy) == pytest.approx(sigma, rel=0.1)


def test_the_noise_level_does_not_see_stripes(scene, striped):
    assert noise_sigma(striped[0]) == pytest.approx(noise_sigma(scene), abs=1e-4)


def test_column_offsets_are_found_to_a_fraction_of_their_spread(scene, striped):
    found = column_offsets(striped[0])
    truth = striped[1] - striped[1].mean()
    assert np.std(found - truth) < 0.35 * np.std(truth)


def test_an_image_without_stripes_keeps_its_columns(scene):
    assert np.abs(column_offsets(scene)).max() < 0.004


def test_a_small_hot_target_seen_through_a_lens_is_no_dead_pixel():
    y, x = np.mgrid[0:40, 0:40]
    spot = (0.3 + 0.6 * np.exp(-((x - 20) ** 2 + (y - 20) ** 2) / (2 * 0.7**2))).astype(np.float32)
    assert not find_dead_pixels(spot).any()


@pytest.mark.parametrize("width", [1.0, 2.0])
def test_a_cable_that_the_lens_drew_is_no_dead_column(rng, width):
    from scipy.ndimage import gaussian_filter

    fine = np.zeros((120, 160 * 4))
    fine[:, 4 * 80 : 4 * 80 + int(4 * width)] = 0.5
    lens = gaussian_filter(fine, (0, 4 * 0.7)).reshape(120, 160, 4).mean(2)
    image = (0.3 + lens + rng.normal(0, 0.002, lens.shape)).astype(np.float32)
    assert not find_dead_columns(image).any()
    image[:, 30] = 0.7
    np.testing.assert_array_equal(np.flatnonzero(find_dead_columns(image)), [30])


@pytest.mark.parametrize("direction", ["columns", "rows"])
def test_what_is_kept_of_an_image_is_what_would_be_estimated_anew(striped, rng, direction):
    image = (striped[0] + rng.normal(0, 0.01, striped[0].shape)).astype(np.float32)
    turned = image if direction == "columns" else np.ascontiguousarray(image.T)
    kept = Estimates(turned)
    assert kept.stripes.direction == direction
    assert kept.noise == noise_sigma(turned)
    np.testing.assert_array_equal(kept.offsets(direction), column_offsets(image))


def test_nothing_is_estimated_twice(striped, monkeypatch):
    from thermend.estimation import estimates

    asked = []
    monkeypatch.setattr(estimates, "column_offsets", lambda *given: asked.append(given) or column_offsets(*given))
    kept = Estimates(striped[0])
    for _ in range(3):
        kept.offsets("columns")
    assert len(asked) == 1
