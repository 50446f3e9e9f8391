"""Low resolution: fewer pixels, shown at the old size."""

from __future__ import annotations

import torch
from torch.nn import functional

KERNELS = ("bicubic", "bilinear", "area", "nearest", "max")


def low_resolution(
    image: torch.Tensor, factor: int = 2, kernel: str = "bicubic", back: str = "bicubic"
) -> torch.Tensor:
    """Reduce by a factor and enlarge again.

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]; a side that the factor does not divide is reduced to the nearest whole number of pixels
    factor : int
        1 leaves the image
    kernel : str
        of the reduction: ``bicubic`` and ``bilinear`` widened against aliasing, ``area`` the mean and ``max`` the greatest
        value of factor × factor pixels, ``nearest`` one pixel of them
    back : str
        ``bicubic``, ``bilinear`` or ``nearest``
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel {kernel!r}: expected one of {', '.join(KERNELS)}")
    if factor < 1:
        raise ValueError(f"factor {factor}: expected 1 or more")
    if factor == 1:
        return image
    size = tuple(image.shape[2:])
    small = tuple(max(1, round(side / factor)) for side in size)
    if kernel == "max":
        reduced = functional.adaptive_max_pool2d(image, small)
    elif kernel == "area":
        reduced = functional.adaptive_avg_pool2d(image, small)
    elif kernel == "nearest":
        reduced = functional.interpolate(image, small, mode="nearest-exact")
    else:
        reduced = functional.interpolate(image, small, mode=kernel, align_corners=False, antialias=True)
    if back == "nearest":
        return functional.interpolate(reduced, size, mode="nearest-exact")
    return functional.interpolate(reduced, size, mode=back, align_corners=False, antialias=True)
