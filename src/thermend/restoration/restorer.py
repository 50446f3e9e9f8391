"""`Restorer`: a method with its weights, ready to take a thermal image and give a better one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.diagnosis import Diagnosis, diagnose_prepared
from thermend.diagnosis.preparation import Prepared, prepare
from thermend.errors import UsageError
from thermend.image import MAX_PIXELS, Depth, Metadata, ThermalImage
from thermend.io.metadata import PROVENANCE_KEY, scale_exif, scale_geotiff
from thermend.methods.classical.deblur import within_measured
from thermend.methods.classical.resample import lanczos, limit_overshoot
from thermend.methods.description import MethodDescription
from thermend.normalisation import Normalisation
from thermend.restoration import auto, temperatures
from thermend.version import __version__

if TYPE_CHECKING:
    from thermend.restoration.network import NetworkFunction, Networks

Image = NDArray[np.float32]

MODES = ("auto", "radiometric", "display")
CONTRASTS = ("auto", "keep", "stretch")
SCALES = (1, 2, 4)
_TOLERANCE_KELVIN = 0.15
_TOLERANCE_SHARE = 0.0008  # of the range, for counts


@dataclass
class Restorer:
    """A method, ready to run; :func:`thermend.load` makes one.

    Attributes
    ----------
    method : the catalogue's description
    function : from (H, W) float32 in [0, 1] to the same (a destriper assumes stripes in columns; an upsampler takes the
        scale as well); None for a chain, which plans its steps for each image
    weights_sha256 : of the file that the network came from
    networks : of a chain: what it hands to networks
    """

    method: MethodDescription
    function: Callable[..., Image] | None = None
    weights_sha256: str | None = None
    networks: Networks | None = None

    def restore(
        self, image: ThermalImage | ArrayLike, mode: str = "auto", scale: int = 1, contrast: str = "auto"
    ) -> ThermalImage:
        """Mend one image.

        Parameters
        ----------
        image : of any size, unit and depth, or an array as for :meth:`ThermalImage.from_array`; invalid pixels are
            inpainted
        mode : ``radiometric`` keeps the temperatures (the result has the input's unit), ``display`` may change contrast
            (the result is grey levels). ``auto``: display for 8-bit pictures, radiometric for everything else, or the
            only mode that the method has.
        scale : 1, 2 or 4 times as many pixels along each side
        contrast : ``auto`` gives back level and contrast where there is evidence that they were lost (display mode of a chain;
            other methods do what they do); ``keep`` leaves them; ``stretch`` spreads the result over the range, whatever it was

        Raises
        ------
        UsageError : the method does not have the mode, the scale is another, the contrast is to change in radiometric mode
            or by a method that has no choice, or the result would be too large
        """
        image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
        mode = self.mode_for(image, mode)
        check_contrast(self.method, contrast, mode)
        _check_scale(image, scale)
        scale = int(scale)
        prepared = prepare(image)
        pixels, normalisation, defects = prepared.pixels, prepared.normalisation, prepared.defects
        diagnosis: Diagnosis | None = None
        if self.method.kind in ("chain", "destriper") or mode == "radiometric":
            diagnosis = diagnose_prepared(prepared, image)
            if prepared.stretched:
                # They are replaced already; and the picture uses its range, whatever the file does.
                diagnosis = replace(diagnosis, dead_pixels=0, contrast=None)
        evidence = None
        if mode == "radiometric":
            assert diagnosis is not None
            evidence = _evidence(image, prepared, diagnosis, self.function if self.method.kind == "shading" else None)
        at_first = scale if self.networks is None else 1  # networks judge contrast and noise as a camera gives them
        if at_first != 1 and self.method.kind != "upsampler":
            pixels = _enlarged(pixels, at_first, lanczos, mode)
        cut = _cut_off(pixels) if prepared.stretched and self.method.kind != "upsampler" else None
        del prepared
        picture = image.is_picture and mode == "display"
        mended, steps = self._mend(pixels, mode, at_first, diagnosis, picture, contrast)
        if defects:
            steps.insert(0, {"method": "classical.dead-pixels", "pixels": defects})
        if cut is not None:
            _add_back(mended, pixels.shape, *cut)
        del pixels
        if at_first != scale:
            mended = _enlarged(mended, scale, lanczos, mode)
        scale = _scale_of(image, mended)  # a network may upsample itself
        if evidence is not None:
            counted = None if image.nodata is None else ~_enlarge(image.nodata, scale)
            temperatures.keep(mended, evidence, scale, counted)
        return self._result(image, mended, normalisation, mode, scale, steps)

    @property
    def network(self) -> NetworkFunction | None:
        """That does it, or has a part in it in display mode."""
        if self.networks is not None:
            return self.networks.detail()
        return self.function if self.method.kind == "network" else None  # type: ignore[return-value]

    def mode_for(self, image: ThermalImage, mode: str) -> str:
        """The mode in which an image will be restored.

        Raises
        ------
        UsageError : there is no such mode, or the method does not have it
        """
        if mode not in MODES:
            raise UsageError(f"mode {mode!r}: expected one of {', '.join(MODES)}")
        if mode == "auto":
            mode = "display" if image.unit == "display" else "radiometric"
            return mode if mode in self.method.modes else self.method.modes[0]
        if mode not in self.method.modes:
            raise UsageError(f"{self.method.full_name} changes contrast and has no {mode} mode; use --mode display")
        return mode

    def _mend(
        self,
        pixels: Image,
        mode: str,
        scale: int,
        diagnosis: Diagnosis | None,
        picture: bool,
        contrast: str,
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The mended pixels (which may be the given array, overwritten) and what was done.

        Parameters
        ----------
        contrast : as for :meth:`restore`
        """
        if self.method.kind == "chain":
            assert diagnosis is not None
            shape = (pixels.shape[0] // scale, pixels.shape[1] // scale)
            diagnosis = diagnosis if scale == 1 else _at_scale(diagnosis, scale)
            steps = auto.plan(diagnosis, mode, shape, picture)
            return auto.carry_out(steps, pixels, diagnosis, self.networks, mode, contrast)
        assert self.function is not None
        if self.method.kind == "upsampler":
            return _enlarged(pixels, scale, self.function, mode), [{"method": self.method.full_name, "scale": scale}]
        if self.method.kind == "destriper" and diagnosis is not None and diagnosis.stripe_direction == "rows":
            turned = self.function(np.ascontiguousarray(pixels.T)).T
            return np.ascontiguousarray(turned), [{"method": self.method.full_name, "direction": "rows"}]
        if self.method.kind == "network":
            mended, made = self.function.mend(pixels, mode)  # type: ignore[attr-defined]
            mended = np.ascontiguousarray(mended, np.float32)
            if mode == "radiometric" and any("blur" in step.get("pass", ()) for step in made):
                mended = within_measured(mended, pixels)
            return mended, [{"method": self.method.full_name, **step} for step in made]
        mended = np.ascontiguousarray(self.function(pixels), np.float32)
        if self.method.kind == "sharpener" and mode == "radiometric":
            mended = within_measured(mended, pixels)
        return mended, [{"method": self.method.full_name}]

    def _result(
        self,
        image: ThermalImage,
        mended: Image,
        normalisation: Normalisation,
        mode: str,
        scale: int,
        steps: list[dict[str, Any]],
    ) -> ThermalImage:
        nodata = None if image.nodata is None else _enlarge(image.nodata, scale)
        depth: Depth = image.depth
        if mode == "display" and image.unit != "display":
            np.clip(mended, 0, 1, out=mended)
            mended *= np.float32(255)
            unit, valid_range = "display", (0.0, 255.0)
            depth = "uint16" if image.depth == "uint16" else "uint8"
        else:
            normalisation.undo(mended)
            unit, valid_range = image.unit, image.valid_range  # type: ignore[assignment]
            if image.unit == "display" or image.depth != "float32":
                low, high = valid_range or (-np.inf, np.inf)
                np.clip(mended, low, high, out=mended)
        if nodata is not None:
            mended[nodata] = np.nan
        metadata = replace(
            image.metadata,
            exif=scale_exif(image.metadata.exif, scale),
            geotiff=scale_geotiff(image.metadata.geotiff, scale),
            provenance=self._provenance(image.metadata, mode, scale, steps),
        )
        mended.flags.writeable = False
        return ThermalImage(mended, unit, depth, valid_range, metadata, nodata)  # type: ignore[arg-type]

    def _provenance(self, metadata: Metadata, mode: str, scale: int, steps: list[dict[str, Any]]) -> dict[str, Any]:
        provenance: dict[str, Any] = {
            "software": PROVENANCE_KEY,
            "version": __version__,
            "method": self.method.name,
            "variant": self.method.variant,
            "weights_sha256": self._weights_of(steps),
            "mode": mode,
            "scale": scale,
            "steps": steps,
        }
        stated = {
            "emissivity": metadata.emissivity,
            "reflected_temperature": metadata.reflected_temperature,
            "distance": metadata.distance,
        }
        if any(value is not None for value in stated.values()):
            provenance["radiometry"] = stated
        earlier = metadata.provenance
        if earlier and "method" in earlier:
            provenance["before"] = dict(earlier)
        return provenance

    def _weights_of(self, steps: list[dict[str, Any]]) -> str | dict[str, str] | None:
        """Of the network; of a chain those of the networks that had a part in it, by name."""
        if self.networks is not None:
            return self.networks.weights_of({step["method"] for step in steps}) or None
        return self.weights_sha256


def check_contrast(method: MethodDescription, contrast: str, mode: str) -> None:
    """Refuse a choice of contrast that is none, or that the mode or the method does not leave.

    Parameters
    ----------
    mode : ``auto`` where it is not known yet

    Raises
    ------
    UsageError : so it is
    """
    if contrast not in CONTRASTS:
        raise UsageError(f"contrast {contrast!r}: expected one of {', '.join(CONTRASTS)}")
    if mode == "radiometric" and contrast == "stretch":
        raise UsageError("contrast 'stretch' changes temperatures; use --mode display")
    if contrast != "auto" and mode != "radiometric" and method.kind != "chain":
        raise UsageError(
            f"{method.full_name} decides about contrast itself; contrast {contrast!r} is for auto and classical.chain"
        )


def _check_scale(image: ThermalImage, scale: int) -> None:
    if isinstance(scale, bool) or not isinstance(scale, (int, np.integer)) or scale not in SCALES:
        raise UsageError(f"scale {scale}: expected 1, 2 or 4")
    height, width = image.shape
    if height * width * scale**2 > MAX_PIXELS:
        raise UsageError(
            f"{scale} times {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} megapixels that thermend reads"
        )


def _enlarged(pixels: Image, scale: int, upsample: Callable[[Image, int], Image], mode: str) -> Image:
    """Upsampled; where pixels are temperatures, without the overshoot beside edges, which nobody measured."""
    large = upsample(pixels, scale)
    if mode == "radiometric":
        limit_overshoot(large, pixels, scale)
    return large


def _evidence(
    image: ThermalImage, prepared: Prepared, diagnosis: Diagnosis, shading: Callable[[Image], Image] | None
) -> temperatures.Evidence:
    """What the result will be held against: the input without what the sensor added.

    Parameters
    ----------
    shading : the method that was asked for, where it takes off shading: what it leaves is the scene's
    """
    reference, normalisation = prepared.pixels, prepared.normalisation
    if steps := auto.reference_steps(diagnosis):
        reference = reference.copy()
        for step in steps:
            step.apply(reference)
    if shading is not None:
        reference = shading(reference)
    tolerance = _TOLERANCE_KELVIN * normalisation.gain if image.unit == "celsius" else _TOLERANCE_SHARE * 0.9
    low, high = normalisation.low_and_high(image)
    counted = None if image.nodata is None else ~image.nodata
    return temperatures.collect(reference, low, high, tolerance, counted)


def _cut_off(pixels: Image) -> tuple[NDArray[np.int64], Image]:
    """Clip to [0, 1] in place; where that changed something, and by how much."""
    flat = pixels.reshape(-1)
    outside = np.flatnonzero((flat < 0) | (flat > 1))
    values = flat[outside]
    np.clip(pixels, 0, 1, out=pixels)
    return outside, values - flat[outside]


def _add_back(mended: Image, shape: tuple[int, ...], outside: NDArray[np.int64], excess: Image) -> None:
    """Give the result, in place, what was cut off of pixels of that shape; each lent it to a square of the result."""
    if mended.shape == shape:
        mended.reshape(-1)[outside] += excess
        return
    ys, xs = np.divmod(outside, shape[1])
    factor = mended.shape[0] // shape[0]
    for down in range(factor):
        for right in range(factor):
            mended[ys * factor + down, xs * factor + right] += excess


def _scale_of(image: ThermalImage, mended: Image) -> int:
    (height, width), (tall, wide) = image.shape, mended.shape
    scale = tall // height
    if scale < 1 or (tall, wide) != (scale * height, scale * width):
        raise UsageError(f"the network makes {wide} x {tall} pixels of {width} x {height}, which is no whole multiple")
    return scale


def _enlarge(mask: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    return mask if scale == 1 else np.asarray(mask.repeat(scale, axis=0).repeat(scale, axis=1))


def _at_scale(diagnosis: Diagnosis, scale: int) -> Diagnosis:
    """What is left to find after upsampling: noise and blur that spread over more pixels; stripes as before."""
    return replace(diagnosis, blur_sigma=diagnosis.blur_sigma * scale, dead_columns=0)
