"""Clean images to train on, and crops that depend on nothing but the seed and their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils.data import Dataset, Sampler, get_worker_info

from thermend.datasets.lazy import Lazy
from thermend.datasets.sober_drunk import recordings
from thermend.errors import InputError, UsageError, first_line
from thermend.estimation.normalised import unit_levels
from thermend.io import read, shape_of
from thermend.io.folders import image_files, stem_of
from thermend.io.raster import luma
from thermend.training.recipe import Source

PLAIN = Source()
CONVENTION = (14.0, 223.0)
"""Grey levels of 255 that the 1st and the 99th percentile of a clean image are brought to."""


def chosen_files(
    folders: Sequence[Path],
    images: int | None,
    split: Path | None,
    seed: int,
    skip: Path | None = None,
    source: Source = PLAIN,
) -> list[tuple[Path, str]]:
    """The files to train on, each with its name below its folder, in the order of the names.

    Parameters
    ----------
    images : int or None
        so many from the folders alike, drawn by the seed; None for all
    split : Path or None
        a file that names the images to take, one a line, with or without folders and suffix
    skip : Path or None
        a folder whose images do not count, because the run writes there
    source : Source
        what the folders hold

    Raises
    ------
    UsageError
        fewer images than asked for, or an image of the split that is in no folder, or in several
    """
    found: list[list[tuple[Path, str]]] = []
    seen = set()
    for folder in folders:
        found.append([])
        for path in source_files(folder, source):
            place = path.resolve()
            if place not in seen and not (skip is not None and place.is_relative_to(skip.resolve())):
                seen.add(place)
                found[-1].append((path, path.relative_to(folder).as_posix()))
    items = [item for own in found for item in own]
    if split is not None:
        if not split.is_file():
            raise InputError(split, "no such file")
        try:
            lines = [line.strip() for line in split.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(split, f"cannot be read as a list of names ({first_line(error)})") from error
        wanted = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
        if not wanted:
            raise InputError(split, "names no image")
        return [_named(name, items, split, folders) for name in wanted]
    if images is None:
        return items
    if images > len(items):
        raise UsageError(f"max_images: {images}, but the folders hold {len(items)}")
    waiting = [[own[i] for i in np.random.default_rng([seed, k]).permutation(len(own))] for k, own in enumerate(found)]
    picked: set[tuple[Path, str]] = set()
    while len(picked) < images:
        for own in waiting:
            if own and len(picked) < images:
                picked.add(own.pop())
    return [item for item in items if item in picked]


def _named(name: str, items: list[tuple[Path, str]], split: Path, folders: Sequence[Path]) -> tuple[Path, str]:
    matches = (
        [item for item in items if name == item[1]]
        or [item for item in items if name == item[0].name]
        # lists of names often have neither suffix nor this folder
        or [item for item in items if stem_of(name) == item[0].stem]
    )
    if len(matches) != 1:
        where = "none" if not matches else "several"
        raise UsageError(f"{split}: {name} is in {where} of the folders {', '.join(map(str, folders))}")
    return matches[0]


def source_files(folder: Path, source: Source) -> list[Path]:
    """The image files that a folder has to offer, in the order of their names.

    Raises
    ------
    UsageError
        none, or the folder has not the layout
    """
    if source.layout == "sober-drunk":
        return [recording.path for recording in recordings(folder, source.part, source.views)]
    return image_files(folder)


def clean_pixels(path: Path, convention: bool, source: Source = PLAIN) -> NDArray[np.float32]:
    """An image as training sees it, and as use does: (H, W) float32 in [0, 1], of any depth, never rounded on the way.

    Raises
    ------
    InputError
        it cannot be read, or under the convention has no contrast at all
    """
    pixels = luma(path).astype(np.float32) / np.float32(255) if source.photographs else unit_levels(read(path))
    if source.shorter_side is not None:
        pixels = _resized(pixels, source.shorter_side / min(pixels.shape))
    if convention:
        gain, offset = convention_of(pixels, path)
        pixels = pixels * np.float32(gain) + np.float32(offset)
    return np.clip(pixels, 0, 1).astype(np.float32)


def _resized(pixels: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    width, height = (round(side * factor) for side in pixels.shape[::-1])
    return np.asarray(
        cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    )


def convention_of(pixels: NDArray[np.float32], path: Path) -> tuple[float, float]:
    """Gain and offset that bring an image, in [0, 1], to the convention.

    Raises
    ------
    InputError
        it has no contrast at all
    """
    low, high = (float(value) for value in np.percentile(pixels, (1, 99)))
    if high - low < 1 / 255:
        raise InputError(path, "has no contrast; nothing can be learned from it")
    gain = (CONVENTION[1] - CONVENTION[0]) / 255 / (high - low)
    return gain, CONVENTION[0] / 255 - gain * low


@dataclass(frozen=True)
class Drawn:
    """What a sample is: of image number ``index`` the piece of ``crop`` × ``crop`` pixels at (top, left), mirrored along
    ``flips``, and transposed if ``turned``."""

    index: int
    top: int
    left: int
    crop: int
    flips: tuple[int, ...]
    turned: bool

    def piece(self, image: torch.Tensor) -> torch.Tensor:
        """(..., crop, crop) of the image, or of what it was degraded to."""
        return self.oriented(image[..., self.top : self.top + self.crop, self.left : self.left + self.crop])

    def oriented(self, part: torch.Tensor) -> torch.Tensor:
        """A piece, (..., crop, crop), mirrored and transposed."""
        part = part.flip(self.flips) if self.flips else part
        return (part.transpose(-2, -1) if self.turned else part).contiguous()


class Whole(NamedTuple):
    """An image that is held.

    Attributes
    ----------
    image : (1, H, W) float32
    reduced : (1, 256, 256) float32
    mean : () float32
    """

    image: torch.Tensor
    reduced: torch.Tensor
    mean: torch.Tensor


HELD = 1_500_000_000
"""Bytes of images that are held at a time: by the process that trains, and once more by all that prepare samples together."""


def _budget() -> int:
    worker = get_worker_info()
    return HELD if worker is None else HELD // worker.num_workers


def _bytes_of(whole: Whole) -> int:
    return 4 * (whole.image.numel() + whole.reduced.numel())


class _Images:
    """The images alone, (1, H, W) each."""

    def __init__(self, whole: Lazy[Whole]) -> None:
        self._whole = whole

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, number: int) -> torch.Tensor:
        return self._whole[number].image

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[number] for number in range(len(self)))


class CleanCrops(Dataset[dict[str, torch.Tensor]]):
    """Sample number n of a run: image, place, mirroring and turning are drawn from the seed and n alone.

    A sample holds ``clean``, (1, crop, crop); ``whole``, the image that it is from at 256 × 256, (1, 256, 256); ``mean`` of
    the whole image, (); all in [0, 1]; and ``number``, n. Images are read when they are asked
    for, and :data:`HELD` bytes of them kept.

    Raises
    ------
    UsageError, InputError
        an image cannot be read, or is smaller than a crop
    """

    thumbnail = 256

    def __init__(
        self, paths: Sequence[Path], crop: int, seed: int, convention: bool = True, source: Source = PLAIN
    ) -> None:
        self.crop, self.seed = crop, seed
        self._paths, self._convention, self._source = list(paths), convention, source
        self._whole = Lazy(self._opened, len(paths), _bytes_of, _budget)
        self.images = _Images(self._whole)
        self._whole.fill()  # what is wrong with an image shows now, if all fit
        self.shapes = [self._shape(number) for number in range(len(paths))]
        for path, shape in zip(paths, self.shapes):
            if min(shape) < crop:
                raise UsageError(f"{path}: {shape[1]} x {shape[0]} pixels; a patch of {crop} does not fit")

    def _opened(self, number: int) -> Whole:
        image = torch.from_numpy(clean_pixels(self._paths[number], self._convention, self._source))[None]
        size = (self.thumbnail, self.thumbnail)
        reduced = functional.interpolate(image[None], size, mode="bilinear", antialias=True)[0]
        return Whole(image, reduced, image.mean())

    def _shape(self, number: int) -> tuple[int, int]:
        """Of an image, without keeping it."""
        if self._source.photographs or self._source.shorter_side is not None or number in self._whole:
            height, width = self._whole[number].image.shape[1:]
            return int(height), int(width)
        return shape_of(self._paths[number])

    def __len__(self) -> int:
        return len(self._paths)

    def drawn(self, number: int) -> Drawn:
        """Which image a sample is from, and which piece of it."""
        turn, place = divmod(number, len(self))
        index = int(np.random.default_rng([self.seed, 0, turn]).permutation(len(self))[place])
        rng = np.random.default_rng([self.seed, 1, number])
        top, left = (int(rng.integers(side - self.crop + 1)) for side in self.shapes[index])
        flips, turned = tuple(a for a in (-2, -1) if rng.random() < 0.5), rng.random() < 0.5
        return Drawn(index, top, left, self.crop, flips, turned)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return self._sample(number, self.drawn(number))

    def _sample(self, number: int, drawn: Drawn) -> dict[str, torch.Tensor]:
        whole = self._whole[drawn.index]
        return {
            "clean": drawn.piece(whole.image),
            "whole": whole.reduced,
            "mean": whole.mean,
            "number": torch.tensor(number),
        }


class NumberedSamples(Sampler[int]):
    """The numbers of the samples of one stretch of a run, which is Lightning's epoch: a run that is resumed at the beginning of
    a stretch sees what it would have seen.

    Parameters
    ----------
    per_stretch : int
        samples of all devices together, which take turns
    stretch : int
        to begin with; processes that prepare samples ask before Lightning says which
    """

    def __init__(self, per_stretch: int, stretch: int = 0) -> None:
        self.per_stretch, self.stretch = per_stretch, stretch

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning."""
        self.stretch = epoch

    def __iter__(self) -> Iterator[int]:
        rank, world = _rank_and_world()
        first = self.stretch * self.per_stretch
        return iter(range(first + rank, first + self.per_stretch, world))

    def __len__(self) -> int:
        return self.per_stretch // _rank_and_world()[1]


def _rank_and_world() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1
