"""Functions on arrays as methods."""

from __future__ import annotations

import numpy as np

from thermend.filters.deconvolution import within_measured
from thermend.filters.resampling import enlarged
from thermend.methods.info import MethodInfo
from thermend.methods.options import Options
from thermend.methods.protocol import Image, PreparedImage, Restored, StepRecord, Task


class Filter:
    """A function from (H, W) float32 in [0, 1] to the same.

    Parameters
    ----------
    info : MethodInfo
        its ``function`` is called
    options : Options
        all of them refused
    """

    def __init__(self, info: MethodInfo, options: Options) -> None:
        options.refuse_all(info)
        self.info, self.function = info, info.load_function()

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Apply the function."""
        mended = np.ascontiguousarray(self.function(image.pixels), np.float32)
        return Restored(mended, [StepRecord(self.info.full_name)])


class Destriper(Filter):
    """A filter against stripes in columns; for stripes in rows the image is turned."""

    reads_diagnosis = True

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Apply the function along the stripes that the diagnosis finds."""
        if image.diagnosis.stripe_direction != "rows":
            return super().restore(image, task)
        turned = self.function(np.ascontiguousarray(image.pixels.T)).T
        return Restored(
            np.ascontiguousarray(turned), [StepRecord(self.info.full_name, {"direction": "rows"}, ("stripes",))]
        )


class Sharpener(Filter):
    """A filter that overshoots beside edges; where pixels are temperatures it is bounded by what was measured nearby."""

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Apply the function."""
        restored = super().restore(image, task)
        if task.mode == "radiometric":
            restored.pixels = within_measured(restored.pixels, image.pixels)
        return restored


class VignettingRemover(Filter):
    """A filter that takes off what is smooth."""

    def without_vignetting(self, pixels: Image) -> Image:
        """(H, W) to the same."""
        return self.function(pixels)


class Upsampler:
    """A function from (H, W) and a scale to (scale H, scale W).

    Parameters
    ----------
    info : MethodInfo
        its ``function`` is called
    options : Options
        all of them refused
    """

    def __init__(self, info: MethodInfo, options: Options) -> None:
        options.refuse_all(info)
        self.info, self.function = info, info.load_function()

    def enlarge(self, pixels: Image, scale: int) -> Image:
        """From (H, W) to (scale H, scale W)."""
        return self.function(pixels, scale)

    def restore(self, image: PreparedImage, task: Task) -> Restored:
        """Enlarge; where pixels are temperatures, without the overshoot beside edges."""
        large = enlarged(image.pixels, task.scale, self.enlarge, task.mode)
        return Restored(large, [StepRecord(self.info.full_name, {"scale": task.scale}, ("low-resolution",))])
