"""What the whole image tells of its contrast."""

from __future__ import annotations

import numpy as np
import pytest

from thermend.degradations import degrade
from thermend.methods.deal.levels import preparation, spread, spreading

LEAST = 190


@pytest.fixture
def wide(scene) -> np.ndarray:
    """The scene over most of the range."""
    return (scene - scene.min()) * np.float32(0.9 / (scene.max() - scene.min())) + np.float32(0.05)


def test_an_image_that_spans_enough_is_left_alone(wide):
    assert spread(wide, LEAST) is wide


@pytest.mark.parametrize("factor", [0.3, 0.5])
def test_lost_contrast_comes_back_to_the_least_spread_about_the_mean(wide, factor):
    dull = wide.mean() + factor * (wide - wide.mean())
    result = spread(dull, LEAST)
    assert result.mean() == pytest.approx(dull.mean(), abs=1e-5)
    blocks = result.reshape(24, 8, 30, 8).mean((1, 3))
    low, high = np.percentile(blocks, (1, 99))
    assert 255 * (high - low) == pytest.approx(LEAST, abs=0.01)
    assert np.abs(result - wide).mean() < 0.4 * np.abs(dull - wide).mean()


def test_what_is_not_plainly_lost_is_left(wide):
    """Between nothing and all of it there is no jump."""
    gains = [
        spreading((0.5 + factor * (wide - wide.mean())).astype(np.float32), LEAST)[0]
        for factor in np.arange(1, 0.3, -0.01)
    ]
    assert gains[0] == 1
    assert np.all(np.diff(gains) >= 0)
    assert np.diff(gains).max() < 0.08


def test_stripes_hardly_count_for_the_spread(wide):
    pixels = np.rint((wide.mean() + 0.5 * (wide - wide.mean())) * 255).astype(np.uint8)
    striped = degrade(pixels, "deal-stripe-moderate", 0, "a")
    gains = [spreading(image.astype(np.float32) / 255, LEAST)[0] for image in (pixels, striped)]
    assert gains[1] == pytest.approx(gains[0], rel=0.15)


def test_a_single_hot_pixel_keeps_its_place_in_the_range(wide):
    """A narrow scene whose range one target fills has lost no contrast, and the target would be lost in white."""
    dull = (0.4 + 0.2 * (wide - wide.mean())).astype(np.float32)
    assert spreading(dull, LEAST)[0] > 2
    dull[70, 71] = 0.97
    assert spread(dull, LEAST) is dull


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0])
def test_an_image_without_content_stays_as_it_is(level):
    flat = np.full((20, 30), level, np.float32)
    np.testing.assert_allclose(spread(flat, LEAST), flat, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (9, 8)])
def test_any_size_will_do(rng, shape):
    assert spread(rng.random(shape, np.float32), LEAST).shape == shape


def test_weights_say_whether_they_want_it(wide):
    dull = (0.4 + 0.3 * (wide - wide.mean())).astype(np.float32)
    assert preparation({}) is None
    np.testing.assert_array_equal(preparation({"least_spread": LEAST})(dull), spread(dull, LEAST))
    with pytest.raises(ValueError, match="least_spread"):
        preparation({"least_spread": "much"})
