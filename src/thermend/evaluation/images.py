"""Which images are compared: folders of clean and degraded ones, and HM-TIR's layout."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError
from thermend.image import ThermalImage
from thermend.io import read
from thermend.io.folders import image_files
from thermend.io.raster import rendered

HM_TIR_CONDITIONS = {
    "hm-tir-normal": "composited/normal",
    "hm-tir-hard": "composited/hard",
    "hm-tir-blur": "single/blur",
    "hm-tir-contrast": "single/contrast",
    "hm-tir-noise": "single/noise",
}
"""The data set's folders of degraded images, by the preset that makes the like."""
_TEST_SHARE = 0.2


@dataclass(frozen=True)
class Sample:
    """One image to evaluate on.

    Attributes
    ----------
    name : path of the clean image below its folder
    clean : its file
    degraded : the file of its degraded version; None where a preset makes it
    visible : the file of the visible image beside it, for fusion
    """

    name: str
    clean: Path
    degraded: Path | None = None
    visible: Path | None = None


def grey(path: Path) -> NDArray[np.uint8]:
    """An image file as evaluation sees every image: (H, W) uint8. What is not 8 bits deep is shown between its percentiles."""
    return as_grey(read(path))


def as_grey(image: ThermalImage) -> NDArray[np.uint8]:
    """As :func:`grey`, for an image that is read already."""
    return rendered(image)


def visible_grey(path: Path) -> NDArray[np.uint8]:
    """A visible image's luma (of a JPEG the file's own), (H, W) uint8."""
    import cv2

    data = np.fromfile(path, np.uint8)
    luma = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    if luma is None:
        raise InputError(path, "is no image that can be read as a visible one")
    return np.asarray(luma, np.uint8)


def samples(clean: Path, degraded: Path | None = None, visible: Path | None = None) -> list[Sample]:
    """The images of a folder, each with its degraded and its visible version of the same name (the suffix may differ).

    Raises
    ------
    UsageError : a folder is missing or empty, or a clean image has no degraded or visible version
    """
    originals = image_files(clean)
    damaged = None if degraded is None else _Partners(degraded)
    seen = None if visible is None else _Partners(visible)
    return [
        Sample(
            str(path.relative_to(clean)),
            path,
            None if damaged is None else damaged.of(path, clean),
            None if seen is None else seen.of(path, clean),
        )
        for path in originals
    ]


class _Partners:
    """The images of a folder, found by another folder's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name = {str(p.relative_to(folder)): p for p in image_files(folder)}
        self.by_stem: dict[str, list[Path]] = {}
        for name, path in self.by_name.items():
            self.by_stem.setdefault(str(Path(name).with_suffix("")), []).append(path)

    def of(self, path: Path, root: Path) -> Path:
        name = path.relative_to(root)
        candidates = (
            *(c for c in (self.by_name.get(f"{name}.png"), self.by_name.get(str(name))) if c),
            *self.by_stem.get(str(name.with_suffix("")), ()),
            *self.by_stem.get(name.stem, ()),
        )
        if not candidates:
            raise UsageError(f"{path}: no image of that name in {self.folder}")
        return candidates[0]


def hm_tir(folder: Path) -> dict[str, list[Sample]]:
    """The test images of HM-TIR, or of a tree of its layout, as it is downloaded: condition to samples.

    `meta/test.txt` names them, one a line, with or without folder and suffix; without that file all degraded images count.

    Raises
    ------
    UsageError : the folder has not that layout, or a clean image is missing
    """
    originals = {p.stem: p for p in image_files(folder / "imgs")}
    listed = folder / "meta" / "test.txt"
    chosen = (
        {Path(line.strip()).stem for line in listed.read_text().split("\n") if line.strip()}
        if listed.is_file()
        else None
    )
    conditions: dict[str, list[Sample]] = {}
    for condition, place in HM_TIR_CONDITIONS.items():
        if not (folder / place).is_dir():
            continue
        found = []
        for path in image_files(folder / place):
            if chosen is not None and path.stem not in chosen:
                continue
            if path.stem not in originals:
                raise UsageError(f"{path}: no clean image of that name in {folder / 'imgs'}")
            found.append(Sample(originals[path.stem].name, originals[path.stem], path))
        if found:
            conditions[condition] = found
    if not conditions:
        places = ", ".join(HM_TIR_CONDITIONS.values())
        raise UsageError(f"{folder}: no degraded test image in HM-TIR's folders ({places})")
    return conditions


def split(names: Iterable[str], seed: int) -> tuple[list[str], list[str]]:
    """Training and test names: a fifth is for tests, by a hash of the name, and at least one."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    tests = set(ranked[: max(1, round(_TEST_SHARE * len(ranked)))])
    return sorted(set(ranked) - tests), sorted(tests)


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """A name for each file that no other has: its stem, or its whole name where the stem is taken."""
    stems = [p.stem for p in paths]
    return [stem if stems.count(stem) == 1 else path.name for stem, path in zip(stems, paths)]
