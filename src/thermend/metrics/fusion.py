"""How much of an infrared and a visible image a fused one holds. Arrays are (H, W), grey levels of 255.

F is the fused image, I the infrared and V the visible one. Definitions follow the reference implementation that the fusion
literature shares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.metrics.fidelity import grey_levels

Levels = NDArray[np.float64]


def _three(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike) -> tuple[Levels, Levels, Levels]:
    arrays = [np.asarray(a, np.float64) for a in (fused, infrared, visible)]
    if any(a.ndim != 2 or a.shape != arrays[0].shape for a in arrays):
        raise ValueError(f"images of {', '.join(str(a.shape) for a in arrays)}: expected three of one (height, width)")
    return arrays[0], arrays[1], arrays[2]


def mutual_information(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike, unit: str = "bits") -> float:
    """MI: information that F shares with I, plus what it shares with V; 256 grey levels.

    Parameters
    ----------
    unit : str
        ``bits`` or ``nats``

    References
    ----------
    G. Qu, D. Zhang, P. Yan, Information measure for performance of image fusion, Electronics Letters 38 (2002).
    """
    if unit not in ("bits", "nats"):
        raise ValueError(f"unit {unit!r}: expected bits or nats")
    fused, infrared, visible = _three(fused, infrared, visible)
    nats = _shared_information(fused, infrared) + _shared_information(fused, visible)
    return float(nats / np.log(2)) if unit == "bits" else float(nats)


def _shared_information(first: Levels, second: Levels) -> float:
    pairs = grey_levels(first).astype(np.int64).ravel() * 256 + grey_levels(second).ravel()
    joint = np.bincount(pairs, minlength=65536).reshape(256, 256) / pairs.size
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    present = joint > 0
    return float(np.sum(joint[present] * np.log(joint[present] / independent[present])))


def _correlation(first: Levels, second: Levels) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = np.sqrt(np.sum(first**2) * np.sum(second**2))
    return float(np.sum(first * second) / scale) if scale > 0 else 0.0


def correlation(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike) -> float:
    """CC: mean of the correlations of F with I and with V."""
    fused, infrared, visible = _three(fused, infrared, visible)
    return (_correlation(fused, infrared) + _correlation(fused, visible)) / 2


def sum_of_correlated_differences(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike) -> float:
    """SCD: r(F − V, I) + r(F − I, V).

    References
    ----------
    V. Aslantas, E. Bendes, A new image quality metric for image fusion: the sum of the correlations of differences,
    AEU 69 (2015).
    """
    fused, infrared, visible = _three(fused, infrared, visible)
    return _correlation(fused - visible, infrared) + _correlation(fused - infrared, visible)


def visual_information_fidelity(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike) -> float | None:
    """VIF: pixel-domain visual information fidelity of F to I, plus that to V; None under 17 pixels along a side.

    References
    ----------
    H. R. Sheikh, A. C. Bovik, Image information and visual quality, IEEE TIP 15 (2006); the pixel-domain version: 4 scales,
    Gaussian windows of 17, 9, 5 and 3 pixels, noise variance 2.
    """
    fused, infrared, visible = _three(fused, infrared, visible)
    if min(fused.shape) < 17:
        return None
    return _vif(infrared, fused) + _vif(visible, fused)


_NOISE, _TINY = 2.0, 1e-10


def _window(image: Levels, size: int) -> Levels:
    """Gaussian means over windows that lie within the image."""
    from scipy.ndimage import correlate1d

    places = np.arange(size) - size // 2
    weights = np.exp(-(places**2) / (2 * (size / 5) ** 2))
    weights /= weights.sum()
    margin = size // 2
    smooth = correlate1d(correlate1d(image, weights, 0), weights, 1)
    return np.asarray(smooth[margin : image.shape[0] - margin, margin : image.shape[1] - margin])


def _vif(reference: Levels, image: Levels) -> float:
    seen = possible = 0.0
    for size in (17, 9, 5, 3):
        if size < 17:
            reference, image = _window(reference, size)[::2, ::2], _window(image, size)[::2, ::2]
        if min(reference.shape) < size:
            break
        mean_r, mean_i = _window(reference, size), _window(image, size)
        variance_r = np.maximum(_window(reference**2, size) - mean_r**2, 0)
        variance_i = np.maximum(_window(image**2, size) - mean_i**2, 0)
        covariance = _window(reference * image, size) - mean_r * mean_i
        gain = covariance / (variance_r + _TINY)
        rest = variance_i - gain * covariance
        flat = variance_r < _TINY
        gain[flat], rest[flat], variance_r[flat] = 0, variance_i[flat], 0
        blank = variance_i < _TINY
        gain[blank], rest[blank] = 0, 0
        inverse = gain < 0
        rest[inverse], gain[inverse] = variance_i[inverse], 0
        rest = np.maximum(rest, _TINY)
        seen += np.sum(np.log10(1 + gain**2 * variance_r / (rest + _NOISE)))
        possible += np.sum(np.log10(1 + variance_r / _NOISE))
    return float(seen / possible) if possible > 0 else 1.0


_EDGE = (0.9994, -15.0, 0.5)  # Γ, κ, σ of the strength
_TURN = (0.9879, -22.0, 0.8)  # and of the direction


def edge_preservation(fused: ArrayLike, infrared: ArrayLike, visible: ArrayLike) -> float:
    """Qabf: strength and direction of the edges of I and V that F keeps, weighted by the strength in I and V.

    References
    ----------
    C. S. Xydeas, V. Petrović, Objective image fusion performance measure, Electronics Letters 36 (2000).
    """
    fused, infrared, visible = _three(fused, infrared, visible)
    strength_f, angle_f = _edges(fused)
    kept, weights = 0.0, 0.0
    for source in (infrared, visible):
        strength, angle = _edges(source)
        kept += float(np.sum(_kept(strength, angle, strength_f, angle_f) * strength))
        weights += float(np.sum(strength))
    return kept / weights if weights > 0 else 0.0


def _edges(image: Levels) -> tuple[Levels, Levels]:
    from scipy.ndimage import correlate

    sobel = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    right = correlate(image, sobel, mode="constant")
    up = correlate(image, -sobel.T, mode="constant")
    angle = np.full_like(image, np.pi / 2)
    sideways = right != 0
    angle[sideways] = np.arctan(up[sideways] / right[sideways])
    return np.sqrt(right**2 + up**2), angle


def _kept(strength: Levels, angle: Levels, strength_f: Levels, angle_f: Levels) -> Levels:
    low, high = np.minimum(strength, strength_f), np.maximum(strength, strength_f)
    ratio = np.where(strength == strength_f, strength_f, low / np.where(high > 0, high, 1))
    alike = 1 - np.abs(angle - angle_f) * 2 / np.pi

    def sigmoid(value: Levels, shape: tuple[float, float, float]) -> Levels:
        gamma, kappa, sigma = shape
        return np.asarray(gamma / (1 + np.exp(kappa * (value - sigma))))

    with np.errstate(over="ignore"):
        return sigmoid(ratio, _EDGE) * sigmoid(alike, _TURN)
