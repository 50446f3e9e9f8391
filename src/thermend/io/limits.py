"""What is refused before anything of it is decoded."""

from __future__ import annotations

from pathlib import Path

from thermend.errors import InputError
from thermend.image import MAX_PIXELS


def check_size(path: Path, width: int, height: int) -> None:
    """Refuse an image whose header claims nothing, or more than thermend processes.

    Raises
    ------
    InputError
        no pixels, or more than `MAX_PIXELS`
    """
    if width < 1 or height < 1:
        raise InputError(path, f"holds no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise InputError(
            path, f"claims {width} x {height} pixels; more than {MAX_PIXELS // 10**6} megapixels are refused"
        )
