"""What the detail network wipes away is given back where a filter kept it, and noise is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from thermend.bands import PIXELS_AT_ONCE
from thermend.estimation import diagnose
from thermend.image import ThermalImage
from thermend.methods.auto.texture import LEFT_OF_CORRELATED, LEFT_OF_WHITE, MOST, STRONG, WEAK, give_back, share_of


@pytest.fixture(scope="module")
def diagnosis(scene):
    found = diagnose(ThermalImage.from_array(np.rint(255 * scene).astype(np.uint8)))
    return replace(found, noise_sigma=5.0, correlated_noise_sigma=0.0)


def share_at(diagnosis, rng, sigma: float, taken: float) -> float:
    """With noise of `sigma` found, and of `taken` taken off; grey levels."""
    mended = np.full((120, 160), 0.5, np.float32)
    given = (mended + taken / 255 * rng.standard_normal(mended.shape)).astype(np.float32)
    return share_of(given, mended, replace(diagnosis, noise_sigma=sigma))


def test_the_stronger_the_noise_the_less_is_given_back(diagnosis, rng):
    shares = [share_at(diagnosis, rng, sigma, sigma) for sigma in (1.0, WEAK, 10.0, 15.0, STRONG - 0.1, 40.0)]
    assert shares == [MOST, MOST, pytest.approx(0.5), pytest.approx(0.25), 0.0, 0.0]
    correlated = replace(diagnosis, correlated_noise_sigma=4.0)
    assert share_at(correlated, rng, 40.0, 5.0) == MOST


def test_nothing_is_given_back_where_there_was_more_noise_than_was_found(diagnosis, rng):
    shares = [share_at(diagnosis, rng, 5.0, taken) for taken in (3.0, 5.5, 7.25, 9.0, 20.0)]
    assert shares == [MOST, MOST, pytest.approx(MOST / 2, abs=0.05), 0.0, 0.0]


def test_what_a_filter_leaves_of_noise_stays_away(diagnosis, rng):
    """A plain: of noise that is no more than it leaves, nothing comes back; of twice as much three quarters would."""
    mended = np.full((200, 260), 0.5, np.float32)
    for scale, wanted in ((0.9, 0.0), (2.0, 0.75 * MOST)):
        noise = scale * LEFT_OF_WHITE * 5 / 255 * rng.standard_normal(mended.shape)
        result, share = give_back(mended, (mended + noise).astype(np.float32), diagnosis, MOST)
        assert share == pytest.approx(wanted, abs=0.05)
        assert float(np.abs(result - mended - share * noise).max()) < 0.02


def test_of_correlated_noise_more_stays_away(diagnosis, rng):
    correlated = replace(diagnosis, noise_sigma=1.0, correlated_noise_sigma=5.0)
    mended = np.full((200, 260), 0.5, np.float32)
    noise = (0.9 * LEFT_OF_CORRELATED * 5 / 255 * rng.standard_normal(mended.shape)).astype(np.float32)
    assert give_back(mended, mended + noise, correlated, MOST)[1] < 0.05
    assert give_back(mended, mended + noise, diagnosis, MOST)[1] > 0.5


def test_texture_that_was_wiped_away_comes_back_at_its_place(diagnosis):
    y, x = np.mgrid[:160, :200]
    texture = np.where(x < 100, 0.06 * np.sin(x / 1.5) * np.sin(y / 2), 0).astype(np.float32)
    mended = np.full(texture.shape, 0.5, np.float32)
    result, _ = give_back(mended, mended + texture, diagnosis, MOST)
    assert np.abs(result - mended)[:, 120:].max() < 1e-6
    np.testing.assert_allclose((result - mended)[20:-20, 20:80], MOST * texture[20:-20, 20:80], atol=0.012)


def test_the_arrays_stay_and_a_large_image_has_no_seams(diagnosis, rng):
    width = 2048
    height = 2 * PIXELS_AT_ONCE // width
    mended = np.full((height + 100, width), 0.5, np.float32)
    filtered = mended + 0.03 * rng.standard_normal(mended.shape).astype(np.float32)
    before = mended.copy(), filtered.copy()
    whole, _ = give_back(mended, filtered, diagnosis, MOST)
    assert all(np.array_equal(a, b) for a, b in zip(before, (mended, filtered)))
    border = PIXELS_AT_ONCE // width
    cut = np.s_[border - 60 : border + 60]
    alone, _ = give_back(mended[cut], filtered[cut], diagnosis, MOST)
    np.testing.assert_allclose(whole[cut][20:-20], alone[20:-20], atol=1e-6)
