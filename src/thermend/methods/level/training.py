"""How the level network learns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils.data import Dataset

from thermend.io import read
from thermend.methods.level.network import built, corrected
from thermend.methods.level.passes import OVERVIEW, overview, shown
from thermend.methods.level.pipeline import dulled, percentiles
from thermend.methods.level.recipe import LevelRecipe
from thermend.training.module import TrainingModule
from thermend.training.recipe import Recipe

_FLOOR = 2e-4
"""Mean square error that counts as none: 37 dB."""


class Overviews(Dataset[dict[str, torch.Tensor]]):
    """Images at 128 × 160, whole and in parts; a sample is a number, and what it stands for is drawn on the device.

    Parameters
    ----------
    photographs, scenes : (N, 128, 160) float32
        in [0, 1]; kept in 16 bits
    """

    def __init__(self, photographs: NDArray[np.float32], scenes: NDArray[np.float32]) -> None:
        self.photographs, self.scenes = (
            torch.from_numpy(np.rint(i * 65535).astype(np.uint16).view(np.int16))[:, None]
            for i in (photographs, scenes)
        )

    def __len__(self) -> int:
        return len(self.photographs) + len(self.scenes)

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        return {"number": torch.tensor(number)}

    def draw(self, rng: np.random.Generator, count: int, scene_share: float, device: torch.device) -> torch.Tensor:
        """(count, 1, 128, 160) in [0, 1], mirrored; some a part of the image only, enlarged."""
        self.photographs, self.scenes = self.photographs.to(device), self.scenes.to(device)
        pieces = []
        for _ in range(count):
            rendered = len(self.scenes) and (not len(self.photographs) or rng.random() < scene_share)
            source = self.scenes if rendered else self.photographs
            image = (source[int(rng.integers(len(source)))].to(torch.int32) & 0xFFFF).float()[None] / 65535
            if rng.random() < 0.4:
                share = rng.uniform(0.45, 1)
                h, w = (max(16, int(n * share)) for n in OVERVIEW)
                top, left = int(rng.integers(OVERVIEW[0] - h + 1)), int(rng.integers(OVERVIEW[1] - w + 1))
                image = functional.interpolate(image[..., top : top + h, left : left + w], OVERVIEW, mode="bilinear")
            flips = [a for a, chance in ((3, 0.5), (2, 0.05 if rendered else 0.3)) if rng.random() < chance]
            pieces.append(image.flip(flips) if flips else image)
        return torch.cat(pieces)


class LevelTraining(TrainingModule):
    """The level network in training: thumbnails in, errors counted in decibels against the clean thumbnail."""

    recipe_kind: ClassVar[type[Recipe]] = LevelRecipe
    recipe: LevelRecipe

    def __init__(self, recipe: LevelRecipe) -> None:
        super().__init__(recipe, built(recipe.options.model_dump()))
        self.source: Overviews | None = None

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> Overviews:
        """The images and the scenes, reduced."""
        assert isinstance(recipe, LevelRecipe)
        return Overviews(photographs(paths), rendered(recipe.seed, recipe.scenes))

    def take(self, samples: Any) -> None:
        """Keep the images, from which a step draws."""
        self.source = samples

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Called by Lightning."""
        return torch.optim.AdamW(self.network.parameters(), self.recipe.rate, weight_decay=self.recipe.weight_decay)

    def drawn(self, number: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of a step: overviews without their level and contrast, the clean ones, and whether anything was lost."""
        assert self.source is not None
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
        optimizer: Any = self.optimizers()
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss)
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        optimizer.step()
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

    def metadata(self) -> dict[str, Any]:
        """From which the network is built again."""
        return {"method": self.recipe.method, **built(self.recipe.options.model_dump()).metadata()}


def photographs(paths: Sequence[Path]) -> NDArray[np.float32]:
    """(N, 128, 160) overviews of images, each brought to [0, 1] as use does it."""
    from thermend.normalisation import Normalisation

    made = []
    for path in paths:
        image = read(path)
        made.append(overview(np.clip(Normalisation.of(image).apply(image.pixels), 0, 1)))
    return np.stack(made) if made else np.zeros((0, *OVERVIEW), np.float32)


def rendered(seed: int, count: int) -> NDArray[np.float32]:
    """(N, 128, 160) overviews of scenes."""
    from thermend.datasets.scenes import scene_picture

    made = [overview(scene_picture(seed, number)) for number in range(count)]
    return np.stack(made) if made else np.zeros((0, *OVERVIEW), np.float32)
