"""A network, on an engine, as a function from (H, W) to (H, W)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from thermend.restoration.engines import Engine
from thermend.restoration.tiling import run_tiled

Image = NDArray[np.float32]

WHOLE_AT_MOST = 1_500_000  # pixels; larger images go through in tiles
DEFAULT_TILE = 768


class NetworkFunction:
    """Runs one image through a network, in tiles where it is large or the network's size is fixed.

    Parameters
    ----------
    engine : one (N, C, H, W) input with 1 channel, or 3 that get the same; of the output's channels the mean is taken
    tile : side of a tile, pixels; None decides by the size of the image
    overlap : pixels that neighbouring tiles share
    multiple : the network's sizes are multiples of this
    """

    def __init__(self, engine: Engine, tile: int | None = None, overlap: int = 48, multiple: int = 8) -> None:
        self.engine = engine
        self.tile, self.overlap, self.multiple = tile, overlap, multiple

    def __call__(self, image: Image) -> Image:
        """From (H, W) float32 in [0, 1] to (s H, s W) float32."""
        fixed = self.engine.fixed_size
        if fixed is not None:
            return self._fixed(image, fixed)
        tile = self.tile or (max(image.shape) if image.size <= WHOLE_AT_MOST else DEFAULT_TILE)
        return run_tiled(image, self._run, tile, min(self.overlap, tile // 2), self.multiple)

    def _fixed(self, image: Image, size: tuple[int, int]) -> Image:
        down, right = (max(0, side - n) for side, n in zip(size, image.shape))
        padded = np.pad(image, ((0, down), (0, right)), mode="symmetric") if down or right else image
        result = run_tiled(padded, self._run, size, min(self.overlap, min(size) // 2))
        scale = result.shape[0] // padded.shape[0]
        return result[: image.shape[0] * scale, : image.shape[1] * scale]

    def _run(self, piece: Image) -> Image:
        batch = np.repeat(piece[None, None], self.engine.channels, axis=1)
        result = self.engine.run(np.ascontiguousarray(batch, np.float32))
        return np.asarray(result[0].mean(axis=0), np.float32)
