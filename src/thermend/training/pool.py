"""Clean images that lie on the device which trains: a step draws its batch there, and no sample is prepared elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils.data import Dataset

from thermend.estimation.normalised import unit_levels
from thermend.io import read


def as_used(path: Path) -> NDArray[np.float32]:
    """An image, (H, W), brought to [0, 1] as use does it."""
    return unit_levels(read(path))


def kept(image: NDArray[np.float32]) -> torch.Tensor:
    """An image in [0, 1], or several, as 16-bit numbers, of which the sign is not one: half the memory."""
    return torch.from_numpy(np.rint(image * 65535).astype(np.uint16).view(np.int16))


def unpacked(image: torch.Tensor) -> torch.Tensor:
    """What :func:`kept` made, as float32 in [0, 1]."""
    return (image.to(torch.int32) & 0xFFFF).float() / 65535


class Numbered(Dataset[dict[str, torch.Tensor]]):
    """Samples that are numbers alone: what they stand for is drawn on the device."""

    @abstractmethod
    def __len__(self) -> int: ...

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return {"number": torch.tensor(number)}


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
        self.images = list(images)
        self.cumulated = np.cumsum(shares) / np.sum(shares)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> ImagePool:
        """Move all to a device, once."""
        if self.images and self.images[0].device != device:
            self.images = [image.to(device) for image in self.images]
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
        return torch.stack([self._one(rng, side, reduced) for _ in range(count)])

    def _one(self, rng: np.random.Generator, side: int, reduced: float) -> torch.Tensor:
        image = self.images[int(np.searchsorted(self.cumulated, rng.random()))]
        factor = 2 if min(image.shape) >= 2 * side and rng.random() < reduced else 1
        size = factor * side
        top, left = (int(rng.integers(n - size + 1)) for n in image.shape)
        piece = unpacked(image[top : top + size, left : left + size])
        piece = functional.avg_pool2d(piece[None], factor) if factor > 1 else piece[None]
        flips = [axis for axis in (1, 2) if rng.random() < 0.5]
        piece = piece.flip(flips) if flips else piece
        return piece.transpose(1, 2) if rng.random() < 0.5 else piece
