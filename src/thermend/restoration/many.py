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
    """Whether that is an (N, H, W) array."""
    return not isinstance(images, ThermalImage) and np.ndim(images) == 3


def restored_tensor(restore: Restore, images: Any) -> Any:
    """A batch of grey levels from 0 to 1, (B, 1, H, W), restored one by one; a tensor of the same type on the same device.

    Raises
    ------
    UsageError
        a tensor of another shape
    """
    if images.ndim != 4 or images.shape[1] != 1:
        raise UsageError(f"a tensor of shape {tuple(images.shape)}: expected (B, 1, H, W)")
    given = images.detach().cpu().float().numpy()[:, 0] * np.float32(255)
    mended = [restore(ThermalImage(grey, "display", "float32", (0.0, 255.0))).pixels for grey in given]
    return images.new_tensor(np.stack(mended)[:, None] / np.float32(255))


def restored_stack(restore: Restore, images: Any) -> Any:
    """An (N, H, W) array (uint8 grey levels, anything else counts), restored one by one; (N, s H, s W) float32."""
    return np.stack([restore(each).pixels for each in images])
