"""Pixels of a file and of its result, for whoever shows them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from thermend.image import ThermalImage
from thermend.restoration.result import Result

SIDES = ("before", "after", "departure")
"""As it was read, what became of it, and how far that departs from what was measured (`thermend.restoration.verification`)."""
MOST_FRAMES, MOST_BYTES = 120, 256 * 2**20
_NAME = re.compile(r"before-(\d+)\.npy")


class Views:
    """Float32 pixels, one NPY file a frame and side, in a folder; of a long recording every second, fourth, ... frame.

    Parameters
    ----------
    folder : Path
        that exists
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.stride = folder, 1
        self.kept: list[int] = []

    def add(self, number: int, before: ThermalImage, result: Result) -> None:
        """Keep a frame, where its turn is."""
        if number % self.stride:
            return
        found = {"before": before.pixels, "after": result.image.pixels}
        if result.verification is not None:
            found["departure"] = result.verification.departure
        for side, pixels in found.items():
            self._save(path_of(self.folder, side, number), pixels)
        self.kept.append(number)
        size = sum(pixels.nbytes for pixels in found.values())
        while len(self.kept) > max(2, min(MOST_FRAMES, MOST_BYTES // size)):
            self.stride *= 2
            for passed in [n for n in self.kept if n % self.stride]:
                for side in SIDES:
                    path_of(self.folder, side, passed).unlink(missing_ok=True)
            self.kept = [n for n in self.kept if n % self.stride == 0]

    @staticmethod
    def _save(path: Path, pixels: np.ndarray) -> None:
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, np.ascontiguousarray(pixels, np.dtype("<f4")))
        part.replace(path)  # who reads meanwhile gets it whole


def path_of(folder: Path, side: str, number: int) -> Path:
    """The file of one side of a frame."""
    return folder / f"{side}-{number:07d}.npy"


def frames_in(folder: Path) -> list[int]:
    """The frames that are kept, in order."""
    try:
        found = [_NAME.fullmatch(path.name) for path in folder.iterdir()]
    except OSError:  # it is not there, or goes
        return []
    return sorted(int(match[1]) for match in found if match)


def facts_of(before: ThermalImage, result: Result) -> dict[str, Any]:
    """What the pixels are: unit, height and width before and after, and whether departures are known."""
    after = result.image
    return {
        "before": {"unit": before.unit, "height": before.shape[0], "width": before.shape[1]},
        "after": {"unit": after.unit, "height": after.shape[0], "width": after.shape[1]},
        "departure": result.verification is not None,
    }
