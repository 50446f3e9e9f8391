"""How warm things are on the day of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Climate:
    """Air, sky and sun of a scene; degrees Celsius, and from 0 (night) to 1 (noon).

    Attributes
    ----------
    air : float
    sky : float
        how much colder than the air the sky is overhead
    cloud : float
        0 clear to 1 overcast, where the sky is all but as warm as the air
    sun : float
    """

    air: float
    sky: float
    cloud: float
    sun: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Climate:
        """Any day."""
        sun = float(rng.beta(0.7, 0.9))
        return cls(float(rng.uniform(-10, 32)), float(rng.uniform(8, 60)), float(rng.beta(0.8, 1.2)), sun)

    def surface(self, rng: np.random.Generator, dark: float = 0.5, spread: float = 1.5) -> float:
        """A surface in the open: by day the sun warms it, by night the sky cools it.

        Parameters
        ----------
        dark : float
            share of the sun's light that it takes up
        """
        warmed = 26 * self.sun * dark * (1 - 0.6 * self.cloud)
        cooled = 5 * (1 - self.sun) * (1 - self.cloud)
        return float(self.air + warmed - cooled + rng.normal(0, spread))

    def leaves(self, rng: np.random.Generator) -> float:
        """Leaves, which stay near the air."""
        return float(self.air + 3 * self.sun * (1 - self.cloud) + rng.normal(0, 1.0))

    def warm(self, rng: np.random.Generator, low: float, high: float) -> float:
        """What has a warmth of its own: skin, engines, heated rooms."""
        own = rng.uniform(low, high)
        return float(0.75 * own + 0.25 * self.air)
