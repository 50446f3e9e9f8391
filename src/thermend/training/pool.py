"""Clean images that lie on the device which trains: a step draws its batch there, and no sample is prepared elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from thermend.datasets.scenes import scene_picture
from thermend.errors import ThermendError, UsageError
from thermend.estimation.normalised import unit_levels
from thermend.io import read
from thermend.machine import cores

T = TypeVar("T")
_WORTH_PROCESSES = 64
"""So many images; fewer are prepared sooner than processes begin."""


def as_used(path: Path) -> NDArray[np.float32]:
    """An image, (H, W), brought to [0, 1] as use does it."""
    return unit_levels(read(path))


def rendered(which: tuple[int, int]) -> NDArray[np.float32]:
    """The scene of a seed and a number, (H, W) in [0, 1]."""
    return scene_picture(*which)


def kept(image: NDArray[np.float32]) -> torch.Tensor:
    """An image in [0, 1], or several, as 16-bit numbers, of which the sign is not one: half the memory."""
    return torch.from_numpy(np.rint(image * 65535).astype(np.uint16).view(np.int16))


def unpacked(image: torch.Tensor) -> torch.Tensor:
    """What :func:`kept` made, as float32 in [0, 1]."""
    return (image.to(torch.int32) & 0xFFFF).float() / 65535


class _Made(Dataset[object], Generic[T]):
    def __init__(self, make: Callable[[T], torch.Tensor], items: Sequence[T]) -> None:
        self.make, self.items = make, items

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> torch.Tensor | ThermendError:
        try:
            return self.make(self.items[number])
        except ThermendError as error:  # as it is; a worker's own would carry a traceback in its text
            return error


def prepared(make: Callable[[T], torch.Tensor], items: Sequence[T]) -> Iterator[torch.Tensor]:
    """What a function makes of each item, in their order, by as many processes as there are cores.

    Parameters
    ----------
    make : callable
        of a module, not of another function; what it raises is raised here
    """
    workers = cores() if len(items) >= _WORTH_PROCESSES and cores() > 1 else 0
    for made in DataLoader(_Made(make, items), batch_size=None, num_workers=workers, worker_init_fn=_on_one_core):
        if isinstance(made, ThermendError):
            raise made
        yield made.clone() if workers else made  # what a process gives holds a file open


def _on_one_core(_: int) -> None:
    cv2.setNumThreads(1)


class Numbered(Dataset[dict[str, torch.Tensor]]):
    """Samples that are numbers alone: what they stand for is drawn on the device."""

    @abstractmethod
    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return {"number": torch.tensor(number)}


class Squares:
    """Images of any sizes in one tensor, out of which squares are taken all at once.

    Parameters
    ----------
    images : sequence of (H, W) tensors
        of one type
    """

    def __init__(self, images: Sequence[torch.Tensor]) -> None:
        self.shapes = [(int(image.shape[0]), int(image.shape[1])) for image in images]
        self.begins = np.cumsum([0, *(h * w for h, w in self.shapes)])
        self.pixels = images[0].new_empty(int(self.begins[-1])) if images else torch.zeros(0)
        for begin, image in zip(self.begins, images):
            self.pixels[begin : begin + image.numel()] = image.reshape(-1)

    def __len__(self) -> int:
        return len(self.shapes)

    def to(self, device: torch.device) -> None:
        """Move all to a device, once."""
        self.pixels = self.pixels.to(device)

    def place(self, index: int, top: int, left: int, size: int, flips: Sequence[int], turned: bool) -> tuple[int, ...]:
        """A square of an image, mirrored along axes 0 and 1, then transposed: its first pixel, and how far it is from a pixel
        to the one below and to the one on the right."""
        width = self.shapes[index][1]
        first, down, right = int(self.begins[index]) + top * width + left, width, 1
        if 0 in flips:
            first, down = first + (size - 1) * down, -down
        if 1 in flips:
            first, right = first + (size - 1) * right, -right
        return (first, right, down) if turned else (first, down, right)

    def take(self, places: NDArray[np.int64], side: int) -> torch.Tensor:
        """(B, 1, side, side) at (B, 3) places."""
        first, down, right = torch.from_numpy(places.T.copy()).to(self.pixels.device)[:, :, None, None]
        line = torch.arange(side, device=self.pixels.device)
        return self.pixels[first + line[:, None] * down + line * right][:, None]


class ImagePool(Numbered):
    """Images of any sizes, kept as 16-bit numbers.

    Parameters
    ----------
    images : sequence of (H, W) tensors
        as :func:`kept` makes them
    shares : sequence of float
        how often each is drawn, against the others
    """

    def __init__(self, images: Sequence[torch.Tensor], shares: Sequence[float]) -> None:
        self.squares = Squares(images)
        self.cumulated = np.cumsum(shares) / np.sum(shares)

    def __len__(self) -> int:
        return len(self.squares)

    def to(self, device: torch.device) -> ImagePool:
        """Move all to a device, once."""
        self.squares.to(device)
        return self

    def draw(self, rng: np.random.Generator, count: int, side: int, reduced: float) -> torch.Tensor:
        """Squares out of images, mirrored and turned.

        Parameters
        ----------
        rng : numpy.random.Generator
        count, side : int
        reduced : float
            chance that a square of twice the side is taken where there is one, and reduced: sharper, with less noise

        Returns
        -------
        torch.Tensor
            (count, 1, side, side) float32 in [0, 1]
        """
        drawn = [self._one(rng, side, reduced) for _ in range(count)]
        factors = np.array([[factor] for factor, _ in drawn])
        first, steps = np.split(np.array([place for _, place in drawn]), [1], axis=1)
        taken = 0.0
        for within in ((0, 0), (0, 1), (1, 0), (1, 1)):  # the mean of four pixels, or four times the one
            begin = first + (factors - 1) * (steps * within).sum(1, keepdims=True)
            taken = taken + unpacked(self.squares.take(np.hstack((begin, factors * steps)), side))
        return torch.as_tensor(taken / 4)

    def _one(self, rng: np.random.Generator, side: int, reduced: float) -> tuple[int, tuple[int, ...]]:
        index = int(np.searchsorted(self.cumulated, rng.random()))
        shape = self.squares.shapes[index]
        factor = 2 if min(shape) >= 2 * side and rng.random() < reduced else 1
        size = factor * side
        top, left = (int(rng.integers(n - size + 1)) for n in shape)
        flips = [axis for axis in (0, 1) if rng.random() < 0.5]
        return factor, self.squares.place(index, top, left, size, flips, rng.random() < 0.5)


def pool_of(paths: Sequence[Path], least: int, scenes: tuple[int, int], scene_share: float) -> ImagePool:
    """Images, each brought to [0, 1] as use does it, and rendered scenes.

    Parameters
    ----------
    least : int
        pixels along each side that an image has at least
    scenes : tuple of int
        their seed, and how many
    scene_share : float
        how often one of them is drawn

    Raises
    ------
    UsageError, InputError
        an image is smaller, or cannot be read
    """
    images = []
    for path, image in zip(paths, prepared(_image, paths)):
        if min(image.shape) < least:
            raise UsageError(f"{path}: {image.shape[1]} x {image.shape[0]} pixels; a piece of {least} does not fit")
        images.append(image)
    seed, count = scenes
    shares = [(1 - scene_share * bool(count)) / max(1, len(images))] * len(images)
    if count:
        images += prepared(_scene, [(seed, number) for number in range(count)])
        shares += [scene_share / count] * count
    return ImagePool(images, shares)


def _image(path: Path) -> torch.Tensor:
    return kept(as_used(path))


def _scene(which: tuple[int, int]) -> torch.Tensor:
    return kept(rendered(which))
