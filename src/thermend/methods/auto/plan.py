"""The steps that a diagnosis calls for, in the reverse of the camera's order."""

from __future__ import annotations

from thermend.estimation import SURE_SHARE, Diagnosis
from thermend.estimation.estimates import Estimates
from thermend.methods.auto.evidence import is_flat
from thermend.methods.steps import (
    Step,
    defect_steps,
    denoising_step,
    sharpening_step,
    stretching_step,
    stripe_steps,
    surface_step,
)

LEAST_NOISE = 0.3
"""Grey levels of 255; weaker noise is left where it is: it cannot be seen, and 8 bits round as much away."""
LEAST_BLUR = 1.8
"""Pixels, in an image of 640 x 512; undamaged ones have less. Cameras with more pixels draw their edges across more of them:
the limit grows with the fourth root of the number of pixels."""
LEAST_BLUR_OF_TEMPERATURES = 2.5
"""The same where pixels are temperatures: some cameras smooth what they store, and a filter would draw contours there."""
MOST_NOISE_FOR_DEBLURRING = 12.0
"""Grey levels; stronger noise leaves nothing to sharpen."""


def plan(
    diagnosis: Diagnosis,
    mode: str,
    shape: tuple[int, int] = (512, 640),
    picture: bool = False,
    known: Estimates | None = None,
) -> list[Step]:
    """The steps that a diagnosis calls for.

    Parameters
    ----------
    diagnosis : Diagnosis
    mode : str
        ``radiometric`` leaves contrast alone, and smooth shading too: in one image it cannot be told for certain from the
        scene's own temperatures
    shape : tuple of int
        of the image as the camera gave it
    picture : bool
        0 is black and 1 is white, and what was beyond them is lost
    known : Estimates or None
        of the pixels that the steps will be applied to, so that nothing is estimated twice
    """
    display = mode == "display"
    valid = None if known is None else known.valid
    steps = defect_steps(diagnosis, valid)
    if display and diagnosis.nonuniformity_share >= SURE_SHARE:
        steps.append(surface_step(diagnosis, None if steps else known))
    steps += stripe_steps(diagnosis, picture, None if steps else known, valid)
    if diagnosis.noise_sigma > LEAST_NOISE:
        steps.append(denoising_step(diagnosis, mode))
    blurred = LEAST_BLUR if display else LEAST_BLUR_OF_TEMPERATURES
    least = blurred * max(1.0, shape[0] * shape[1] / (640 * 512)) ** 0.25
    sharpens = diagnosis.blur_sigma > least and not diagnosis.interpolated
    if sharpens and diagnosis.noise_sigma < MOST_NOISE_FOR_DEBLURRING:
        steps.append(sharpening_step(diagnosis, mode))
    if display and is_flat(diagnosis):
        steps.append(stretching_step(contrast=round(diagnosis.contrast or 0.0, 3)))
    return steps
