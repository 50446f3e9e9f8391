"""What the paper does to the few faces of Sober-Drunk that there be more of them (its section "Sober-Drunk database", Fig. 6).

It names turns, covers and blur beside the mirroring and cropping that every training does, and no amounts: these are assumed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from thermend.filters.smoothing import gaussian
from thermend.methods.dual_decoder.names import Augmentation
from thermend.training.data import PLAIN, CleanCrops, Drawn
from thermend.training.recipe import Source

Image = NDArray[np.float32]

OFTEN = 0.5
"""How often each is done."""
ROTATION = 15.0
"""Degrees to either side at most; what lies beyond the image is its mirror image."""
COVER = (0.125, 0.35)
"""Sides of the rectangle that is covered, shares of the piece's."""
BLUR = (0.5, 1.5)
"""σ in pixels."""
_SEED = 3


class AugmentedCrops(CleanCrops):
    """:class:`CleanCrops` whose clean pieces are augmented; what is done to one depends on seed and number alone.

    Parameters
    ----------
    kinds : collection of Augmentation
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crop: int,
        seed: int,
        convention: bool,
        source: Source = PLAIN,
        kinds: Collection[Augmentation] = (),
    ) -> None:
        super().__init__(paths, crop, seed, convention, source)
        self.kinds = kinds

    def _sample(self, number: int, drawn: Drawn) -> dict[str, torch.Tensor]:
        rng = np.random.default_rng([self.seed, _SEED, number])
        sample = super()._sample(number, drawn)
        if (angle := drawn_angle(self.kinds, rng)) is not None:
            image = rotated(self.images[drawn.index][0].numpy(), drawn, angle)
            sample["clean"] = drawn.oriented(torch.from_numpy(image)[None])
        clean = sample["clean"][0].numpy()
        if "blurred" in self.kinds and rng.random() < OFTEN:
            clean = gaussian(clean, rng.uniform(*BLUR))
        if "covered" in self.kinds and rng.random() < OFTEN:
            clean = covered(clean, rng)
        sample["clean"] = torch.from_numpy(np.ascontiguousarray(clean))[None]
        return sample


def drawn_angle(kinds: Collection[Augmentation], rng: np.random.Generator) -> float | None:
    """Degrees to turn a piece by; None where it is left."""
    return rng.uniform(-ROTATION, ROTATION) if "rotated" in kinds and rng.random() < OFTEN else None


def rotated(image: Image, drawn: Drawn, angle: float) -> Image:
    """The piece of an image, (H, W) in [0, 1], that a camera turned about the piece's centre would see: (crop, crop)."""
    centre = (drawn.left + (drawn.crop - 1) / 2, drawn.top + (drawn.crop - 1) / 2)
    turn = cv2.getRotationMatrix2D(centre, angle, 1.0)
    turn[:, 2] -= (drawn.left, drawn.top)
    piece = cv2.warpAffine(
        image, turn, (drawn.crop, drawn.crop), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.clip(piece, 0, 1).astype(np.float32)


def covered(piece: Image, rng: np.random.Generator) -> Image:
    """A copy of a piece, (H, W), with a rectangle of one grey, drawn from [0, 1], laid over it."""
    height, width = (max(1, round(side * rng.uniform(*COVER))) for side in piece.shape)
    top, left = (int(rng.integers(side - length + 1)) for side, length in zip(piece.shape, (height, width)))
    result = piece.copy()
    result[top : top + height, left : left + width] = rng.random()
    return result
