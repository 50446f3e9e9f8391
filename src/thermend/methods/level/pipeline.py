"""The loss of level and contrast that the level network learns from, on overviews and on any device.

Haze and shading are smooth, and noise shows in an overview only where it was clipped at black or white: there its mean is known
in closed form. So a sample costs a hundredth of a full image, and one can see hundreds of thousands.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from thermend.degradations.severity import GREY_LEVELS
from thermend.methods.level.correction import PERCENTILES
from thermend.training.data import CONVENTION
from thermend.training.draw import Draw

_LOW, _HIGH = (level / GREY_LEVELS for level in CONVENTION)


def percentiles(images: torch.Tensor, shares: tuple[float, ...] = PERCENTILES) -> torch.Tensor:
    """(B, 1, H, W) to (B, n), as numpy interpolates them."""
    values = images.flatten(1).sort(1).values
    places = torch.tensor(shares, device=images.device) / 100 * (values.shape[1] - 1)
    below = places.floor().long()
    above = (below + 1).clamp_max(values.shape[1] - 1)
    return values[:, below] + (places - below) * (values[:, above] - values[:, below])


def varied(images: torch.Tensor, draw: Draw) -> torch.Tensor:
    """Scenes that nobody has seen: halves of several put together, tone curves, black-hot, and the convention that
    HM-TIR's images follow (1st percentile 14, 99th 223) for most."""
    others = images.roll(1, 0)
    rows = torch.linspace(0, 1, images.shape[2], device=images.device).view(1, 1, -1, 1)
    columns = torch.linspace(0, 1, images.shape[3], device=images.device).view(1, 1, 1, -1)
    across = torch.where(draw.chance(0.5), columns, rows)
    soft = draw.uniform(0.003, 0.3)
    share = torch.sigmoid((across - draw.uniform(0.1, 0.9)) / soft)
    images = torch.where(draw.chance(0.12), share * images + (1 - share) * others, images)
    images = torch.where(draw.chance(0.06), 0.6 * images + 0.4 * others, images)
    plain = draw.uniform() + draw.uniform(-0.3, 0.3) * rows + draw.uniform(-0.1, 0.1) * columns
    images = torch.where(draw.chance(0.05), share * images + (1 - share) * plain, images)
    images = torch.where(draw.chance(0.12), 1 - images, images)
    curve = torch.exp(draw.uniform(-0.5, 0.5))
    images = torch.where(draw.chance(0.4), images.clamp(1e-4, 1) ** curve, images)
    low, high = percentiles(images, (1, 99)).view(-1, 2, 1, 1, 1).unbind(1)
    wanted_low = torch.where(draw.chance(0.75), _LOW, draw.uniform(0, 0.3))
    wanted_high = torch.where(wanted_low == _LOW, _HIGH, wanted_low + draw.uniform(0.25, 1.0))
    gain = (wanted_high - wanted_low) / (high - low).clamp_min(0.03)
    return torch.where(draw.chance(0.85), (images - low) * gain + wanted_low, images).clamp(0, 1)


def surface(shape: tuple[int, int], draw: Draw) -> torch.Tensor:
    """(B, 1, H, W), what a lens or a warm housing adds, of height 1: PPFN's cos⁴ law about any centre, or its complement; for
    some a round spot or a slope."""
    height, width = shape
    device = draw.device
    y = torch.linspace(0, 1, height, device=device).view(1, 1, -1, 1) * height
    x = torch.linspace(0, 1, width, device=device).view(1, 1, 1, -1) * width
    radius = torch.hypot(y - draw.uniform() * height, x - draw.uniform() * width)
    radius = radius / radius.amax((2, 3), keepdim=True)
    law = torch.cos(torch.pi / 2 * radius) ** 4
    spot = torch.exp(-((radius / draw.uniform(0.25, 0.8)) ** 2))
    ramp = draw.uniform(-1, 1) * y / height + draw.uniform(-1, 1) * x / width
    kind = draw.uniform()
    law = torch.where(kind < 0.12, spot, torch.where(kind < 0.2, ramp, law))
    return torch.where(draw.chance(0.5), 1 - law, law)


def _bands(shape: tuple[int, int], draw: Draw) -> torch.Tensor:
    """(B, 1, H, W) of strength 1: what a destriper leaves of stripes, broad columns or rows all through the image."""
    columns = functional.interpolate(draw.normal(1, 24), shape, mode="bicubic")
    rows = functional.interpolate(draw.normal(20, 1), shape, mode="bicubic")
    return torch.where(draw.chance(0.5), columns, rows)


def clipped_mean(image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """The mean of clip(image + σ n, 0, 1) over the noise n."""
    spread = sigma.clamp_min(1e-4)

    def ramp(z: torch.Tensor) -> torch.Tensor:  # mean of max(z + n, 0)
        return z * 0.5 * (1 + torch.erf(z / 2**0.5)) + torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5

    return spread * (ramp(image / spread) - ramp((image - 1) / spread))


def dulled(clean: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Clean overviews, (B, 1, H, W) in [0, 1], at a level and contrast that are not theirs.

    Returns
    -------
    what is left of them, without noise and stripes; their clean selves; (B,) 1 where anything was lost
    """
    draw, (height, width) = Draw(generator, len(clean)), clean.shape[2:]
    clean = varied(clean, draw)
    mean = clean.mean((2, 3), keepdim=True)
    haze = draw.chance(0.55)
    factor = torch.where(haze, 1 - draw.uniform(0.2, 0.8), 1.0)
    image = torch.where(haze, clean * factor + draw.uniform(0.2, 0.4), clean).clamp(0, 1)
    pale = ~haze & draw.chance(0.35)
    about = torch.where(pale, draw.uniform(0.25, 0.9), 1.0)
    image = torch.where(pale, mean + about * (image - mean), image)
    dark = pale & draw.chance(0.4)
    image = torch.where(dark, image * (1 - draw.uniform(0, 0.3)), image)
    shaded = draw.chance(0.6)
    amplitude = draw.uniform(15, 75) * draw.uniform(1, 2) / GREY_LEVELS
    amplitude = torch.where(draw.chance(0.1), -amplitude * 0.6, amplitude)
    image = image + shaded * amplitude * surface((height, width), draw)
    sigma = torch.where(draw.chance(0.6), 45 * draw.uniform(), 1.0) / GREY_LEVELS
    spared = draw.chance(0.12)
    image = torch.where(spared, clean, image)
    lost = (haze | pale | shaded) & ~spared
    seen = clipped_mean(image, torch.where(spared, 0.002, sigma))
    left = draw.normal(height, width) * draw.uniform(0, 2.0) / GREY_LEVELS
    bands = _bands((height, width), draw) * 14 * draw.uniform() ** 2.5 / GREY_LEVELS
    return (seen + ~spared * (left + bands)).clamp(0, 1), clean, lost.flatten().float()
