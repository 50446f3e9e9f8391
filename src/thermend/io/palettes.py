"""Colour palettes of thermal cameras: to colour a picture, and to get the intensity back from a coloured one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import UsageError

# Colours at equal distances from cold to hot; between them, straight lines in RGB.
_STOPS: dict[str, str] = {
    "white-hot": "000000 ffffff",
    "black-hot": "ffffff 000000",
    "iron": "001118 0a025e 39008b 6300a1 8800a8 a70b9f c11b8c d62e70 e64550 f56030 ff7917 ff9303 ffac00 ffc403 ffda1c "
    "ffed4b fbfa94 f4ffff",
    "ironbow": "00000a 1e0078 5a0096 96009b c81e8c e63c50 f06414 fa8c00 ffb400 ffdc28 fff58c ffffff",
    # DJI's; its colours by the luma of pictures whose temperatures are known, in equal steps
    "iron-dji": "040030 20005c 3b006c 5d007b 81008b a1019a bf0b89 d51d5b eb3028 fc4402 fe5400 fd6d02 fc8200 fc9703 feaa0a "
    "ffbb1e ffcc28 ffdf3a ffeb68 fff989 ffffdc",
    "rainbow": "000080 0000ff 0080ff 00ffff 00ff80 00ff00 80ff00 ffff00 ff8000 ff0000 800000",
    "rainbow-hc": "000000 46007d 0000ff 00aaff 00ffc8 00ff00 aaff00 ffff00 ff8c00 ff0000 ff64ff ffffff",
    "red-hot": "000000 800000 ff0000 ff8000 ffff00 ffffff",
    "arctic": "00008c 0046dc 00aaff 5ad2e6 969696 c8a05a f0aa28 ffd23c fff0a0",
    "lava": "000a14 0a285a 1e3c8c 5a3282 a01e5a dc2828 fa5a14 ffa014 ffdc3c ffffc8",
    "green-hot": "000000 00ff00",
}
_OPENCV = {"jet": cv2.COLORMAP_JET, "hot": cv2.COLORMAP_HOT, "turbo": cv2.COLORMAP_TURBO,
           "inferno": cv2.COLORMAP_INFERNO, "magma": cv2.COLORMAP_MAGMA, "plasma": cv2.COLORMAP_PLASMA,
           "viridis": cv2.COLORMAP_VIRIDIS}  # fmt: skip

PALETTES: tuple[str, ...] = (*_STOPS, *_OPENCV)
"""Names of the palettes that are known, for reading and for writing."""

_GREY = ("white-hot", "black-hot")
_FOREIGN = 40.0
"""RGB levels from a palette; a colour that lies further off is none of its."""
_STRONG, _SAME_HUE = 60, 0.3
"""Levels between a strong colour's channels; how far it may lie from a palette's, both at full brightness."""
_CELL = 4  # side of a cell of the RGB cube in which every colour gets the same intensity, before refinement


@cache
def table(name: str) -> NDArray[np.uint8]:
    """The palette's 256 colours from cold to hot, (256, 3) uint8 in RGB order.

    Raises
    ------
    UsageError
        no palette has this name
    """
    if name in _OPENCV:
        return cv2.applyColorMap(np.arange(256, dtype=np.uint8)[:, None], _OPENCV[name])[:, 0, ::-1].copy()
    if name not in _STOPS:
        raise UsageError(f"palette {name!r} is not known; known are {', '.join(PALETTES)}")
    stops = np.array([list(bytes.fromhex(stop)) for stop in _STOPS[name].split()], np.float64)
    positions = np.linspace(0, len(stops) - 1, 256)
    channels = [np.interp(positions, np.arange(len(stops)), stops[:, c]) for c in range(3)]
    return np.rint(np.stack(channels, 1)).astype(np.uint8)


def colour(grey: NDArray[np.uint8], name: str) -> NDArray[np.uint8]:
    """Colour an (H, W) uint8 image; (H, W, 3) uint8 in RGB order."""
    return table(name)[grey]


def is_grey(rgb: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    """Whether an (H, W, 3) image holds three times the same channel, but for JPEG's rounding of chroma."""
    span = rgb.max(axis=2).astype(np.int32) - rgb.min(axis=2)
    tolerance = 8 if rgb.dtype == np.uint8 else 8 * 257
    return bool(np.mean(span > tolerance) <= 0.001)


def intensity(rgb: NDArray[np.uint8], name: str) -> tuple[NDArray[np.float32], float]:
    """Where along a palette each colour of an (H, W, 3) uint8 image lies.

    Returns the (H, W) float32 intensity from 0 to 255, and how far the colours lie from the palette: the 90th
    percentile of the Euclidean RGB distance, which is a few levels for a JPEG in this palette and dozens otherwise.
    """
    found, distance = _along(rgb, name)
    return found, float(np.percentile(distance, 90))


