"""Destriping by combined wavelet and Fourier filtering (WFAF)."""

from __future__ import annotations

import numpy as np
import pywt
from scipy import fft

from thermend.filters.smoothing import Image


def remove_stripes(image: Image, levels: int = 4, wavelet: str = "db5", sigma: float = 1.0) -> Image:
    """Decompose into wavelets; in the band of vertical detail damp the frequencies near zero along the columns by
    1 − exp(−k² / 2σ²); recompose.

    Parameters
    ----------
    levels : int
        of the decomposition, as far as the size allows
    wavelet : str
        as PyWavelets names it
    sigma : float
        width of the damping, in frequency samples along the column

    References
    ----------
    B. Münch, P. Trtik, F. Marone, M. Stampanoni, Stripe and ring artifact removal with combined wavelet–Fourier filtering,
    Optics Express 17 (2009), Eqs. 6 to 9.
    """
    possible = pywt.dwt_max_level(min(image.shape), pywt.Wavelet(wavelet).dec_len)
    if possible < 1:
        return image.copy()
    coefficients = pywt.wavedec2(image, wavelet, mode="symmetric", level=min(levels, possible))
    for level, (horizontal, vertical, diagonal) in enumerate(coefficients[1:], 1):
        spectrum = fft.rfft(vertical, axis=0)
        k = np.arange(spectrum.shape[0], dtype=np.float32)[:, None]
        spectrum *= 1 - np.exp(-(k**2) / (2 * sigma**2))
        damped = fft.irfft(spectrum, n=vertical.shape[0], axis=0).astype(np.float32)
        coefficients[level] = (horizontal, damped, diagonal)
    mended = pywt.waverec2(coefficients, wavelet, mode="symmetric")[: image.shape[0], : image.shape[1]]
    return np.asarray(mended, np.float32)
