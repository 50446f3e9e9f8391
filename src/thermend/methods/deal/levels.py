"""The level of the whole image, which N_E cannot know: it sees some fifty pixels to each side.

Whether a dull patch belongs to a dull image or to a wall in a good one, only the whole image tells. Therefore one that has
plainly lost contrast is spread about its mean before N_E sees it, in training as in use. This is not in the paper;
`least_spread: 0` in a recipe leaves it out, and the authors' weights run without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

Image = NDArray[np.float32]

BLOCK = 8
"""Side of the blocks whose means stand for the image, pixels: stripes and noise count little among them."""
MOST = 4.0
DOUBTFUL, CERTAIN = 1.1, 1.3
"""Gains: up to the one nothing is plainly lost and nothing is done; from the other on all of it is."""
_NEIGHBOURS = 31


def spreading(image: Image, least: float, block: int = BLOCK) -> tuple[float, float]:
    """Gain ≥ 1 and mean m of the spread image m + gain (I − m).

    The gain brings the 1st and the 99th percentile of the blocks' means ``least`` grey levels apart, is at most 4, and never
    drives the darkest or the brightest pixel (stripes in columns aside) beyond [0, 1]: a camera fills its range, and an image
    that does has lost nothing, whatever its percentiles.

    Parameters
    ----------
    image : (H, W)
        in [0, 1]
    least : float
        grey levels of 255
    block : int
        side of a block, pixels
    """
    mean = float(image.mean(dtype=np.float64))
    low, high = np.percentile(_block_means(image, block), (1, 99))
    even = image - _stripes(image)
    room = min((1 - mean) / max(float(even.max()) - mean, 1e-6), mean / max(mean - float(even.min()), 1e-6))
    gain = min(least / 255 / max(float(high - low), 1e-6), room, MOST)
    sure = min(1.0, max(0.0, (gain - DOUBTFUL) / (CERTAIN - DOUBTFUL)))
    return 1 + (gain - 1) * sure**2 * (3 - 2 * sure), mean


def spread(image: Image, least: float) -> Image:
    """m + gain (I − m), by :func:`spreading`; (H, W) to the same."""
    gain, mean = spreading(image, least)
    return image if gain == 1 else np.asarray(mean + gain * (image - np.float32(mean)), np.float32)


def preparation(facts: Mapping[str, Any]) -> Callable[[Image], Image] | None:
    """What N_E's weights, by what their file says of them, want done to an image first; None where they want nothing.

    Raises
    ------
    ValueError
        the file names no number of grey levels
    """
    least = facts.get("least_spread", 0)
    if not isinstance(least, (int, float)) or not 0 <= least <= 255:
        raise ValueError(f"least_spread {least!r}: expected grey levels of 255")
    return (lambda image: spread(image, least)) if least else None


def _block_means(image: Image, block: int) -> Image:
    block = max(1, min(block, *image.shape))
    height, width = (side // block * block for side in image.shape)
    blocks = image[:height, :width].reshape(height // block, block, width // block, block)
    return np.asarray(blocks.mean((1, 3)), np.float32)


def _stripes(image: Image) -> Image:
    """How far each column's mean lies off its neighbours', (W,)."""
    columns = image.mean(0)
    return np.asarray(columns - median_filter(columns, _NEIGHBOURS, mode="nearest"), np.float32)
