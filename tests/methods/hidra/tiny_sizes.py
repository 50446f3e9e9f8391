"""Configurations that a test has time for."""

from __future__ import annotations

AUTOENCODER = {"block_out_channels": [8, 16], "norm_num_groups": 4, "latent_channels": 4}
UNET = {
    "block_out_channels": [8, 16, 16], "attention_head_dim": [1, 2, 2], "norm_num_groups": 4, "in_channels": 4,
    "out_channels": 4, "cross_attention_dim": 8,
}  # fmt: skip
FEATURES = {"hidden_size": 24, "num_hidden_layers": 2, "image_size": 64}
ESTIMATOR = {"layers": [1, 2], "width": 6, "configuration": FEATURES}
