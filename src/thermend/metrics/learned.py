"""Measures that need trained networks or statistics, by pyiqa: an optional extra, since it brings torchvision and timm.

pip install 'thermend[measures]'
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from thermend.errors import MissingDependencyError, UsageError

NO_REFERENCE = ("niqe", "musiq", "maniqa", "maniqa-pipal", "nima")
"""``maniqa-pipal`` is the model that HiDRA's authors measured with (pyiqa 0.1.7 called it ``maniqa``)."""
FULL_REFERENCE = ("lpips", "lpips-vgg", "dists")
"""``lpips`` is AlexNet's, as in HiDRA's table."""
SETS = ("fid",)
NAMES = (*NO_REFERENCE, *FULL_REFERENCE, *SETS)


@cache
def _measure(name: str) -> Any:
    try:
        import pyiqa
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} is measured by pyiqa, which is not installed: pip install 'thermend[measures]'"
            " (it brings a torch of its own choice; take an environment apart from thermend's pinned one)"
        ) from error
    return pyiqa.create_metric(name)


def require(name: str) -> None:
    """Make sure, before long work begins, that a measure of one image can be had.

    Raises
    ------
    MissingDependencyError
        pyiqa is not installed; the message says how to get it
    UsageError
        an unknown name
    """
    if name not in NO_REFERENCE + FULL_REFERENCE:
        raise UsageError(f"measure {name!r}: expected one of {', '.join(NO_REFERENCE + FULL_REFERENCE)}")
    _measure(name)


def _batch(image: ArrayLike) -> Any:
    import torch

    from thermend.metrics.fidelity import grey_levels

    levels = grey_levels(image).astype(np.float32) / 255
    return torch.from_numpy(levels)[None, None].expand(1, 3, -1, -1)


def learned(name: str, image: ArrayLike, clean: ArrayLike | None = None) -> float:
    """NIQE, MUSIQ, MANIQA or NIMA of one image; LPIPS or DISTS of one against the clean one.

    Parameters
    ----------
    name : str
        one of :data:`NO_REFERENCE` or :data:`FULL_REFERENCE`
    image, clean : (H, W) or None
        grey levels of 255; repeated to three channels

    Raises
    ------
    MissingDependencyError
        pyiqa is not installed; the message says how to get it
    UsageError
        an unknown name, or no clean image where one is needed
    """
    require(name)
    if name in NO_REFERENCE:
        return float(_measure(name)(_batch(image)))
    if clean is None:
        raise UsageError(f"{name} compares with a clean image, and none is given")
    return float(_measure(name)(_batch(image), _batch(clean)))


def fid(results: str, clean: str) -> float:
    """Fréchet inception distance between the images of two folders.

    Raises
    ------
    MissingDependencyError
        pyiqa is not installed; the message says how to get it
    """
    return float(_measure("fid")(results, clean))
