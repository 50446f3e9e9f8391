"""Write `presets.npz`: run this when a preset is changed on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from thermend.degradations import PRESETS, degrade


def scene() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:56]
    grey = 70 + 40 * np.sin(x / 9) + 30 * np.cos(y / 7)
    grey[12:30, 20:34] += 70
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    image = scene()
    results = {name: degrade(image, name, 7, "scene.png") for name in PRESETS}
    np.savez_compressed(Path(__file__).parent / "presets.npz", scene=image, **results)
