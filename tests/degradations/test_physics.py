"""Each degradation against its formula, by hand or by another library."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend import degradations as d  # noqa: E402


def seeded(seed: int = 0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def batch(rng):
    smooth = ndimage.gaussian_filter(rng.random((3, 40, 52)), (0, 1.5, 1.5))
    low, high = smooth.min(), smooth.max()
    return torch.from_numpy(0.2 + 0.6 * (smooth - low) / (high - low))[:, None]


def test_contrast_shrinks_about_the_mean_of_each_image(batch):
    factors = torch.tensor([0.2, 0.5, 1.0], dtype=torch.float64)
    result = d.contrast(batch, factors).numpy()
    for i, factor in enumerate(factors.tolist()):
        image = batch[i, 0].numpy()
        np.testing.assert_allclose(result[i, 0], image.mean() + factor * (image - image.mean()), atol=1e-12)


def test_haze_and_darkening_are_what_the_papers_say(batch):
    np.testing.assert_allclose(d.haze(batch, -0.6, 0.3), batch * 0.4 + 0.3)
    np.testing.assert_allclose(d.darkening(batch, 0.2), batch * 0.8)


@pytest.mark.parametrize("sigma", [0.6, 1.7, 3.0])
def test_blur_is_scipys_gaussian(batch, sigma):
    expected = ndimage.gaussian_filter(batch[0, 0].numpy(), sigma, mode="mirror", truncate=np.ceil(4 * sigma) / sigma)
    np.testing.assert_allclose(d.gaussian_blur(batch, sigma)[0, 0], expected, atol=1e-9)


def test_each_image_of_a_batch_has_its_own_blur(batch):
    sigmas = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64)
    together = d.gaussian_blur(batch, sigmas, size=21)
    for i in range(3):
        np.testing.assert_allclose(
            together[i : i + 1], d.gaussian_blur(batch[i : i + 1], sigmas[i], size=21), atol=1e-12
        )


def test_an_elliptic_blur_is_the_sum_over_its_kernel(batch):
    image, size, half = batch[:1], 9, 4
    sigma_x, sigma_y, angle = 2.0, 0.7, 0.6
    kernel = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            y, x = i - half, j - half
            along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
            kernel[i, j] = np.exp(-(along**2) / (2 * sigma_x**2) - across**2 / (2 * sigma_y**2))
    expected = ndimage.correlate(image[0, 0].numpy(), kernel / kernel.sum(), mode="mirror")
    result = d.anisotropic_blur(image, sigma_x, sigma_y, angle, size=size)
    np.testing.assert_allclose(result[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2)])
def test_blur_takes_images_smaller_than_its_kernel(shape):
    assert d.gaussian_blur(torch.full((2, 1, *shape), 0.4), 3.0).numpy() == pytest.approx(0.4, abs=1e-6)


def test_a_kernel_of_even_size_is_refused(batch):
    with pytest.raises(ValueError, match="odd"):
        d.gaussian_blur(batch, 1.0, size=6)


def test_smoothing_blends_with_a_three_by_three_mean_of_weight_five(batch):
    kernel = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]]) / 13
    image = batch[0, 0].numpy()
    expected = 0.3 * image + 0.7 * ndimage.correlate(image, kernel, mode="mirror")
    np.testing.assert_allclose(d.smoothing(batch, 0.7)[0, 0], expected, atol=1e-12)


@pytest.mark.parametrize(("direction", "axis"), [("columns", 0), ("rows", 1)])
def test_stripes_are_lines_of_the_stated_strength(direction, axis):
    grey = torch.full((1, 1, 900, 1100), 0.5, dtype=torch.float64)
    result = d.stripes(grey, 12.0, direction=direction, generator=seeded())[0, 0].numpy()
    assert np.ptp(result, axis=axis).max() < 1e-12
    assert 255 * result.mean(axis=axis).std() == pytest.approx(12, rel=0.1)
    gains = d.stripes(torch.cat([grey, 2 * grey]), 0.0, 0.05, direction, generator=seeded())
    spread = [(part[0] - level).numpy().std() for part, level in zip(gains, (0.5, 1.0))]
    assert spread[1] / spread[0] == pytest.approx(2, rel=0.1)


def test_vignetting_is_the_cosine_law(batch):
    height, width = batch.shape[2:]
    cy, cx = 0.3 * (height - 1), 0.8 * (width - 1)
    radius = np.array([[np.hypot(y - cy, x - cx) for x in range(width)] for y in range(height)])
    n = np.cos(np.pi / 2 * radius / radius.max()) ** 4
    np.testing.assert_allclose(d.vignetting(batch, 51.0, 0.3, 0.8)[0, 0], batch[0, 0].numpy() + 0.2 * n, atol=1e-6)
    inverted = d.vignetting(batch, 51.0, 0.3, 0.8, 1.0)
    np.testing.assert_allclose(inverted[0, 0], batch[0, 0].numpy() + 0.2 * (1 - n), atol=1e-6)


def test_noise_has_the_stated_strength():
    grey = torch.full((1, 1, 400, 500), 0.25)
    assert 255 * (d.gaussian_noise(grey, 8.0, generator=seeded()) - grey).std() == pytest.approx(8, rel=0.02)
    assert (d.shot_noise(grey, 400.0, generator=seeded()) - grey).std() == pytest.approx(0.025, rel=0.02)
    assert 255 * (d.fixed_pattern_noise(grey, 6.0, generator=seeded()) - grey).std() == pytest.approx(6, rel=0.02)
    gain = d.fixed_pattern_noise(grey, 0.0, 0.08, generator=seeded()) - grey
    assert gain.std() == pytest.approx(0.02, rel=0.02)


@pytest.mark.parametrize(("width", "correlation"), [(0.8, 0.68), (1.2, 0.84)])
def test_correlated_noise_has_the_stated_strength_and_its_width_the_correlation(width, correlation):
    """Two Gaussians of width w make one of √2 w: neighbours correlate by exp(−1 / 4w²)."""
    flat = torch.full((2, 1, 200, 200), 0.5)
    noise = 255 * (
        d.correlated_noise(flat, torch.tensor([3.0, 9.0]), width, generator=torch.Generator().manual_seed(1)) - flat
    )
    assert noise.std((1, 2, 3)).tolist() == pytest.approx([3, 9], rel=0.08)
    for turned in (noise, noise.transpose(2, 3)):
        found = (turned[..., 1:] * turned[..., :-1]).mean() / turned.square().mean()
        assert float(found) == pytest.approx(correlation, abs=0.03)


def test_the_stated_share_of_pixels_is_dead():
    grey = torch.full((1, 1, 400, 500), 0.5)
    result = d.dead_pixels(grey, 0.02, generator=seeded())
    assert (result != 0.5).float().mean() == pytest.approx(0.02, rel=0.1)
    assert set(result.unique().tolist()) == {0.0, 0.5, 1.0}


@pytest.mark.parametrize("factor", [2, 4])
def test_low_resolution_is_pillows_bicubic_there_and_back(batch, factor):
    image = Image.fromarray(batch[0, 0].numpy().astype(np.float32))
    small = image.resize((round(52 / factor), round(40 / factor)), Image.Resampling.BICUBIC)
    expected = np.asarray(small.resize((52, 40), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(d.low_resolution(batch.float(), factor)[0, 0], expected, atol=2e-5)


def test_other_kernels_reduce_blocks(batch):
    blocks = batch.reshape(3, 20, 2, 26, 2)
    for kernel, expected in (("area", blocks.mean((2, 4))), ("max", blocks.amax((2, 4)))):
        result = d.low_resolution(batch, 2, kernel, "nearest")[:, 0]
        np.testing.assert_allclose(result[:, ::2, ::2], expected, atol=1e-12)
        np.testing.assert_allclose(result[:, 1::2, 1::2], expected, atol=1e-12)
    with pytest.raises(ValueError, match="kernel"):
        d.low_resolution(batch, 2, "sinc")


def test_posterisation_leaves_two_to_the_bits_levels():
    ramp = torch.linspace(0, 1, 1001, dtype=torch.float64).reshape(1, 1, 1, -1)
    for bits in (1, 3, 5):
        levels = d.posterisation(ramp, bits).unique().numpy()
        np.testing.assert_allclose(levels, np.linspace(0, 1, 2**bits), atol=1e-9)


def test_jpeg_is_what_another_library_stores(batch):
    image = Image.fromarray(np.rint(batch[0, 0].numpy() * 255).astype(np.uint8))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=70)
    with Image.open(buffer) as stored:
        expected = np.asarray(stored, np.float64)
    assert np.abs(d.jpeg(batch, 70)[0, 0].numpy() * 255 - expected).max() <= 2


SMOOTH = {
    "contrast": (d.contrast, (0.6,)),
    "darkening": (d.darkening, (0.1,)),
    "haze": (d.haze, (-0.4, 0.2)),
    "blur": (lambda x, s: d.gaussian_blur(x, s, size=9), (1.3,)),
    "anisotropic-blur": (lambda x, a, b, t: d.anisotropic_blur(x, a, b, t, size=7), (1.2, 0.8, 0.4)),
    "smoothing": (d.smoothing, (0.5,)),
    "vignetting": (d.vignetting, (30.0, 0.4, 0.7, 0.3)),
    "stripes": (lambda x, o, g: d.stripes(x, o, g, generator=seeded()), (10.0, 0.05)),
    "gaussian-noise": (lambda x, s: d.gaussian_noise(x, s, generator=seeded()), (8.0,)),
    "shot-noise": (lambda x, p: d.shot_noise(x, p, generator=seeded()), (300.0,)),
    "fixed-pattern-noise": (lambda x, o, g: d.fixed_pattern_noise(x, o, g, generator=seeded()), (8.0, 0.05)),
    "low-resolution": (lambda x: d.low_resolution(x, 2), ()),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_reach_the_image_and_every_severity(name, rng):
    function, values = SMOOTH[name]
    image = torch.from_numpy(0.2 + 0.6 * rng.random((2, 1, 8, 9))).requires_grad_()
    severities = [torch.full((2,), v, dtype=torch.float64, requires_grad=True) for v in values]
    assert torch.autograd.gradcheck(function, (image, *severities), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", ["posterisation", "jpeg"])
def test_what_rounds_passes_gradients_straight_through(name):
    image = torch.rand((1, 1, 16, 16), requires_grad=True)
    getattr(d, name)(image).sum().backward()
    np.testing.assert_allclose(image.grad, 1)


def test_one_severity_for_each_image_or_one_for_all(batch):
    with pytest.raises(ValueError, match="3 images"):
        d.contrast(batch, torch.tensor([0.1, 0.2]))
