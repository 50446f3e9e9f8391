"""Noise of the detector: of the electronics, of the photons, and what is the same in every frame."""

from __future__ import annotations

import torch
from torch.nn import functional

from thermend.degradations.severity import GREY_LEVELS, Severity, normal, per_sample, uniform

_CORRELATION_REACH = 6  # px


def gaussian_noise(image: torch.Tensor, sigma: Severity = 10.0, *, generator: torch.Generator) -> torch.Tensor:
    """I + σ n / 255.

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    sigma : Severity
        standard deviation, grey levels of 255
    """
    return image + per_sample(sigma, image) / GREY_LEVELS * normal(tuple(image.shape), generator, image)


def correlated_noise(
    image: torch.Tensor, sigma: Severity = 6.0, width: Severity = 0.8, *, generator: torch.Generator
) -> torch.Tensor:
    """I + σ (G_w * n) / (255 |G_w|): noise that neighbours share, as cameras give it that filter or enlarge what they read.

    Parameters
    ----------
    image : torch.Tensor
        (B, 1, H, W) in [0, 1]
    sigma : float or torch.Tensor
        standard deviation, grey levels of 255
    width : float or torch.Tensor
        of the Gaussian that white noise is blurred with, pixels: 0.5 gives neighbours a correlation of 0.27, 0.8 of
        0.68, 1.2 of 0.84
    """
    white = normal(tuple(image.shape), generator, image)
    size = 2 * _CORRELATION_REACH + 1
    places = torch.arange(size, dtype=image.dtype, device=image.device) - _CORRELATION_REACH
    line = torch.exp(-0.5 * (places / per_sample(width, image).clamp_min(1e-3)) ** 2)  # (B or 1, 1, 1, size)
    line = (line / line.square().sum(3, keepdim=True).sqrt()).expand(len(image), -1, -1, -1)
    padded = functional.pad(white, (_CORRELATION_REACH,) * 4, mode="reflect").transpose(0, 1)
    count = len(image)
    field = functional.conv2d(functional.conv2d(padded, line, groups=count), line.transpose(2, 3), groups=count)
    return image + per_sample(sigma, image) / GREY_LEVELS * field.transpose(0, 1)


def shot_noise(image: torch.Tensor, photons: Severity = 1000.0, *, generator: torch.Generator) -> torch.Tensor:
    """I + √(I / photons) n: the normal approximation to Poisson's law, which has a gradient.

    Parameters
    ----------
    photons : Severity
        that a pixel of full brightness collects; the approximation holds from about 20
    """
    spread = torch.sqrt(image.clamp_min(0) / per_sample(photons, image) + 1e-12)
    return image + spread * normal(tuple(image.shape), generator, image)


def fixed_pattern_noise(
    image: torch.Tensor, offset: Severity = 8.0, gain: Severity = 0.0, *, generator: torch.Generator
) -> torch.Tensor:
    """I (1 + gain · g) + offset · o / 255 with g and o standard normal, one of each a pixel.

    Parameters
    ----------
    offset : Severity
        standard deviation, grey levels of 255
    gain : Severity
        standard deviation, share
    """
    shape = tuple(image.shape)
    gains = per_sample(gain, image) * normal(shape, generator, image)
    return image * (1 + gains) + per_sample(offset, image) / GREY_LEVELS * normal(shape, generator, image)


def dead_pixels(image: torch.Tensor, share: Severity = 1e-3, *, generator: torch.Generator) -> torch.Tensor:
    """A share of the pixels is stuck, half of them at black and half at white; no gradient reaches the share.

    Parameters
    ----------
    share : Severity
        of all pixels, 0 to 1
    """
    shape = tuple(image.shape)
    dead = uniform(shape, generator, image) < per_sample(share, image)
    stuck = (uniform(shape, generator, image) < 0.5).to(image)
    return torch.where(dead, stuck, image)
