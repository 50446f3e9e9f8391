"""Pixels that hold no number."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.image import ThermalImage

_INPAINT_AT_MOST = 20_000  # pixels; a larger hole is filled from its rim


def fill_invalid(image: ThermalImage) -> NDArray[np.float32]:
    """The image's pixels with every invalid one inpainted; the image's own array where none is.

    Single pixels and scratches are inpainted by fast marching [1]_; of large holes every pixel takes the value of the
    nearest valid one.

    References
    ----------
    .. [1] A. Telea, An image inpainting technique based on the fast marching method, J. Graphics Tools 9 (2004).
    """
    valid = image.valid
    if valid.all():
        return image.pixels
    from scipy.ndimage import distance_transform_edt

    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    filled = image.pixels[tuple(nearest)]
    missing = ~valid if image.nodata is None else ~valid & ~image.nodata
    if 0 < missing.sum() <= _INPAINT_AT_MOST and min(image.shape) > 2:
        low, high = float(filled.min()), float(filled.max())
        painted = cv2.inpaint((filled - low).astype(np.float32), missing.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        filled = np.where(missing, np.clip(painted + np.float32(low), low, high), filled)
    return np.asarray(filled, np.float32)
