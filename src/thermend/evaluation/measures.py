"""What is measured of a result, and of the input beside it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend import metrics
from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.evaluation import images
from thermend.image import ThermalImage
from thermend.io.raster import luma
from thermend.metrics.fidelity import grey_levels
from thermend.metrics.learned import FULL_REFERENCE, NO_REFERENCE
from thermend.metrics.learned import require as require_learned

Grey = NDArray[np.uint8]
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
ON_REQUEST: dict[str, Callable[[Grey, Grey], float | None]] = {
    "niqe_thermal": lambda image, clean: metrics.niqe_thermal(image),
    "lite0": lambda image, clean: _feature_distance(image, clean),
}
"""That take longer, or need more packages; `lite0` is the mean absolute difference of EfficientNet-Lite0's last features."""
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


@dataclass(frozen=True)
class Measured:
    """One image: measures of the result and of the input, and the seconds that the method took."""

    name: str
    metrics: Values
    input_metrics: Values
    seconds: float


def measure(
    sample: images.Sample,
    restore: Callable[[ThermalImage, int], ThermalImage],
    degrade: Callable[[Grey, str], Grey] | None = None,
    scale: int = 1,
    fuse: Callable[[Grey, Grey], Grey] | None = None,
    learned: Sequence[str] = (),
) -> Measured:
    """Degrade, restore and compare one image.

    Parameters
    ----------
    restore : from an 8-bit image and the scale to the result
    degrade : from the clean pixels and the file's name to degraded ones, where the sample has no degraded file
    scale : the degraded image is reduced by this before (unless its file is that small), and restored to the clean size
    fuse : of infrared and visible pixels, where the sample has a visible image; I of the fusion measures is the clean one
    learned : names of further measures, of :data:`ON_REQUEST` or by pyiqa

    Raises
    ------
    InputError : an image cannot be read, the sizes do not fit, or the sample has a problem
    """
    if sample.problem is not None:
        raise UsageError(sample.problem)
    clean = images.grey(sample.clean, sample.recording)
    if sample.degraded is not None:
        degraded = images.grey(sample.degraded)
    else:
        degraded = clean if degrade is None else degrade(clean, sample.clean.name)
    small = tuple(max(1, round(side / scale)) for side in clean.shape)
    if degraded.shape not in (clean.shape, small):
        sizes = " and ".join(f"{image.shape[1]} x {image.shape[0]}" for image in (degraded, clean))
        raise InputError(sample.degraded or sample.clean, f"does not fit its clean image: {sizes} pixels")
    if scale > 1 and degraded.shape == clean.shape:
        degraded = _resized(degraded, small)
    before = time.perf_counter()
    result = restore(ThermalImage.from_array(degraded), scale)
    seconds = time.perf_counter() - before
    restored = grey_levels(result.pixels if result.unit == "display" else images.as_grey(result))
    shown = degraded if degraded.shape == clean.shape else _resized(degraded, clean.shape)
    if restored.shape != clean.shape:
        restored = _resized(restored, clean.shape)
    visible = None if sample.visible is None else luma(sample.visible)
    return Measured(
        sample.name,
        _values(restored, clean, shown, visible, fuse, learned),
        _values(shown, clean, shown, visible, fuse, learned),
        seconds,
    )


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
        values[name] = ON_REQUEST[name](image, clean) if name in ON_REQUEST else metrics.learned(name, image, clean)
    if fuse is not None and visible is not None:
        fused = fuse(image, visible)
        values |= {name: function(fused, clean, visible) for name, function in OF_FUSED.items()}
    return values


def require(name: str) -> None:
    """Make sure, before long work begins, that a further measure can be had.

    Raises
    ------
    MissingDependencyError : it needs a package that is not installed
    UsageError : an unknown name
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


def _resized(image: Grey, shape: Sequence[int]) -> Grey:
    """Bicubic, without aliasing, to (height, width)."""
    from PIL import Image

    small = Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
    return np.asarray(small)


def mean(values: Sequence[Mapping[str, float | None]]) -> Values:
    """The mean of each measure over the images that have it."""
    means: Values = {}
    for name in values[0] if values else ():
        present = [v for each in values if (v := each[name]) is not None]
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
