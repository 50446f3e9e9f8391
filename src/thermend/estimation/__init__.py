"""What is wrong with an image: the severity of each degradation, estimated from the image alone.

| module | what |
| --- | --- |
| `diagnosis` | all of it, as one :class:`~thermend.estimation.diagnosis.Diagnosis` |
| `normalised` | the image as estimators see it |
| `estimates` | what several ask of one image, estimated once |
| `noise`, `correlated_noise`, `stripes`, `blur`, `vignetting`, `bad_pixels`, `contrast` | one degradation each |
| `stripe_forms` | stripes in banks, in a part of the frame, of gain, at an angle; banding |
| `saturation` | where the values are at the end of their range |
| `interpolation` | whether a camera or a program enlarged the image |

An estimator imports filters, and never a method.
"""

from __future__ import annotations

from thermend.estimation.diagnosis import SURE_SHARE, Diagnosis, diagnose, diagnosis_of
from thermend.estimation.normalised import Normalised, normalised

__all__ = ["SURE_SHARE", "Diagnosis", "Normalised", "diagnose", "diagnosis_of", "normalised"]
