"""Stripes: columns or rows that are read out with another gain and offset."""

from __future__ import annotations

import torch

from thermend.degradations.severity import GREY_LEVELS, Severity, normal, per_sample


def stripes(
    image: torch.Tensor,
    offset: Severity = 10.0,
    gain: Severity = 0.0,
    direction: str = "columns",
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    """I (1 + gain · g) + offset · o / 255, with g and o standard normal, one of each a column (or row).

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    offset : Severity
        standard deviation, grey levels of 255
    gain : Severity
        standard deviation, share
    direction : str
        ``columns`` or ``rows``
    """
    if direction not in ("columns", "rows"):
        raise ValueError(f"direction {direction!r}: expected columns or rows")
    batch, _, height, width = image.shape
    lines = (batch, 1, 1, width) if direction == "columns" else (batch, 1, height, 1)
    gains = per_sample(gain, image) * normal(lines, generator, image)
    offsets = per_sample(offset, image) / GREY_LEVELS * normal(lines, generator, image)
    return image * (1 + gains) + offsets
