"""What is planned, carried out: by filters alone, or with networks where those are better."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from thermend.estimation import Diagnosis
from thermend.methods.auto import texture
from thermend.methods.auto.evidence import LITTLE_NOISE, STILL_DULL, is_beyond_the_network, is_lost
from thermend.methods.auto.helpers import Helpers
from thermend.methods.auto.plan import plan
from thermend.methods.info import MethodInfo
from thermend.methods.options import Options
from thermend.methods.protocol import (
    CorrectsLevel,
    Image,
    MendsDetail,
    PreparedImage,
    Restored,
    StepRecord,
    Task,
    UsesNetworks,
)
from thermend.methods.steps import LEAST_STRIPES, STRETCH, SURFACE, Step, denoising_step, stretching_step

if TYPE_CHECKING:
    from thermend.engines.network import TiledNetwork


class Serves(Protocol):
    """What a chain hands to; :class:`~thermend.methods.auto.helpers.Helpers` does."""

    def detail(self) -> MendsDetail:
        """Against noise, fixed pattern and blur."""
        ...

    def level(self) -> CorrectsLevel:
        """Against lost level and contrast, and vignetting."""
        ...

    def name(self, role: str) -> str:
        """As the catalogue has it, for the provenance."""
        ...


class ClassicalChain:
    """The steps that the diagnosis calls for, by classical methods.

    Parameters
    ----------
    info : MethodInfo
    options : Options
        all of them refused
    """

    reads_diagnosis = True
    chooses_contrast = True
    judges_as_given = False
    """Classical methods work on what is enlarged."""

    def __init__(self, info: MethodInfo, options: Options) -> None:
        options.refuse_all(info)
        self.info = info

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Plan the steps that the diagnosis calls for, and carry them out."""
        return _chained(image, task, None)


class Auto:
    """The steps that the diagnosis calls for, by classical methods and by two networks.

    Parameters
    ----------
    info : MethodInfo
    options : Options
        engine, device, precision, tile and threads are the networks'; weights and prompts are refused
    """

    reads_diagnosis = True
    chooses_contrast = True
    judges_as_given = True
    """Networks judge contrast and noise as a camera gives them."""

    def __init__(self, info: MethodInfo, options: Options) -> None:
        options.refuse_weights(info)
        self.info, self.helpers = info, Helpers(options)
        if options.asks_for_an_engine:
            self.helpers.detail()  # what is not to be had is refused here, and not at the first picture

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Plan the steps that the diagnosis calls for, and carry them out."""
        return _chained(image, task, self.helpers)

    def opened_network(self) -> TiledNetwork | None:
        """The network that does most of it."""
        detail = self.helpers.detail()
        network: TiledNetwork | None = detail.opened_network() if isinstance(detail, UsesNetworks) else None
        return network

    def weights_of(self, steps: list[StepRecord]) -> dict[str, str] | None:
        """SHA-256 of the files of the weights of the networks that had a part in it, by name."""
        return self.helpers.weights_of({step.method for step in steps}) or None


def _chained(image: PreparedImage, task: Task, helpers: Serves | None) -> Restored:
    diagnosis = image.diagnosis
    height, width = image.pixels.shape
    shape = (height // image.scale, width // image.scale)
    if image.scale != 1:  # noise and blur are spread over more pixels; stripes are as before
        diagnosis = replace(diagnosis, blur_sigma=diagnosis.blur_sigma * image.scale, dead_columns=0)
    steps = plan(diagnosis, task.mode, shape, image.is_picture, image.estimates)
    return carry_out(steps, image.taken(), diagnosis, helpers, task)


_USUAL = Task()


def carry_out(
    steps: Sequence[Step],
    pixels: Image,
    diagnosis: Diagnosis,
    helpers: Serves | None = None,
    task: Task = _USUAL,
) -> Restored:
    """The mended pixels, and what was done.

    Parameters
    ----------
    steps : sequence of Step
    pixels : (H, W) float32
        changed
    diagnosis : Diagnosis
        that the steps were planned by
    helpers : Serves or None
        what takes the place of the filters and of the stretch; None leaves it at those
    task : Task
    """
    done: list[StepRecord] = []
    total = len(steps) + 2 * (helpers is not None) + 1
    reached = 0

    def at(number: int) -> None:
        nonlocal reached
        reached = max(reached, min(number, total))
        task.watch.at(reached, total)

    def apply(chosen: Iterable[Step], to: Image) -> None:
        for step in chosen:
            at(len(done))
            step.apply(to)
            done.append(StepRecord(step.name, step.facts))

    mode, contrast = task.mode, task.contrast
    levels = [step for step in steps if step.name == STRETCH] if contrast == "auto" else []
    left = {STRETCH} | ({SURFACE} if contrast == "keep" or helpers is not None else set())
    steps = [step for step in steps if step.name not in left]
    if helpers is None:
        apply(steps, pixels)
    else:
        apply((step for step in steps if step.reference), pixels)
        filters = [step for step in steps if not step.reference]
        white = not diagnosis.correlated_noise_sigma
        if mode == "radiometric" or (white and diagnosis.noise_sigma < LITTLE_NOISE):
            apply(filters, pixels)
        elif filters or not white or len(steps) > len(filters):
            stripes = diagnosis.stripe_sigma if diagnosis.stripe_sigma > LEAST_STRIPES else 0.0
            reached = max(reached, min(len(done), total - 1))
            part = task.watch.within(reached, total)
            reached += 1
            restored = helpers.detail().mend_detail(pixels, mode, stripes / 255, part)
            done += restored.steps
            if most := texture.share_of(pixels, restored.pixels, diagnosis):
                filtering = denoising_step(diagnosis, mode)
                filtering.apply(pixels)
                pixels, share = texture.give_back(restored.pixels, pixels, diagnosis, most)
                done.append(StepRecord(filtering.name, {**filtering.facts, "share": round(share, 3)}))
            else:
                pixels = restored.pixels
        if mode == "display" and contrast != "keep" and not is_beyond_the_network(diagnosis):
            at(total - 1)
            correction = helpers.level().correction(pixels)
            if is_lost(pixels, diagnosis, correction):
                correction.apply(pixels)
                done.append(StepRecord(helpers.name("level"), correction.facts, ("contrast",)))
            if levels and np.ptp(np.percentile(pixels[::2, ::2], (1, 99))) >= STILL_DULL:
                levels = []
    apply(levels, pixels)
    if contrast == "stretch":
        apply([stretching_step()], pixels)
    at(total)
    return Restored(pixels, done)
