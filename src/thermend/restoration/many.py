"""Several images at once: what is given comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from thermend.errors import UsageError
from thermend.image import ThermalImage

Restore = Callable[[Any], ThermalImage]


def is_tensor(images: Any) -> bool:
    """Whether that is a torch tensor; torch is not loaded for the question."""
    return hasattr(images, "detach") and hasattr(images, "new_tensor")


def is_stack(images: Any) -> bool:
    """Whether that is an (N, H, W) array.

    Raises
    ------
    UsageError
        it is no array at all, or a colour picture
    """
    if isinstance(images, ThermalImage):
        return False
    try:
        shape = np.shape(images)
    except ValueError as error:
        raise UsageError(f"this is no (height, width) array, nor several of one size ({error})") from error
    if len(shape) == 3 and shape[2] in (3, 4):
        raise UsageError(f"an array of shape {shape} is a colour picture; a thermal image is (height, width)")
    return len(shape) == 3


def restored_tensor(restore: Restore, images: Any) -> Any:
    """A batch of grey levels from 0 to 1, (B, 1, H, W), restored one by one; a tensor of the same type on the same device.

    Raises
    ------
    UsageError
        a tensor of another shape, of none, or of integers
    """
    if images.ndim != 4 or images.shape[1] != 1 or not len(images):
        raise UsageError(f"a tensor of shape {tuple(images.shape)}: expected (B, 1, H, W)")
    if not images.is_floating_point():
        raise UsageError(f"a tensor of {images.dtype}: expected grey levels from 0 to 1 in floating point")
    given = images.detach().cpu().float().numpy()[:, 0] * np.float32(255)
    mended = [restore(ThermalImage(grey, "display", "float32", (0.0, 255.0))).pixels for grey in given]
    return images.new_tensor(np.stack(mended)[:, None] / np.float32(255))


def restored_stack(restore: Restore, images: Any) -> Any:
    """An (N, H, W) array (uint8 grey levels, anything else counts), restored one by one; (N, s H, s W) float32.

    Raises
    ------
    UsageError
        there is none
    """
    if not len(images):
        raise UsageError(f"a stack of shape {np.shape(images)} holds no image")
    return np.stack([restore(each).pixels for each in images])
