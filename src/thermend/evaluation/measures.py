"""What is measured of a result, and of the input beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend import metrics
from thermend.datasets.samples import Sample
from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.estimation import diagnosis_of, normalised
from thermend.estimation.normalised import fill_invalid
from thermend.evaluation.images import as_grey, opened_alone
from thermend.image import ThermalImage
from thermend.io.raster import luma
from thermend.methods.steps import reference_steps
from thermend.metrics.fidelity import grey_levels
from thermend.metrics.learned import FULL_REFERENCE, NO_REFERENCE
from thermend.metrics.learned import require as require_learned
from thermend.normalisation import Normalisation

Grey = NDArray[np.uint8]
Levels = NDArray[np.float32]
Values = dict[str, float | None]

IDENTICAL_PSNR = 100.0
"""dB, stands for infinity, which has no place in JSON and no mean."""

AGAINST_CLEAN: dict[str, Callable[[Grey, Grey], float | None]] = {
    "psnr": lambda image, clean: min(metrics.psnr(image, clean), IDENTICAL_PSNR),
    "psnr_fitted": lambda image, clean: min(metrics.psnr_fitted(image, clean), IDENTICAL_PSNR),
    "ssim": metrics.ssim,
    "mse": metrics.mse,
}
OF_ONE: dict[str, Callable[[Grey], float]] = {
    "ag": metrics.average_gradient,
    "ie": metrics.entropy,
    "eme": metrics.eme,
    "sf": metrics.spatial_frequency,
    "sd": metrics.standard_deviation,
    "noise": metrics.noise,
    "roughness": metrics.roughness,
    "stripe_energy": metrics.stripe_energy,
}
ON_REQUEST: dict[str, Callable[[Grey, Grey, Grey], float | None]] = {
    "niqe_thermal": lambda image, clean, before: metrics.niqe_thermal(image),
    "lite0": lambda image, clean, before: _feature_distance(image, clean),
    "suspect": lambda image, clean, before: _suspect(image, before),
}
"""Of the result, the clean image and the input; they take longer, or need more packages. `lite0` is the mean absolute
difference of EfficientNet-Lite0's last features; `suspect` the share of the result that the input does not support (0 to 1)."""
OF_FUSED: dict[str, Callable[[Grey, Grey, Grey], float | None]] = {
    "fused_en": lambda f, i, v: metrics.entropy(f),
    "fused_sd": lambda f, i, v: metrics.standard_deviation(f),
    "fused_sd_uint8": lambda f, i, v: metrics.standard_deviation_uint8(f),
    "fused_sf": lambda f, i, v: metrics.spatial_frequency(f),
    "fused_ag": lambda f, i, v: metrics.average_gradient_fusion(f),
    "fused_mi": metrics.mutual_information,
    "fused_scd": metrics.sum_of_correlated_differences,
    "fused_vif": metrics.visual_information_fidelity,
    "fused_qabf": metrics.edge_preservation,
    "fused_cc": metrics.correlation,
}


class Shown(NamedTuple):
    """One image as pictures of one size, (H, W) uint8 each: clean, as the method got it, and its result."""

    clean: Grey
    given: Grey
    result: Grey


@dataclass(frozen=True)
class Measured:
    """One image: measures of the result and of the input, the seconds that the method took, and how it looks."""

    name: str
    metrics: Values
    input_metrics: Values
    seconds: float
    shown: Shown | None = None


Restore = Callable[[ThermalImage, int], ThermalImage]


class Degrade(Protocol):
    """What spoils clean images."""

    def grey(self, pixels: Grey, name: str) -> Grey:
        """From (H, W) uint8 and the file's name to the same."""
        ...

    def levels(self, levels: Levels, name: str) -> Levels:
        """From (H, W) float32 normalised to [0, 1] and the file's name to the same, unrounded."""
        ...


@dataclass(frozen=True)
class Preset:
    """A named test condition, as :class:`Degrade`.

    Attributes
    ----------
    name : str
    seed : int
    """

    name: str
    seed: int = 0

    def grey(self, pixels: Grey, name: str) -> Grey:
        """As a camera of 8 bits would store it."""
        from thermend import degradations

        return degradations.degrade(pixels, self.name, self.seed, name)

    def levels(self, levels: Levels, name: str) -> Levels:
        """In floating point."""
        from thermend import degradations

        return degradations.degrade_levels(levels, self.name, self.seed, name)


