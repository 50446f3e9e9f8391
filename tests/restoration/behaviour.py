"""What every classical method and `classical.chain` make of drawn scenes, kept to tell a change that was not meant.

python tests/restoration/behaviour.py            # writes behaviour.npz anew: run it when a method is changed on purpose
python tests/restoration/behaviour.py FOLDER     # whole results, of samples/ too, into FOLDER, to compare two commits by
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import thermend
from thermend.methods import CATALOGUE

HERE = Path(__file__).parent
STORED = HERE / "behaviour.npz"
METHODS = [entry for entry in CATALOGUE if entry.name.startswith("classical.")]
CROP = np.s_[40:88, 60:124]
"""Of each result, that is kept."""


def scenes() -> dict[str, thermend.ThermalImage]:
    """A picture and temperatures, each with stripes, noise, dead pixels and a slope; the same on every machine."""
    y, x = np.mgrid[0:144, 0:176].astype(np.float64)
    scene = 0.25 + 0.2 * y / 144 + 0.3 * ((x - 90) ** 2 + (y - 60) ** 2 < 700) + 0.25 * ((x > 30) & (x < 60) & (y > 70))
    scene += 0.04 * np.sin(x / 2.5) * np.sin(y / 3.5) * (y < 50)
    rng = np.random.default_rng(11)
    damaged = scene + 0.03 * rng.normal(size=176)[None] + 0.015 * rng.normal(size=scene.shape) + 0.08 * np.cos(x / 60)
    damaged[[20, 77], [30, 101]] = 1.0
    picture = np.clip(np.rint(255 * damaged), 0, 255).astype(np.uint8)
    kelvin = thermend.ThermalImage((10 + 20 * damaged).astype(np.float32), "celsius")
    return {"picture": thermend.ThermalImage.from_array(picture), "kelvin": kelvin}


def results(images: dict[str, thermend.ThermalImage]) -> Iterator[tuple[str, np.ndarray]]:
    """Name of method, scene and mode, and the pixels, (H, W) float32 in the result's unit."""
    for entry in METHODS:
        for name, image in images.items():
            for mode in entry.modes:
                yield (
                    f"{entry.full_name} {name} {mode}",
                    thermend.load(entry.full_name).restore(image, mode=mode).pixels,
                )


def main() -> None:
    if len(sys.argv) == 1:
        np.savez_compressed(STORED, **{key: pixels[CROP].astype(np.float32) for key, pixels in results(scenes())})
        return
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    samples = {p.name: thermend.read(p) for p in sorted((HERE.parents[1] / "samples").glob("*.[pt][ni][gf]"))}
    for key, pixels in results(scenes() | samples):
        np.save(folder / f"{key.replace(' ', '+')}.npy", pixels)


if __name__ == "__main__":
    main()
