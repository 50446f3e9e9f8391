"""From a thermal image to a better one.

| module | what |
| --- | --- |
| `loading` | methods made ready to run, and kept |
| `restorer` | `Restorer`: the whole way from image to image |
| `preparation` | made ready for a method, and back |
| `temperatures` | what a radiometric result owes to the measurement |
| `verification` | a result held against what was measured |
| `provenance` | what a result says of how it was made |
| `many` | stacks and tensors |
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from thermend.image import ThermalImage
from thermend.methods.watch import Cancel, Progress
from thermend.restoration.loading import load
from thermend.restoration.restorer import Restorer
from thermend.restoration.result import Result
from thermend.restoration.verification import Verification, verify


def enhance(
    image: ThermalImage | ArrayLike,
    *,
    method: str = "auto",
    mode: str = "auto",
    scale: int = 1,
    contrast: str = "auto",
    progress: Progress | None = None,
    cancel: Cancel | None = None,
) -> ThermalImage:
    """Mend one thermal image.

    Parameters
    ----------
    image : ThermalImage or array_like
        an array is (H, W): uint8 grey levels, anything else counts
    method : str
        as for :func:`load`
    mode : str
        ``radiometric``, ``display`` or ``auto``
    scale : int
        1, 2 or 4
    contrast : str
        ``auto``, ``keep`` or ``stretch``
    progress, cancel : callable or None
        as for :meth:`Restorer.restore`, which says more of all

    Returns
    -------
    ThermalImage

    Examples
    --------
    >>> import numpy as np, thermend
    >>> result = thermend.enhance(np.full((48, 64), 20000, np.uint16))
    >>> result.unit, result.shape
    ('counts', (48, 64))
    """
    asked: dict[str, Any] = {"mode": mode, "scale": scale, "contrast": contrast, "progress": progress, "cancel": cancel}
    return load(method).restored(image, **asked).image


__all__ = ["Restorer", "Result", "Verification", "enhance", "load", "verify"]