def measure(
    sample: Sample,
    restore: Restore,
    degrade: Degrade | None = None,
    scale: int = 1,
    fuse: Callable[[Grey, Grey], Grey] | None = None,
    learned: Sequence[str] = (),
) -> Measured:
    """Degrade, restore and compare one image: temperatures and counts in their unit, pictures in grey levels of 255.

    What is not 8 bits deep is shown as a picture where its degraded version is one, or where it is fused.

    Parameters
    ----------
    sample : Sample
    restore : callable
        from an image and the scale to the result
    degrade : Degrade or None
        where the sample has no degraded file; None leaves the image as it is
    scale : int
        the degraded image is reduced by this before (unless its file is that small), and restored to the clean size
    fuse : callable or None
        of infrared and visible pixels, where the sample has a visible image; I of the fusion measures is the clean one
    learned : sequence of str
        names of further measures, of :data:`ON_REQUEST` or by pyiqa

    Raises
    ------
    InputError
        an image cannot be read, the sizes do not fit, or the sample has a problem
    """
    if sample.problem is not None:
        raise UsageError(sample.problem)
    opened = opened_alone(sample.clean, sample.recording)
    spoilt = None if sample.degraded is None else opened_alone(sample.degraded)
    if opened.is_picture or fuse is not None or (spoilt is not None and spoilt.is_picture):
        given = None if spoilt is None else as_grey(spoilt)
        return _measured_picture(sample, as_grey(opened), given, restore, degrade, scale, fuse, learned)
    return _measured_levels(sample, opened, spoilt, restore, degrade, scale, learned)


def _measured_picture(
    sample: Sample,
    clean: Grey,
    degraded: Grey | None,
    restore: Restore,
    degrade: Degrade | None,
    scale: int,
    fuse: Callable[[Grey, Grey], Grey] | None,
    learned: Sequence[str],
) -> Measured:
    if degraded is None:
        degraded = clean if degrade is None else degrade.grey(clean, sample.clean.name)
    small = _small(sample, degraded.shape, clean.shape, scale)
    if scale > 1 and degraded.shape == clean.shape:
        degraded = _resized(degraded, small)
    before = time.perf_counter()
    result = restore(ThermalImage.from_array(degraded), scale)
    seconds = time.perf_counter() - before
    restored = grey_levels(result.pixels if result.unit == "display" else as_grey(result))
    shown = degraded if degraded.shape == clean.shape else _resized(degraded, clean.shape)
    if restored.shape != clean.shape:
        restored = _resized(restored, clean.shape)
    visible = None if sample.visible is None else luma(sample.visible)
    if visible is not None and visible.shape != clean.shape:
        sizes = " and ".join(f"{shape[1]} x {shape[0]}" for shape in (visible.shape, clean.shape))
        raise InputError(sample.visible or sample.clean, f"does not fit its infrared image: {sizes} pixels")
    return Measured(
        sample.name,
        _values(restored, clean, shown, visible, fuse, learned),
        _values(shown, clean, shown, visible, fuse, learned),
        seconds,
        Shown(clean, shown, restored),
    )


def _measured_levels(
    sample: Sample,
    clean: ThermalImage,
    degraded: ThermalImage | None,
    restore: Restore,
    degrade: Degrade | None,
    scale: int,
    learned: Sequence[str],
) -> Measured:
    """As :func:`measure`, for an image whose numbers mean something; for the eye's measures all are shown alike."""
    normalisation = Normalisation.of(clean)
    if degraded is not None:
        if degraded.unit != clean.unit:
            raise InputError(sample.degraded or sample.clean, f"holds {degraded.unit}, its clean image {clean.unit}")
    else:
        levels = normalisation.apply(fill_invalid(clean))
        if degrade is not None:
            levels = degrade.levels(levels, sample.clean.name)
        degraded = clean.with_pixels(_where(normalisation.undo(levels), clean.valid), depth="float32")
    small = _small(sample, degraded.shape, clean.shape, scale)
    if scale > 1 and degraded.shape == clean.shape:
        reduced = cv2.resize(fill_invalid(degraded), small[::-1], interpolation=cv2.INTER_AREA)
        nodata = None if degraded.nodata is None else _reduced(~degraded.nodata, small) < _MOSTLY
        degraded = degraded.with_pixels(_where(reduced, _reduced(degraded.valid, small) >= _MOSTLY), nodata=nodata)
    before = time.perf_counter()
    result = restore(degraded, scale)
    seconds = time.perf_counter() - before
    reference = _without_the_sensor(degraded)
    values, pictures = [], []
    clean_picture = _shown(clean.pixels, normalisation)
    for image in (result, degraded):
        large = _as_large(image.pixels, clean.shape)
        if image.unit == clean.unit:
            own = _in_its_unit(large, clean, _as_large(reference, clean.shape))
            picture = _shown(_where(large, clean.valid), normalisation)
        else:
            own, picture = {}, grey_levels(_where(large, clean.valid, 0))
        shown = _shown(_where(_as_large(degraded.pixels, clean.shape), clean.valid), normalisation)
        values.append(own | _values(picture, clean_picture, shown, None, None, learned))
        pictures.append(picture)
    return Measured(sample.name, values[0], values[1], seconds, Shown(clean_picture, pictures[1], pictures[0]))


_MOSTLY = 0.5  # of the pixels that one is made of


def _where(pixels: Levels, valid: NDArray[np.bool_], other: float = np.nan) -> Levels:
    """The pixels; another number where they are not valid."""
    return pixels if valid.all() else np.where(valid, pixels, np.float32(other))


def _reduced(mask: NDArray[np.bool_], shape: tuple[int, int]) -> Levels:
    """The share of each pixel of a reduced image that a mask covers."""
    return np.asarray(cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA))


