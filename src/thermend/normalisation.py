"""From an image's own numbers to [0, 1], where all methods work, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermend.image import ThermalImage

_LOW, _SPAN = 0.05, 0.9


@dataclass(frozen=True)
class Normalisation:
    """x' = (x − offset) · gain. Eight-bit images are divided by 255; of everything else the 0.1th percentile becomes 0.05
    and the 99.9th 0.95.

    Attributes
    ----------
    offset : float
        value that becomes 0, in the image's unit
    gain : float
        per unit
    """

    offset: float
    gain: float

    @classmethod
    def of(cls, image: ThermalImage) -> Normalisation:
        """The normalisation of one image."""
        if image.is_picture:
            return cls(0.0, 1 / 255)
        low, high = image.extent
        if high - low <= 1e-6 * max(1.0, abs(high)):
            return cls(low - 0.5, 1.0)  # nothing varies: the value sits in the middle, one unit is full range
        return cls(low - (high - low) * _LOW / _SPAN, _SPAN / (high - low))

    @property
    def grey_level(self) -> float:
        """One grey level of 255, in the image's unit."""
        return 1 / (255 * self.gain)

    def apply(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """A new array; the subtraction is done in double precision, band by band, since counts may be large."""
        result = np.empty(pixels.shape, np.float32)
        rows = max(1, 2**20 // pixels.shape[1])
        for top in range(0, pixels.shape[0], rows):
            result[top : top + rows] = (pixels[top : top + rows].astype(np.float64) - self.offset) * self.gain
        return result

    def low_and_high(self, image: ThermalImage) -> tuple[float, float]:
        """Where the 0.1th and the 99.9th percentile of the image lie, normalised."""
        if image.is_picture:
            low, high = ((value - self.offset) * self.gain for value in image.extent)
            return low, high
        return _LOW, _LOW + _SPAN

    def is_worn(self, normalised: NDArray[np.float32]) -> bool:
        """Whether pixels have changed so much that their percentiles lie elsewhere by a tenth of the range."""
        low, high = np.percentile(normalised, (0.1, 99.9))
        return bool(max(abs(low - _LOW), abs(high - _LOW - _SPAN)) > 0.1 * _SPAN)

    def undo(self, normalised: NDArray[np.float32]) -> NDArray[np.float32]:
        """The inverse of :meth:`apply`, in place."""
        rows = max(1, 2**20 // normalised.shape[1])
        for top in range(0, normalised.shape[0], rows):
            normalised[top : top + rows] = normalised[top : top + rows].astype(np.float64) / self.gain + self.offset
        return normalised
