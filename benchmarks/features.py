"""What DEAL's network sees with spiking neurons and without, as pictures (its Fig. 7).

    python benchmarks/features.py with=RUN/weights.safetensors without=OTHER/weights.safetensors --picture OUT.png \\
        [--presets deal-stripe-heavy deal-composite] [--scene 3] [--page PAGE --place features]

A row each preset, on one drawn scene (`thermend.datasets.scenes`): the damaged image, then of each network what its first
spiking block adds to the features that it is given (the mean size over channels, from the 1st to the 99th percentile), then
each network's result. The table says how much of what is fine in a map is the same along a column, as stripes are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from networks import SEED
from numpy.typing import NDArray
from pages import put, table
from PIL import Image, ImageDraw, ImageFont

from thermend import metrics
from thermend.datasets.scenes import scene_picture
from thermend.degradations import degrade
from thermend.io import palettes
from thermend.methods.deal.blocks import SpikingSeparationBlock
from thermend.methods.deal.checkpoints import load_network
from thermend.methods.deal.network import DualInteractionNetwork

Field = NDArray[np.float32]
Colours = NDArray[np.uint8]
UNSEEN = 1000
"""Seed of scenes that no network was trained on."""
SHOWN = (256, 256)
"""Width and height of a panel, pixels."""
FINE = 16.0
"""σ above which a map's changes are not counted, pixels."""


def looked_into(network: DualInteractionNetwork, picture: Field) -> tuple[Field, Field]:
    """What the first spiking block adds to its features, the mean size over channels; and the network's result, both (H, W).

    Parameters
    ----------
    network : DualInteractionNetwork
        in evaluation
    picture : (H, W) float32
        0 to 1
    """
    seen: list[Field] = []

    def keep(_: object, given: tuple[torch.Tensor, ...], made: tuple[torch.Tensor, ...]) -> None:
        seen.append((made[0] - given[0])[0].abs().mean(0).numpy())

    handle = next(m for m in network.modules() if isinstance(m, SpikingSeparationBlock)).register_forward_hook(keep)
    try:
        with torch.inference_mode():
            result = network(torch.from_numpy(picture)[None, None])[0, 0].clamp(0, 1).numpy()
    finally:
        handle.remove()
    return seen[0], result


def along_columns(features: Field) -> float:
    """Share of the variance of what is fine in a map that is the same along a column."""
    fine = features - cv2.GaussianBlur(features, (0, 0), FINE)
    return float(fine.mean(0).var() / fine.var())


def grey(picture: Field) -> Colours:
    """(H, W, 3) of a picture from 0 to 1."""
    return palettes.table("white-hot")[np.rint(255 * picture).astype(np.uint8)]


def coloured(features: Field) -> Colours:
    """(H, W, 3) of a map of any range."""
    low, high = np.percentile(features, (1, 99))
    spread = np.clip((features - low) / max(float(high - low), 1e-9), 0, 1)
    return palettes.table("iron")[np.rint(255 * spread).astype(np.uint8)]


def panel(colours: Colours, label: str) -> Colours:
    """A part of a picture at full size, with its label."""
    width, height = SHOWN
    top, left = (colours.shape[0] - height) // 2, (colours.shape[1] - width) // 2
    shown = Image.fromarray(np.ascontiguousarray(colours[top : top + height, left : left + width]))
    pen, font = ImageDraw.Draw(shown), ImageFont.load_default(13)
    pen.rectangle((0, 0, pen.textlength(label, font) + 10, 20), fill="black")
    pen.text((5, 2), label, "white", font)
    return np.asarray(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", metavar="LABEL=WEIGHTS")
    parser.add_argument("--presets", nargs="+", default=["deal-stripe-heavy", "deal-composite"])
    parser.add_argument("--scene", type=int, default=3, metavar="NUMBER", help="of the drawn scenes")
    parser.add_argument("--picture", type=Path, required=True)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="features")
    chosen = parser.parse_args()
    networks = {label: load_network(path) for label, _, path in (entry.partition("=") for entry in chosen.networks)}
    clean = np.rint(255 * scene_picture(UNSEEN, chosen.scene)).astype(np.uint8)
    rows, strips = [], []
    for preset in chosen.presets:
        damaged = degrade(clean, preset, SEED, f"scene-{chosen.scene}").astype(np.float32) / 255
        rows.append((f"`{preset}`", "input", "", f"{metrics.psnr(255 * damaged, clean):.2f}"))
        maps, results = [], []
        for label, network in networks.items():
            features, result = looked_into(network, damaged)
            psnr = metrics.psnr(255 * result, clean)
            rows.append((f"`{preset}`", label, f"{100 * along_columns(features):.0f} %", f"{psnr:.2f}"))
            maps.append(panel(coloured(features), f"features, {label}"))
            results.append(panel(grey(result), f"result, {label}"))
        strips.append(np.hstack([panel(grey(damaged), preset), *maps, *results]))
    lines = table(("", "", "of its fine changes, the same along a column", "PSNR, dB"), rows)
    print(*lines, sep="\n")
    picture = Image.fromarray(np.vstack(strips)).quantize(256, dither=Image.Dither.NONE)
    picture.save(chosen.picture, optimize=True)
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