def _in_its_unit(pixels: Levels, clean: ThermalImage, reference: Levels) -> Values:
    """The error, and what the radiometric mode promises: shifts against the input without stripes and bad pixels."""
    unit = "kelvin" if clean.unit == "celsius" else clean.unit
    return {
        f"rmse_{unit}": metrics.rmse(pixels, clean.pixels),
        f"mean_shift_{unit}": metrics.mean_shift(pixels, reference),
        f"smooth_shift_{unit}": metrics.smooth_shift(pixels, reference),
    }


def _without_the_sensor(image: ThermalImage) -> Levels:
    """An image less what is no part of the scene's temperatures, in its unit."""
    made = normalised(image)
    diagnosis = replace(diagnosis_of(made, image), dead_pixels=0)
    for step in reference_steps(diagnosis, made.estimates):
        step.apply(made.pixels)
    return made.normalisation.undo(made.pixels)


def _shown(pixels: Levels, normalisation: Normalisation) -> Grey:
    levels = np.nan_to_num(normalisation.apply(pixels), nan=0.0)
    return np.clip(np.rint(levels * 255), 0, 255).astype(np.uint8)


def _as_large(pixels: Levels, shape: tuple[int, int]) -> Levels:
    if pixels.shape == shape:
        return pixels
    return np.asarray(cv2.resize(pixels, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _small(sample: Sample, given: tuple[int, ...], clean: tuple[int, ...], scale: int) -> tuple[int, int]:
    """The size that the method gets; refuses a degraded image of another."""
    small = (max(1, round(clean[0] / scale)), max(1, round(clean[1] / scale)))
    if given not in (clean, small):
        sizes = " and ".join(f"{shape[1]} x {shape[0]}" for shape in (given, clean))
        raise InputError(sample.degraded or sample.clean, f"does not fit its clean image: {sizes} pixels")
    return small


def _values(
    image: Grey,
    clean: Grey,
    before: Grey,
    visible: Grey | None,
    fuse: Callable[[Grey, Grey], Grey] | None,
    learned: Sequence[str],
) -> Values:
    values: Values = {name: function(image, clean) for name, function in AGAINST_CLEAN.items()}
    values |= {name: function(image) for name, function in OF_ONE.items()}
    enhancement = metrics.contrast_enhancement_index(image, before)
    values["cei"] = enhancement if math.isfinite(enhancement) else None
    for name in learned:
        values[name] = (
            ON_REQUEST[name](image, clean, before) if name in ON_REQUEST else metrics.learned(name, image, clean)
        )
    if fuse is not None and visible is not None:
        fused = fuse(image, visible)
        values |= {name: function(fused, clean, visible) for name, function in OF_FUSED.items()}
    return values


def require(name: str) -> None:
    """Make sure, before long work begins, that a further measure can be had.

    Raises
    ------
    MissingDependencyError
        it needs a package that is not installed
    UsageError
        an unknown name
    """
    if name == "lite0":
        _lite0()
    elif name not in ON_REQUEST:
        if name not in NO_REFERENCE + FULL_REFERENCE:
            expected = ", ".join((*ON_REQUEST, *NO_REFERENCE, *FULL_REFERENCE))
            raise UsageError(f"measure {name!r}: expected one of {expected}")
        require_learned(name)


@cache
def _lite0() -> Any:
    try:
        from thermend.training.features import lite0
    except ImportError as error:
        raise MissingDependencyError("lite0 needs torch: pip install 'thermend[train,offline]'") from error
    return lite0()


def _feature_distance(image: Grey, clean: Grey) -> float:
    import torch

    both = [torch.from_numpy(grey.astype(np.float32) / 255)[None, None] for grey in (image, clean)]
    with torch.inference_mode():
        return float(_lite0().distance(*both))


def _suspect(image: Grey, before: Grey) -> float:
    from thermend.restoration.verification import verify

    return verify(ThermalImage.from_array(before), ThermalImage.from_array(image)).suspect


def _resized(image: Grey, shape: Sequence[int]) -> Grey:
    """Bicubic, without aliasing, to (height, width)."""
    from PIL import Image

    small = Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(small)


def mean(values: Sequence[Mapping[str, float | None]]) -> Values:
    """The mean of each measure over the images that have it."""
    means: Values = {}
    for name in dict.fromkeys(name for each in values for name in each):
        present = [v for each in values if (v := each.get(name)) is not None]
        means[name] = float(np.mean(present)) if present else None
    return means


def summary(measured: Sequence[Measured], **facts: Any) -> dict[str, Any]:
    """What `thermend evaluate --json` writes."""
    ordered = sorted(measured, key=lambda m: m.name)
    return {
        **facts,
        "images": len(ordered),
        "metrics": mean([m.metrics for m in ordered]),
        "input_metrics": mean([m.input_metrics for m in ordered]),
        "per_image": {m.name: {**m.metrics, "input_metrics": m.input_metrics, "seconds": m.seconds} for m in ordered},
        "seconds_per_image": float(np.mean([m.seconds for m in ordered])) if ordered else None,
    }
