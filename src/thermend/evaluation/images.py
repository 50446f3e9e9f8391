"""Which images are compared: folders of clean and degraded ones, and the layouts of HM-TIR and Sober-Drunk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError
from thermend.image import ThermalImage
from thermend.io import count_pages, read
from thermend.io.folders import image_files, stem_of
from thermend.io.raster import rendered
from thermend.io.sober_drunk import VIEWS, recordings

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
    problem : why it cannot be evaluated, where that is known already
    recording : the clean file may hold several images, all but the same; the first counts
    """

    name: str
    clean: Path
    degraded: Path | None = None
    visible: Path | None = None
    problem: str | None = None
    recording: bool = False


def grey(path: Path, recording: bool = False) -> NDArray[np.uint8]:
    """An image file as evaluation sees every image: (H, W) uint8. What is not 8 bits deep is shown between its percentiles.

    Parameters
    ----------
    recording : of several images in the file the first counts; else they are an error
    """
    if not recording and (pages := count_pages(path)) > 1:
        raise InputError(path, f"has {pages} pages; single images are degraded and evaluated")
    return as_grey(read(path))


def as_grey(image: ThermalImage) -> NDArray[np.uint8]:
    """As :func:`grey`, for an image that is read already."""
    return rendered(image)


def samples(clean: Path, degraded: Path | None = None, visible: Path | None = None) -> list[Sample]:
    """The images of a folder, each with its degraded and its visible version of the same name (the suffix may differ).

    A version that is missing, or that several images could claim, is the sample's problem. Where degraded or visible images lie
    below the clean ones, they are not clean ones.

    Raises
    ------
    UsageError : a folder is missing or empty, or no clean image has its versions
    """
    partners = [_Partners(folder) if folder is not None else None for folder in (degraded, visible)]
    within = [f.resolve() for f in (degraded, visible) if f is not None and f.resolve() != clean.resolve()]
    originals = [p for p in image_files(clean) if not any(p.resolve().is_relative_to(f) for f in within)]
    found = [_sample(path, clean, originals, *partners) for path in originals]
    if not found or all(sample.problem for sample in found):
        raise UsageError((found[0].problem if found else None) or f"{clean}: no image in this folder")
    return found


def _sample(
    path: Path, clean: Path, originals: Sequence[Path], degraded: _Partners | None, visible: _Partners | None
) -> Sample:
    alone = sum(other.stem == path.stem for other in originals) == 1
    name = str(path.relative_to(clean))
    try:
        first, second = (None if p is None else p.of(path, clean, alone) for p in (degraded, visible))
    except UsageError as error:
        return Sample(name, path, problem=str(error))
    return Sample(name, path, first, second)


class _Partners:
    """The images of a folder, found by another folder's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.by_name = {str(p.relative_to(folder)): p for p in image_files(folder)}
        self.by_path: dict[str, list[Path]] = {}
        self.by_stem: dict[str, list[Path]] = {}
        for name, path in self.by_name.items():
            self.by_path.setdefault(str(Path(name).with_suffix("")), []).append(path)
            self.by_stem.setdefault(path.stem, []).append(path)

    def of(self, path: Path, root: Path, alone: bool) -> Path:
        """The partner of a file below a root; ``alone``: whether no other file there has its stem."""
        name = path.relative_to(root)
        for exact in (f"{name}.png", str(name)):
            if exact in self.by_name:
                return self.by_name[exact]
        candidates = self.by_path.get(str(name.with_suffix(""))) or (self.by_stem.get(name.stem) if alone else None)
        if not candidates:
            raise UsageError(f"{path}: no image of that name in {self.folder}")
        if len(candidates) > 1:
            raise UsageError(f"{path}: several images of that name in {self.folder}: {', '.join(map(str, candidates))}")
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
    chosen = _listed(listed) if listed.is_file() else None
    conditions: dict[str, list[Sample]] = {}
    for condition, place in HM_TIR_CONDITIONS.items():
        if not (folder / place).is_dir() or not any((folder / place).iterdir()):
            continue
        degraded = {p.stem: p for p in image_files(folder / place)}
        found = []
        for stem in sorted(degraded if chosen is None else chosen):
            if stem not in originals:
                raise UsageError(f"{degraded.get(stem, stem)}: no clean image of that name in {folder / 'imgs'}")
            clean = originals[stem]
            missing = None if stem in degraded else f"{clean}: no image of that name in {folder / place}"
            found.append(Sample(clean.name, clean, degraded.get(stem), problem=missing))
        if any(sample.problem is None for sample in found):
            conditions[condition] = found
    if not conditions:
        places = ", ".join(HM_TIR_CONDITIONS.values())
        raise UsageError(f"{folder}: no degraded test image in HM-TIR's folders ({places})")
    return conditions


def sober_drunk(folder: Path) -> dict[str, list[Sample]]:
    """The recordings of Sober-Drunk's test subjects: view to samples.

    Raises
    ------
    UsageError : the folder has not that layout
    """
    found = recordings(folder, "test")
    named = {view: [r.path for r in found if r.view == view] for view in VIEWS}
    return {
        view: [Sample(str(path.relative_to(folder)), path, recording=True) for path in paths]
        for view, paths in named.items()
        if paths
    }


LAYOUTS = {"hm-tir": hm_tir, "sober-drunk": sober_drunk}
"""Data sets by the names that `--dataset` takes."""


def _listed(path: Path) -> set[str]:
    """The stems that a list names."""
    names = [line.strip() for line in path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")]
    return {stem_of(name) for name in names if name}


def split(names: Iterable[str], seed: int) -> tuple[list[str], list[str]]:
    """Training and test names: a fifth is for tests, by a hash of the name, and at least one."""
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
    tests = set(ranked[: max(1, round(_TEST_SHARE * len(ranked)))])
    return sorted(set(ranked) - tests), sorted(tests)


def unique_stems(paths: Sequence[Path]) -> list[str]:
    """A name for each file that no other has: its stem, or its whole name where the stem is taken."""
    stems = [p.stem for p in paths]
    return [stem if stems.count(stem) == 1 else path.name for stem, path in zip(stems, paths)]
