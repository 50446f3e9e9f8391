"""A look ahead: a camera's pattern, learned from the frames that come, before the first of them is mended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from thermend.image import ThermalImage
from thermend.restoration.session.pattern import CameraPattern

if TYPE_CHECKING:
    from thermend.restoration.session.session import Session


def learned(ahead: Session, frames: Iterable[ThermalImage | ArrayLike]) -> CameraPattern | None:
    """The pattern that a session finds in frames; None where they show none. After a shutter event it would be another's: what
    was known before counts.

    Parameters
    ----------
    ahead : Session
        that had no frame yet
    frames : iterable of ThermalImage or array_like
    """
    found: CameraPattern | None = None
    for frame in frames:
        ahead(frame)
        if ahead.shutters:
            break
        if ahead.knows_pattern:
            found = ahead.pattern()
    return found
