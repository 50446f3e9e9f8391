"""How the detail network learns: damage on the device, the classical chain before it as in use, and a loss in decibels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError
from thermend.estimation.stripes import column_offsets
from thermend.methods.detail.chain import destriped, noise_sigma
from thermend.methods.detail.known import known_of
from thermend.methods.detail.network import built
from thermend.methods.detail.pipeline import Damaged, damaged, varied
from thermend.methods.detail.recipe import DetailRecipe
from thermend.training.draw import Draw
from thermend.training.losses import ssim
from thermend.training.on_device import OnDeviceTraining
from thermend.training.pool import ImagePool, Squares, pool_of
from thermend.training.recipe import Recipe

_FLOOR = 1e-5
"""Mean square error that counts as none: 50 dB. Below that a sample is good enough, and others matter more."""


_MOST_DEVIATIONS = 5
"""Of what a frame differs from the mean; more is something that moved."""


class RealNoise:
    """What a still camera saw of a plain scene: noise over time, and the camera's fixed pattern.

    A folder of a recording holds ``mean.png`` (16 bit, 257 is one grey level) and ``frame-*.png`` (8 bit).

    Parameters
    ----------
    folders : sequence of Path
        of recordings, or of such folders
    least : int
        pixels along each side that a recording has at least

    Raises
    ------
    UsageError, InputError
        a folder holds no recording, a picture cannot be read, or is smaller
    """

    def __init__(self, folders: Sequence[Path], least: int = 1) -> None:
        fields: list[torch.Tensor] = []
        patterns: list[torch.Tensor] = []
        for folder in _recordings(folders):
            mean = _grey(folder / "mean.png", 65535)
            if min(mean.shape) < least:
                raise UsageError(f"{folder}: {mean.shape[1]} x {mean.shape[0]} pixels; a piece of {least} does not fit")
            pattern = mean - cv2.GaussianBlur(mean, (0, 0), 8)
            for path in sorted(folder.glob("frame-*.png")):
                frame = _grey(path, 255)
                if frame.shape != mean.shape:
                    raise InputError(path, "is not of the size of its mean.png")
                own = frame - mean
                spread = 1.4826 * float(np.median(np.abs(own - np.median(own))))
                middle, reach = float(np.median(own)), _MOST_DEVIATIONS * spread
                own = np.clip(own, middle - reach, middle + reach)
                fields.append(torch.from_numpy((own - own.mean()).astype(np.float32)))
                patterns.append(torch.from_numpy(pattern))
        self.fields, self.patterns = Squares(fields), Squares(patterns)

    def draw(self, rng: np.random.Generator, count: int, side: int, device: torch.device) -> torch.Tensor | None:
        """(count, 1, side, side) of standard deviation 1; None where there is none."""
        if not len(self.fields):
            return None
        self.fields.to(device)  # they stay there
        self.patterns.to(device)
        places, shares = [], []
        for _ in range(count):
            index = int(rng.integers(len(self.fields)))
            top, left = (int(rng.integers(n - side + 1)) for n in self.fields.shapes[index])
            shares.append(float(rng.choice((0.0, 1.0, 1.0, 2.0))))
            flips = [axis for axis in (0, 1) if rng.random() < 0.5]
            places.append(self.fields.place(index, top, left, side, flips, rng.random() < 0.2))
        where = np.array(places)
        share = torch.tensor(shares, device=device).view(-1, 1, 1, 1)
        fields = self.fields.take(where, side) + share * self.patterns.take(where, side)
        spread = fields.abs().flatten(1).median(1).values.view(-1, 1, 1, 1) * 1.4826
        return fields / spread.clamp_min(1e-4)


def _grey(path: Path, white: float) -> NDArray[np.float32]:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InputError(path, "is no image that can be read")
    return np.asarray(pixels, np.float32) / np.float32(white)


def _recordings(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        found = [p.parent for p in sorted(folder.glob("mean.png")) + sorted(folder.glob("*/mean.png"))]
        if not found:
            raise UsageError(f"{folder}: no recording here (a folder with mean.png and frame-*.png)")
        yield from found


class DetailTraining(OnDeviceTraining):
    """The detail network in training.

    The network is given what the chain leaves of a damaged image (no stripes, but for what the chain did not see) and what it
    knows, and is to give the image before optics and detector had it. The error is counted where it will be seen: divided by
    the contrast that is left, in decibels, so that dull images count as much as others.
    """

    recipe_kind: ClassVar[type[Recipe]] = DetailRecipe
    recipe: DetailRecipe

    def __init__(self, recipe: DetailRecipe) -> None:
        super().__init__(recipe, built(recipe.options.model_dump()).to(memory_format=torch.channels_last))
        self.real = RealNoise(recipe.noise, recipe.frame)

    @classmethod
    def samples(cls, recipe: Recipe, paths: Sequence[Path]) -> ImagePool:
        """The images, and the scenes that are rendered."""
        assert isinstance(recipe, DetailRecipe)
        return pool_of(paths, recipe.frame, (recipe.seed, recipe.scenes), recipe.scene_share)

    @classmethod
    def files(cls, recipe: Recipe) -> dict[str, Path]:
        """The recordings' pictures too."""
        assert isinstance(recipe, DetailRecipe)
        pictures = [path for folder in _recordings(recipe.noise) for path in sorted(folder.glob("*.png"))]
        return super().files(recipe) | {f"noise {path.parent.name}/{path.name}": path for path in pictures}

    def drawn(self, number: int, count: int) -> tuple[torch.Tensor, Damaged]:
        """The clean squares of a step, (B, 1, N, N), and what became of them."""
        rng = np.random.default_rng([self.recipe.seed, 2, number])
        pool: ImagePool = self.source.to(self.device)
        generator = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        clean = varied(pool.draw(rng, count, self.recipe.frame, self.recipe.reduced), Draw(generator, count))
        real = self.real.draw(rng, count, self.recipe.frame, self.device)
        return clean, damaged(clean, generator, real)

    def degrade(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> torch.Tensor:
        """The damaged images of a batch of numbers."""
        return self.drawn(int(batch["number"][0]), len(batch["number"]))[1].images

    def step(self, batch: Mapping[str, torch.Tensor], generator: torch.Generator) -> dict[str, torch.Tensor]:
        """One step."""
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            _, made = self.drawn(self.done, len(batch["number"]))
            sigma = noise_sigma(made.images)
            images, found = destriped(made.images, sigma)
            top, left = (
                int(n) for n in torch.randint(self.recipe.frame - self.recipe.patch_size + 1, (2,), generator=generator)
            )
            place = np.s_[..., top : top + self.recipe.patch_size, left : left + self.recipe.patch_size]
            given = images[place].contiguous(memory_format=torch.channels_last)
            target = made.targets[place]
            known = torch.stack((sigma, found), 1)
            contrast = made.contrast.view(-1, 1, 1, 1)
        change = self.network(given, known).float()
        error = (given + change - target) / contrast
        log_error = (error**2).mean((1, 2, 3)).add(_FLOOR).log().mean()
        similarity = ssim((given + change) / contrast, target / contrast)
        loss = log_error + self.recipe.ssim_weight * (1 - similarity)
        self.descend(loss)
        return {"loss": loss, "decibels": -10 / np.log(10) * log_error, "ssim": similarity}

    def shown(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of a batch of numbers: damaged, restored and clean images."""
        _, made = self.drawn(int(batch["number"][0]), len(batch["number"]))
        sigma = noise_sigma(made.images)
        images, found = destriped(made.images, sigma)
        return made.images, images + self.restoring(images, torch.stack((sigma, found), 1)).float(), made.targets

    def restore(self, degraded: torch.Tensor, batch: Mapping[str, torch.Tensor] | None = None) -> torch.Tensor:
        """Whole images through the classical destriper and the network, (B, 1, H, W)."""
        result = []
        for image in degraded.float().cpu().numpy()[:, 0]:
            pixels, stripes = _destriped(image)
            known = torch.from_numpy(known_of(pixels, stripes)).to(self.device)
            given = torch.from_numpy(pixels)[None, None].to(self.device)
            down, right = (-side % self.network.multiple for side in pixels.shape)
            padded = torch.nn.functional.pad(given, (0, right, 0, down), mode="replicate")
            change = self.restoring(padded, known).float()
            result.append((padded + change)[..., : pixels.shape[0], : pixels.shape[1]])
        return torch.cat(result)


def _destriped(image: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """One image without the stripes of both directions, and the standard deviation of the stronger ones."""
    found = 0.0
    for turned in (False, True):
        view = image.T if turned else image
        offsets = column_offsets(view).astype(np.float32)
        found = max(found, float(offsets.std()))
        view = view - offsets
        image = np.ascontiguousarray(view.T if turned else view)
    return image, found
