"""The promise of the radiometric mode, on a real radiometric JPEG and on scenes with known spots."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.restoration import estimate_sigma

import thermend
from thermend import ThermalImage, UsageError
from thermend.estimation.noise import noise_sigma
from thermend.methods import CATALOGUE
from thermend.methods.protocol import Enlarges, RemovesVignetting


def _is_filter(entry) -> bool:
    """A classical method that neither enlarges nor takes off what is smooth."""
    if entry.function is None:
        return False
    return not isinstance(entry.open(), (Enlarges, RemovesVignetting))


RADIOMETRIC = [
    e
    for e in CATALOGUE
    if "radiometric" in e.modes and (e.name in ("auto", "classical.chain") or e.weights is not None or _is_filter(e))
]


def _smooth(pixels: np.ndarray) -> np.ndarray:
    return gaussian_filter(pixels.astype(np.float64), 16, mode="reflect")


@pytest.fixture(scope="module")
def mended(bird):
    return thermend.enhance(bird)


def test_the_result_is_in_celsius_with_its_mean_kept(bird, mended):
    assert mended.unit == "celsius"
    assert abs(mended.pixels.mean(dtype=np.float64) - bird.pixels.mean(dtype=np.float64)) < 0.05


def test_the_smooth_component_is_kept(bird, mended):
    assert np.abs(_smooth(mended.pixels) - _smooth(bird.pixels)).max() < 0.2


def test_the_noise_goes_down_by_a_third(bird, mended):
    assert estimate_sigma(mended.pixels) < 2 / 3 * estimate_sigma(bird.pixels)


def test_the_hottest_and_coldest_spots_are_kept(bird, mended):
    middle = cv2.medianBlur(bird.pixels, 3)
    for extreme in (np.argmax, np.argmin):
        place = np.unravel_index(extreme(middle), middle.shape)
        assert abs(mended.pixels[place] - middle[place]) < 0.2
    assert abs(mended.pixels.max() - middle.max()) < 0.2


def test_detail_is_kept(bird, mended):
    edges = np.hypot(*np.gradient(gaussian_filter(bird.pixels, 1.0)))
    strong = edges > np.quantile(edges, 0.99)
    after = np.hypot(*np.gradient(gaussian_filter(mended.pixels, 1.0)))
    assert after[strong].mean() > 0.95 * edges[strong].mean()


@pytest.mark.parametrize("entry", RADIOMETRIC, ids=lambda e: e.full_name)
def test_every_radiometric_method_keeps_mean_and_smooth_component(entry, bird):
    small = bird.with_pixels(bird.pixels[100:356, 200:520])
    result = thermend.enhance(small, method=entry.full_name, mode="radiometric")
    assert abs(result.pixels.mean(dtype=np.float64) - small.pixels.mean(dtype=np.float64)) < 0.05
    assert np.abs(_smooth(result.pixels) - _smooth(small.pixels)).max() < 0.2


@pytest.fixture
def spots(rng) -> np.ndarray:
    """20 degrees with noise, a single defective pixel, a point seen through a lens, a block that saturates."""
    pixels = 20 + np.linspace(0, 4, 200)[None] + rng.normal(0, 0.05, (160, 200))
    y, x = np.mgrid[0:160, 0:200]
    pixels += 30 * np.exp(-((y - 40) ** 2 + (x - 60) ** 2) / (2 * 1.0**2))
    pixels[100:106, 120:127] = 150.0
    pixels[80, 150] = 90.0
    return pixels.astype(np.float32)


@pytest.mark.parametrize("method", ["auto", "classical.dct", "classical.column-median", "classical.wiener"])
def test_hot_spots_stay_within_a_fifth_of_a_kelvin_of_their_median(spots, method):
    result = thermend.enhance(ThermalImage.from_array(spots, "celsius"), method=method).pixels
    middle = cv2.medianBlur(spots, 3)
    for place in ((103, 123), (80, 150)):
        assert abs(result[place] - middle[place]) < 0.2, place
    # What the lens drew is no defect: it keeps its peak, and is not blurred down to its median.
    assert abs(result[40, 60] - spots[40, 60]) < 0.5
    assert abs(result.max() - 150) < 0.2


def test_counts_keep_their_mean_and_depth(rng):
    counts = (21_000 + 900 * np.sin(np.arange(300) / 40)[None] + rng.normal(0, 25, (200, 300))).astype(np.uint16)
    result = thermend.enhance(counts)
    assert (result.unit, result.depth) == ("counts", "uint16")
    assert abs(result.pixels.mean() - counts.mean()) < 0.001 * ThermalImage.from_array(counts).range
    assert noise_sigma(result.pixels) < 0.5 * noise_sigma(counts.astype(np.float32))


def test_stripes_are_no_temperatures(rng):
    truth = 20 + 5 * np.sin((np.arange(240)[None] + np.arange(180)[:, None]) / 30)
    truth[60:120, 80:140] += 6
    striped = truth + rng.normal(0, 0.4, 240)[None] + rng.normal(0, 0.05, truth.shape)
    result = thermend.enhance(ThermalImage.from_array(striped, "celsius"))
    assert np.sqrt(np.mean((result.pixels - truth) ** 2)) < 0.35 * np.sqrt(np.mean((striped - truth) ** 2))


def test_the_right_unit_and_depth_come_out_of_each_mode(bird):
    small = bird.with_pixels(bird.pixels[:64, :80])
    display = thermend.enhance(small, mode="display")
    assert (display.unit, display.depth) == ("display", "uint8")
    assert 0 <= display.pixels.min() < display.pixels.max() <= 255
    sixteen = thermend.enhance(np.tile(np.arange(64, dtype=np.uint16) * 50, (64, 1)), mode="display")
    assert (sixteen.unit, sixteen.depth) == ("display", "uint16")


def test_a_method_that_changes_contrast_has_no_radiometric_mode(bird):
    with pytest.raises(UsageError, match="--mode display"):
        thermend.enhance(bird, method="classical.he", mode="radiometric")
    assert thermend.enhance(bird.with_pixels(bird.pixels[:50, :60]), method="classical.he").unit == "display"


@pytest.mark.parametrize("scale", [2, 4])
def test_upsampling_keeps_the_temperatures(bird, scale):
    small = bird.with_pixels(bird.pixels[100:228, 200:360])
    result = thermend.enhance(small, scale=scale)
    assert result.shape == (128 * scale, 160 * scale)
    assert abs(result.pixels.mean(dtype=np.float64) - small.pixels.mean(dtype=np.float64)) < 0.05
    reduced = cv2.resize(result.pixels, (160, 128), interpolation=cv2.INTER_AREA)
    assert np.abs(_smooth(reduced) - _smooth(small.pixels)).max() < 0.2


def _ramp() -> np.ndarray:
    y, x = np.mgrid[0:160, 0:200].astype(np.float32)
    return 10 + 0.1 * x + 0.02 * y


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_invalid_pixels_do_not_move_the_valid_ones(rng, share):
    truth = _ramp()
    broken = truth + rng.normal(0, 0.05, truth.shape)
    hole = np.zeros(truth.shape, bool)
    hole[:, : int(200 * share)] = True
    broken[hole] = np.nan
    result = thermend.enhance(ThermalImage.from_array(broken, "celsius")).pixels
    assert abs((result - truth)[~hole].mean()) < 0.01


@pytest.mark.parametrize(("value", "number"), [(150, 100), (-273, 60), (1e5, 1), (-9999, 40)])
def test_dead_pixels_do_not_move_the_good_ones(rng, value, number):
    truth = _ramp()
    broken = truth + rng.normal(0, 0.05, truth.shape)
    dead = np.zeros(truth.shape, bool)
    dead.flat[rng.choice(truth.size, number, replace=False)] = True
    broken[dead] = value
    result = thermend.enhance(ThermalImage.from_array(broken, "celsius")).pixels
    assert abs((result - truth)[~dead].mean()) < 0.01
    assert (result - truth).std() < 0.03


def test_a_missing_row_is_bridged(rng):
    truth = _ramp()
    broken = truth.copy()
    broken[70] = np.nan
    broken[:, 33] = np.inf
    result = thermend.enhance(ThermalImage.from_array(broken, "celsius"), method="classical.dead-pixels").pixels
    assert np.abs(result - truth).max() < 0.1  # the slope is 0.1 K a pixel


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("method", ["auto", "classical.bicubic", "classical.lanczos"])
def test_upsampling_invents_no_temperature(scale, method):
    block = np.full((80, 90), 20.0, np.float32)
    block[30:50, 30:60] = 60
    result = thermend.enhance(ThermalImage.from_array(block, "celsius"), method=method, scale=scale).pixels
    assert result.min() > 19.8
    assert 59.8 < result.max() < 60.2


@pytest.mark.parametrize("method", ["auto", "classical.bicubic", "classical.lanczos"])
def test_upsampling_keeps_a_small_hot_spot(method):
    pixels = np.full((80, 90), 20.0, np.float32) + np.linspace(0, 3, 90, dtype=np.float32)
    pixels[39:44, 49:54] = 90
    result = thermend.enhance(ThermalImage.from_array(pixels, "celsius"), method=method, scale=2).pixels
    assert abs(result[82:84, 102:104] - 90).max() < 1


def test_shading_that_was_asked_to_go_does_not_come_back(rng):
    y, x = np.mgrid[-1:1:160j, -1:1:200j]
    truth = 20 + np.where(np.hypot(x, y) < 0.3, 5.0, 0.0) + rng.normal(0, 0.05, x.shape)
    shaded = truth + 3 * (x**2 + y**2)
    result = thermend.enhance(
        ThermalImage.from_array(shaded, "celsius"), method="classical.surface", mode="radiometric"
    ).pixels
    error = result - truth
    assert error.std() < 0.3 * (shaded - truth).std()
    assert abs(result.mean() - shaded.mean()) < 0.05


def test_deblurring_in_bands_equals_deblurring_at_once(monkeypatch, rng):
    from thermend import bands
    from thermend.methods.steps import sharpening_step

    image = np.concatenate([rng.normal(0.5, 0.005, (300, 128)), rng.random((300, 128))]).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    whole = image.copy()
    found = replace(thermend.diagnose(np.zeros((8, 8), np.uint8)), noise_sigma=0.0, blur_sigma=2.0)
    sharpening_step(found, "display").apply(whole)
    monkeypatch.setattr(bands, "PIXELS_AT_ONCE", 128 * 200)
    banded = image.copy()
    sharpening_step(found, "display").apply(banded)
    assert np.abs(banded - whole).max() < 0.02


def test_a_result_larger_than_what_is_read_is_refused():
    with pytest.raises(UsageError, match="megapixels"):
        thermend.enhance(np.zeros((4000, 4000), np.uint16), scale=4)


@pytest.mark.parametrize("shape", [(1, 2), (1, 3), (2, 2), (1, 12)])
def test_small_hot_objects_are_no_defects(rng, shape):
    scene = np.full((80, 90), 20, np.float32)
    scene[40 : 40 + shape[0], 30 : 30 + shape[1]] += 20
    seen = cv2.GaussianBlur(scene, (0, 0), 0.6)  # by a lens; without one they would be a cluster of defects
    pixels = (seen + rng.normal(0, 0.05, scene.shape)).astype(np.float32)
    result = thermend.enhance(ThermalImage.from_array(pixels, "celsius"), method="classical.column-median").pixels
    place = np.s_[40 : 40 + shape[0], 30 : 30 + shape[1]]
    assert np.abs(result[place] - seen[place]).max() < 1
