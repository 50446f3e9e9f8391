"""A method measured, image by image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from thermend.datasets.samples import Sample
from thermend.evaluation.measures import Preset, measure, require
from thermend.image import ThermalImage
from thermend.jobs.executors import threads
from thermend.jobs.job import Outcome, guarded
from thermend.restoration import Restorer, load


@dataclass(frozen=True)
class Evaluate:
    """What is asked for, for every image alike.

    Attributes
    ----------
    method, weights, engine, device, precision, prompts, estimator, prior, features
        as for :func:`thermend.load`
    preset : str or None
        degrades the clean images; None where they have degraded versions
    seed : int
        of the preset
    scale : int
        the degraded images are so many times smaller
    fuse_weights : str or None
        of the fusion network, where fused images are measured too
    learned : tuple of str
        further measures
    """

    method: str
    weights: str | None = None
    engine: str = "auto"
    device: str = "auto"
    precision: str = "auto"
    prompts: str | None = None
    preset: str | None = None
    seed: int = 0
    scale: int = 1
    fuse_weights: str | None = None
    learned: tuple[str, ...] = ()
    estimator: str | None = None
    prior: str | None = None
    features: str | None = None

    def source(self, sample: Sample) -> str:
        """An image, as a line names it."""
        return str(sample.clean)

    def restorer(self) -> Restorer:
        """The method, ready to run in this process."""
        return load(
            self.method,
            weights=self.weights,
            engine=self.engine,
            device=self.device,
            precision=self.precision,
            prompts=self.prompts,
            threads=threads(),
            estimator=self.estimator,
            prior=self.prior,
            features=self.features,
        )

    def begin(self) -> Callable[[Sample], Outcome]:
        """Load method, preset and fusion network, once a process."""
        restorer, degrade, fused = self.restorer(), None, None
        for name in self.learned:
            require(name)
        if self.preset is not None:
            from thermend import degradations

            degradations.preset(self.preset)
            degrade = Preset(self.preset, self.seed)
        if self.fuse_weights is not None:
            from thermend.evaluation.reco import fusing

            fused = fusing(self.fuse_weights)
        if (degrade is not None or fused is not None) and threads():
            import torch

            torch.set_num_threads(1)

        def restore(image: ThermalImage, scale: int) -> ThermalImage:
            return restorer.restored(image, scale=scale).image

        def work(sample: Sample) -> Outcome:
            if sample.problem is not None:
                return Outcome(self.source(sample), error=sample.problem)
            found = measure(sample, restore, degrade, self.scale, fused, self.learned)
            return Outcome(self.source(sample), found=replace(found, shown=None))

        return guarded(work, self.source, "measured")
