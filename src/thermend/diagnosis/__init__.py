"""How bad is it, and of which kind: the severity of each degradation, estimated from one image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from thermend.diagnosis.preparation import Prepared, find_defects, prepare
from thermend.image import ThermalImage

Direction = Literal["columns", "rows", "none"]

_MOST_REDUCTION = 8  # px
_LEAST_STRIPES = 0.25  # grey levels; weaker ones are not told from the scene
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
    noise_sigma : standard deviation of the noise, as far as it is white, grey levels
    stripe_sigma : standard deviation of the stripes' offsets, grey levels
    stripe_direction : the way the stripes run: ``columns``, ``rows`` or ``none``
    crossing_stripe_sigma : the same of weaker stripes at right angles to those, grey levels
    blur_sigma : of a Gaussian point spread function, pixels
    nonuniformity : highest less lowest value of the smooth side-to-side shading, grey levels; shrunk in proportion where
        it explains so little of the image's variation that it may be the scene's
    nonuniformity_share : the share of the side-to-side variation that it explains; `SURE_SHARE` and more is certain
    dead_pixels : number of single pixels that differ from all around them
    dead_columns : number of columns (or rows) that are stuck
    contrast : share of the range in use between the 1st and 99th percentile of the scene (without its noise and stripes),
        0 to 1; None where the range is not known
    black_level : where that 1st percentile lies, share of the range; None where the range is not known
    noise_kelvin, stripe_kelvin, nonuniformity_kelvin : the same in kelvin
    correlated_noise_sigma, noise_correlation : standard deviation of noise that is not white, grey levels, and the correlation
        of neighbouring pixels in it, 0 to 1; 0 where none is told from the scene
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

    def as_dict(self) -> dict[str, Any]:
        """Plain values, rounded to what the estimates are worth."""
        return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(self).items()}


def diagnose(image: ThermalImage | ArrayLike) -> Diagnosis:
    """Estimate the severity of each degradation from one image.

    Parameters
    ----------
    image : a `ThermalImage`, or an (H, W) array as for :meth:`ThermalImage.from_array`
    """
    image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
    return diagnose_prepared(prepare(image), image)


def diagnose_prepared(prepared: Prepared, image: ThermalImage) -> Diagnosis:
    """As :func:`diagnose`, for an image that is prepared already.

    Parameters
    ----------
    image : what the pixels were; for its unit and range
    """
    from thermend.diagnosis.blur import blur_sigma
    from thermend.diagnosis.correlated_noise import correlated_noise
    from thermend.diagnosis.nonuniformity import nonuniformity_surface
    from thermend.methods.classical.dead_pixels import find_dead_columns
    from thermend.methods.classical.noise_level import noise_sigma

    pixels, normalisation = prepared.pixels, prepared.normalisation
    noise = noise_sigma(pixels)
    direction, stripes, crossing = _stripes(pixels, noise)
    correlated, correlation = correlated_noise(pixels)
    dead_columns = int(max(find_dead_columns(pixels).sum(), find_dead_columns(pixels.T).sum()))
    surface, share = nonuniformity_surface(_overview(pixels))
    nonuniformity = float(np.ptp(surface)) * min(1.0, share / SURE_SHARE)
    dead_pixels = prepared.defects if prepared.stretched else int(find_defects(pixels).sum())
    contrast, black_level = _used_range(prepared, image, noise, direction)
    grey = {"noise": 255 * noise, "stripe": 255 * stripes, "nonuniformity": 255 * nonuniformity}
    kelvin = {f"{k}_kelvin": v * normalisation.grey_level for k, v in grey.items()} if image.unit == "celsius" else {}
    return Diagnosis(
        noise_sigma=grey["noise"],
        stripe_sigma=grey["stripe"],
        stripe_direction=direction,
        crossing_stripe_sigma=255 * crossing,
        blur_sigma=blur_sigma(pixels, noise),
        nonuniformity=grey["nonuniformity"],
        nonuniformity_share=share,
        dead_pixels=dead_pixels,
        dead_columns=dead_columns,
        contrast=contrast,
        black_level=black_level,
        correlated_noise_sigma=255 * correlated,
        noise_correlation=correlation,
        **kelvin,
    )


def _stripes(pixels: np.ndarray[Any, Any], noise: float) -> tuple[Direction, float, float]:
    """The direction of the stronger stripes, their standard deviation, and that of the others."""
    from thermend.methods.classical.column_median import neighbour_differences, stripe_statistics

    found: dict[Direction, float] = {}
    directions: tuple[tuple[Direction, np.ndarray[Any, Any]], ...] = (("columns", pixels), ("rows", pixels.T))
    for direction, turned in directions:
        if turned.shape[1] > 8 and turned.shape[0] > 8:
            sigma, steps = stripe_statistics(neighbour_differences(turned))
            # The medians carry noise too, and look like stripes of this strength.
            by_noise = 1.05 * noise**2 / min(turned.shape[0], 1024)
            sigma = float(np.sqrt(max(0.0, sigma**2 - by_noise)))
            found[direction] = sigma if sigma > 0.25 * steps else 0.0
    best = max(found, key=lambda d: found[d], default=None)
    if best is None or 255 * found[best] < _LEAST_STRIPES:
        return "none", 0.0, 0.0
    weaker = min(found.values()) if len(found) > 1 else 0.0
    return best, found[best], weaker if 255 * weaker >= _LEAST_STRIPES else 0.0


def _used_range(
    prepared: Prepared, image: ThermalImage, noise: float, direction: Direction
) -> tuple[float | None, float | None]:
    """The share of the file's range that the scene uses, and where it begins."""
    import cv2

    from thermend.methods.classical.column_median import column_offsets

    if image.valid_range is None:
        return None, None
    pixels = prepared.pixels
    if direction == "columns":
        pixels = pixels - column_offsets(pixels).astype(np.float32)
    elif direction == "rows":
        pixels = pixels - column_offsets(pixels.T).astype(np.float32)[:, None]
    height, width = pixels.shape
    # Means over squares that leave a grey level of noise or so: of single pixels the extremes would be noise.
    side = min(int(np.ceil(255 * noise)), _MOST_REDUCTION, height, width) or 1
    if side > 1:
        pixels = cv2.resize(pixels, (max(1, width // side), max(1, height // side)), interpolation=cv2.INTER_AREA)
    normalisation = prepared.normalisation
    first, last = (float(p) / normalisation.gain + normalisation.offset for p in np.percentile(pixels, (1, 99)))
    low, high = image.valid_range
    return (last - first) / (high - low), (first - low) / (high - low)


def _overview(pixels: np.ndarray[Any, Any], side: int = 1024) -> np.ndarray[Any, Any]:
    """A large image reduced, for what is smooth anyway."""
    import cv2

    share = side / max(pixels.shape)
    if share >= 1:
        return pixels
    height, width = (max(1, round(n * share)) for n in pixels.shape)
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA))


__all__ = ["Diagnosis", "Direction", "diagnose", "diagnose_prepared"]
