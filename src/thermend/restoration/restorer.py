"""`Restorer`: a method with its weights, ready to take a thermal image and give a better one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.diagnosis import Diagnosis, diagnose_prepared
from thermend.diagnosis.preparation import Prepared, prepare
from thermend.errors import UsageError
from thermend.image import MAX_PIXELS, Depth, Metadata, ThermalImage
from thermend.io.metadata import PROVENANCE_KEY, scale_exif, scale_geotiff
from thermend.methods.classical.adapters import enlarged
from thermend.methods.classical.resample import lanczos
from thermend.methods.description import MethodDescription
from thermend.methods.protocol import (
    Enlarges,
    JudgesAsGiven,
    Method,
    PreparedImage,
    ReadsDiagnosis,
    RemovesVignetting,
    StepRecord,
    Task,
    UsesNetworks,
)
from thermend.normalisation import Normalisation
from thermend.restoration import auto, temperatures
from thermend.version import __version__

if TYPE_CHECKING:
    from thermend.restoration.network import NetworkFunction

Image = NDArray[np.float32]

MODES = ("auto", "radiometric", "display")
CONTRASTS = ("auto", "keep", "stretch")
SCALES = (1, 2, 4)
_TOLERANCE_KELVIN = 0.15
_TOLERANCE_SHARE = 0.0008  # of the range, for counts


@dataclass(frozen=True)
class Restorer:
    """A method with its weights, ready to run; :func:`thermend.load` makes one.

    Attributes
    ----------
    method : Method
    """

    method: Method

    @property
    def info(self) -> MethodDescription:
        """The method's row in the catalogue."""
        return self.method.info

    def __call__(self, image: Any, mode: str = "auto", scale: int = 1, contrast: str = "auto") -> Any:
        """As :meth:`restore`; of several images at once what was given comes back.

        Parameters
        ----------
        image : a `ThermalImage` or (H, W) array, of which a `ThermalImage` comes back; an (N, H, W) array (uint8 grey levels,
            anything else counts), of which an (N, s H, s W) float32 array comes back; or a tensor (B, 1, H, W) of grey levels
            from 0 to 1, of which one of its type and on its device comes back
        mode, scale, contrast : as for :meth:`restore`

        Raises
        ------
        UsageError : as for :meth:`restore`, or an array or tensor of another shape
        """
        if hasattr(image, "detach"):
            return _tensor(lambda grey: self.restore(grey, "display", scale, contrast), image)
        if not isinstance(image, ThermalImage) and np.ndim(image) == 3:
            return np.stack([self.restore(each, mode, scale, contrast).pixels for each in image])
        return self.restore(image, mode, scale, contrast)

    @property
    def network(self) -> NetworkFunction | None:
        """That does it, or has the largest part in it; None where there is none."""
        return self.method.opened_network() if isinstance(self.method, UsesNetworks) else None

    @property
    def weights_sha256(self) -> str | None:
        """Of the file of a network's weights; None for classical methods and chains."""
        found = self.method.weights_of([]) if isinstance(self.method, UsesNetworks) else None
        return found if isinstance(found, str) else None

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
        check_contrast(self.info, contrast, mode)
        _check_scale(image, scale)
        task = Task(mode, int(scale), contrast)
        made = prepare(image)
        prepared = PreparedImage(made.pixels, partial(_judged, image, made), image.is_picture and mode == "display")
        evidence = _evidence(image, made, prepared.diagnosis, self.method) if mode == "radiometric" else None
        enlarges = isinstance(self.method, Enlarges)
        after = 1
        if not enlarges and task.scale != 1:
            if isinstance(self.method, JudgesAsGiven) and self.method.judges_as_given:
                after = task.scale
            else:
                prepared = PreparedImage(
                    enlarged(made.pixels, task.scale, lanczos, mode),
                    lambda given=prepared: given.diagnosis,  # type: ignore[misc]
                    prepared.is_picture,
                    task.scale,
                )
        if isinstance(self.method, ReadsDiagnosis):
            _ = prepared.diagnosis
        cut = _cut_off(prepared.pixels) if made.stretched and not enlarges else None
        shape, normalisation, defects = prepared.pixels.shape, made.normalisation, made.defects
        del made
        restored = self.method.restore(prepared, task)
        del prepared
        mended, steps = restored.pixels, restored.steps
        if defects:
            steps.insert(0, StepRecord("classical.dead-pixels", {"pixels": defects}, ("dead-pixels",)))
        if cut is not None:
            _add_back(mended, shape, *cut)
        if after != 1:
            mended = enlarged(mended, after, lanczos, mode)
        scale = _scale_of(image, mended)  # a network may upsample itself
        if evidence is not None:
            counted = None if image.nodata is None else ~_enlarge(image.nodata, scale)
            temperatures.keep(mended, evidence, scale, counted)
        return self._result(image, mended, normalisation, mode, scale, steps)

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
            return mode if mode in self.info.modes else self.info.modes[0]
        if mode not in self.info.modes:
            raise UsageError(f"{self.info.full_name} changes contrast and has no {mode} mode; use --mode display")
        return mode

    def _result(
        self,
        image: ThermalImage,
        mended: Image,
        normalisation: Normalisation,
        mode: str,
        scale: int,
        steps: list[StepRecord],
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

    def _provenance(self, metadata: Metadata, mode: str, scale: int, steps: list[StepRecord]) -> dict[str, Any]:
        provenance: dict[str, Any] = {
            "software": PROVENANCE_KEY,
            "version": __version__,
            "method": self.info.name,
            "variant": self.info.variant,
            "weights_sha256": self.method.weights_of(steps) if isinstance(self.method, UsesNetworks) else None,
            "mode": mode,
            "scale": scale,
            "steps": [step.as_dict() for step in steps],
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


def _tensor(restore: Callable[[ThermalImage], ThermalImage], images: Any) -> Any:
    """A batch of grey levels from 0 to 1, (B, 1, H, W), restored one by one."""
    if images.ndim != 4 or images.shape[1] != 1:
        raise UsageError(f"a tensor of shape {tuple(images.shape)}: expected (B, 1, H, W)")
    given = images.detach().cpu().float().numpy()[:, 0] * np.float32(255)
    mended = [restore(ThermalImage(grey, "display", "float32", (0.0, 255.0))).pixels for grey in given]
    return images.new_tensor(np.stack(mended)[:, None] / np.float32(255))


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
    if mode == "auto" and contrast == "keep":
        return  # each file's mode says
    if contrast != "auto" and mode != "radiometric" and not method.chain:
        raise UsageError(
            f"{method.full_name} leaves no choice of contrast; contrast {contrast!r} is for auto and classical.chain"
        )


def _check_scale(image: ThermalImage, scale: int) -> None:
    if isinstance(scale, bool) or not isinstance(scale, (int, np.integer)) or scale not in SCALES:
        raise UsageError(f"scale {scale}: expected 1, 2 or 4")
    height, width = image.shape
    if height * width * scale**2 > MAX_PIXELS:
        raise UsageError(
            f"{scale} times {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} megapixels that thermend reads"
        )


def _judged(image: ThermalImage, prepared: Prepared) -> Diagnosis:
    """The diagnosis of a prepared image, as far as methods are concerned."""
    diagnosis = diagnose_prepared(prepared, image)
    if prepared.stretched:
        # Dead pixels are replaced already; and the picture uses its range, whatever the file does.
        diagnosis = replace(diagnosis, dead_pixels=0, contrast=None)
    return diagnosis


def _evidence(image: ThermalImage, prepared: Prepared, diagnosis: Diagnosis, method: Method) -> temperatures.Evidence:
    """What the result will be held against: the input without what the sensor added.

    Parameters
    ----------
    method : that was asked for; where it takes off vignetting, what it leaves is the scene's
    """
    reference, normalisation = prepared.pixels, prepared.normalisation
    if steps := auto.reference_steps(diagnosis):
        reference = reference.copy()
        for step in steps:
            step.apply(reference)
    if isinstance(method, RemovesVignetting):
        reference = method.without_vignetting(reference)
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
