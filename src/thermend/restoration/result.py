"""What a restorer makes of one image."""

from __future__ import annotations

from dataclasses import dataclass

from thermend.image import ThermalImage
from thermend.methods.protocol import StepRecord
from thermend.restoration.verification import Verification


@dataclass(frozen=True)
class Result:
    """What a restorer makes of one image.

    Attributes
    ----------
    image : ThermalImage
    steps : tuple of StepRecord
        what the method did, in order
    verification : Verification or None
        of a generative method's result
    """

    image: ThermalImage
    steps: tuple[StepRecord, ...]
    verification: Verification | None = None
