"""The damage of HiDRA's authors, stage by stage against their own numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend.degradations import PRESETS, degrade  # noqa: E402
from thermend.degradations import hidra_released as released  # noqa: E402


@pytest.fixture
def stored(cases):
    return np.load(cases / "parity" / "hidra" / "degradations.npz")


def same(found, wanted, interpolated=False):
    off = np.abs(found.astype(int) - wanted.astype(int))
    assert off.max() <= (1 if interpolated else 0)
    assert (off > 0).mean() <= 0.005


def parts(name):
    return name.split(".", 1)[1]


def test_single_stages(stored):
    image = stored["image"]
    for alpha, beta in ((0.5, 0.3), (0.23, 0.4), (0.8, 0.2)):
        same(released.contrast(image, alpha, beta), stored[f"contrast.{alpha}.{beta}"])
    for size, x, y, angle in ((7, 1.0, 3.0, 0.0), (13, 1.4, 2.6, 37.0), (23, 3.0, 1.2, -61.0)):
        name = f"{size}.{x}.{y}.{angle}"
        kernel = released.blur_kernel(size, x, y, angle)
        np.testing.assert_allclose(kernel, stored[f"blur_kernel.{name}"], atol=1e-6)
        same(released.blurred(image, kernel), stored[f"blur.{name}"], interpolated=True)
    for factor in (2, 4):
        for how in ("linear", "cubic", "area"):
            small = released.reduced(image, factor, how)
            same(small, stored[f"down.{factor}.{how}"], interpolated=True)
            back = released.enlarged(stored[f"down.{factor}.{how}"], image.shape)
            same(back, stored[f"down_up.{factor}.{how}"], interpolated=True)
    for centre in ((16, 20), (33, 47), (47, 59)):
        name = f"{centre[0]}.{centre[1]}"
        np.testing.assert_allclose(released.shading_map(image.shape, centre), stored[f"optics_map.{name}"], atol=1e-9)
        for amplitude in (15, 75):
            for inverted in (0, 1):
                same(
                    released.shaded(image, centre, amplitude, bool(inverted)),
                    stored[f"optics.{name}.{amplitude}.{inverted}"],
                )
    for which, shape in ((0, (64, 1)), (1, (1, 80))):
        gains, offsets = stored[f"stripes_drawn.{which}"]
        made = released.striped(image, 0.07 * gains.reshape(shape), 3 * offsets.reshape(shape))
        same(made, stored[f"stripes.{which}"])
    same(released.noisy(image, stored["gauss_noise"]), stored["gauss"])
    same(released.noisy(image, stored["poisson_noise"]), stored["poisson"])


def test_poisson_noise_is_of_their_law(stored):
    image, rng = stored["image"], np.random.default_rng(0)
    levels = float(stored["poisson_vals"])
    noise = np.stack([released.poisson_noise(image, 1.0, rng) for _ in range(400)])
    wanted = np.sqrt(image / 255 / levels) * 255
    within = image > 20
    assert np.abs(noise.std(0)[within] / wanted[within] - 1).mean() < 0.05
    assert np.abs(noise.mean(0)).mean() < 1.0


@pytest.mark.parametrize("which", ["x1", "x2", "x4"])
def test_whole_pipelines_stage_by_stage(stored, which):
    facts = json.loads(str(stored["params_json"]))[which]
    noise, blur, low = facts["noise_params"], facts["blur_params"], facts["lc_params"]

    def after(stage):
        return stored[f"whole.{which}.after.{stage}"]

    image = stored["image"]
    same(released.contrast(image, low["alpha"], low["beta"]), after("low_contrast"))
    kernel = released.blur_kernel(blur["ksize"], blur["sigma_x"], blur["sigma_y"], blur["rotate"])
    same(released.blurred(after("low_contrast"), kernel), after("gaussian_blur_prime"), interpolated=True)
    how = {1: "linear", 2: "cubic", 3: "area"}[int(blur["interpolation"])]
    small = released.reduced(after("gaussian_blur_prime"), int(blur["scale"]), how)
    same(small, after("downscale"), interpolated=True)
    shaded = released.shaded(after("downscale"), tuple(noise["centre"]), noise["odelta"], bool(noise["o_cond"]))
    same(shaded, after("nonuniformity_optical_noise_prime"))
    gains, offsets = (stored[f"whole.{which}.drawn.stripe_{part}_normal"][:, None] for part in ("gain", "offset"))
    striped = released.striped(after("nonuniformity_optical_noise_prime"), noise["sg"] * gains, noise["sb"] * offsets)
    same(striped, after("stripe_noise"))
    kind = "gaussian" if noise["noise_cond"] == 0 else "poisson"
    same(
        released.noisy(after("stripe_noise"), stored[f"whole.{which}.drawn.{kind}_noise"]), after("random_noise_prime")
    )
    same(released.enlarged(after("random_noise_prime"), image.shape), stored[f"whole.{which}"], interpolated=True)


def test_levels_get_worse_and_the_same_seed_gives_the_same(scene):
    image = np.rint(scene * 255).astype(np.uint8)
    likeness = []  # what is lost of the image, apart from its level and contrast
    for name in ("mild", "moderate", "severe", "extreme"):
        made = [degrade(image, f"hidra-released-{name}", seed, "a.png") for seed in range(6)]
        likeness.append(np.mean([np.corrcoef(m.ravel(), image.ravel())[0, 1] for m in made]))
    assert likeness == sorted(likeness, reverse=True)
    np.testing.assert_array_equal(
        degrade(image, "hidra-released", 3, "a.png"), degrade(image, "hidra-released", 3, "a.png")
    )
    untouched = [np.array_equal(degrade(image, "hidra-released", seed, "a.png"), image) for seed in range(200)]
    assert 0 < np.mean(untouched) < 0.09  # 0.3³ = 0.027
    assert set(PRESETS) >= {f"hidra-released{end}" for end in ("", "-mild", "-moderate", "-severe", "-extreme")}
