"""How the level network learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from thermend.methods.level.correction import OVERVIEW, shown
from thermend.methods.level.network import built, corrected
from thermend.methods.level.pipeline import dulled, percentiles
from thermend.methods.level.recipe import LevelRecipe
from thermend.training.on_device import OnDeviceTraining
from thermend.training.pool import Numbered, as_used, kept, prepared, rendered, unpacked
from thermend.training.recipe import Recipe

_FLOOR = 2e-4
"""Mean square error that counts as none: 37 dB."""


class Overviews(Numbered):
    """Images at 256 × 320, whole and in parts; a sample is a number, and what it stands for is drawn on the device.

    Parameters
    ----------
    photographs, scenes : sequence of (256, 320) tensors
        as :func:`thermend.training.pool.kept` makes them
    """

    def __init__(self, photographs: Sequence[torch.Tensor], scenes: Sequence[torch.Tensor]) -> None:
        self.photographs, self.scenes = len(photographs), len(scenes)
        self.images = torch.stack([*photographs, *scenes])[:, None]

    def __len__(self) -> int:
        return len(self.images)

    def draw(self, rng: np.random.Generator, count: int, scene_share: float, device: torch.device) -> torch.Tensor:
        """(count, 1, 128, 160) in [0, 1], mirrored; many of them a part of the image only."""
        self.images = self.images.to(device)
        drawn = [self._one(rng, scene_share) for _ in range(count)]
        images = unpacked(self.images[torch.tensor([index for index, _ in drawn], device=device)])
        places = torch.tensor([place for _, place in drawn], dtype=torch.float32, device=device)
        grid = functional.affine_grid(places, [count, 1, *OVERVIEW], align_corners=False)
        return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _one(self, rng: np.random.Generator, scene_share: float) -> tuple[int, list[list[float]]]:
        """Which image, and where in it an overview's columns and rows lie, from -1 to 1."""
        rendered = self.scenes and (not self.photographs or rng.random() < scene_share)
        index = self.photographs + int(rng.integers(self.scenes)) if rendered else int(rng.integers(self.photographs))
        size = rng.uniform(0.4, 1) if rng.random() < 0.5 else 1.0
        shape = np.minimum(1, size * np.exp(rng.uniform(-0.15, 0.15, 2))) if size < 1 else np.ones(2)
        middle = rng.uniform(-1, 1, 2) * (1 - shape)
        mirrored = [-1 if rng.random() < chance else 1 for chance in (0.5, 0.05 if rendered else 0.3)]
        (width, height), (x, y) = shape * mirrored, middle
        return index, [[width, 0.0, x], [0.0, height, y]]


class LevelTraining(OnDeviceTraining):
    """The level network in training: thumbnails in, errors counted in decibels against the clean thumbnail."""

    recipe_kind: ClassVar[type[Recipe]] = LevelRecipe
    recipe: LevelRecipe

    def __init__(self, recipe: LevelRecipe) -> None:
        super().__init__(recipe, built(recipe.options.model_dump()))

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> Overviews:
        """The images and the scenes, reduced."""
        assert isinstance(recipe, LevelRecipe)
        which = [(recipe.seed, number) for number in range(recipe.scenes)]
        return Overviews(list(prepared(_image, paths)), list(prepared(_scene, which)))

    def drawn(self, number: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of a step: overviews without their level and contrast, the clean ones, and whether anything was lost."""
        rng = np.random.default_rng([self.recipe.seed, 3, number])
        clean = self.source.draw(rng, count, self.recipe.scene_share, self.device)
        return dulled(clean, torch.Generator(self.device).manual_seed(int(rng.integers(2**62))))

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The overviews of a batch of numbers, dulled."""
        return self.drawn(int(batch["number"][0]), len(batch["number"]))[0]

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """One step."""
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            seen, clean, lost = self.drawn(self.done, len(batch["number"]))
            told = percentiles(seen)
            seen, clean = (functional.avg_pool2d(images, 2) for images in (seen, clean))
        field, numbers = self.network(seen, told)
        field, numbers = field.float(), numbers.float()
        squared = ((corrected(seen, field, numbers) - clean) ** 2).mean((1, 2, 3))
        log_error = (squared + _FLOOR).log().mean()
        judged = functional.binary_cross_entropy_with_logits(numbers[:, 1], lost)
        loss = log_error + self.recipe.judging * judged
        self.descend(loss)
        return {"loss": loss, "decibels": -10 / np.log(10) * log_error, "judged": judged}

    def shown(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of a batch of numbers: dull, corrected and clean overviews."""
        seen, clean, _ = self.drawn(int(batch["number"][0]), len(batch["number"]))
        return seen, corrected(seen, *self.restoring(functional.avg_pool2d(seen, 2), percentiles(seen))), clean

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """Whole images, (B, 1, H, W), after the correction."""
        result = []
        for image in degraded:
            given = {
                key: torch.from_numpy(value).to(self.device) for key, value in shown(image[0].cpu().numpy()).items()
            }
            result.append(corrected(image[None], *self.restoring(given["image"], given["percentiles"])))
        return torch.cat(result)


def _image(path: Path) -> torch.Tensor:
    return _held(as_used(path))


def _scene(which: tuple[int, int]) -> torch.Tensor:
    return _held(rendered(which))


def _held(image: NDArray[np.float32]) -> torch.Tensor:
    """Twice an overview, so that a part of it is as sharp."""
    size = (2 * OVERVIEW[1], 2 * OVERVIEW[0])
    return kept(np.clip(cv2.resize(image, size, interpolation=cv2.INTER_AREA), 0, 1))