def with_overlays(rgb: NDArray[np.uint8], name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_], float]:
    """A picture in a palette that somebody names, whatever text, scale and logo are burnt into it.

    Pictures in video range, 16 to 235, are stretched where that explains more of them.

    Returns
    -------
    the (H, W) float32 intensity from 0 to 255; (H, W) bool, True where a colour, or one beside it, is none of the
    palette's; and the share of the pixels whose colour is none
    """
    best: tuple[NDArray[np.float32], NDArray[np.bool_], float] | None = None
    for candidate in (rgb, _full_range(rgb)):
        found, distance = _along(candidate, name)
        foreign = distance > _FOREIGN
        _by_hue(candidate, name, found, foreign)
        if best is None or foreign.mean() < best[2]:
            best = found, foreign, float(foreign.mean())
    assert best is not None
    found, foreign, share = best
    # Single pixels are a JPEG's; beside an overlay its colours are mixed with the scene's.
    specks = cv2.morphologyEx(foreign.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    return found, cv2.dilate(specks, np.ones((5, 5), np.uint8)) > 0, share


def _by_hue(rgb: NDArray[np.uint8], name: str, found: NDArray[np.float32], foreign: NDArray[np.bool_]) -> None:
    """Give strong colours that the palette has lighter or darker their place by their hue; cameras' palettes differ in that.

    Parameters
    ----------
    found, foreign : (H, W)
        changed
    """
    from scipy.spatial import cKDTree

    colours = table(name).astype(np.float32)
    places = np.flatnonzero(np.ptp(colours, axis=1) > _STRONG)
    strong = foreign & (np.ptp(rgb, axis=2) > _STRONG)
    if not len(places) or not strong.any():
        return
    distance, nearest = cKDTree(colours[places] / colours[places].max(axis=1, keepdims=True)).query(
        rgb[strong] / rgb[strong].max(axis=1, keepdims=True)
    )
    near = distance < _SAME_HUE
    where = np.nonzero(strong)
    where = where[0][near], where[1][near]
    found[where] = places[nearest[near]]
    foreign[where] = False


def _along(rgb: NDArray[np.uint8], name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(H, W) places along a palette, 0 to 255, and distances from it."""
    cells, lookup = _nearest(name)
    quantised = rgb // _CELL
    index = (quantised[..., 0].astype(np.int32) * cells + quantised[..., 1]) * cells + quantised[..., 2]
    colours = table(name).astype(np.float32)
    base = lookup[index]
    # Refine along the palette's own direction, so that the cells leave no steps behind.
    direction = np.gradient(colours, axis=0).astype(np.float32)[base]
    residual = rgb - colours[base]
    along = np.einsum("hwc,hwc->hw", residual, direction)
    along = np.clip(along / np.maximum(np.einsum("hwc,hwc->hw", direction, direction), 1e-3), -2, 2)
    distance = np.linalg.norm(residual - along[..., None] * direction, axis=2)
    return np.clip(base + along, 0, 255).astype(np.float32), np.asarray(distance, np.float32)


@cache
def _nearest(name: str) -> tuple[int, NDArray[np.uint8]]:
    """Cells along an edge of the RGB cube, and for each cell the nearest palette entry."""
    cells = 256 // _CELL
    centres = np.arange(cells, dtype=np.float32) * _CELL + (_CELL - 1) / 2
    grid = np.stack(np.meshgrid(centres, centres, centres, indexing="ij"), -1).reshape(-1, 3)
    from scipy.spatial import cKDTree

    return cells, cKDTree(table(name).astype(np.float64)).query(grid)[1].astype(np.uint8)


def recognise(rgb: NDArray[np.uint8], tolerance: float = 20.0) -> tuple[str, NDArray[np.float32]] | None:
    """Find the palette of an (H, W, 3) uint8 picture and undo it.

    Returns the palette's name and the (H, W) float32 intensity from 0 to 255, or None where no known palette explains
    the colours to within `tolerance` RGB levels for nine pixels out of ten (the tenth may be a camera's text and scale).
    Pictures in video range, 16 to 235, as FLIR cameras store them, are stretched first.
    """
    step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 40_000)))
    for candidate in (rgb, _full_range(rgb)):
        sample = candidate[::step, ::step]
        distances = {name: intensity(sample, name)[1] for name in PALETTES if name not in _GREY}
        best = min(distances, key=distances.__getitem__)
        if distances[best] <= tolerance:
            return best, intensity(candidate, best)[0]
    return None


def _full_range(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.clip(np.rint((rgb.astype(np.float32) - 16) * (255 / 219)), 0, 255).astype(np.uint8)
