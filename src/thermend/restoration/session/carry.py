"""What a method did to one frame, carried on to those after it: a gain, a smooth field and fine detail.

A result is o = a m + b + e of the scene's estimate m: a, one number, is what became of the contrast; b, smooth, of level and
vignetting; e, fine, is what the method mended. a and b change slowly from frame to frame, so that nothing flickers; e moves
with the scene. All but the frames that the method sees are made of the three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thermend.filters.motion import Motion
from thermend.restoration.session.coarse import enlarged, reduced

Image = NDArray[np.float32]

_VISIBLE = 3.0 / 255
"""Share of the range; less is not seen."""
_NOTHING, _NO_GAIN = 0.15 / 255, 0.005
"""Share of the range, root mean square, and of the contrast: a method that changes less has nothing to mend."""
_FOLLOWS = 0.25
"""Share of a new gain and field that is taken over; what is older fades."""


@dataclass
class Carried:
    """Gain, field and detail; what is made of m is clipped nowhere.

    Attributes
    ----------
    gain : float
    field : (h, w) float32
        reduced eight times
    detail : (H, W) float32
    known : (H, W) float32
        1 where the detail is known, 0 where the scene came in since
    """

    gain: float
    field: Image
    detail: Image
    known: Image

    @classmethod
    def of(cls, estimate: Image, result: Image) -> Carried:
        """From what a method was given to what it made, (H, W) each."""
        gain = _gain(estimate, result)
        difference = result - np.float32(gain) * estimate
        smooth = reduced(difference)
        detail = difference - enlarged(smooth, estimate.shape)
        return cls(gain, smooth, detail, np.ones_like(estimate))

    def then(self, new: Carried) -> Carried:
        """What holds from a newly mended frame on: its detail, and level and contrast as they were, a little changed."""
        gain = self.gain + _FOLLOWS * (new.gain - self.gain)
        smooth = self.field + np.float32(_FOLLOWS) * (new.field - self.field)
        return Carried(gain, smooth, new.detail, new.known)

    @property
    def is_nothing(self) -> bool:
        """Whether the method left the scene as it is."""
        changed = np.sqrt(float((self.detail**2).mean()) + float((self.field**2).mean()))
        return abs(self.gain - 1) < _NO_GAIN and bool(changed < _NOTHING)

    def keep_large(self) -> None:
        """Detail that cannot be seen is left out: of a picture without noise it is the method's own error."""
        self.detail[np.abs(self.detail) < _VISIBLE * self.gain] = 0

    def moved(self, motion: Motion, forgotten: NDArray[np.bool_] | None, change: Image | None) -> None:
        """The camera moved. Where something moved by itself, detail is forgotten; `change` is that of the estimate, where what
        is shown shall stay as the method made it, whatever the estimate becomes."""
        if not motion.is_still(self.detail.shape):
            self.detail = motion.warp(self.detail, border=0.0, smooth=True)
            self.known = motion.warp(self.known, border=0.0, smooth=True)
        if change is not None:
            self.detail -= np.float32(self.gain) * change * self.known
        if forgotten is not None:
            self.detail[forgotten] = 0
            self.known[forgotten] = 0

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """Where the method has seen the scene, (H, W)."""
        return np.asarray(self.known >= 0.5)

    def clean(self, estimate: Image) -> Image:
        """The scene on its own levels: what the method mended of it, without what it did to contrast and level."""
        return estimate + self.detail / np.float32(self.gain)

    def apply(self, estimate: Image) -> Image:
        """The result for an estimate, (H, W)."""
        found = np.float32(self.gain) * estimate
        found += enlarged(self.field, estimate.shape)
        found += self.detail
        return found


def _gain(estimate: Image, result: Image) -> float:
    """What became of the contrast; of what is coarse, which noise has no part in."""
    before, after = (reduced(part, 1.0) for part in (estimate, result))
    before, after = before - before.mean(), after - after.mean()
    power = float((before**2).sum())
    return float(np.clip((before * after).sum() / power, 0.1, 10.0)) if power > 1e-8 else 1.0
