"""Losses that several methods train with, on batches (B, C, H, W) in [0, 1].

SSIM is ours: torchmetrics 1.9 averages over the mirrored border too, so that its value is not scikit-image's, by which the
papers' tables are made; this one is, to 1e-6.
"""

from __future__ import annotations

import torch
from torch.nn import functional

_SIDE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ssim(image: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Mean structural similarity, with gradients (Wang et al., 2004: Gaussian window of 11 pixels, σ 1.5; no padding).

    Parameters
    ----------
    image, clean : (B, C, H, W)
        11 pixels or more along each side; computed in float32 whatever autocast says

    Returns
    -------
    () mean over batch, channels and places
    """
    with torch.autocast(image.device.type, enabled=False):
        image, clean = image.float(), clean.float()
        places = torch.arange(_SIDE, dtype=image.dtype, device=image.device) - _SIDE // 2
        window = torch.exp(-0.5 * (places / _SIGMA) ** 2)
        window = window / window.sum()
        moments = torch.cat((image, clean, image * image, clean * clean, image * clean), 1)
        channels = moments.shape[1]
        rows = window.view(1, 1, 1, -1).expand(channels, -1, -1, -1)
        columns = window.view(1, 1, -1, 1).expand(channels, -1, -1, -1)
        moments = functional.conv2d(functional.conv2d(moments, rows, groups=channels), columns, groups=channels)
        mean_a, mean_b, square_a, square_b, product = moments.chunk(5, 1)
        variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
        covariance = product - mean_a * mean_b
        luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
        structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
        return (luminance * structure).mean()
