"""Contrast and brightness that the camera loses."""

from __future__ import annotations

import torch

from thermend.degradations.severity import Severity, per_sample


def contrast(image: torch.Tensor, factor: Severity = 0.5, centre: Severity | None = None) -> torch.Tensor:
    """m + factor (I − m), m the mean of each image.

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    factor : Severity
        0 leaves the mean, 1 the image
    centre : Severity or None
        m, where the image is a piece of a larger one
    """
    mean = image.mean((2, 3), keepdim=True) if centre is None else per_sample(centre, image)
    return mean + per_sample(factor, image) * (image - mean)


def darkening(image: torch.Tensor, share: Severity = 0.1) -> torch.Tensor:
    """I (1 − share)."""
    return image * (1 - per_sample(share, image))


def haze(image: torch.Tensor, change: Severity = -0.5, lift: Severity = 0.3) -> torch.Tensor:
    """I (1 + change) + lift: the contrast degradation of HM-TIR (PPFN), brighter and flatter.

    Parameters
    ----------
    change : Severity
        −1 to 0
    lift : Severity
        share of the full range
    """
    return image * (1 + per_sample(change, image)) + per_sample(lift, image)
