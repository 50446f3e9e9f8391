"""How a reader is told what a file does not say itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from thermend.errors import UsageError
from thermend.image import MAX_PIXELS, ZERO_CELSIUS_IN_KELVIN

StatedUnit = Literal["celsius", "kelvin", "centikelvin", "fahrenheit", "counts"]
RANGE_FINDER = "range-finder"


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
    distance : float or str or None
        metres, instead of that in a radiometric file; ``range-finder`` takes what the camera's range finder measured
    band : int or None
        which band of a file that holds several, from 1, as GDAL counts
    kelvin_per_count, offset : float or None
        of counts that are linear in temperature: degrees Celsius = kelvin_per_count · count + offset; −273.15 where only the
        first is stated
    max_pixels : int
        larger images are refused before they are decoded
    empty : bool
        an image without any valid pixel is given, as of recordings (:class:`FrameOptions`); a single one is refused
    """

    empty: ClassVar[bool] = False

    unit: StatedUnit | None = None
    palette: str | None = None
    emissivity: float | None = None
    reflected_temperature: float | None = None
    distance: float | str | None = None
    band: int | None = None
    kelvin_per_count: float | None = None
    offset: float | None = None
    max_pixels: int = MAX_PIXELS

    def __post_init__(self) -> None:
        if self.unit is not None and self.unit not in get_args(StatedUnit):
            raise UsageError(f"unit {self.unit!r}: expected one of {', '.join(get_args(StatedUnit))}")
        if self.emissivity is not None and not 0 < self.emissivity <= 1:
            raise UsageError(f"emissivity {self.emissivity}: expected more than 0 and at most 1")
        if self.reflected_temperature is not None and not -ZERO_CELSIUS_IN_KELVIN < self.reflected_temperature < 5000:
            raise UsageError(f"reflected temperature {self.reflected_temperature}: expected degrees Celsius")
        if isinstance(self.distance, str) and self.distance != RANGE_FINDER:
            raise UsageError(f"distance {self.distance!r}: expected metres, or {RANGE_FINDER}")
        if isinstance(self.distance, (int, float)) and not 0 <= self.distance < 1e6:
            raise UsageError(f"distance {self.distance}: expected metres")
        if self.band is not None and self.band < 1:
            raise UsageError(f"band {self.band}: bands are counted from 1")
        if self.kelvin_per_count is not None and not 0 < self.kelvin_per_count < 1e3:
            raise UsageError(f"kelvin per count {self.kelvin_per_count}: expected more than 0, as in 0.04")
        if self.offset is not None and self.kelvin_per_count is None:
            raise UsageError("offset goes with kelvin per count: degrees Celsius = kelvin per count · count + offset")
        if self.offset is not None and not -1e6 < self.offset < 1e6:
            raise UsageError(f"offset {self.offset}: expected degrees Celsius")
        if self.kelvin_per_count is not None and self.unit not in (None, "counts"):
            raise UsageError(f"kelvin per count is for counts, not for {self.unit}")
        if self.max_pixels < 1:
            raise UsageError(f"--max-pixels {self.max_pixels}: expected more than 0")
        if self.palette is not None:
            from thermend.io import palettes

            palettes.table(self.palette)

    @property
    def distance_in_metres(self) -> float | None:
        """The distance, where it is stated in metres; no range finder's is known but to DJI's cameras."""
        return None if isinstance(self.distance, str) else self.distance

    @property
    def scaling(self) -> tuple[float, float] | None:
        """Kelvin a count and degrees Celsius at 0, where they are stated."""
        if self.kelvin_per_count is None:
            return None
        return self.kelvin_per_count, -ZERO_CELSIUS_IN_KELVIN if self.offset is None else self.offset

    @property
    def overrides_radiometry(self) -> bool:
        """Whether emissivity, reflected temperature or distance are stated."""
        return any(v is not None for v in (self.emissivity, self.reflected_temperature, self.distance))


class FrameOptions(ReadOptions):
    """The same of a recording's frames: one without any valid pixel does not end it."""

    empty = True

    @classmethod
    def of(cls, options: ReadOptions) -> FrameOptions:
        """What is stated of an input, of its frames."""
        return cls(**vars(options))
