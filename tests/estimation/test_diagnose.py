from __future__ import annotations

import cv2
import numpy as np
import pytest

import thermend
from thermend.estimation.vignetting import vignetting_surface


def _grey(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)


def test_an_undamaged_scene_is_found_healthy(scene):
    found = thermend.diagnose(_grey(scene))
    assert found.noise_sigma < 0.6
    assert found.stripe_direction == "none"
    assert found.blur_sigma < 1.5
    assert found.dead_pixels == 0
    assert found.dead_columns == 0


@pytest.mark.parametrize("sigma", [4, 15])
def test_noise_is_found_in_grey_levels(scene, rng, sigma):
    assert thermend.diagnose(_grey(scene + rng.normal(0, sigma / 255, scene.shape))).noise_sigma == pytest.approx(
        sigma, rel=0.12
    )


@pytest.mark.parametrize("direction", ["columns", "rows"])
def test_stripes_are_found_with_strength_and_direction(scene, rng, direction):
    axis = 1 if direction == "columns" else 0
    offsets = rng.normal(0, 8 / 255, scene.shape[axis])
    damaged = scene + (offsets[None] if axis else offsets[:, None])
    found = thermend.diagnose(_grey(damaged))
    assert found.stripe_direction == direction
    assert found.stripe_sigma == pytest.approx(8, rel=0.25)


def test_strong_noise_alone_is_not_taken_for_stripes(rng):
    flat = 0.5 + rng.normal(0, 25 / 255, (192, 240))
    assert thermend.diagnose(_grey(flat)).stripe_sigma < 1


@pytest.mark.parametrize("sigma", [1.5, 2.5])
def test_the_width_of_a_blur_is_found(scene, rng, sigma):
    sharp = np.kron(rng.uniform(0.2, 0.8, (12, 15)), np.ones((16, 16))).astype(np.float32)
    blurred = cv2.GaussianBlur(sharp, (0, 0), sigma) + rng.normal(0, 0.004, sharp.shape)
    assert thermend.diagnose(_grey(blurred)).blur_sigma == pytest.approx(sigma, rel=0.15)


def test_shading_of_a_plain_wall_is_certain_and_of_a_scene_is_not(scene, rng):
    x = np.linspace(-1, 1, 240)[None]
    wall = 0.5 + 0.2 * x**2 + rng.normal(0, 0.01, (192, 240))
    found = thermend.diagnose(_grey(wall))
    assert found.nonuniformity_share > 0.22
    assert found.nonuniformity == pytest.approx(0.2 * 255, rel=0.2)
    assert thermend.diagnose(_grey(scene)).nonuniformity_share < 0.22


def test_shading_from_top_to_bottom_is_left_to_the_scene():
    sky = np.repeat(np.linspace(0.1, 0.9, 192)[:, None], 240, 1).astype(np.float32)
    surface, share = vignetting_surface(sky)
    assert np.ptp(surface) < 0.01
    assert share < 0.05


def test_dead_pixels_and_columns_are_counted(scene):
    damaged = _grey(scene)
    damaged[20::40, 15::50] = 255
    damaged[:, 133] = 250
    found = thermend.diagnose(damaged)
    assert found.dead_columns == 1
    assert found.dead_pixels == pytest.approx(damaged[20::40, 15::50].size, abs=3)


def test_temperatures_are_diagnosed_in_kelvin_too(rng):
    image = thermend.ThermalImage.from_array(
        np.linspace(10, 40, 240)[None] + rng.normal(0, 0.2, (192, 240)), unit="celsius"
    )
    found = thermend.diagnose(image)
    assert found.noise_kelvin == pytest.approx(0.2, rel=0.1)
    assert found.contrast is None


def test_contrast_is_the_share_of_the_range_in_use():
    ramp = np.tile(np.linspace(64, 191, 200), (50, 1)).round().astype(np.uint8)
    assert thermend.diagnose(ramp).contrast == pytest.approx(127 / 255, abs=0.01)


@pytest.mark.parametrize(
    "array", [np.zeros((1, 1)), np.zeros((1, 50)), np.full((40, 3), 7, np.uint8), np.array([[np.nan, 1.0]])]
)
def test_odd_images_are_diagnosed_without_complaint(array):
    assert thermend.diagnose(array).noise_sigma >= 0
