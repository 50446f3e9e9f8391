"""Measures against values known by hand and against other libraries."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage import metrics as other
from skimage.measure import shannon_entropy

from thermend import MissingDependencyError, UsageError, metrics


@pytest.fixture
def pair(rng):
    clean = np.rint(255 * np.clip(gaussian_filter(rng.random((60, 70)), 1.5) * 3 - 1, 0, 1)).astype(np.uint8)
    return np.clip(clean + rng.normal(0, 9, clean.shape), 0, 255), clean


def test_fidelity_is_scikit_images_on_rounded_images(pair):
    image, clean = pair
    rounded = np.rint(image).astype(np.uint8)
    assert metrics.psnr(image, clean) == pytest.approx(other.peak_signal_noise_ratio(clean, rounded, data_range=255))
    assert metrics.ssim(image, clean) == pytest.approx(other.structural_similarity(clean, rounded, data_range=255))
    assert metrics.mse(image, clean) == pytest.approx(other.mean_squared_error(clean, rounded))


def test_a_gain_and_an_offset_cost_nothing_of_the_fitted_psnr(pair):
    noisy, clean = pair
    dull = np.rint(40 + 0.5 * clean)
    assert metrics.psnr(dull, clean) < 20
    assert metrics.psnr_fitted(dull, clean) > 50  # what is left is rounding: half a level, doubled
    assert metrics.psnr_fitted(255 - clean, clean) == float("inf")
    assert metrics.psnr_fitted(noisy, clean) >= metrics.psnr(noisy, clean) - 0.05
    # By least squares from another library, then rounded and clipped.
    gain, offset = np.polyfit(np.rint(noisy).clip(0, 255).ravel(), clean.ravel().astype(float), 1)
    fitted = np.clip(np.rint(gain * np.rint(noisy) + offset), 0, 255).astype(np.uint8)
    expected = other.peak_signal_noise_ratio(clean, fitted, data_range=255)
    assert metrics.psnr_fitted(noisy, clean) == pytest.approx(expected, abs=1e-3)


def test_an_even_image_fits_by_its_mean(pair):
    _, clean = pair
    expected = other.peak_signal_noise_ratio(clean, np.full_like(clean, round(clean.mean())), data_range=255)
    assert metrics.psnr_fitted(np.full(clean.shape, 7), clean) == pytest.approx(expected, abs=1e-6)


def test_equal_images_are_infinitely_near():
    assert metrics.psnr(np.zeros((9, 9)), np.zeros((9, 9))) == float("inf")
    assert metrics.ssim(np.zeros((6, 40)), np.zeros((6, 40))) is None


def test_images_of_other_sizes_are_refused():
    with pytest.raises(ValueError, match="compared"):
        metrics.psnr(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(ValueError, match="height"):
        metrics.entropy(np.zeros((4, 4, 3)))


def test_entropy_counts_grey_levels(pair):
    assert metrics.entropy([[0, 255], [255, 0]]) == pytest.approx(1)
    assert metrics.entropy(pair[1]) == pytest.approx(shannon_entropy(pair[1], base=2))


def test_gradients_of_a_ramp():
    ramp = np.tile(np.arange(0, 100, 2.0), (30, 1))
    assert metrics.average_gradient(ramp) == pytest.approx(2 * 49 / 50)
    assert metrics.average_gradient_fusion(ramp) == pytest.approx(2 / np.sqrt(2))
    assert metrics.spatial_frequency(ramp) == pytest.approx(2)


def test_a_measure_of_enhancement_by_blocks():
    blocks = np.kron(np.arange(64).reshape(8, 8), np.ones((4, 4)))
    assert metrics.eme(blocks) == 0
    blocks[::4, ::4] += 10  # one pixel of each block
    expected = np.mean([20 * np.log((v + 11) / (v + 1)) for v in range(64)])
    assert metrics.eme(blocks) == pytest.approx(expected)


def test_standard_deviation_and_its_saturating_version(rng):
    image = np.rint(rng.normal(120, 40, (50, 60)).clip(0, 255))
    assert metrics.standard_deviation(image) == pytest.approx(np.std(image))
    total = 0
    for value in image.ravel():
        above = round(max(value - image.mean(), 0))
        total += min(above * above, 255)
    assert metrics.standard_deviation_uint8(image) == pytest.approx(np.sqrt(total / image.size))


def test_contrast_enhancement_compares_neighbourhoods(pair):
    flat = np.full((5, 5), 100.0)
    flat[2, 2] = 150
    assert metrics.local_contrast(flat) == pytest.approx(9 / 25 * 50 / 250)
    assert metrics.contrast_enhancement_index(pair[1], pair[1]) == 1


def test_noise_is_found_and_stripes_are_counted(rng):
    smooth = np.tile(np.linspace(60, 180, 400), (300, 1))
    assert metrics.noise(smooth + rng.normal(0, 7, smooth.shape)) == pytest.approx(7, rel=0.03)
    offsets = rng.normal(0, 5, 400)
    assert metrics.stripe_energy(100 + offsets[None] + np.zeros((50, 1))) == pytest.approx(
        np.mean(np.diff(offsets) ** 2)
    )
    assert metrics.stripe_energy(100 + offsets[None] + np.zeros((50, 1)), "rows") == 0
    assert metrics.roughness(np.array([[1.0, 2.0], [4.0, 8.0]])) == pytest.approx((1 + 4 + 3 + 6) / 15)


@pytest.mark.parametrize("name", ["niqe", "lpips"])
def test_a_learned_measure_says_how_to_get_it(pair, name):
    try:
        import pyiqa  # noqa: F401
    except ImportError:
        with pytest.raises(MissingDependencyError, match=r"thermend\[measures\]"):
            metrics.learned(name, *pair)
    with pytest.raises(UsageError, match="expected one of"):
        metrics.learned("beauty", *pair)


@pytest.mark.parametrize(("name", "compares"), [("maniqa-pipal", False), ("lpips", True), ("lpips-vgg", True)])
def test_learned_measures_are_asked_of_pyiqa_by_their_names(pair, monkeypatch, name, compares):
    """With a stand-in: the weights of the real ones were not to be had."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    module = sys.modules[metrics.learned.__module__]
    asked = []

    def create_metric(which):
        asked.append(which)
        return lambda *images: torch.stack([image.mean() for image in images]).sum() + 10 * len(images)

    monkeypatch.setitem(sys.modules, "pyiqa", types.SimpleNamespace(create_metric=create_metric))
    module._measure.cache_clear()
    try:
        found = metrics.learned(name, *pair)
        images = pair if compares else pair[:1]
        wanted = sum(np.asarray(image, np.float64).mean() / 255 for image in images) + 10 * len(images)
        assert found == pytest.approx(wanted, abs=1e-3)
        assert asked == [name]
    finally:
        module._measure.cache_clear()
