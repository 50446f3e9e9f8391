"""How bad is it, and of which kind: the severity of each degradation, estimated from one image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thermend.estimation.bad_pixels import find_dead_columns, find_defects
from thermend.estimation.blur import blur_sigma
from thermend.estimation.contrast import used_range
from thermend.estimation.correlated_noise import correlated_noise
from thermend.estimation.interpolation import is_interpolated
from thermend.estimation.normalised import Normalised, normalised
from thermend.estimation.stripes import Direction
from thermend.image import ThermalImage

SURE_SHARE = 0.22
"""Share of the side-to-side variation that a surface must explain to be taken for the camera's with certainty: more than
in any of 634 undamaged images (docs/diagnosis.md)."""


@dataclass(frozen=True)
class Diagnosis:
    """Severity of each degradation.

    Grey levels are of 255 over the range that an image is normalised to (an 8-bit image's own; of others 0.9 of the range
    lies between the 0.1th and 99.9th percentile). Values in kelvin are None where the image holds no temperatures.

    Attributes
    ----------
    noise_sigma : float
        standard deviation of the noise, as far as it is white, grey levels
    stripe_sigma : float
        standard deviation of the stripes' offsets, grey levels
    stripe_direction : Direction
        the way the stripes run: ``columns``, ``rows`` or ``none``
    crossing_stripe_sigma : float
        the same of weaker stripes at right angles to those, grey levels
    blur_sigma : float
        of a Gaussian point spread function, pixels
    nonuniformity : float
        highest less lowest value of the smooth side-to-side shading, grey levels; shrunk in proportion where it explains so
        little of the image's variation that it may be the scene's
    nonuniformity_share : float
        the share of the side-to-side variation that it explains; `SURE_SHARE` and more is certain
    dead_pixels : int
        number of pixels, single and in clusters of up to 3 × 3, that differ from all around them
    dead_columns : int
        number of columns (or rows) that are stuck
    contrast : float or None
        share of the range in use between the 1st and 99th percentile of the scene (without its noise and stripes), 0 to 1; None
        where the range is not known
    black_level : float or None
        where that 1st percentile lies, share of the range; None where the range is not known
    noise_kelvin, stripe_kelvin, nonuniformity_kelvin : float or None
        the same in kelvin
    correlated_noise_sigma, noise_correlation : float
        standard deviation of noise that is not white, grey levels, and the correlation of neighbouring pixels in it, 0 to 1; 0
        where none is told from the scene
    stripe_forms : tuple of str
        stripes other than columns or rows of the whole frame with an offset each: their form
        (:mod:`thermend.estimation.stripe_forms`) and the way they run, such as ``split columns``
    interpolated : bool
        whether the image was enlarged from fewer pixels, so that its blur is not the optics'
    """

    noise_sigma: float
    stripe_sigma: float
    stripe_direction: Direction
    crossing_stripe_sigma: float
    blur_sigma: float
    nonuniformity: float
    nonuniformity_share: float
    dead_pixels: int
    dead_columns: int
    contrast: float | None
    black_level: float | None = None
    noise_kelvin: float | None = None
    stripe_kelvin: float | None = None
    nonuniformity_kelvin: float | None = None
    correlated_noise_sigma: float = 0.0
    noise_correlation: float = 0.0
    interpolated: bool = False
    stripe_forms: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values, rounded to what the estimates are worth."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def diagnose(image: ThermalImage | ArrayLike) -> Diagnosis:
    """Estimate the severity of each degradation from one image.

    Parameters
    ----------
    image : ThermalImage or array_like
        of any unit, or an (H, W) array as for :meth:`ThermalImage.from_array`
    """
    image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
    return diagnosis_of(normalised(image), image)


def diagnosis_of(made: Normalised, image: ThermalImage) -> Diagnosis:
    """As :func:`diagnose`, for an image that is normalised already; what it estimates stays with ``made.estimates``.

    Parameters
    ----------
    made : Normalised
    image : ThermalImage
        what the pixels were; for its unit and range
    """
    pixels, estimates = made.pixels, made.estimates
    noise, stripes = estimates.noise, estimates.stripes
    valid = made.valid
    correlated, correlation = correlated_noise(pixels, valid)
    turned = None if valid is None else valid.T
    found = find_dead_columns(pixels, valid=valid).sum(), find_dead_columns(pixels.T, valid=turned).sum()
    dead_columns = int(max(found))
    surface, share = estimates.vignetting
    contrast, black_level = used_range(made, image)
    grey = {
        "noise": 255 * noise,
        "stripe": 255 * stripes.sigma,
        "nonuniformity": 255 * float(np.ptp(surface)) * min(1.0, share / SURE_SHARE),
    }
    level = made.normalisation.grey_level
    kelvin = {f"{k}_kelvin": v * level for k, v in grey.items()} if image.unit == "celsius" else {}
    return Diagnosis(
        noise_sigma=grey["noise"],
        stripe_sigma=grey["stripe"],
        stripe_direction=stripes.direction,
        crossing_stripe_sigma=255 * stripes.crossing,
        blur_sigma=blur_sigma(pixels, noise),
        nonuniformity=grey["nonuniformity"],
        nonuniformity_share=share,
        dead_pixels=made.defects if made.stretched else int(find_defects(pixels, noise, valid).sum()),
        dead_columns=dead_columns,
        contrast=contrast,
        black_level=black_level,
        correlated_noise_sigma=255 * correlated,
        noise_correlation=correlation,
        stripe_forms=tuple(f"{form.name} {form.direction}" for form in estimates.stripe_forms),
        interpolated=is_interpolated(pixels, noise, 255 * level if image.unit == "celsius" else None, valid),
        **kelvin,
    )
