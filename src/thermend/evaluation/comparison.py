"""Methods × conditions × images: what is to be measured, and how each is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from thermend.datasets.samples import Sample
from thermend.errors import UsageError
from thermend.evaluation.measures import Grey, Measured, Preset, measure, require
from thermend.evaluation.records import UNDAMAGED, Case
from thermend.image import ThermalImage
from thermend.metrics.fidelity import grey_levels
from thermend.restoration import Restorer, load
from thermend.version import __version__
from thermend.weights.checkpoints import sha256_of

DAMAGED = "damaged"
"""The picture that methods are given."""


class Asked(NamedTuple):
    """A method as it is asked for: ``[LABEL:]NAME[=WEIGHTS]``.

    Attributes
    ----------
    label : str
        what tables call it; without one what was typed
    name : str
    weights : str or None
    """

    label: str
    name: str
    weights: str | None

    @classmethod
    def of(cls, text: str) -> Asked:
        """From what was typed."""
        front, _, weights = text.partition("=")
        label, _, name = front.rpartition(":")
        return cls(label or text, name, weights or None)


class Condition(NamedTuple):
    """What befalls a set of images.

    Attributes
    ----------
    images : str
        name of the set
    name : str
    preset : str or None
        None where the samples have degraded versions
    samples : list of Sample
    """

    images: str
    name: str
    preset: str | None
    samples: list[Sample]


class Item(NamedTuple):
    """One measurement to make."""

    case: Case
    asked: Asked
    sample: Sample
    preset: str | None


@dataclass(frozen=True)
class Comparison:
    """What is the same for every measurement.

    Attributes
    ----------
    engine, device, precision
        as for :func:`thermend.load`
    seed : int
        of the presets
    scale : int
        the degraded images are so many times smaller
    fuse_weights : str or None
        of the fusion network, where fused images are measured too
    learned : tuple of str
        further measures
    """

    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    seed: int = 0
    scale: int = 1
    fuse_weights: str | None = None
    learned: tuple[str, ...] = ()

    def restorer(self, asked: Asked, threads: int = 0) -> Restorer:
        """A method, ready to run in this process."""
        return load(
            asked.name, weights=asked.weights, engine=self.engine, device=self.device, precision=self.precision,
            threads=threads,
        )  # fmt: skip

    def settings(self, methods: Sequence[Asked], presets: Sequence[str]) -> dict[Asked, str]:
        """Find wrong names, weights, engines and measures before the first image.

        Returns
        -------
        dict
            by method what its numbers depend on, for :attr:`thermend.evaluation.records.Case.setting`

        Raises
        ------
        ThermendError
            one is wrong
        """
        if len({asked.label for asked in methods}) < len(methods):
            raise UsageError("two methods have one name; call them LABEL:NAME")
        for name in self.learned:
            require(name)
        for name in presets:
            if name != UNDAMAGED:
                from thermend import degradations

                degradations.preset(name)
        fusion = "" if self.fuse_weights is None else f"reco {sha256_of(Path(self.fuse_weights))}"
        self.fusion()
        found = {}
        for asked in methods:
            weights = self.restorer(asked).weights_sha256 or ""
            parts = [__version__, asked.name, weights, self.precision, ",".join(self.learned), fusion]
            found[asked] = "; ".join(parts)
        return found

    def fusion(self) -> Callable[[Grey, Grey], Grey] | None:
        """What fuses an infrared and a visible picture, where that was asked for."""
        if self.fuse_weights is None:
            return None
        from thermend.evaluation.reco import fusing

        return fusing(self.fuse_weights)

    def items(self, methods: dict[Asked, str], conditions: Sequence[Condition]) -> Iterator[Item]:
        """The measurements, method by method.

        Parameters
        ----------
        methods : dict
            from :meth:`settings`
        conditions : sequence of Condition
        """
        for asked, setting in methods.items():
            for images, name, preset, samples in conditions:
                seed = self.seed if preset not in (None, UNDAMAGED) else None
                for sample in samples:
                    image = Path(sample.name).as_posix()
                    case = Case(asked.label, name, images, image, _content(sample), seed, self.scale, setting)
                    yield Item(case, asked, sample, preset)

    def pictures(self, clean: Grey, name: str, preset: str, methods: Sequence[Asked]) -> dict[str, Grey]:
        """An image, clean, of that name, under a preset: :data:`DAMAGED`, and mended for display by each method.

        Raises
        ------
        ThermendError
            a method cannot
        """
        damaged = Preset(preset, self.seed).grey(clean, name)
        made = {DAMAGED: damaged}
        for asked in methods:
            result = self.restorer(asked).restored(ThermalImage.from_array(damaged), mode="display").image
            made[asked.label] = grey_levels(result.pixels)
        return made

    def measured(self, item: Item, fused: Callable[[Grey, Grey], Grey] | None, threads: int = 0) -> Measured:
        """One of them.

        Parameters
        ----------
        item : Item
        fused : callable or None
            from :meth:`fusion`
        threads : int
            as for :func:`thermend.load`

        Raises
        ------
        ThermendError
            it cannot be measured
        """
        restorer = self.restorer(item.asked, threads)

        def restore(image: ThermalImage, scale: int) -> ThermalImage:
            return restorer.restored(image, scale=scale).image

        degrade = None if item.preset in (None, UNDAMAGED) else Preset(str(item.preset), self.seed)
        return measure(item.sample, restore, degrade, self.scale, fused, self.learned)


def _content(sample: Sample) -> str:
    """Of the files that a sample is made of."""
    digest = hashlib.sha256()
    for path in (sample.clean, sample.degraded, sample.visible):
        digest.update(b"-" if path is None else _hash(path).encode())
    return digest.hexdigest()[:24]


@cache
def _hash(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError:  # the reader says why it cannot be read
        return "unreadable"
