"""What 2D-GAN's recipes may name; loads no torch."""

from __future__ import annotations

from typing import Literal

WIDTHS = {"full": (64, 128, 192, 512), "compact": (32, 64, 96, 256)}
"""Channels of the levels, 1/2 to 1/16 of the resolution: the paper's (assumed), and half as many for CPUs."""
AttentionKind = Literal["cross-level", "pixel", "multi-head", "none"]
CriticNorm = Literal["batch", "instance", "none"]
Augmentation = Literal["rotated", "covered", "blurred"]
