"""What fixed patterns leave in an image. Arrays are (H, W) in any unit; the measures have none, unless stated."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _array(image: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(image, np.float64)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a measure takes (height, width) arrays, not one of shape {array.shape}")
    return array


def roughness(image: ArrayLike) -> float:
    """ρ: (‖h * I‖₁ + ‖hᵀ * I‖₁) / ‖I‖₁ with h the first difference; lower is smoother.

    References
    ----------
    M. M. Hayat et al., Statistical algorithm for nonuniformity correction in focal-plane arrays, Applied Optics 38 (1999).
    """
    array = _array(image)
    total = np.abs(array).sum()
    steps = np.abs(np.diff(array, axis=0)).sum() + np.abs(np.diff(array, axis=1)).sum()
    return float(steps / total) if total > 0 else 0.0


def stripe_energy(image: ArrayLike, direction: str = "columns") -> float:
    """Residual stripe energy: mean squared step between the means of neighbouring columns (or rows), in the unit squared.

    Raises
    ------
    ValueError
        `direction` is neither ``columns`` nor ``rows``
    """
    if direction not in ("columns", "rows"):
        raise ValueError(f"direction {direction!r}: expected columns or rows")
    profile = _array(image).mean(axis=0 if direction == "columns" else 1)
    return float(np.mean(np.diff(profile) ** 2)) if len(profile) > 1 else 0.0


def noise(image: ArrayLike) -> float:
    """Standard deviation of white noise, in the image's unit, estimated from the image alone.

    References
    ----------
    J. Immerkaer, Fast noise variance estimation, CVIU 64 (1996), Eq. 7: mean absolute response to a mask that neither a
    constant nor a ramp excites. Texture raises it.
    """
    from scipy.ndimage import convolve

    array = _array(image)
    if min(array.shape) < 3:
        return 0.0
    mask = np.outer([1, -2, 1], [1, -2, 1])
    response = convolve(array, mask)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) / 6 * np.mean(np.abs(response)))
