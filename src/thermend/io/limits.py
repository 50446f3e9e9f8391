"""What is refused before anything of it is decoded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from thermend.errors import InputError
from thermend.image import MAX_PIXELS

_PIECE_ROOM = 16_000_000
"""Pixels that a strip or a tile may hold beyond the image that it belongs to: an edge tile reaches over the border."""


def check_size(path: Path, width: int, height: int, most: int = MAX_PIXELS) -> None:
    """Refuse an image whose header claims nothing, or more than thermend processes.

    Parameters
    ----------
    path : Path
    width, height : int
    most : int
        pixels

    Raises
    ------
    InputError
        no pixels, or too many
    """
    if width < 1 or height < 1:
        raise InputError(path, f"holds no pixels ({width} x {height})")
    if width * height > most:
        raise InputError(
            path,
            f"claims {width} x {height} pixels; more than {most / 10**6:g} megapixels are refused (--max-pixels)",
        )


def check_page(path: Path, page: Any, most: int = MAX_PIXELS) -> None:
    """Refuse a TIFF page that is too large, or whose pieces are larger than the page has any use for: they are decoded whole.

    Parameters
    ----------
    page : tifffile.TiffPage

    Raises
    ------
    InputError
        so it is
    """
    width, height = int(page.imagewidth), int(page.imagelength)
    check_size(path, width, height, most)
    if page.is_tiled:
        piece = int(page.tilewidth) * int(page.tilelength) * int(getattr(page, "tiledepth", 1) or 1)
    else:
        piece = width * min(height, int(page.rowsperstrip or height))
    samples = int(page.samplesperpixel or 1)
    together = samples if page.planarconfig == 1 else 1
    if piece * together > 2 * width * height * together + _PIECE_ROOM:
        raise InputError(path, f"is in pieces of {piece / 10**6:.0f} megapixels, for an image of {width} x {height}")
    pieces = math.prod(page.chunked)
    whole = len(page.dataoffsets) == 1 and page.is_contiguous  # whatever it says of rows a strip
    if len(page.dataoffsets) < pieces and not whole:
        raise InputError(path, f"is cut short: it has {len(page.dataoffsets)} of the {pieces} pieces of its pixels")
    size, stored = path.stat().st_size, height * math.ceil(width * samples * int(page.bitspersample) / 8)
    if int(page.compression) == 1 and all(page.dataoffsets) and stored > size:  # (a piece at 0 is one that is left out)
        raise InputError(path, f"is cut short: its pixels would be {stored} bytes of a file of {size}")
    if samples * width * height > 8 * most:
        raise InputError(path, f"claims {samples} samples a pixel")
