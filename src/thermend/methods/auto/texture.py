"""Fine texture that the detail network takes for noise, given back from what a filter keeps.

Two estimates of one scene err in different ways: the network draws edges and wipes faint texture away, the cosine transform
keeps that and leaves some of the noise. Where they are further apart than what the filter leaves of noise, what lies between
them is the scene's (as a Wiener filter weighs it), and a part of it is given back.
"""

from __future__ import annotations

import numpy as np

from thermend.bands import bands
from thermend.estimation import Diagnosis
from thermend.filters.smoothing import gaussian
from thermend.methods.protocol import Image

MOST = 0.7
"""Share that is given back at most; and so much up to a noise of :data:`WEAK` grey levels, less with more noise, and nothing
from :data:`STRONG` on, where filters keep no texture."""
WEAK, STRONG = 6.0, 20.0
LEFT_OF_WHITE, LEFT_OF_CORRELATED = 0.4, 1.2
"""What the filter leaves of noise, shares of its standard deviation, and a little more: noise that neighbours share passes it
whole. (Set on images of validation, and on recordings of plain sky, where nothing is to come back.)"""
AROUND = 3.0
"""σ of the neighbourhood in which the two are compared, pixels."""
AS_FOUND, UNLIKE = 1.2, 1.7
"""Deviation of what the network took off, in units of the noise that was found: up to the one the noise is as it was found, and
from the other on there is more than the filter is told of (where noise was cut off at the ends of the range, for one)."""
_LEAST = 0.02
_FAINTEST = 0.1
"""Grey levels."""
_OF_NORMAL = 1.4826
"""Standard deviation of normal noise in units of its median deviation."""


def share_of(given: Image, mended: Image, diagnosis: Diagnosis) -> float:
    """How much is given back at most, 0 to :data:`MOST`; nothing where the network took far more off than noise was found.

    Parameters
    ----------
    given, mended : (H, W) float32
        what the network was given, and what it made of that
    diagnosis : Diagnosis
        of the image
    """
    if diagnosis.correlated_noise_sigma:
        return MOST
    share = float(np.interp(diagnosis.noise_sigma, (WEAK, STRONG), (MOST, 0.0)))
    if share >= _LEAST:
        taken = (given - mended)[::2, ::2]
        deviation = _OF_NORMAL * float(np.median(np.abs(taken - np.median(taken))))
        share *= float(
            np.interp(255 * deviation / max(diagnosis.noise_sigma, _FAINTEST), (AS_FOUND, UNLIKE), (1.0, 0.0))
        )
    return share if share >= _LEAST else 0.0


def give_back(mended: Image, filtered: Image, diagnosis: Diagnosis, most: float) -> tuple[Image, float]:
    """What the network made, with the texture that the filter kept; and the mean share of the filter in it.

    Parameters
    ----------
    mended, filtered : (H, W) float32
        what the network and what the filter made of one image
    diagnosis : Diagnosis
        of that image
    most : float
        as :func:`share_of` has it
    """
    correlated = diagnosis.correlated_noise_sigma
    noise = LEFT_OF_CORRELATED * correlated if correlated else LEFT_OF_WHITE * diagnosis.noise_sigma
    left, total = np.float32((noise / 255) ** 2), 0.0
    result = np.empty_like(mended)
    for place, own in bands(mended.shape, round(4 * AROUND)):
        apart = filtered[place] - mended[place]
        energy = gaussian(apart * apart, AROUND)
        share = np.float32(most) * np.clip(1 - left / np.maximum(energy, np.float32(1e-12)), 0, 1)
        result[place][own] = (mended[place] + share * apart)[own]
        total += float(share[own].sum(dtype=np.float64))
    return result, total / mended.size
