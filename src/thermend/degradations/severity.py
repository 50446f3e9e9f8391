"""How severities and random numbers reach a batch of images.

Every severity is a number, or a tensor with one number a sample, in which case gradients reach it. Random fields are drawn
in double precision on the CPU and then cast, so that a seed means the same on every device.
"""

from __future__ import annotations

from typing import TypeAlias

import torch

Severity: TypeAlias = float | torch.Tensor
"""One number for all samples, or (B,) of them."""

GREY_LEVELS = 255.0


def per_sample(severity: Severity, image: torch.Tensor) -> torch.Tensor:
    """(B, 1, 1, 1) or (1, 1, 1, 1), of the image's type and on its device.

    Raises
    ------
    ValueError
        neither one number nor one a sample
    """
    values = torch.as_tensor(severity).to(image)
    if values.ndim > 1 or values.numel() not in (1, image.shape[0]):
        raise ValueError(f"{values.numel()} severities for {image.shape[0]} images: expected one, or one an image")
    return values.reshape(-1, 1, 1, 1)


def normal(shape: tuple[int, ...], generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Standard normal numbers."""
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(like)


def uniform(shape: tuple[int, ...], generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Numbers from [0, 1)."""
    return torch.rand(shape, generator=generator, dtype=torch.float64).to(like)


def rounded(image: torch.Tensor) -> torch.Tensor:
    """Clipped to [0, 1] and rounded to 8 bits; the rounding passes gradients on as if it were not there."""
    clipped = image.clamp(0, 1)
    return clipped + ((clipped * GREY_LEVELS).round() / GREY_LEVELS - clipped).detach()
