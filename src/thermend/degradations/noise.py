"""Noise of the detector: of the electronics, of the photons, and what is the same in every frame."""

from __future__ import annotations

import torch

from thermend.degradations.severity import GREY_LEVELS, Severity, normal, per_sample, uniform


def gaussian_noise(image: torch.Tensor, sigma: Severity = 10.0, *, generator: torch.Generator) -> torch.Tensor:
    """I + σ n / 255.

    Parameters
    ----------
    image : (B, 1, H, W) in [0, 1]
    sigma : standard deviation, grey levels of 255
    """
    return image + per_sample(sigma, image) / GREY_LEVELS * normal(tuple(image.shape), generator, image)


def shot_noise(image: torch.Tensor, photons: Severity = 1000.0, *, generator: torch.Generator) -> torch.Tensor:
    """I + √(I / photons) n: the normal approximation to Poisson's law, which has a gradient.

    Parameters
    ----------
    photons : that a pixel of full brightness collects; the approximation holds from about 20
    """
    spread = torch.sqrt(image.clamp_min(0) / per_sample(photons, image) + 1e-12)
    return image + spread * normal(tuple(image.shape), generator, image)


def fixed_pattern_noise(
    image: torch.Tensor, offset: Severity = 8.0, gain: Severity = 0.0, *, generator: torch.Generator
) -> torch.Tensor:
    """I (1 + gain · g) + offset · o / 255 with g and o standard normal, one of each a pixel.

    Parameters
    ----------
    offset : standard deviation, grey levels of 255
    gain : standard deviation, share
    """
    shape = tuple(image.shape)
    gains = per_sample(gain, image) * normal(shape, generator, image)
    return image * (1 + gains) + per_sample(offset, image) / GREY_LEVELS * normal(shape, generator, image)


def dead_pixels(image: torch.Tensor, share: Severity = 1e-3, *, generator: torch.Generator) -> torch.Tensor:
    """A share of the pixels is stuck, half of them at black and half at white; no gradient reaches the share.

    Parameters
    ----------
    share : of all pixels, 0 to 1
    """
    shape = tuple(image.shape)
    dead = uniform(shape, generator, image) < per_sample(share, image)
    stuck = (uniform(shape, generator, image) < 0.5).to(image)
    return torch.where(dead, stuck, image)
