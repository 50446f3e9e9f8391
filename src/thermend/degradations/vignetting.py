"""Optical non-uniformity: the cos⁴ law of the lens, and its complement where the housing is warm."""

from __future__ import annotations

import torch

from thermend.degradations.severity import GREY_LEVELS, Severity, per_sample


def vignetting(
    image: torch.Tensor,
    amplitude: Severity = 30.0,
    centre_y: Severity = 0.5,
    centre_x: Severity = 0.5,
    inverted: Severity = 0.0,
) -> torch.Tensor:
    """I + A n / 255 with n = cos⁴(π/2 · r / r_max), or with 1 − n (PPFN's HM-TIR).

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    amplitude : Severity
        A, grey levels of 255
    centre_y, centre_x : Severity
        of the optics, shares of height and width; r_max is the largest distance from it in the image
    inverted : Severity
        0 for n, 1 for 1 − n
    """
    height, width = image.shape[2:]
    down = torch.arange(height, dtype=image.dtype, device=image.device).view(1, 1, -1, 1)
    right = torch.arange(width, dtype=image.dtype, device=image.device).view(1, 1, 1, -1)
    middle_y = per_sample(centre_y, image) * (height - 1)
    middle_x = per_sample(centre_x, image) * (width - 1)
    radius = torch.sqrt((down - middle_y) ** 2 + (right - middle_x) ** 2 + 1e-12)
    share = radius / radius.amax((2, 3), keepdim=True).clamp_min(1e-6)
    surface = torch.cos(torch.pi / 2 * share) ** 4
    flip = per_sample(inverted, image)
    return image + per_sample(amplitude, image) / GREY_LEVELS * (surface * (1 - flip) + (1 - surface) * flip)
