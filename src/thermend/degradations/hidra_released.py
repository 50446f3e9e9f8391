"""What HiDRA's authors spoil images with, as their published code does it: on 8 bits, each stage cut off and truncated.

Three gates, in this order: contrast; optics (rotated blur, then fewer pixels); the detector at that size (shading, stripes,
noise). At the end the image is enlarged to its old size. Facts of their code; none of it is used.

References
----------
Z. Chen et al., HiDRA, CVPR 2026 (code published 2026).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from thermend.degradations.severity import Severity

Picture = NDArray[np.uint8]
INTERPOLATIONS = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA}
_NEAREST = 10.0  # pixels from the centre of the shading; nearer ones count as that far
_ALPHA, _BETA, _SIGMA = (0.8, 0.2), (0.2, 0.4), (1.0, 3.0)  # each from the mildest to the worst
_SIZES, _FACTORS = (7, 23), (1, 2, 4)
_AMPLITUDE, _GAIN, _OFFSET = (15, 75), (0.03, 0.10), (0.1, 5.0)
_VARIANCE, _POISSON = (25.0, 400.0), (0.01, 1.5)


def _stored(levels: NDArray[np.floating]) -> Picture:
    """Cut off at 0 and 255, and truncated."""
    return np.clip(levels, 0, 255).astype(np.uint8)


def contrast(image: Picture, alpha: float, beta: float) -> Picture:
    """α x + 255 β."""
    return _stored(alpha * image.astype(np.float64) + 255 * beta)


def blur_kernel(size: int, sigma_x: float, sigma_y: float, angle: float) -> NDArray[np.float32]:
    """(size, size) of a Gaussian turned by so many degrees."""
    turn = np.deg2rad(angle)
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    inverse = np.linalg.inv(axes @ np.diag([sigma_x**2, sigma_y**2]) @ axes.T)
    line = np.arange(size) - size // 2
    places = np.stack(np.meshgrid(line, line), -1)
    kernel = np.exp(-0.5 * np.einsum("yxi,ij,yxj->yx", places, inverse, places))
    return (kernel / kernel.sum()).astype(np.float32)


def blurred(image: Picture, kernel: NDArray[np.float32]) -> Picture:
    """Borders mirrored without their own pixels; rounded."""
    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def reduced(image: Picture, factor: int, interpolation: str) -> Picture:
    """So many times smaller, without a filter before it but for ``area``."""
    if factor == 1:
        return image
    size = (image.shape[1] // factor, image.shape[0] // factor)
    found = cv2.resize(image.astype(np.float32) / np.float32(255), size, interpolation=INTERPOLATIONS[interpolation])
    return _stored(found * 255)


def shading_map(shape: tuple[int, int], centre: tuple[float, float]) -> NDArray[np.float64]:
    """(H, W) from 0 to 1: ln(near / far) to the fourth power, by the distances to the centre and to four points far out."""
    ys, xs = np.mgrid[1 : shape[0] + 1, 1 : shape[1] + 1]
    cy, cx = centre

    def distance(y: float, x: float) -> NDArray[np.float64]:
        return np.hypot(ys - y, xs - x)

    near = np.maximum(distance(cy, cx), _NEAREST)
    far = np.minimum.reduce([distance(*p) for p in ((cy, -3 * cx), (-3 * cy, cx), (5 * cy, cx), (cy, 5 * cx))])
    found = np.log(near / far)
    return np.asarray(((found - found.min()) / (found.max() - found.min())) ** 4)


def shaded(image: Picture, centre: tuple[float, float], amplitude: float, inverted: bool) -> Picture:
    """x + A m − A / 2, m or 1 − m."""
    found = shading_map(image.shape, centre)
    return _stored(image + amplitude * (1 - found if inverted else found) - amplitude / 2)


def striped(image: Picture, gains: NDArray[np.float64], offsets: NDArray[np.float64]) -> Picture:
    """x (1 + g) + o, with g and o one number a line: (H, 1) or (1, W)."""
    return _stored(image * (1 + gains) + offsets)


def poisson_noise(image: Picture, scale: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """(Poisson(x V) / V − x) · 255 · scale, with V the next power of two above how many grey levels there are."""
    levels = 2.0 ** np.ceil(np.log2(len(np.unique(image))))
    share = image / 255
    return np.asarray((rng.poisson(share * levels) / levels - share) * 255 * scale)


def noisy(image: Picture, noise: NDArray[np.float64]) -> Picture:
    return _stored(image + noise)


def enlarged(image: Picture, shape: tuple[int, int]) -> Picture:
    """To an old size, bilinear, on 8 bits."""
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)


@dataclass(frozen=True)
class Pipeline:
    """The whole, with what is drawn for one image.

    Attributes
    ----------
    gate : float
        chance of each of the three
    mildest, worst : float
        between which part of every range is drawn, 0 to 1
    """

    gate: float = 0.7
    mildest: float = 0.0
    worst: float = 1.0

    def __call__(self, image: Picture, rng: np.random.Generator) -> Picture:
        """(H, W) uint8 to the same."""

        def within(ends: tuple[float, float]) -> float:
            share = rng.uniform(self.mildest, self.worst)
            return float(ends[0] + (ends[1] - ends[0]) * share)

        shape = image.shape
        passes = rng.random(3) < self.gate
        if passes[0]:
            image = contrast(image, within(_ALPHA), within(_BETA))
        if passes[1]:
            size = 2 * (round(within(_SIZES)) // 2) + 1
            image = blurred(image, blur_kernel(size, within(_SIGMA), within(_SIGMA), rng.uniform(-90, 90)))
            factor = _FACTORS[min(int(within((0, len(_FACTORS)))), len(_FACTORS) - 1)]
            image = reduced(image, factor, str(rng.choice(list(INTERPOLATIONS))))
        if passes[2]:
            centre = tuple(int(rng.integers(max(1, n // 4), max(2, 3 * n // 4))) for n in image.shape)
            amplitude = round(within(_AMPLITUDE))
            image = shaded(image, (centre[0], centre[1]), amplitude, bool(rng.random() < 0.5))
            lines = (image.shape[0], 1) if rng.random() < 0.5 else (1, image.shape[1])
            gains, offsets = within(_GAIN) * rng.normal(size=lines), within(_OFFSET) * rng.normal(size=lines)
            image = striped(image, gains, offsets)
            if rng.random() < 0.5:
                image = noisy(image, np.sqrt(within(_VARIANCE)) * rng.normal(size=image.shape))
            else:
                image = noisy(image, poisson_noise(image, within(_POISSON), rng))
        return image if image.shape == shape else enlarged(image, (shape[0], shape[1]))


def hidra_released(
    image: torch.Tensor,
    gate: Severity = 0.7,
    mildest: Severity = 0.0,
    worst: Severity = 1.0,
    *,
    generator: torch.Generator,
) -> torch.Tensor:
    """(B, 1, H, W) in [0, 1] to the same, rounded to 8 bits; each image through its own :class:`Pipeline`.

    There is no gradient.

    Parameters
    ----------
    gate, mildest, worst : Severity
        as :class:`Pipeline` has them, the same for all images
    """
    pipeline = Pipeline(*(float(torch.as_tensor(value).reshape(-1)[0]) for value in (gate, mildest, worst)))
    levels = (image.detach().cpu() * 255).round().clamp(0, 255).to(torch.uint8).numpy()
    seeds = torch.randint(2**62, (len(image),), generator=generator).tolist()
    made = [pipeline(one[0], np.random.default_rng(seed)) for one, seed in zip(levels, seeds)]
    return torch.from_numpy(np.stack(made)[:, None]).to(image) / 255
