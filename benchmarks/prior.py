"""The embedded prior of HiDRA: how well its UNet tells the noise in latents of clean images, timestep by timestep.

    python benchmarks/prior.py --on roadscene=DIR hit-uav=DIR [--unet FILE] [--page CARD.md]

Latents of the middles of validation images, with the noise of a timestep, are cleared at once and decoded. Beside it stands the
autoencoder alone, and what the best linear step of one number for each timestep makes of the same noisy latents.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from networks import of_folders
from pages import put, table

from thermend.degradations import generator_for
from thermend.evaluation.measures import AGAINST_CLEAN
from thermend.io import read
from thermend.methods.hidra.checkpoints import open_prior
from thermend.rendering import rendered

TIMESTEPS = (50, 150, 300, 500, 700, 999)
SIDE = 256


def middle(path: Path, multiple: int) -> torch.Tensor:
    """(1, 1, 256, 256) in [0, 1], or all of a smaller image, to multiples."""
    grey = rendered(read(path)).astype(np.float32) / 255
    height, width = (min(SIDE, side) // multiple * multiple for side in grey.shape)
    top, left = (grey.shape[0] - height) // 2, (grey.shape[1] - width) // 2
    return torch.from_numpy(grey[top : top + height, left : left + width])[None, None]


def psnr(found: torch.Tensor, wanted: torch.Tensor) -> float | None:
    return AGAINST_CLEAN["psnr"](*(255 * image[0, 0].numpy() for image in (found, wanted)))


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", nargs="+", required=True, metavar="NAME=DIR")
    parser.add_argument("--autoencoder", type=Path, help="not the one that ships")
    parser.add_argument("--unet", type=Path, help="not the one that ships")
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    prior, files = open_prior(autoencoder=chosen.autoencoder, unet=chosen.unet), of_folders(chosen.on)
    found: dict[int, list[list[float]]] = {timestep: [] for timestep in TIMESTEPS}
    for path in files:
        clean = middle(path, prior.multiple)
        latent = prior.encode(clean)
        alone = psnr(prior.decode(latent), clean)
        for timestep in TIMESTEPS:
            share = float(prior.signals[timestep]) ** 0.5
            noise = torch.randn(latent.shape, generator=generator_for(0, f"prior-{timestep}", path.name))
            noisy = prior.noised(latent, noise, timestep)
            linear = share * noisy  # of latents of unit power, by least squares
            made = (noisy / share, linear, prior.cleared(noisy, timestep))
            found[timestep].append([alone, *(psnr(prior.decode(z), clean) for z in made)])
    rows = [
        (str(timestep), f"{float(prior.signals[timestep]) ** 0.5:.2f}", *(f"{x:.2f}" for x in np.mean(values, 0)))
        for timestep, values in found.items()
    ]
    print(*rows, sep="\n")
    head = ("timestep", "√ᾱ", "autoencoder alone", "noisy", "linear", "UNet")
    if chosen.page:
        put(chosen.page, "prior", [f"{len(files)} images.", "", *table(head, rows)])


if __name__ == "__main__":
    main()
