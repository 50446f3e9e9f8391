"""How the level network learns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from thermend.methods.level.correction import OVERVIEW, overview, shown
from thermend.methods.level.network import built, corrected
from thermend.methods.level.pipeline import dulled, percentiles
from thermend.methods.level.recipe import LevelRecipe
from thermend.training.on_device import OnDeviceTraining
from thermend.training.pool import Numbered, as_used, kept, unpacked
from thermend.training.recipe import Recipe

_FLOOR = 2e-4
"""Mean square error that counts as none: 37 dB."""


class Overviews(Numbered):
    """Images at 128 × 160, whole and in parts; a sample is a number, and what it stands for is drawn on the device.

    Parameters
    ----------
    photographs, scenes : (N, 128, 160) float32
        in [0, 1]; kept in 16 bits
    """

    def __init__(self, photographs: NDArray[np.float32], scenes: NDArray[np.float32]) -> None:
        self.photographs, self.scenes = (kept(images)[:, None] for images in (photographs, scenes))

    def __len__(self) -> int:
        return len(self.photographs) + len(self.scenes)

    def draw(self, rng: np.random.Generator, count: int, scene_share: float, device: torch.device) -> torch.Tensor:
        """(count, 1, 128, 160) in [0, 1], mirrored; some a part of the image only, enlarged."""
        self.photographs, self.scenes = self.photographs.to(device), self.scenes.to(device)
        pieces = []
        for _ in range(count):
            rendered = len(self.scenes) and (not len(self.photographs) or rng.random() < scene_share)
            source = self.scenes if rendered else self.photographs
            image = unpacked(source[int(rng.integers(len(source)))])[None]
            if rng.random() < 0.4:
                share = rng.uniform(0.45, 1)
                h, w = (max(16, int(n * share)) for n in OVERVIEW)
                top, left = int(rng.integers(OVERVIEW[0] - h + 1)), int(rng.integers(OVERVIEW[1] - w + 1))
                image = functional.interpolate(image[..., top : top + h, left : left + w], OVERVIEW, mode="bilinear")
            flips = [a for a, chance in ((3, 0.5), (2, 0.05 if rendered else 0.3)) if rng.random() < chance]
            pieces.append(image.flip(flips) if flips else image)
        return torch.cat(pieces)


class LevelTraining(OnDeviceTraining):
    """The level network in training: thumbnails in, errors counted in decibels against the clean thumbnail."""

    recipe_kind: ClassVar[type[Recipe]] = LevelRecipe
    recipe: LevelRecipe

    def __init__(self, recipe: LevelRecipe) -> None:
        super().__init__(recipe, built(recipe.options.model_dump()))

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> Overviews:
        """The images and the scenes, reduced."""
        from thermend.datasets.scenes import scene_picture

        assert isinstance(recipe, LevelRecipe)
        scenes = (scene_picture(recipe.seed, number) for number in range(recipe.scenes))
        return Overviews(overviews(map(as_used, paths)), overviews(scenes))

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


def overviews(images: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """(N, 128, 160) of images, (H, W) each."""
    made = [overview(image) for image in images]
    return np.stack(made) if made else np.zeros((0, *OVERVIEW), np.float32)
