"""Configurations that a test has time for, and a Stable Diffusion of that size."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

AUTOENCODER = {
    "in_channels": 4, "out_channels": 4, "latent_channels": 4, "block_out_channels": [16], "norm_num_groups": 4,
}  # fmt: skip
UNET = {
    "block_out_channels": [16, 16, 16], "attention_head_dim": [1, 2, 2], "norm_num_groups": 4, "in_channels": 4,
    "out_channels": 4, "cross_attention_dim": 8,
}  # fmt: skip
FEATURES = {"hidden_size": 24, "num_hidden_layers": 2, "image_size": 64}
ESTIMATOR = {"layers": [1, 2], "width": 6, "configuration": FEATURES}
DINOV2 = {
    "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "mlp_ratio": 2, "patch_size": 14, "image_size": 56,
}  # fmt: skip
SCHEDULER = {
    "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon", "timestep_spacing": "trailing",
}  # fmt: skip
"""SD-Turbo's."""


def stable_diffusion(path: Path) -> Path:
    """In SD-Turbo's layout and with its configuration, shrunk; its text encoder and a tokenizer of a few letters."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    diffusers = pytest.importorskip("diffusers", reason="needs the hidra extra")
    transformers = pytest.importorskip("transformers", reason="needs the hidra extra")
    torch.manual_seed(0)
    diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 8, 16, 16], layers_per_block=2, act_fn="silu", latent_channels=4, norm_num_groups=4,
        sample_size=768, scaling_factor=0.18215, force_upcast=True,
    ).save_pretrained(path / "vae")  # fmt: skip
    diffusers.UNet2DConditionModel(
        sample_size=64, block_out_channels=[8, 16, 16, 16], layers_per_block=2, cross_attention_dim=8, norm_num_groups=4,
        attention_head_dim=[1, 2, 2, 2], use_linear_projection=True, act_fn="silu",
        down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    ).save_pretrained(path / "unet")  # fmt: skip
    diffusers.EulerDiscreteScheduler(**SCHEDULER).save_pretrained(path / "scheduler")
    transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=7, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=7, bos_token_id=4, eos_token_id=5, pad_token_id=0,
        )
    ).save_pretrained(path / "text_encoder")  # fmt: skip
    words = path / "tokenizer"
    words.mkdir()
    vocabulary = {"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5, "ab</w>": 6}
    (words / "vocab.json").write_text(json.dumps(vocabulary))
    (words / "merges.txt").write_text("#version: 0.2\na b</w>\n")
    (words / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "CLIPTokenizer", "model_max_length": 7, "pad_token": "<|endoftext|>"})
    )
    return path


def small_dinov2(path: Path, **changes: object) -> Path:
    """A folder as `facebook/dinov2-base` has it, shrunk."""
    torch = pytest.importorskip("torch", reason="needs the train extra")
    transformers = pytest.importorskip("transformers", reason="needs the hidra extra")
    torch.manual_seed(0)
    configuration = transformers.Dinov2Config(**(DINOV2 | changes))
    transformers.Dinov2Model(configuration).save_pretrained(path)
    return path


def released_prior(path: Path, prompt):
    """The base of the authors' shrunk network, from its weights."""
    import diffusers
    import torch

    from thermend.methods.hidra.backbone import OneStepDiffusion

    tensors = torch.load(path, weights_only=True)
    autoencoder = diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=[8, 8, 16, 16], layers_per_block=2, latent_channels=4, norm_num_groups=4, scaling_factor=0.18215,
    )  # fmt: skip
    unet = diffusers.UNet2DConditionModel(
        sample_size=64, block_out_channels=[8, 16, 16, 16], layers_per_block=2, cross_attention_dim=8, norm_num_groups=4,
        attention_head_dim=[1, 2, 2, 2], use_linear_projection=True,
        down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    )  # fmt: skip
    for part, model in (("vae.", autoencoder), ("unet.", unet)):
        model.load_state_dict({name[len(part) :]: value for name, value in tensors.items() if name.startswith(part)})
    return OneStepDiffusion(autoencoder, unet, diffusers.DDPMScheduler(**SCHEDULER), prompt)


def dinov2_with_registers(path: Path) -> Path:
    """A folder as `facebook/dinov2-with-registers-base` has it, shrunk to what the authors' small estimator looks at."""
    import torch
    import transformers

    torch.manual_seed(0)
    configuration = transformers.Dinov2WithRegistersConfig(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, patch_size=14, image_size=56
    )
    transformers.Dinov2WithRegistersModel(configuration).save_pretrained(path)
    return path


def small_dino(path: Path) -> Path:
    """A folder as `facebook/dino-vitb16` has it, shrunk."""
    import torch
    import transformers

    torch.manual_seed(0)
    configuration = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, patch_size=16, image_size=64
    )
    transformers.ViTModel(configuration, add_pooling_layer=False).save_pretrained(path)
    return path
