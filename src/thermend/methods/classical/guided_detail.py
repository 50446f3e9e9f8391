"""Detail enhancement with the guided filter (the row "GF" of enhancement papers)."""

from __future__ import annotations

import numpy as np

from thermend.filters.smoothing import Image, guided
from thermend.methods.classical.histogram import plateau_equalise


def enhance_detail(
    image: Image, window: int = 17, eps: float = 1e-3, gain: float = 2.5, share_of_base: float = 0.5
) -> Image:
    """Split into base and detail by the guided filter, equalise the base with a plateau, put the amplified detail back.

    The detail's gain follows the filter's slope: near 1 in flat parts, where detail is noise, `gain` at structures.

    Parameters
    ----------
    window : int
        side of the guided filter's window, pixels
    eps : float
        square of the contrast that counts as detail, in units of the full range squared
    gain : float
        highest amplification of the detail
    share_of_base : float
        how far the base goes towards its equalised form, 0 to 1

    References
    ----------
    N. Liu, D. Zhao, Detail enhancement for high-dynamic-range infrared images based on guided image filter, Infrared
    Physics & Technology 67 (2014). V. E. Vickers (1996) for the plateau.
    """
    base, slope = guided(image, image, (window, window), eps)
    detail = image - base
    base = np.clip(base, 0, 1)
    base = (1 - share_of_base) * base + share_of_base * plateau_equalise(base)
    return np.clip(base + (1 + (gain - 1) * np.clip(slope, 0, 1)) * detail, 0, 1).astype(np.float32)
