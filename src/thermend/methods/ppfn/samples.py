"""Samples of the gated degradation pipeline (PPFN, section 4): contrast, then blur, then noise, each on the whole image."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from thermend.degradations import Cascade, hm_tir
from thermend.degradations.severity import rounded
from thermend.methods.ppfn.passes import DEGRADATIONS
from thermend.methods.ppfn.whole import Whole, whole_of
from thermend.training.data import CleanCrops

Passes = Sequence[Sequence[str]]
"""Which degradations each pass removes, first pass first."""


class ProgressiveCrops(CleanCrops):
    """Sample number n; every second (of a device) is of composite damage, the others are of single damage.

    With P passes a sample holds

    - ``states``, (P + 4, 1, crop, crop). Composite: all damage, then what is left after each pass, at last the clean piece;
      single: P + 1 clean pieces. Then the piece with contrast alone lost, with blur, with noise alone; clean if composite;
    - ``thumbnails``, (P + 4, 1, 64, 80), and ``percentiles``, (P + 4, 13), of the whole images of these;
    - ``severity``, (3,): what contrast, blur and noise changed, root mean square in grey levels of 255; 0 if not applied;
    - ``composite``, (); ``clean``, (1, crop, crop); ``number``, ().

    Parameters
    ----------
    passes : what a composite sample is undone by
    gate : chance of each degradation of a composite sample to be applied
    undamaged : chance of a composite sample to be left undamaged
    strength : lowest and highest of the detector's part, drawn for each sample
    devices : that take turns at the samples
    """

    def __init__(
        self,
        paths: Sequence[Path],
        crop: int,
        seed: int,
        convention: bool,
        passes: Passes,
        gate: float = 0.8,
        undamaged: float = 0.0,
        strength: tuple[float, float] = (1.0, 1.0),
        devices: int = 1,
    ) -> None:
        super().__init__(paths, crop, seed, convention)
        self.passes, self.gate, self.undamaged, self.strength = passes, gate, undamaged, strength
        self.devices = devices

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        index, piece = self.drawn(number)
        clean = self.images[index][None]
        rng = np.random.default_rng([self.seed, 2, number])
        degrade = _Draws(hm_tir(float(rng.uniform(*self.strength))), rng)
        composite, chain, alone = number // self.devices % 2 == 0, [clean] * (len(self.passes) + 1), [clean] * 3
        if composite:
            damaged = rng.random() >= self.undamaged
            left = {name for name in DEGRADATIONS if rng.random() < self.gate and damaged}
            severity = degrade.changes(clean, left)
            for k, names in enumerate(self.passes):
                chain[k] = degrade(clean, left)
                left -= set(names)
        else:
            alone = [degrade(clean, {name}) for name in DEGRADATIONS]
            severity = [_difference(image, clean) for image in alone]
        states = [*chain, *alone]
        seen = {id(image): whole_of(image) for image in states}
        told = [seen[id(image)] for image in states]
        return {
            "states": torch.cat([piece(image) for image in states]),
            "thumbnails": torch.cat([whole.thumbnail for whole in told]),
            "percentiles": torch.cat([whole.percentiles for whole in told]),
            "severity": torch.tensor(severity),
            "composite": torch.tensor(composite),
            "clean": piece(clean)[0],
            "number": torch.tensor(number),
        }


class _Draws:
    """Degradations of one sample: each has draws of its own, the same whichever others are applied with it."""

    def __init__(self, cascade: Cascade, rng: np.random.Generator) -> None:
        self.groups = dict(zip(DEGRADATIONS, _groups(cascade)))
        self.seeds = {name: int(rng.integers(2**62)) for name in DEGRADATIONS}

    def __call__(self, image: torch.Tensor, names: Collection[str]) -> torch.Tensor:
        """What a camera makes of an image, (1, 1, H, W), with these."""
        for name in DEGRADATIONS:
            if name in names:
                image = rounded(self.groups[name](image, torch.Generator().manual_seed(self.seeds[name])))
        return image

    def changes(self, image: torch.Tensor, names: Collection[str]) -> list[float]:
        """What each of them changes, one after the other."""
        found = []
        for name in DEGRADATIONS:
            before, image = image, self(image, {name} & set(names))
            found.append(_difference(image, before))
        return found


def _groups(cascade: Cascade) -> list[Cascade]:
    found, first = [], 0
    for count in cascade.groups:
        found.append(Cascade(cascade.steps[first : first + count], (count,)))
        first += count
    return found


def _difference(image: torch.Tensor, other: torch.Tensor) -> float:
    return 255 * float((image - other).square().mean().sqrt())


def picked(
    batch: Mapping[str, torch.Tensor], rows: torch.Tensor, place: int | torch.Tensor
) -> tuple[torch.Tensor, Whole]:
    """Of some samples of a batch one state, (b, 1, crop, crop), and what is told of its whole images."""
    whole = Whole(batch["thumbnails"][rows, place], batch["percentiles"][rows, place])
    return batch["states"][rows, place], whole
