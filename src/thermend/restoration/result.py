"""What a restorer makes of one image."""

from __future__ import annotations

from dataclasses import dataclass

from thermend.estimation import Diagnosis
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
    diagnosis : Diagnosis or None
        of the image that was given, where it was asked for on the way; else None, and :func:`thermend.diagnose` tells
    """

    image: ThermalImage
    steps: tuple[StepRecord, ...]
    verification: Verification | None = None
    diagnosis: Diagnosis | None = None
