"""A camera's fixed pattern and bad pixels as a file: learned from a recording, taken off its stills and other recordings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError, first_line
from thermend.image import ThermalImage
from thermend.io.atomic import whole_file
from thermend.restoration.session.defects import replaced

_KIND = "thermend fixed pattern"


@dataclass(frozen=True, eq=False)
class CameraPattern:
    """What a camera adds to every frame.

    Attributes
    ----------
    pixels : (H, W) float32
        the pattern, in `unit`
    bad : (H, W) bool
        pixels that measure nothing
    unit : str
        of the frames that it was learned from: ``celsius``, ``counts`` or ``display``
    serial : str or None
        the camera's serial number, where its files say it
    frames : int
        how many it was learned from
    """

    pixels: NDArray[np.float32]
    bad: NDArray[np.bool_]
    unit: str
    serial: str | None = None
    frames: int = 0

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write it; the file appears whole.

        Raises
        ------
        InputError
            the file exists, or cannot be written
        """
        with whole_file(Path(path), overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                kind=_KIND,
                pixels=self.pixels,
                bad=self.bad,
                unit=self.unit,
                serial=self.serial or "",
                frames=self.frames,
            )

    def taken_off(self, image: ThermalImage) -> ThermalImage:
        """An image without it.

        Raises
        ------
        UsageError
            the pattern is of another size, or of another unit, or of another camera
        """
        self.check(image)
        pixels = image.pixels - self.pixels
        if self.bad.any():
            finite = np.where(np.isfinite(pixels), pixels, np.float32(np.nanmedian(pixels)))
            pixels = np.where(self.bad & np.isfinite(pixels), replaced(finite, self.bad), pixels)
        if image.valid_range is not None and (image.unit == "display" or image.depth != "float32"):
            pixels = np.clip(pixels, *image.valid_range)
        return image.with_pixels(pixels)

    def check(self, image: ThermalImage) -> None:
        """Refuse an image that is not of the camera; raises as :meth:`taken_off`."""
        if image.shape != self.pixels.shape:
            (height, width), (tall, wide) = image.shape, self.pixels.shape
            raise UsageError(
                f"the pattern is of {wide} x {tall} pixels and does not fit an image of {width} x {height}"
            )
        if image.unit != self.unit:
            raise UsageError(f"the pattern was learned from {self.unit} and does not fit {image.unit}")
        if self.serial and image.metadata.serial and self.serial != image.metadata.serial:
            raise UsageError(f"the pattern is of camera {self.serial}, and the image of camera {image.metadata.serial}")


def load(path: str | os.PathLike[str]) -> CameraPattern:
    """Read a pattern that :meth:`CameraPattern.save` wrote.

    Raises
    ------
    InputError
        it is none
    """
    path = Path(path)
    try:
        stat = path.stat()
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    return _loaded(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int, size: int) -> CameraPattern:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:  # which alone leaves a bad file open
            if str(held["kind"]) != _KIND:
                raise InputError(path, "is not a fixed pattern of thermend")
            pixels, bad = held["pixels"].astype(np.float32), held["bad"].astype(bool)
            found = CameraPattern(pixels, bad, str(held["unit"]), str(held["serial"]) or None, int(held["frames"]))
    except InputError:
        raise
    except Exception as error:
        raise InputError(path, f"is not a fixed pattern of thermend ({first_line(error)})") from error
    if pixels.ndim != 2 or pixels.shape != bad.shape or not np.isfinite(pixels).all():
        raise InputError(path, "is damaged: its pattern is no image")
    return found
