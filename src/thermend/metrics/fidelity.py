"""How near an image is to the clean one. Arrays are (H, W), grey levels of 255."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

SSIM_WINDOW = 7


def grey_levels(image: ArrayLike) -> NDArray[np.uint8]:
    """Rounded to 8 bits, as the papers' numbers are.

    Raises
    ------
    ValueError
        not an (H, W) array
    """
    array = np.asarray(image)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"a measure takes (height, width) arrays, not one of shape {array.shape}")
    if array.dtype == np.uint8:
        return array
    return np.clip(np.rint(array.astype(np.float64)), 0, 255).astype(np.uint8)


def _pair(image: ArrayLike, clean: ArrayLike) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    first, second = grey_levels(image), grey_levels(clean)
    if first.shape != second.shape:
        raise ValueError(f"images of {first.shape} and {second.shape} cannot be compared")
    return first, second


def mse(image: ArrayLike, clean: ArrayLike) -> float:
    """Mean squared error, grey levels²."""
    first, second = _pair(image, clean)
    return float(np.mean((first.astype(np.float64) - second) ** 2))


def psnr(image: ArrayLike, clean: ArrayLike) -> float:
    """Peak signal-to-noise ratio, dB; infinite for equal images (2D-GAN, Eq. 9; as scikit-image computes it)."""
    error = mse(image, clean)
    return float("inf") if error == 0 else float(10 * np.log10(255.0**2 / error))


def psnr_fitted(image: ArrayLike, clean: ArrayLike) -> float:
    """PSNR of an image after the gain and the offset that bring it nearest to the clean one, dB.

    An error of level or contrast alone costs nothing: what is left is structure (noise, blur, vignetting). The fitted image is
    rounded and clipped to 8 bits, as every image is.

    Parameters
    ----------
    image, clean : (H, W) array_like
        grey levels of 255

    Returns
    -------
    float
        infinite for images that become equal; never below that of the best even field but for rounding
    """
    first, second = _pair(image, clean)
    values, wanted = first.astype(np.float64), second.astype(np.float64)
    centred = values - values.mean()
    power = float(np.mean(centred**2))
    gain = float(np.mean(centred * wanted)) / power if power > 0 else 0.0
    return psnr(gain * centred + wanted.mean(), second)


def ssim(image: ArrayLike, clean: ArrayLike) -> float | None:
    """Structural similarity, by scikit-image with its defaults; None under 7 pixels.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, IEEE TIP 13 (2004); 2D-GAN, Eq. 10.
    """
    from skimage.metrics import structural_similarity

    first, second = _pair(image, clean)
    if min(first.shape) < SSIM_WINDOW:
        return None
    return float(structural_similarity(first, second, data_range=255))
