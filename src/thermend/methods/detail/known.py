"""What the detail network is told of an image; without torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermend.estimation.noise import noise_sigma

Image = NDArray[np.float32]


def known_of(pixels: Image, stripes: float = 0.0) -> Image:
    """(1, 2) standard deviations, of the noise that is in an image, (H, W), and of the stripes that were."""
    return np.array([[noise_sigma(pixels), stripes]], np.float32)
