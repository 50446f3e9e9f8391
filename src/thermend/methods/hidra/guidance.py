"""Inference: the vector P of the whole image steers every tile of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
PERCENTILES = (0, 0.1, 1, 5, 25, 50, 75, 95, 99, 99.9, 100)
STATISTICS = 2 + len(PERCENTILES)
"""Numbers that a restored image is described by, its darkest and its brightest pixel among them: a camera fills its range."""
VIEWS = 3
"""Pieces, along each side at most, that P is estimated from: at full resolution, since noise does not survive a thumbnail."""
STEP = 8
"""What their places are multiples of, so that the squares of an image that was enlarged lie in each as they do in a crop; up to
so many pixels less one are left out at the ends."""

LEAST_VIEW = 28
"""Side of a piece of which nothing is asked, where pieces have no size of their own."""
WHOLE, WHOLE_SIDE = 1_000_000, 980
"""Pixels of an image that is looked at as a whole where that was learned from; of a larger one, the side of the pieces."""


class Network(Protocol):
    """What runs the network; :class:`thermend.engines.network.TiledNetwork` does."""

    @property
    def fixed_size(self) -> tuple[int, int] | None:
        """Height and width, where the network takes no other."""
        ...

    def outputs(self, batch: Image, **others: Image) -> list[Image]:
        """All outputs, run once."""
        ...


class Guidance:
    """How the degradation vector P of an image is had from a file of weights.

    Parameters
    ----------
    facts : mapping
        what the weights say of themselves: ``view``, the side of the pieces that P was learned from (0: the whole image),
        ``estimator``, ``multiple`` and ``level``

    Raises
    ------
    ValueError, TypeError
        they say something else
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        estimator = facts.get("estimator")
        if not isinstance(estimator, Mapping) or not isinstance(facts.get("view"), int):
            raise ValueError("does not say how HiDRA's degradation vector is estimated")
        self.width = int(estimator["width"]) if estimator.get("guides") else 1
        self.guides = bool(estimator.get("guides"))
        self.view = int(facts["view"])
        self.multiple = int(facts.get("multiple", 8))
        self.levels = bool(facts.get("level"))
        if self.view < 0 or self.width < 1 or self.multiple < 1:
            raise ValueError("says impossible things of HiDRA's degradation vector")

    def vector(self, image: Image, network: Network) -> Image:
        """P of a whole image, (1, width): the mean over pieces spread over it."""
        if not self.guides:
            return np.zeros((1, self.width), np.float32)
        none = np.zeros((1, self.width), np.float32)
        pixels = np.clip(image, 0, 1)
        seen = views(pixels, self.view or WHOLE_SIDE) if self.view or pixels.size > WHOLE else pixels[None, None]
        found = network.outputs(self._unused(network), vector=none, **self.beside(np.ascontiguousarray(seen)))[1]
        return np.asarray(found.mean(0, keepdims=True), np.float32)

    def level(self, image: Image, vector: Image, network: Network) -> Image:
        """A restored image, (H, W), with the level that P and its grey levels tell; as it is, where the weights tell none."""
        if not self.levels:
            return image
        told = {**self.beside(), "told": statistics_of(image)}
        return levelled(image, network.outputs(self._unused(network), vector=vector, **told)[2])

    def beside(self, view: Image | None = None) -> dict[str, Image]:
        """The network's further inputs, of which nothing is asked unless pieces are given."""
        side = self.view or LEAST_VIEW
        view = np.zeros((1, 1, side, side), np.float32) if view is None else view
        return {"view": view} | ({"told": np.zeros((1, STATISTICS), np.float32)} if self.levels else {})

    def _unused(self, network: Network) -> Image:
        return np.zeros((1, 1, *(network.fixed_size or 2 * (self.multiple,))), np.float32)


def statistics_of(image: Image) -> Image:
    """Mean, standard deviation and percentiles of a restored image, (H, W); (1, 13) float32."""
    return np.array([[image.mean(), image.std(), *np.percentile(image, PERCENTILES)]], np.float32)


def levelled(image: Image, level: Image) -> Image:
    """An image, (H, W), with what :class:`thermend.methods.hidra.level.Level` says of it, (1, 2), put right."""
    mean = image.mean()
    gain, offset = np.exp(level[0, 0]), level[0, 1]
    return np.asarray(mean + offset + gain * (image - mean), np.float32)


def views(image: Image, side: int) -> Image:
    """(N, 1, side, side): up to 3 × 3 pieces, spread evenly but for :data:`STEP`; a smaller image is mirrored up to one."""
    down, right = (max(0, side - n) for n in image.shape)
    if down or right:
        image = np.pad(image, ((0, down), (0, right)), mode="symmetric")
    tops, lefts = (
        np.unique(np.linspace(0, n - side, min(VIEWS, -(-n // side))).astype(int) // STEP * STEP) for n in image.shape
    )
    return np.stack([image[top : top + side, left : left + side] for top in tops for left in lefts])[:, None]
