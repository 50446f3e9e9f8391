"""2D-GAN's Table 2: parameters, multiply-accumulates and inference time of generator and discriminator.

    python benchmarks/complexity.py [--sizes 512 128] [--times 100] [--page PAGE --place PLACE]

As in the paper, the time is the mean over a hundred runs on one image; here on the CPU, eager torch, float32.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import torch
from pages import put, table
from torch.utils.flop_counter import FlopCounterMode

from thermend.methods.dual_decoder.network import CHANNELS, DualDecodingGenerator, MarkovianDiscriminator

PAPER = {"generator": (12.18, 61.32, 9.417), "discriminator": (1.46, 3.46, 1.113)}
"""Millions of parameters, G, milliseconds (on an NVIDIA GeForce RTX 3080); the size of the image is not stated."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[512, 128])
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="complexity")
    chosen = parser.parse_args()
    rows = []
    networks = {"generator": (DualDecodingGenerator(), 1), "discriminator": (MarkovianDiscriminator(), CHANNELS)}
    for name, (network, channels) in networks.items():
        network.eval()
        parameters = sum(p.numel() for p in network.parameters()) / 1e6
        for size in chosen.sizes:
            image = torch.rand(1, channels, size, size)
            with torch.inference_mode():
                with FlopCounterMode(display=False) as counter:
                    network(image)
                begin = time.perf_counter()
                for _ in range(chosen.times):
                    network(image)
            seconds = (time.perf_counter() - begin) / chosen.times
            giga = counter.get_total_flops() / 2e9
            rows.append((name, f"{size} × {size}", f"{parameters:.2f} M", f"{giga:.2f} G", f"{1000 * seconds:.0f}"))
            print(*rows[-1], sep=" | ", flush=True)
        rows.append(
            (
                f"{name}, the paper's",
                "",
                *(f"{PAPER[name][k]:.2f} {unit}" for k, unit in enumerate("MG")),
                f"{PAPER[name][2]}",
            )
        )
    lines = [f"{os.cpu_count()} cores, mean of {chosen.times} runs:", ""]
    lines += table(("", "image", "parameters", "multiply-accumulates", "ms"), rows)
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
