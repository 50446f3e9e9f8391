"""Networks that prompts are plugged into.

A backbone is a module whose ``forward(image, modulate, whole)`` calls ``modulate(stage, features)`` after the blocks of each
stage that ``stages`` names, and which restores (B, 1, H, W) to the same for any sides that are multiples of ``multiple``; what
it makes of ``whole``, which tells it of the whole image while it sees a piece, is its own affair. A new one is a module
here and a line below.
"""

from __future__ import annotations

from collections.abc import Callable

from thermend.methods.ppfn.backbones.backbone import Backbone
from thermend.methods.ppfn.backbones.compact import CompactNAFNet
from thermend.methods.ppfn.backbones.focalnet import FocalNet
from thermend.methods.ppfn.backbones.nafnet import NAFNet
from thermend.methods.ppfn.backbones.restormer import Restormer
from thermend.methods.ppfn.backbones.uformer import Uformer
from thermend.methods.ppfn.backbones.x_restormer import XRestormer

BACKBONES: dict[str, Callable[..., Backbone]] = {
    "restormer": Restormer,
    "nafnet": NAFNet,
    "uformer": Uformer,
    "focalnet": FocalNet,
    "x-restormer": XRestormer,
    "compact": CompactNAFNet,
}
"""By the names that recipes use."""
