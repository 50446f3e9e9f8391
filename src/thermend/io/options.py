"""How a reader is told what a file does not say itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from thermend.errors import UsageError
from thermend.image import ZERO_CELSIUS_IN_KELVIN

StatedUnit = Literal["celsius", "kelvin", "centikelvin", "counts"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user states about an input.

    Attributes
    ----------
    unit : StatedUnit or None
        unit of the stored numbers; centikelvin is FLIR's TLinear at high resolution (0.01 K a count)
    palette : str or None
        the palette of a coloured picture, or ``black-hot`` for a grey one in which hot is dark
    emissivity : float or None
        0 (exclusive) to 1, instead of that in a radiometric file
    reflected_temperature : float or None
        degrees Celsius, instead of that in a radiometric file
    distance : float or None
        metres, instead of that in a radiometric file
    """

    unit: StatedUnit | None = None
    palette: str | None = None
    emissivity: float | None = None
    reflected_temperature: float | None = None
    distance: float | None = None

    def __post_init__(self) -> None:
        if self.unit is not None and self.unit not in get_args(StatedUnit):
            raise UsageError(f"unit {self.unit!r}: expected one of {', '.join(get_args(StatedUnit))}")
        if self.emissivity is not None and not 0 < self.emissivity <= 1:
            raise UsageError(f"emissivity {self.emissivity}: expected more than 0 and at most 1")
        if self.reflected_temperature is not None and not -ZERO_CELSIUS_IN_KELVIN < self.reflected_temperature < 5000:
            raise UsageError(f"reflected temperature {self.reflected_temperature}: expected degrees Celsius")
        if self.distance is not None and not 0 <= self.distance < 1e6:
            raise UsageError(f"distance {self.distance}: expected metres")
        if self.palette is not None:
            from thermend.io import palettes

            palettes.table(self.palette)

    @property
    def overrides_radiometry(self) -> bool:
        """Whether emissivity, reflected temperature or distance are stated."""
        return any(v is not None for v in (self.emissivity, self.reflected_temperature, self.distance))
