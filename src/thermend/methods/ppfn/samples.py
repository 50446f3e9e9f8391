"""Samples of the gated degradation pipeline (PPFN, section 4): contrast, then blur, then noise, each on the whole image."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from thermend.degradations import Cascade
from thermend.methods.ppfn.passes import DEGRADATIONS
from thermend.methods.ppfn.recipe import Pipeline
from thermend.methods.ppfn.whole import Whole, places_of, whole_of
from thermend.training.data import PLAIN, CleanCrops, Drawn, convention_of
from thermend.training.recipe import Source

Passes = Sequence[Sequence[str]]
"""Which degradations each pass removes, first pass first."""


class ProgressiveCrops(CleanCrops):
    """Sample number n; every second (of a device, and of a step) is of composite damage, the others are of single damage.

    With P passes a sample holds

    - ``states``, (P + 4, 1, crop, crop). Composite: all damage, then what is left after each pass, at last the clean piece;
      single: P + 1 clean pieces. Then the piece with contrast alone lost, with blur, with noise alone; clean if composite;
    - ``thumbnails``, (P + 4, 1, 64, 80), and ``percentiles``, (P + 4, 13), of the whole images of these;
    - ``severity``, (3,): what contrast, blur and noise changed, root mean square in grey levels of 255; 0 if not applied;
    - ``places``, (2, crop, crop): where the piece is in the whole, as :class:`thermend.methods.ppfn.whole.Whole` has it;
    - ``composite``, (); ``clean``, (1, crop, crop); ``number``, ().

    Parameters
    ----------
    passes : Passes
        what a composite sample is undone by
    spoil : Pipeline
        what spoils the images
    devices : int
        that take turns at the samples
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crop: int,
        seed: int,
        convention: bool,
        passes: Passes,
        spoil: Pipeline,
        devices: int = 1,
        source: Source = PLAIN,
    ) -> None:
        varied = convention and spoil.natural > 0
        super().__init__(paths, crop, seed, convention and not varied, source)
        self._varied, self._levels = varied, dict[int, tuple[float, float]]()
        self.passes, self.spoil, self.devices = passes, spoil, devices

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        drawn = self.drawn(number)
        rng = np.random.default_rng([self.seed, 2, number])
        clean = self._clean(drawn.index, rng)
        if self.spoil.window < 1:
            clean, drawn = self._seen(clean, drawn, rng)
        damaged = Damaged(clean, self.spoil.drawn(rng), rng)
        turn = number // self.devices + number % self.devices  # devices take turns at composite and single too
        composite, chain, alone = turn % 2 == 0, [clean] * (len(self.passes) + 1), [clean] * 3
        if composite:
            undamaged = rng.random() < self.spoil.undamaged
            left = {name for name in DEGRADATIONS if rng.random() < self.spoil.gate and not undamaged}
            severity = damaged.changes(left)
            for k, names in enumerate(self.passes):
                chain[k] = damaged(left)
                left -= set(names)
        else:
            alone = [damaged({name}) for name in DEGRADATIONS]
            severity = [_difference(image, clean) for image in alone]
        states = [*chain, *alone]
        seen = {id(image): whole_of(image) for image in states}
        told = [seen[id(image)] for image in states]
        return {
            "states": torch.cat([drawn.piece(image) for image in states]),
            "thumbnails": torch.cat([whole.thumbnail for whole in told]),
            "percentiles": torch.cat([whole.percentiles for whole in told]),
            "places": drawn.piece(places_of(*clean.shape[2:])),
            "severity": torch.tensor(severity),
            "composite": torch.tensor(composite),
            "clean": drawn.piece(clean)[0],
            "number": torch.tensor(number),
        }

    def _clean(self, index: int, rng: np.random.Generator) -> torch.Tensor:
        """The whole image, (1, 1, H, W), at the levels of the sample."""
        image = self.images[index][None]
        if not self._varied or rng.random() < self.spoil.natural:
            return image
        if index not in self._levels:
            self._levels[index] = convention_of(image[0, 0].numpy(), self._paths[index])
        gain, offset = self._levels[index]
        return (image * gain + offset).clamp(0, 1)

    def _seen(self, image: torch.Tensor, drawn: Drawn, rng: np.random.Generator) -> tuple[torch.Tensor, Drawn]:
        """A window of the image that has the piece in it, mirrored or not, for the whole; and where the piece is then."""
        places = []
        for start, side in zip((drawn.top, drawn.left), image.shape[2:]):
            length = int(rng.integers(max(drawn.crop, math.ceil(self.spoil.window * side)), side + 1))
            first = int(rng.integers(max(0, start + drawn.crop - length), min(start, side - length) + 1))
            places.append((first, length))
        (top, height), (left, width) = places
        window = image[..., top : top + height, left : left + width]
        row, column = drawn.top - top, drawn.left - left
        if rng.random() < 0.5:
            window, column = window.flip(-1), width - column - drawn.crop
        return window, replace(drawn, top=row, left=column)


class Damaged:
    """An image under any of its sample's degradations: each has draws of its own, the same whichever others come with it."""

    def __init__(self, clean: torch.Tensor, kinds: Mapping[str, Cascade], rng: np.random.Generator) -> None:
        self.kinds = kinds
        self.seeds = {name: int(rng.integers(2**62)) for name in DEGRADATIONS}
        self.made: dict[tuple[str, ...], torch.Tensor] = {(): clean}

    def __call__(self, names: Collection[str]) -> torch.Tensor:
        """What a camera makes of the image, (1, 1, H, W), with these."""
        chain = tuple(name for name in DEGRADATIONS if name in names)
        if chain not in self.made:
            *before, last = chain
            generator = torch.Generator().manual_seed(self.seeds[last])
            self.made[chain] = self.kinds[last](self(before), generator)
        return self.made[chain]

    def changes(self, names: Collection[str]) -> list[float]:
        """What each of them changes, one after the other, as :func:`_difference`."""
        found = []
        for k, name in enumerate(DEGRADATIONS):
            before = set(DEGRADATIONS[:k]) & set(names)
            found.append(_difference(self(before | {name}), self(before)) if name in names else 0.0)
        return found


def _difference(image: torch.Tensor, other: torch.Tensor) -> float:
    """Root mean square, in grey levels of 255."""
    return 255 * float((image - other).square().mean().sqrt())


def picked(
    batch: Mapping[str, torch.Tensor], rows: torch.Tensor, place: int | torch.Tensor
) -> tuple[torch.Tensor, Whole]:
    """Of some samples of a batch one state, (b, 1, crop, crop), and what is told of its whole images."""
    whole = Whole(batch["thumbnails"][rows, place], batch["percentiles"][rows, place], batch["places"][rows])
    return batch["states"][rows, place], whole
