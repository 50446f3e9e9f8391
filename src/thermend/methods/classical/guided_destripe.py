"""Destriping by one-dimensional guided filters (the row "GF" of destriping papers)."""

from __future__ import annotations

from thermend.filters.smoothing import Image, guided


def remove_stripes(
    image: Image, across: int = 15, eps_across: float = 1.0, along: float = 0.9, eps_along: float = 0.1
) -> Image:
    """Smooth across the stripes, then let what was smoothed away pass only as far as it is smooth along the columns.

    The row-wise guided filter, guided by the image itself, parts it into a stripe-free base and a rest of stripes and
    texture. The column-wise filter of that rest, guided by the base, keeps what depends linearly on the irradiance over a
    long piece of one column, which is how a detector's gain and offset show.

    Parameters
    ----------
    across : int
        width of the row-wise window, pixels
    along : float
        height of the column-wise window, as a share of the image's height
    eps_across, eps_along : float
        squares of the contrasts that count as flat

    References
    ----------
    Y. Cao, M. Y. Yang, C.-L. Tisse, Effective strip noise removal for low-textured infrared images based on 1-D guided
    filtering, IEEE TCSVT 26 (2016). Window sizes: assumed, the paper adapts them to its cameras.
    """
    base, _ = guided(image, image, (1, across), eps_across)
    window = max(3, round(along * image.shape[0]) | 1)
    stripes, _ = guided(base, image - base, (window, 1), eps_along)
    return image - stripes
