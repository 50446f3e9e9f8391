"""Blur by the optics, and smoothing by the camera's own processing."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from thermend.degradations.severity import Severity, per_sample

_REACH = 4.0  # standard deviations on each side of a kernel


def gaussian_blur(image: torch.Tensor, sigma: Severity = 1.0, size: int | None = None) -> torch.Tensor:
    """Convolution with a Gaussian, borders mirrored.

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    sigma : Severity
        standard deviation, pixels; 0 leaves the image
    size : int or None
        side of the kernel, odd; None takes 4 σ on each side
    """
    return anisotropic_blur(image, sigma, sigma, 0.0, size)


def anisotropic_blur(
    image: torch.Tensor,
    sigma_x: Severity,
    sigma_y: Severity,
    angle: Severity = 0.0,
    size: int | None = None,
    isotropic: Severity = 0.0,
) -> torch.Tensor:
    """Convolution with an elliptic Gaussian, borders mirrored.

    Parameters
    ----------
    sigma_x, sigma_y : Severity
        standard deviations along the axes of the ellipse, pixels
    angle : Severity
        from the image's rows to the first axis, radians
    size : int or None
        side of the kernel, odd; None takes 4 σ on each side
    isotropic : Severity
        1 takes the first standard deviation for both
    """
    widths = [per_sample(s, image).clamp_min(1e-3) for s in (sigma_x, sigma_y)]
    widths[1] = torch.where(per_sample(isotropic, image) > 0.5, widths[0], widths[1])
    if size is None:
        size = 2 * math.ceil(_REACH * max(float(w.detach().max()) for w in widths)) + 1
    if size % 2 == 0 or size < 1:
        raise ValueError(f"a kernel of {size} pixels: expected an odd number")
    turn = per_sample(angle, image)
    places = torch.arange(size, dtype=image.dtype, device=image.device) - size // 2
    y, x = places.view(1, 1, -1, 1), places.view(1, 1, 1, -1)
    along = (x * turn.cos() + y * turn.sin()) / widths[0]
    across = (y * turn.cos() - x * turn.sin()) / widths[1]
    kernel = torch.exp(-0.5 * (along**2 + across**2))
    kernel = kernel / kernel.sum((2, 3), keepdim=True)
    straight = not isinstance(angle, torch.Tensor) and angle == 0
    if straight:  # separable: two passes of one dimension
        rows = kernel.sum(2, keepdim=True)
        columns = kernel.sum(3, keepdim=True)
        return _convolve(_convolve(image, rows), columns)
    return _convolve(image, kernel)


def _convolve(image: torch.Tensor, kernels: torch.Tensor) -> torch.Tensor:
    """Each image with its own kernel, (B or 1, 1, h, w)."""
    batch, _, height, width = image.shape
    kernels = kernels.expand(batch, -1, -1, -1)
    down, right = kernels.shape[2] // 2, kernels.shape[3] // 2
    padded = mirrored(image, down, right).reshape(1, batch, height + 2 * down, width + 2 * right)
    return functional.conv2d(padded, kernels, groups=batch).reshape(batch, 1, height, width)


def mirrored(image: torch.Tensor, down: int, right: int) -> torch.Tensor:
    """The image with mirrored margins of any width (an image narrower than the margin is mirrored again)."""
    while down or right:
        step_down = min(down, image.shape[2] - 1)
        step_right = min(right, image.shape[3] - 1)
        if (down and step_down == 0) or (right and step_right == 0):
            return functional.pad(image, (right, right, down, down), mode="replicate")
        image = functional.pad(image, (step_right, step_right, step_down, step_down), mode="reflect")
        down, right = down - step_down, right - step_right
    return image


def smoothing(image: torch.Tensor, amount: Severity = 0.5) -> torch.Tensor:
    """Blend with the image smoothed by the kernel 1 1 1, 1 5 1, 1 1 1 (in thirteenths), as a lowered sharpness does.

    Parameters
    ----------
    amount : Severity
        0 leaves the image, 1 gives the smoothed one
    """
    kernel = torch.full((1, 1, 3, 3), 1 / 13, dtype=image.dtype, device=image.device)
    kernel[..., 1, 1] = 5 / 13
    return image + per_sample(amount, image) * (_convolve(image, kernel) - image)
