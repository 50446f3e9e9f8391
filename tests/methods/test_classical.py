"""Each classical method against the property that its paper promises, on scenes whose damage is known."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import psnr

from thermend.estimation.bad_pixels import find_dead_columns, find_dead_pixels
from thermend.filters.dct import denoise_dct
from thermend.filters.deconvolution import wiener
from thermend.filters.smoothing import gaussian, guided
from thermend.filters.unclipping import unclip
from thermend.methods import CATALOGUE, find
from thermend.methods.classical import (
    column_median,
    dct_denoise,
    dead_pixels,
    deblur,
    fixed_pattern,
    guided_detail,
    histogram,
    nonlocal_means,
    resample,
    retinex,
    seid,
    surface,
)
from thermend.methods.classical.adapters import Destriper
from thermend.methods.protocol import Enlarges

CLASSICAL = [entry for entry in CATALOGUE if entry.name.startswith("classical.") and entry.function is not None]
DESTRIPERS = [e for e in CLASSICAL if isinstance(e.open(), Destriper) and e.name != "classical.dead-columns"]


@pytest.fixture
def striped(scene, rng):
    offsets = rng.normal(0, 0.05, scene.shape[1]).astype(np.float32)
    return scene + offsets, offsets


@pytest.fixture
def texture(rng) -> np.ndarray:
    """A scene whose amplitude falls as 1 / frequency, as that of natural scenes does, (192, 240)."""
    fy, fx = np.fft.fftfreq(192)[:, None], np.fft.fftfreq(240)[None]
    spectrum = np.fft.fft2(rng.normal(size=(192, 240))) / np.maximum(np.hypot(fy, fx), 1 / 240)
    field = np.fft.ifft2(spectrum).real
    return (0.5 + 0.12 * field / field.std()).astype(np.float32)


@pytest.mark.parametrize("entry", DESTRIPERS, ids=lambda e: e.name)
def test_a_destriper_takes_most_of_the_stripes_off(entry, texture, rng):
    damaged = texture + rng.normal(0, 0.05, 240).astype(np.float32)
    assert psnr(entry.load_function()(damaged), texture) > psnr(damaged, texture) + 1.2


@pytest.mark.parametrize("entry", DESTRIPERS, ids=lambda e: e.name)
def test_a_destriper_keeps_the_mean(entry, striped):
    assert entry.load_function()(striped[0]).mean() == pytest.approx(striped[0].mean(), abs=2e-3)


@pytest.mark.parametrize("entry", CLASSICAL, ids=lambda e: e.name)
@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (3, 5), (17, 9), (64, 48)])
def test_every_method_takes_every_size_and_stays_finite(entry, shape, rng):
    image = rng.uniform(0.2, 0.8, shape).astype(np.float32)
    before = image.copy()
    result = entry.load_function()(image, 2) if isinstance(entry.open(), Enlarges) else entry.load_function()(image)
    factor = 2 if isinstance(entry.open(), Enlarges) else 1
    assert result.shape == (shape[0] * factor, shape[1] * factor)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("entry", CLASSICAL, ids=lambda e: e.name)
def test_a_constant_image_stays_constant(entry):
    image = np.full((40, 50), 0.4, np.float32)
    result = entry.load_function()(image)
    assert np.ptp(result) < 1e-4
    if "radiometric" in entry.modes:
        np.testing.assert_allclose(result.mean(), 0.4, atol=1e-4)


def test_equalisation_makes_the_histogram_flat(rng):
    image = (rng.beta(2, 9, (300, 400))).astype(np.float32)
    result = histogram.equalise(image)
    np.testing.assert_allclose(np.quantile(result, (0.1, 0.5, 0.9)), (0.1, 0.5, 0.9), atol=0.01)


def test_equalisation_of_two_levels_is_known_by_hand():
    image = np.array([[0.2, 0.2, 0.2, 0.6]], np.float32)
    np.testing.assert_allclose(histogram.equalise(image), [[0, 0, 0, 1]], atol=1e-6)


def test_a_plateau_keeps_a_large_background_from_taking_all_the_contrast(rng):
    image = np.full((100, 100), 0.3, np.float32) + rng.normal(0, 0.001, (100, 100)).astype(np.float32)
    image[:10] = np.linspace(0.5, 0.9, 1000).reshape(10, 100)
    target = np.s_[:10]
    assert np.ptp(histogram.plateau_equalise(image, 0.0005)[target]) > 3 * np.ptp(histogram.equalise(image)[target])


def test_clahe_raises_local_contrast_more_than_its_limit_allows_globally(scene):
    low = 0.45 + 0.1 * scene
    assert histogram.clahe(low).std() > 1.5 * low.std()


def test_retinex_does_not_see_a_smooth_change_of_the_illumination():
    y, x = np.mgrid[0:200, 0:200].astype(np.float32)
    texture = 0.5 + 0.1 * np.sign(np.sin(x / 3))
    lit = texture * (0.4 + 0.6 * np.exp(-((x - 60) ** 2 + (y - 90) ** 2) / 2e4))
    plain, shaded = retinex.single_scale(texture, 10), retinex.single_scale(lit, 10)
    inner = np.s_[30:-30, 30:-30]
    assert np.corrcoef(plain[inner].ravel(), shaded[inner].ravel())[0, 1] > 0.97


def test_multi_scale_retinex_of_one_scale_is_single_scale(scene):
    np.testing.assert_array_equal(retinex.multi_scale(scene, (30.0,)), retinex.single_scale(scene, 30.0))


def test_detail_enhancement_amplifies_structure_more_than_noise(scene, rng):
    noisy = np.clip(0.4 + 0.2 * scene + rng.normal(0, 0.003, scene.shape), 0, 1).astype(np.float32)
    result = guided_detail.enhance_detail(noisy)
    lattice, flat = np.s_[132:168, 22:78], np.s_[5:35, 5:90]
    gain_of_detail = (result[lattice] - gaussian(result[lattice], 5)).std() / (
        noisy[lattice] - gaussian(noisy[lattice], 5)
    ).std()
    gain_of_noise = (result[flat] - gaussian(result[flat], 2)).std() / (noisy[flat] - gaussian(noisy[flat], 2)).std()
    assert gain_of_detail > 1.5
    assert gain_of_detail > 1.2 * gain_of_noise


def test_the_guided_filter_reproduces_its_guide_where_nothing_is_flat(scene):
    filtered, slope = guided(scene, scene, (9, 9), 1e-9)
    np.testing.assert_allclose(filtered[45:105, 35:85], scene[45:105, 35:85], atol=5e-3)
    assert slope.max() <= 1 + 1e-3


def test_a_wide_gaussian_on_the_reduced_image_equals_the_direct_one(scene):
    from scipy.ndimage import gaussian_filter

    np.testing.assert_allclose(gaussian(scene, 16), gaussian_filter(scene, 16, mode="reflect"), atol=4e-3)


@pytest.mark.parametrize("denoise", [dct_denoise.denoise_dct, nonlocal_means.denoise_nlm])
def test_a_denoiser_gains_several_decibels(denoise, scene, rng):
    noisy = (scene + rng.normal(0, 0.04, scene.shape)).astype(np.float32)
    assert psnr(denoise(noisy), scene) > psnr(noisy, scene) + 5


def test_dct_denoising_of_a_noiseless_image_changes_nothing(scene):
    np.testing.assert_array_equal(dct_denoise.denoise_dct(scene, sigma=0), scene)


@pytest.mark.slow
def test_dct_denoising_gives_the_same_with_any_number_of_threads():
    """To the last bit, at a height that is no multiple of what is multiplied at once."""
    script = (
        "import hashlib, numpy; from thermend.filters.dct import denoise_dct; "
        "image = numpy.random.default_rng(0).normal(size=(187, 243)).astype(numpy.float32); "
        "print(hashlib.sha256(denoise_dct(image, 1.0).tobytes()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env=os.environ | dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), threads),
        ).stdout
        for threads in ("1", "2", "4")
    }  # fmt: skip
    assert len(found) == 1


@pytest.mark.parametrize("step", [1, 2, 4])
def test_dct_denoising_shows_no_grid_of_its_patches(rng, step):
    result = denoise_dct(
        np.full((128, 128), 0.5, np.float32) + rng.normal(0, 0.02, (128, 128)).astype(np.float32), 0.02, step=step
    )
    phases = np.array([result[i::8, j::8].std() for i in range(8) for j in range(8)])
    assert phases.max() < 1.5 * np.median(phases)
    assert phases.max() < 0.006


def test_seid_removes_noise_and_stripes_at_once(scene, striped, rng):
    damaged = (striped[0] + rng.normal(0, 0.03, scene.shape)).astype(np.float32)
    both = seid.destripe_and_denoise(damaged)
    assert psnr(both, scene) > psnr(nonlocal_means.denoise_nlm(damaged, 0.03), scene) + 2


def test_dead_pixels_are_found_and_little_else(scene, rng):
    noisy = (scene + rng.normal(0, 0.01, scene.shape)).astype(np.float32)
    ys, xs = rng.integers(2, 190, 30), rng.integers(2, 238, 30)
    damaged = noisy.copy()
    damaged[ys, xs] = rng.choice([0.0, 1.0], 30)
    dead = find_dead_pixels(damaged)
    assert dead[ys, xs].mean() > 0.8
    assert dead.sum() <= 30 + 6
    assert psnr(dead_pixels.replace_dead_pixels(damaged), noisy) > psnr(damaged, noisy) + 8


def test_a_stuck_column_is_found_and_an_edge_is_not(scene):
    damaged = scene.copy()
    damaged[:, 100] = 0.95
    assert np.flatnonzero(find_dead_columns(damaged)).tolist() == [100]
    assert psnr(dead_pixels.replace_dead_columns(damaged), scene) > psnr(damaged, scene) + 10
    step = scene * 0.1
    step[:, 120:] += 0.6
    assert not find_dead_columns(step).any()


def test_the_surface_of_a_shaded_wall_is_removed(rng):
    y, x = np.mgrid[-1:1:120j, -1:1:160j]
    wall = 0.5 + rng.normal(0, 0.005, (120, 160))
    wall[30:60, 40:70] += 0.3
    shaded = (wall + 0.15 * (0.4 * x + x**2 - 0.7 * y**2)).astype(np.float32)
    result = surface.remove_surface(shaded)
    assert np.std(result[80:, 90:]) < 0.3 * np.std(shaded[80:, 90:])
    assert result.mean() == pytest.approx(shaded.mean(), abs=1e-5)


def test_wiener_undoes_a_known_blur(scene, rng):
    blurred = (gaussian(scene, 1.5) + rng.normal(0, 0.002, scene.shape)).astype(np.float32)
    assert psnr(wiener(blurred, 1.5, 0.002), scene) > psnr(blurred, scene) + 2


def test_unsharp_masking_is_its_formula(scene):
    np.testing.assert_allclose(deblur.unsharp(scene, 2, 0.5), scene + 0.5 * (scene - gaussian(scene, 2)), atol=1e-6)


def test_the_fixed_pattern_of_moving_frames_is_found(rng):
    pattern = rng.normal(0, 0.02, (64, 64)).astype(np.float32)
    x = np.arange(64)[None]
    frames = [
        (0.5 + 0.2 * np.sin((x + 5 * k) / 9) + pattern + rng.normal(0, 0.005, (64, 64))).astype(np.float32)
        for k in range(10)
    ]
    found = fixed_pattern.estimate_fixed_pattern(frames)
    assert np.corrcoef(found.ravel(), pattern.ravel())[0, 1] > 0.9
    corrected = fixed_pattern.correct_fixed_pattern(frames[0], found)
    assert np.std(corrected - frames[0] + pattern) < 0.5 * np.std(pattern)


@pytest.mark.parametrize("upsample", [resample.bicubic, resample.lanczos])
@pytest.mark.parametrize("scale", [2, 4])
def test_upsampling_keeps_a_ramp_and_its_place(upsample, scale):
    ramp = np.tile(np.arange(20, dtype=np.float32), (12, 1))
    result = upsample(ramp, scale)
    expected = (np.arange(20 * scale) + 0.5) / scale - 0.5
    inner = slice(4 * scale, -4 * scale)
    np.testing.assert_allclose(result[6, inner], expected[inner], atol=0.02)


def test_every_entry_of_the_catalogue_loads_and_has_a_mode():
    for entry in CATALOGUE:
        assert entry.function is None or callable(entry.load_function())
        assert entry.modes
        assert find(entry.full_name) is entry


def test_an_unknown_method_is_refused_with_a_suggestion():
    from thermend import UsageError

    with pytest.raises(UsageError, match=r"did you mean classical\.clahe"):
        find("clahee")


def test_what_stripes_drove_against_white_is_made_up_for(rng):
    truth = np.tile(np.linspace(0.85, 0.97, 200, dtype=np.float32), (120, 1))
    offsets = rng.normal(0, 0.08, 200).astype(np.float32)
    striped = np.clip(truth + offsets, 0, 1)
    result = truth + np.clip(offsets, None, 1 - truth) - offsets  # the offsets subtracted, exactly
    before = np.abs(result - truth).max()
    unclip(result, striped)
    assert before > 0.08
    assert np.abs(result - truth).max() < 0.04
    white = np.ones((50, 60), np.float32)
    np.testing.assert_array_equal(column_median.remove_column_offsets(white), white)
