"""The damage that the detail network learns from, drawn and applied on whatever device the batch is on.

A scene's contrast is lowered and lifted and shaded (which the network is to leave as it is), then it goes through optics,
detector and storage. Every sample has its own draw of each severity; nothing waits for the device, so that a GPU keeps busy.
The numbers are grey levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from thermend.degradations.severity import GREY_LEVELS
from thermend.training.draw import Draw


@dataclass(frozen=True)
class Damaged:
    """A batch as a camera would give it.

    Attributes
    ----------
    images : torch.Tensor
        (B, 1, N, N), what the camera gives
    targets : torch.Tensor
        the same without what optics, detector and storage did: what the network is to give
    contrast : torch.Tensor
        (B,) of the scene's, the share that the targets have
    """

    images: torch.Tensor
    targets: torch.Tensor
    contrast: torch.Tensor


def _places(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    line = torch.linspace(-1, 1, side, device=device)
    return line.view(1, 1, -1, 1), line.view(1, 1, 1, -1)


def _frequencies(side: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.fft.fftfreq(side, device=device).view(1, 1, -1, 1),
        torch.fft.rfftfreq(side, device=device).view(1, 1, 1, -1),
    )


def _filtered(images: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """By a filter's response over the frequencies; the image is taken to repeat."""
    return torch.fft.irfft2(torch.fft.rfft2(images) * response, s=images.shape[2:])


def gaussian_response(side: int, across: torch.Tensor, down: torch.Tensor, angle: torch.Tensor) -> torch.Tensor:
    """Of a Gaussian whose standard deviations are given in pixels, turned by an angle; (B, 1, N, N / 2 + 1)."""
    v, u = _frequencies(side, across.device)
    along = torch.cos(angle) * u + torch.sin(angle) * v
    beside = torch.cos(angle) * v - torch.sin(angle) * u
    return torch.exp(-2 * torch.pi**2 * ((across * along) ** 2 + (down * beside) ** 2))


