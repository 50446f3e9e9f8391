"""The names of degradations and presets, for those who check names before torch is loaded (tests hold them against the real
lists)."""

from __future__ import annotations

DEGRADATIONS = (
    "contrast", "darkening", "haze", "low-resolution", "blur", "anisotropic-blur", "smoothing", "vignetting", "stripes",
    "fixed-pattern-noise", "shot-noise", "gaussian-noise", "correlated-noise", "dead-pixels", "posterisation", "jpeg",
)  # fmt: skip
PRESETS = (
    "hm-tir-contrast", "hm-tir-blur", "hm-tir-noise", "hm-tir-normal", "hm-tir-hard", "hm-tir-noise-released",
    "hm-tir-normal-released", "hm-tir-hard-released", "deal-stripe-moderate", "deal-stripe-heavy", "deal-x2", "deal-x4",
    "deal-low-contrast", "deal-composite", "dual-decoder", "hidra-mild", "hidra-moderate", "hidra-severe", "hidra-extreme",
    "hidra-released", "hidra-released-mild", "hidra-released-moderate", "hidra-released-severe", "hidra-released-extreme",
    "hidra-fpn", "hidra-blind-sr", "camera-correlated", "camera-lines", "camera-pattern", "camera-compressed",
    "camera-interpolated",
)  # fmt: skip
