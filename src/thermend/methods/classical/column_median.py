"""Destriping by the medians of the differences of neighbouring columns."""

from __future__ import annotations

import numpy as np

from thermend.estimation.stripes import column_offsets
from thermend.filters.smoothing import Image
from thermend.filters.unclipping import unclip


def remove_column_offsets(image: Image) -> Image:
    """Subtract :func:`column_offsets` from every row; what the stripes drove against black or white is made up for.

    A column's median difference to its neighbour is its offset against it, whatever edges cross less than half of the
    two columns; the principle of minimum-TV destriping reduced to one number a column (cf. Y. Tendero, S. Landeau,
    J. Gilles, IPOL 2012; M. Bouali, S. Ladjal, IEEE TGRS 49, 2011).
    """
    result = image - column_offsets(image).astype(np.float32)
    unclip(result, image)
    return result