def varied(clean: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Tone curves, black-hot palettes and ranges that are less than full, (B, 1, N, N) in [0, 1]."""
    images = torch.where(draw.uniform() < 0.25, 1 - clean, clean)
    images = torch.where(draw.uniform() < 0.4, images.clamp_min(1e-4) ** torch.exp(draw.uniform(-0.6, 0.6)), images)
    gain = torch.where(draw.uniform() < 0.4, draw.uniform(0.7, 1.4), 1.0)
    return ((images - 0.5) * gain + 0.5).clamp(0, 1)


_MOST_TARGETS = 4


def targets(clean: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Small hot or cold things, a pixel or two across, laid into half of the images: what a search looks for, and what a filter
    wipes away first."""
    side = clean.shape[-1]
    line = torch.arange(side, device=clean.device, dtype=clean.dtype)
    image = clean
    for _ in range(_MOST_TARGETS):
        height = draw.chance(0.35) * draw.uniform(-1, 1)
        y, x, sigma = draw.uniform(0, side), draw.uniform(0, side), draw.uniform(0.45, 1.8)
        down = torch.exp(-0.5 * ((line.view(1, 1, -1, 1) - y) / sigma) ** 2)
        across = torch.exp(-0.5 * ((line.view(1, 1, 1, -1) - x) / (sigma * draw.uniform(0.7, 1.4))) ** 2)
        image = image + 0.8 * height * down * across
    return image.clamp(0, 1)


def level(clean: torch.Tensor, draw: Draw) -> tuple[torch.Tensor, torch.Tensor]:
    """Contrast lost, haze and shading, which the detail network is to leave; and the share of contrast that is left."""
    side = clean.shape[-1]
    down, right = _places(side, clean.device)
    factor = 1 - draw.chance(0.55) * draw.uniform(0, 0.8)
    lift = draw.uniform() * (1 - factor) + draw.chance(0.3) * draw.uniform(-0.08, 0.12)
    radius = torch.hypot(down - draw.uniform(-1.2, 1.2), right - draw.uniform(-1.2, 1.2)) / draw.uniform(1.5, 3)
    surface = torch.cos(torch.pi / 2 * radius.clamp(0, 1)) ** 4 - 0.5
    amplitude = draw.chance(0.4) * draw.uniform(-140, 140) / GREY_LEVELS
    return clean * factor + lift + amplitude * surface, factor.flatten()


def optics(images: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Blur, and pixels that were fewer once."""
    side = images.shape[-1]
    sigma = draw.chance(0.55) * draw.uniform(0.3, 3.0)
    ratio = 1 - draw.chance(0.3) * draw.uniform(0, 0.7)
    blurred = _filtered(images, gaussian_response(side, sigma, sigma * ratio, draw.uniform(0, torch.pi)))
    coarse = draw.uniform()
    for factor, low, high in ((2, 0.0, 0.14), (4, 0.14, 0.22)):
        small = functional.interpolate(blurred, scale_factor=1 / factor, mode="bicubic", antialias=True)
        large = functional.interpolate(small, (side, side), mode="bicubic")
        blurred = torch.where((coarse >= low) & (coarse < high), large, blurred)
    return blurred


def stripes(images: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Columns, rows or both with gains and offsets of their own, some of which hang together."""
    side = images.shape[-1]
    some, way = draw.chance(0.6), draw.uniform()
    result = images
    for axis, chosen in ((2, way < 0.6), (3, way > 0.4)):
        shape = (1, side) if axis == 2 else (side, 1)
        offsets, gains = draw.normal(*shape), draw.normal(*shape)
        smooth = functional.avg_pool1d(offsets.flatten(2).squeeze(1)[:, None], 5, 1, 2).view_as(offsets) * 5**0.5
        offsets = torch.where(draw.uniform() < 0.2, 0.7 * offsets + 0.7 * smooth, offsets)
        strength = 25 * draw.uniform() ** 1.7 / GREY_LEVELS
        gain = draw.chance(0.6) * draw.uniform(0, 0.16)
        on = some * chosen
        result = result * (1 + on * gain * gains) + on * strength * offsets
    return result


def noise(images: torch.Tensor, draw: Draw, real: torch.Tensor | None) -> torch.Tensor:
    """A fixed pattern, and noise that is white, correlated or a real camera's.

    Parameters
    ----------
    real : torch.Tensor or None
        (B, 1, N, N) of standard deviation 1
    """
    side = images.shape[-1]
    pattern = draw.chance(0.3) * 12 * draw.uniform() ** 1.5 / GREY_LEVELS
    pattern_gain = draw.chance(0.2) * draw.uniform(0, 0.03)
    result = images * (1 + pattern_gain * draw.normal(side, side)) + pattern * draw.normal(side, side)
    white = draw.normal(side, side)
    width, ratio = draw.uniform(0.35, 1.3), draw.uniform(0.6, 1)
    response = gaussian_response(side, width, width * ratio, draw.chance(0.5) * torch.pi / 2)
    response = response + draw.chance(0.3) * draw.uniform(0, 0.4)
    correlated = _filtered(white, response)
    correlated = correlated / correlated.std((2, 3), keepdim=True).clamp_min(1e-6)
    kind = draw.uniform()
    field = torch.where(kind < 0.25, correlated, white)
    if real is not None:
        field = torch.where(kind > 0.78, real, field)
    sigma = draw.chance(0.85) * 42 * draw.uniform() ** 2 / GREY_LEVELS
    light = torch.where(draw.uniform() < 0.15, (result.clamp(0, 1) + 0.05).sqrt(), 1.0)
    return result + sigma * light * field


def sharpened(images: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Some cameras sharpen what they give."""
    sigma = draw.uniform(0.8, 2.0)
    smooth = _filtered(images, gaussian_response(images.shape[-1], sigma, sigma, torch.zeros_like(sigma)))
    return images + draw.chance(0.06) * draw.uniform(0.2, 0.8) * (images - smooth)


_LUMINANCE = torch.tensor(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=torch.float32,
)
"""JPEG's quantisation of luminance (ITU-T T.81, Table K.1)."""


def compressed(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """What JPEG leaves of a batch: blocks of 8 × 8 cosine coefficients, quantised; the same arithmetic on every device.

    Parameters
    ----------
    quality : torch.Tensor
        (B, 1, 1, 1), 1 to 100
    """
    count, _, height, width = images.shape
    places = torch.arange(8, device=images.device, dtype=images.dtype)
    cosines = torch.cos(torch.pi / 8 * (places + 0.5) * places[:, None]) / 2
    cosines[0] /= 2**0.5
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).view(-1, 1, 1, 1, 1)
    table = ((_LUMINANCE.to(images.device) * percent + 50) / 100).floor().clamp(1, 255)
    blocks = (images * GREY_LEVELS - 128).reshape(count, height // 8, 8, width // 8, 8).transpose(2, 3)
    coefficients = cosines @ blocks @ cosines.T
    stored = (coefficients / table).round() * table
    decoded = (cosines.T @ stored @ cosines).transpose(2, 3).reshape(images.shape)
    return (decoded + 128) / GREY_LEVELS


def stored(images: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Eight bits and, for some, JPEG; others stay as they are."""
    eight = draw.uniform() < 0.75
    clipped = (images.clamp(0, 1) * GREY_LEVELS).round() / GREY_LEVELS
    jpeg = (compressed(clipped, draw.uniform(35, 97)).clamp(0, 1) * GREY_LEVELS).round() / GREY_LEVELS
    return torch.where(eight & (draw.uniform() < 0.15), jpeg, torch.where(eight, clipped, images))


def damaged(clean: torch.Tensor, generator: torch.Generator, real: torch.Tensor | None = None) -> Damaged:
    """A batch of clean images, (B, 1, N, N) in [0, 1], as cameras would give them; some are stored and nothing
    else."""
    draw = Draw(generator, len(clean))
    wanted, contrast = level(targets(clean, draw), draw)
    images = optics(wanted, draw)
    images = stripes(images, draw)
    images = noise(images, draw, real)
    images = sharpened(images, draw)
    spared = draw.uniform() < 0.06
    images = stored(torch.where(spared, wanted, images), draw)
    return Damaged(images, wanted, contrast)
