"""`Restorer`: a method with its weights, ready to take a thermal image and give a better one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thermend.errors import NotFiniteError, UsageError
from thermend.image import MAX_PIXELS, Depth, Metadata, ThermalImage
from thermend.io.metadata import scale_exif, scale_geotiff
from thermend.methods.info import MethodInfo
from thermend.methods.protocol import ChoosesContrast, FillsCores, Method, StepRecord, Task, UsesNetworks, declares
from thermend.methods.watch import Cancel, Progress, Watch
from thermend.normalisation import Normalisation
from thermend.restoration.many import is_stack, is_tensor, restored_stack, restored_tensor
from thermend.restoration.preparation import check_finite, prepare, repeated
from thermend.restoration.provenance import provenance_of
from thermend.restoration.result import Result
from thermend.restoration.verification import Verification, verified

if TYPE_CHECKING:
    from thermend.restoration.session import Session

Image = NDArray[np.float32]

MODES = ("auto", "radiometric", "display")
CONTRASTS = ("auto", "keep", "stretch")
SCALES = (1, 2, 4)


@dataclass(frozen=True)
class Restorer:
    """A method with its weights, ready to run; :func:`thermend.load` makes one. Safe to share between threads, and picklable.

    Attributes
    ----------
    method : Method
    """

    method: Method

    @property
    def info(self) -> MethodInfo:
        """The method's row in the catalogue."""
        return self.method.info

    @property
    def weights_sha256(self) -> str | None:
        """Of the file of a network's weights; None for classical methods and chains."""
        found = self.method.weights_of([]) if isinstance(self.method, UsesNetworks) else None
        return found if isinstance(found, str) else None

    @property
    def fills_cores(self) -> bool:
        """Whether it keeps all cores busy by itself."""
        return declares(self.method, FillsCores)

    def opened_network(self) -> Any:
        """The network that does it, or has the largest part in it; None where there is none."""
        return self.method.opened_network() if isinstance(self.method, UsesNetworks) else None

    def check_contrast(self, contrast: str, mode: str) -> None:
        """As the function :func:`check_contrast`."""
        check_contrast(self.method, contrast, mode)

    def restore(
        self,
        image: Any,
        *,
        mode: str = "auto",
        scale: int = 1,
        contrast: str = "auto",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Any:
        """Mend one image, or several.

        Parameters
        ----------
        image : ThermalImage, array_like or tensor
            a `ThermalImage` of any size, unit and depth, or an (H, W) array as for :meth:`ThermalImage.from_array`, of which a
            `ThermalImage` comes back; invalid pixels are inpainted. Of an (N, H, W) array an (N, s H, s W) float32 array comes
            back; of a tensor (B, 1, H, W) of grey levels from 0 to 1 one of its type and on its device
        mode : str
            ``radiometric`` keeps the temperatures (the result has the input's unit), ``display`` may change contrast (the
            result is grey levels). ``auto``: display for 8-bit pictures, radiometric for everything else, or the only mode
            that the method has
        scale : int
            1, 2 or 4 times as many pixels along each side
        contrast : str
            ``auto`` gives back level and contrast where there is evidence that they were lost (display mode of a chain; other
            methods do what they do); ``keep`` leaves them; ``stretch`` spreads the result over the range, whatever it was
        progress : callable or None
            called with ``(done, total)`` as one image is worked on
        cancel : callable or None
            asked between the parts of the work; where it answers True the work ends

        Returns
        -------
        ThermalImage, (N, s H, s W) float32, or tensor

        Raises
        ------
        UsageError
            the method does not have the mode, the scale is another, the contrast is to change in radiometric mode or by a
            method that has no choice, the result would be too large, or an array or tensor of another shape
        Cancelled
            ``cancel`` answered True
        """
        asked: dict[str, Any] = {"scale": scale, "contrast": contrast, "progress": progress, "cancel": cancel}
        if is_tensor(image):
            if mode not in ("auto", "display"):
                raise UsageError(f"mode {mode!r}: a tensor holds grey levels, which are restored in display mode")
            return restored_tensor(lambda grey: self.restored(grey, mode="display", **asked).image, image)
        if is_stack(image):
            return restored_stack(lambda each: self.restored(each, mode=mode, **asked).image, image)
        return self.restored(image, mode=mode, **asked).image

    __call__ = restore

    def session(
        self,
        state: str | os.PathLike[str] | None = None,
        *,
        mode: str = "auto",
        scale: int = 1,
        contrast: str = "auto",
        pattern: str | os.PathLike[str] | None = None,
        every: int | None = None,
    ) -> Session:
        """Begin a recording: what is returned is called with one frame after another, and gives each back mended.

        Parameters
        ----------
        state : str or PathLike or None
            a file that :meth:`Session.save` wrote, to go on from
        mode, scale, contrast
            as for :meth:`restore`; ``auto`` decides on the mode at the first frame
        pattern : str or PathLike or None
            a file that :meth:`Session.save_pattern` wrote
        every : int or None
            frames between two that the method itself sees, once the scene is known; None, 24

        Returns
        -------
        Session

        Raises
        ------
        InputError
            a file that is none of these
        UsageError
            as for :meth:`restore`
        """
        from thermend.restoration.session.session import EVERY, Session

        return Session(
            self,
            mode=mode,
            scale=scale,
            contrast=contrast,
            state=state,
            pattern=pattern,
            every=EVERY if every is None else every,
        )

    def provenance(
        self,
        metadata: Metadata,
        mode: str,
        scale: int,
        steps: Sequence[StepRecord],
        verification: Verification | None = None,
    ) -> dict[str, Any]:
        """The record of a restoration; as :func:`thermend.restoration.provenance.provenance_of`."""
        return provenance_of(self.method, metadata, mode, scale, steps, verification)

    def restored(
        self,
        image: ThermalImage | ArrayLike,
        *,
        mode: str = "auto",
        scale: int = 1,
        contrast: str = "auto",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> Result:
        """As :meth:`restore`, for one image: the result with what was done, and the verdict on it."""
        image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
        mode = self.mode_for(image, mode)
        check_contrast(self.method, contrast, mode)
        _check_scale(image, scale)
        task = Task(mode, int(scale), contrast, Watch(progress, cancel))
        task.watch.at(0, 1)
        made = prepare(image, task, self.method, self.info.generative)
        diagnosis = made.image.diagnosis if self.info.generative else None
        try:
            restored = self.method.restore(made.image, task)
            mended, grown = made.finished(restored, image, task)
            result = _on_its_levels(image, mended, made.normalisation, mode, grown)
        except NotFiniteError as error:
            raise NotFiniteError(f"{self.info.full_name} {error}") from None
        verification = verified(image, result, made.measured, diagnosis) if self.info.generative else None
        provenance = self.provenance(image.metadata, mode, grown, restored.steps, verification)
        task.watch.at(1, 1)
        metadata = replace(result.metadata, provenance=provenance)
        found = None if made.judge is None else made.judge.found
        return Result(replace(result, metadata=metadata), tuple(restored.steps), verification, found)

    def left_empty(self, image: ThermalImage, *, mode: str = "auto", scale: int = 1) -> Result:
        """What becomes of a recording's frame without any valid pixel: as it came, in the unit of the other frames' results."""
        mode = self.mode_for(image, mode)
        _check_scale(image, scale)
        void = np.zeros([side * scale for side in image.shape], np.float32)
        given = replace(image, nodata=np.ones(image.shape, bool))
        result = _on_its_levels(given, void, Normalisation(0.0, 1.0), mode, scale)
        record = self.provenance(image.metadata, mode, scale, ())
        return Result(replace(result, metadata=replace(result.metadata, provenance=record)), ())

    def mode_for(self, image: ThermalImage, mode: str) -> str:
        """The mode in which an image will be restored.

        Raises
        ------
        UsageError
            there is no such mode, or the method does not have it
        """
        if mode not in MODES:
            raise UsageError(f"mode {mode!r}: expected one of {', '.join(MODES)}")
        if mode == "auto":
            mode = "display" if image.unit == "display" else "radiometric"
            return mode if mode in self.info.modes else self.info.modes[0]
        if mode not in self.info.modes:
            raise UsageError(f"{self.info.full_name} changes contrast and has no {mode} mode; use --mode display")
        return mode


def _on_its_levels(
    image: ThermalImage, mended: Image, normalisation: Normalisation, mode: str, scale: int
) -> ThermalImage:
    """What was made, in the input's unit, or as grey levels where it is for the eye; the array is changed."""
    nodata, alpha = (None if mask is None else repeated(mask, scale) for mask in (image.nodata, image.alpha))
    depth: Depth = image.depth
    if mode == "display" and image.unit != "display":
        np.clip(mended, 0, 1, out=mended)
        mended *= np.float32(255)
        unit, valid_range = "display", (0.0, 255.0)
        depth = "uint16" if image.depth == "uint16" else "uint8"
    else:
        with np.errstate(over="ignore"):
            normalisation.undo(mended)
        check_finite(mended)
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
    )
    mended.flags.writeable = False
    return ThermalImage(mended, unit, depth, valid_range, metadata, nodata, alpha)  # type: ignore[arg-type]


def check_contrast(method: Method, contrast: str, mode: str) -> None:
    """Refuse a choice of contrast that is none, or that the mode or the method does not leave.

    Parameters
    ----------
    method : Method
    contrast : str
    mode : str
        ``auto`` where it is not known yet

    Raises
    ------
    UsageError
        so it is
    """
    if contrast not in CONTRASTS:
        raise UsageError(f"contrast {contrast!r}: expected one of {', '.join(CONTRASTS)}")
    if mode == "radiometric" and contrast == "stretch":
        raise UsageError("contrast 'stretch' changes temperatures; use --mode display")
    if mode == "auto" and contrast == "keep":
        return  # each file's mode says
    if contrast != "auto" and mode != "radiometric" and not declares(method, ChoosesContrast):
        raise UsageError(
            f"{method.info.full_name} leaves no choice of contrast; contrast {contrast!r} is for auto and classical.chain"
        )


def _check_scale(image: ThermalImage, scale: int) -> None:
    if isinstance(scale, bool) or not isinstance(scale, (int, np.integer)) or scale not in SCALES:
        raise UsageError(f"scale {scale}: expected 1, 2 or 4")
    height, width = image.shape
    if scale != 1 and height * width * scale**2 > MAX_PIXELS:
        raise UsageError(
            f"{scale} times {width} x {height} pixels are more than the {MAX_PIXELS // 10**6} megapixels that thermend reads"
        )
