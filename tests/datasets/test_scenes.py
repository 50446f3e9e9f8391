"""Rendered scenes: the same for the same number, of any kind, in temperatures that a day has."""

from __future__ import annotations

import numpy as np
import pytest

from thermend.datasets.scenes import VIEWS, scene, scene_picture


def test_seed_and_number_tell_all():
    np.testing.assert_array_equal(scene(3, 5), scene(3, 5))
    assert np.abs(scene(3, 5) - scene(3, 6)).mean() > 0.1
    assert np.abs(scene(3, 5) - scene(4, 5)).mean() > 0.1


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_of_this_world(view):
    for seed in range(6):
        field = VIEWS[view][0](np.random.default_rng([9, seed]))
        assert field.shape == (512, 640)
        assert np.isfinite(field).all()
        assert -120 < field.min() < field.max() < 160
        assert np.ptp(np.percentile(field, (1, 99))) > 0.2


def test_pictures_use_the_range_and_are_all_but_free_of_noise():
    from thermend.estimation.noise import noise_sigma

    pictures = [scene_picture(0, number) for number in range(8)]
    assert all(0 <= picture.min() < picture.max() <= 1 for picture in pictures)
    assert np.median([255 * noise_sigma(picture) for picture in pictures]) < 1
    assert np.median([np.ptp(np.percentile(picture, (1, 99))) for picture in pictures]) > 0.5
