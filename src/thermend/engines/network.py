"""Networks on images of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from thermend.engines.engine import Engine
from thermend.engines.tiling import Seen, run_tiled

Image = NDArray[np.float32]

WHOLE_AT_MOST = 1_500_000
DEFAULT_TILE = 768


class TiledNetwork:
    """Runs images of any size through a network, in tiles where they are large or the network's size is fixed.

    Parameters
    ----------
    engine : Engine
        one (N, C, H, W) input with 1 channel, or 3 that get the same; of the output's channels the mean is taken
    tile : int or None
        side of a tile, pixels; None decides by the size of the image
    overlap : int
        pixels that neighbouring tiles share
    multiple : int
        the network's sizes are multiples of this
    least : int
        no side is shorter than this; smaller images are mirrored
    whole : int
        larger images, in pixels, go through in tiles
    side : int
        of those
    """

    def __init__(
        self,
        engine: Engine,
        tile: int | None = None,
        overlap: int = 48,
        multiple: int = 8,
        least: int = 1,
        whole: int = WHOLE_AT_MOST,
        side: int = DEFAULT_TILE,
    ) -> None:
        self.engine = engine
        self.tile, self.overlap, self.multiple, self.least = tile, overlap, multiple, least
        self.whole, self.side = whole, side

    @property
    def facts(self) -> dict[str, str]:
        """What provenance says of how it was computed."""
        return {"engine": self.engine.name, "precision": self.engine.precision}

    def __call__(self, image: Image) -> Image:
        """From (H, W) float32 in [0, 1] to (s H, s W) float32."""
        return self.tiled(image)

    def tiled(self, image: Image, seen: Seen | None = None, **others: NDArray[np.float32]) -> Image:
        """One run, in tiles where the image is large.

        Parameters
        ----------
        image : (H, W) float32
        seen : callable or None
            called with the number of tiles that are done, and of all
        others : arrays
            further inputs by name, the same for every tile
        """
        run = partial(self._run, **others)
        fixed = self.engine.fixed_size
        if fixed is not None:
            return self._enlarged(image, fixed, lambda whole: self._tiles_of(whole, fixed, run, seen))
        if min(image.shape) < self.least:
            return self._enlarged(image, (self.least, self.least), partial(self.tiled, seen=seen, **others))
        tile = self.tile or (max(image.shape) if image.size <= self.whole else self.side)
        return run_tiled(image, run, tile, min(self.overlap, tile // 2), self.multiple, seen)

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width, where the network takes no other."""
        return self.engine.fixed_size

    def outputs(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs of one run, (N, C, H, W) as it is."""
        return self.engine.run(np.ascontiguousarray(batch, np.float32), **others)

    def _tiles_of(self, image: Image, size: tuple[int, int], run: Callable[[Image], Image], seen: Seen | None) -> Image:
        return run_tiled(image, run, size, min(self.overlap, min(size) // 2), 1, seen)

    @staticmethod
    def _enlarged(image: Image, size: tuple[int, int], function: Callable[[Image], Image]) -> Image:
        """Apply a function to the image, mirrored up to a size."""
        down, right = (max(0, side - n) for side, n in zip(size, image.shape))
        padded = np.pad(image, ((0, down), (0, right)), mode="symmetric") if down or right else image
        result = function(padded)
        scale = result.shape[0] // padded.shape[0]
        return result[: image.shape[0] * scale, : image.shape[1] * scale]

    def _run(self, piece: Image, **others: NDArray[np.float32]) -> Image:
        batch = np.repeat(piece[None, None], self.engine.channels, axis=1)
        return np.asarray(self.outputs(batch, **others)[0][0].mean(axis=0), np.float32)
