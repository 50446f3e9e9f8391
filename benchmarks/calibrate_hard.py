"""How strong the detector's part of `hm-tir-hard` must be for a mean PSNR of 11.5 dB against the clean images.

    python benchmarks/calibrate_hard.py TRAIN_DIR [TRAIN_DIR ...]

Training images only; the answer is `HARD` in thermend/degradations/presets.py.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import thermend
from thermend.degradations import Cascade, generator_for, presets

TARGET, SEEDS = 11.5, range(4)


def mean_psnr(images: dict[str, torch.Tensor], strength: float) -> float:
    cascade = Cascade((presets._HAZE, presets._OPTICS, *presets._detector(strength)), groups=(1, 1, 3))
    values = []
    for name, image in images.items():
        for seed in SEEDS:
            degraded = cascade(image, generator_for(seed, "hm-tir-hard", name))
            values.append(-10 * float(torch.log10(torch.mean((degraded - image) ** 2))))
    return float(np.mean(values))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="TRAIN_DIR")
    parser.add_argument("--images", type=int, default=48, help="from each folder")
    chosen = parser.parse_args()
    images = {}
    for folder in chosen.folders:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() in (".png", ".jpg", ".jpeg"))
        for path in files[:: max(1, len(files) // chosen.images)][: chosen.images]:
            images[path.name] = torch.from_numpy(thermend.read(path).pixels / np.float32(255))[None, None]
    low, high = 0.5, 4.0
    for _ in range(7):
        middle = (low + high) / 2
        reached = mean_psnr(images, middle)
        print(f"strength {middle:.3f}: {reached:.2f} dB over {len(images)} images")
        low, high = (middle, high) if reached > TARGET else (low, middle)


if __name__ == "__main__":
    main()
