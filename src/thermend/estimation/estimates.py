"""What several ask of one image, estimated once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from thermend.estimation.noise import noise_sigma
from thermend.estimation.stripe_forms import Form, stripe_forms
from thermend.estimation.stripes import Stripes, column_offsets, neighbour_differences, stripes_of
from thermend.estimation.vignetting import overview, vignetting_surface
from thermend.filters.smoothing import Image


def _extent(valid: NDArray[np.bool_]) -> tuple[int, int]:
    """Of how many pixels a column and a row usually consist, where they have any."""
    down, across = valid.sum(0), valid.sum(1)
    return int(np.median(down[down > 0])), int(np.median(across[across > 0]))


class Estimates:
    """Noise, stripes and vignetting of one image; each is estimated when it is first asked for, and kept.

    Whoever changes the pixels asks before: what is asked for afterwards would be of other pixels.

    Parameters
    ----------
    pixels : (H, W) float32
        normalised
    valid : (H, W) bool or None
        those of them that were measured, and tell something; None, all
    """

    def __init__(self, pixels: Image, valid: NDArray[np.bool_] | None = None) -> None:
        self._pixels: Image = pixels
        self.valid = valid
        self._differences: dict[bool, np.ndarray] = {}
        self._offsets: dict[str, np.ndarray] = {}

    @cached_property
    def noise(self) -> float:
        """Standard deviation of the white noise, share of full range."""
        return noise_sigma(self._pixels, self.valid)

    @cached_property
    def stripes(self) -> Stripes:
        """Strength and direction, share of full range."""
        shape = self._pixels.shape if self.valid is None else _extent(self.valid)
        return stripes_of(self.differences(False), self.differences(True), shape, self.noise)  # type: ignore[arg-type]

    @cached_property
    def vignetting(self) -> tuple[Image, float]:
        """The smooth side-to-side surface (of a large image reduced), and the share of the variation that it explains."""
        return vignetting_surface(overview(self._pixels), None if self.valid is None else overview(self.valid))

    @cached_property
    def stripe_forms(self) -> list[Form]:
        """Stripes other than columns and rows of the whole frame with an offset each."""
        return stripe_forms(self._pixels, self.noise, self.valid)

    def differences(self, rows: bool) -> np.ndarray:
        """Median differences of neighbouring columns, (W − 1,), or rows, (H − 1,)."""
        if rows not in self._differences:
            turned = self._turned(rows)
            valid = None if self.valid is None else self.valid.T if rows else self.valid
            self._differences[rows] = neighbour_differences(turned, valid) if turned.shape[1] > 1 else np.zeros(0)
        return self._differences[rows]

    def offsets(self, direction: str) -> np.ndarray:
        """Offset of each column, (W,), or row, (H,), of mean 0.

        Parameters
        ----------
        direction : str
            ``columns`` or ``rows``
        """
        if direction not in self._offsets:
            rows = direction == "rows"
            self._offsets[direction] = column_offsets(self._turned(rows), self.differences(rows))
        return self._offsets[direction]

    def _turned(self, rows: bool) -> Image:
        return self._pixels.T if rows else self._pixels
