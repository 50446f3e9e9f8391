"""The backbone: one step of a latent diffusion model (HiDRA's "overall architecture").

An autoencoder takes the degraded image to a latent z_x; a UNet, asked once at the last timestep of its training, takes z_x to
z_enh = (z_x − √(1 − a) ε(z_x)) / √a with a = ᾱ at that timestep; the autoencoder's decoder takes that to the image. There is no
text: the UNet is given the embedding of the empty prompt, a constant.

Any Stable Diffusion that diffusers can read does (SD-Turbo by default); the one that thermend trains and ships is of the same
classes (:data:`EMBEDDED`), small enough for a CPU.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from thermend.errors import MissingDependencyError

try:
    from diffusers import AutoencoderKL as AutoencoderKL
    from diffusers import DDPMScheduler as DDPMScheduler
    from diffusers import UNet2DConditionModel as UNet2DConditionModel
    from diffusers.utils import logging as diffusers_logging
except ImportError as error:
    raise MissingDependencyError("hidra needs more packages: pip install 'thermend[hidra]'") from error

diffusers_logging.disable_progress_bar()
diffusers_logging.set_verbosity_error()

_LUMA = (0.299, 0.587, 0.114)
IMPOSSIBLE = (KeyError, IndexError, TypeError, ValueError, AssertionError, RuntimeError, ZeroDivisionError)
"""What a configuration of which there is no model ends in."""

EMBEDDED: dict[str, dict[str, Any]] = {
    "autoencoder": {
        "in_channels": 16, "out_channels": 16, "latent_channels": 16, "block_out_channels": [96],
        "down_block_types": ["DownEncoderBlock2D"], "up_block_types": ["UpDecoderBlock2D"],
        "layers_per_block": 1, "norm_num_groups": 16, "mid_block_add_attention": False, "sample_size": 32,
        "scaling_factor": 1.0,
    },
    "unet": {
        "in_channels": 16, "out_channels": 16, "block_out_channels": [64, 96, 160], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "cross_attention_dim": 64, "attention_head_dim": [2, 3, 5], "norm_num_groups": 16,
        "use_linear_projection": True, "sample_size": 32,
    },
    "scheduler": {
        "num_train_timesteps": 1000, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.006,
    },
}  # fmt: skip
"""Configurations of the prior that ships. It sees squares of 4 × 4 pixels in place of three equal colours, and its latent has
as many numbers as the image has pixels, since small hot objects do not survive less in so small a network. Its last timestep
leaves a share of the signal (√a = 0.22; Stable Diffusion's is 0.07), since what ε is off by comes into the result 1/√a times as
large."""


class OneStepDiffusion(nn.Module):
    """An autoencoder and a UNet, run once.

    Parameters
    ----------
    autoencoder, unet : AutoencoderKL, UNet2DConditionModel
        of diffusers
    scheduler : DDPMScheduler
        whose last timestep it is
    prompt : torch.Tensor
        embedding of the empty prompt, (1, tokens, width)

    Attributes
    ----------
    signals : torch.Tensor
        ᾱ of all timesteps
    signal, timestep : a, the last of them, and what the UNet is told
    luma, clamped : bool
        of the result: three channels become their luma, not their mean; cut off at [0, 1]

    Raises
    ------
    ValueError
        autoencoder, UNet and prompt do not fit together
    """

    prompt: torch.Tensor
    signals: torch.Tensor
    luma = clamped = False

    def __init__(
        self, autoencoder: AutoencoderKL, unet: UNet2DConditionModel, scheduler: DDPMScheduler, prompt: torch.Tensor
    ) -> None:
        super().__init__()
        latents = autoencoder.config["latent_channels"]
        if (unet.config["in_channels"], unet.config["out_channels"]) != (latents, latents):
            raise ValueError(f"the UNet does not take and give the autoencoder's {latents} channels")
        if prompt.ndim != 3 or prompt.shape[0] != 1 or prompt.shape[2] != unet.config["cross_attention_dim"]:
            raise ValueError(
                f"a prompt of shape {tuple(prompt.shape)}: expected (1, tokens, {unet.config['cross_attention_dim']})"
            )
        self.autoencoder, self.unet = autoencoder, unet
        self.scheduler = {key: scheduler.config[key] for key in EMBEDDED["scheduler"]}
        self.register_buffer("signals", scheduler.alphas_cumprod.float(), persistent=False)
        self.signal, self.timestep = float(self.signals[-1]), len(self.signals) - 1
        if not 0 < self.signal < 1:
            raise ValueError(f"the last timestep leaves a share of {self.signal} of the signal")
        self.multiple = multiple_of(autoencoder) * 2 ** (len(unet.config["block_out_channels"]) - 1)
        self.register_buffer("prompt", prompt, persistent=False)

    def encode(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1], sides multiples of :attr:`multiple`, to its latent's mean, scaled, (B, C, h, w) float32."""
        channels = to_channels(image, self.autoencoder).to(self.autoencoder.dtype)
        moments = self.autoencoder.encode(channels).latent_dist
        result: torch.Tensor = moments.mean.float() * self.autoencoder.config["scaling_factor"]
        return result

    def noise(self, latent: torch.Tensor, timesteps: torch.Tensor | int | None = None) -> torch.Tensor:
        """ε of a latent, (B, C, h, w) to the same in float32.

        Parameters
        ----------
        timesteps : torch.Tensor or int or None
            one for all, or (B,); None is the last
        """
        at = self.timestep if timesteps is None else timesteps
        prompt = self.prompt.to(self.unet.dtype).expand(len(latent), -1, -1)
        result: torch.Tensor = self.unet(latent.to(self.unet.dtype), at, encoder_hidden_states=prompt).sample
        return result.float()

    def enhance(self, latent: torch.Tensor) -> torch.Tensor:
        """The one step: z_x to z_enh, (B, C, h, w) float32, since rounding comes into the result 1/√a times as large."""
        return self.cleared(latent)

    def cleared(self, latent: torch.Tensor, timestep: int | None = None) -> torch.Tensor:
        """Noise taken off at once: (B, C, h, w) to the same in float32; without a timestep it is the last."""
        signal = self.signal if timestep is None else float(self.signals[timestep])
        clear: torch.Tensor = (latent - (1 - signal) ** 0.5 * self.noise(latent, timestep)) / signal**0.5
        return clear

    def noised(self, latent: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor | int) -> torch.Tensor:
        """Latents with the noise of timesteps, one for all or (B,): √ᾱ z + √(1 − ᾱ) noise, (B, C, h, w)."""
        signal = self.signals[timesteps].reshape(-1, 1, 1, 1)
        return signal.sqrt() * latent + (1 - signal).sqrt() * noise

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """A latent, scaled, (B, C, h, w), to the image, (B, 1, H, W) float32, around [0, 1]."""
        unscaled = latent / self.autoencoder.config["scaling_factor"]
        channels = self.autoencoder.decode(unscaled.to(self.autoencoder.dtype)).sample.float()
        return to_grey(channels.clamp(-1, 1) if self.clamped else channels, self.luma)

    def description(self) -> dict[str, Any]:
        """What :func:`embedded` builds another of."""
        halves = {"autoencoder": configuration(self.autoencoder), "unet": configuration(self.unet)}
        return halves | {"scheduler": self.scheduler}

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same, unclipped; any size."""
        padded, height, width = mirrored(image, self.multiple)
        return self.decode(self.enhance(self.encode(padded)))[..., :height, :width]


class Reconstruction(nn.Module):
    """An autoencoder there and back: what the best of all results could be, since none goes around it.

    Parameters
    ----------
    autoencoder : AutoencoderKL
        of diffusers
    """

    variant = "autoencoder"

    def __init__(self, autoencoder: AutoencoderKL) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.multiple = multiple_of(autoencoder)

    def moments(self, image: torch.Tensor) -> Any:
        """Distribution of the latent of (B, 1, H, W), sides multiples of :attr:`multiple`."""
        return self.autoencoder.encode(to_channels(image, self.autoencoder)).latent_dist

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """(B, C, h, w) to (B, 1, H, W)."""
        return to_grey(self.autoencoder.decode(latent).sample)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same, unclipped; any size."""
        padded, height, width = mirrored(image, self.multiple)
        return self.decode(self.moments(padded).mean)[..., :height, :width]


def to_channels(image: torch.Tensor, autoencoder: AutoencoderKL) -> torch.Tensor:
    """(B, 1, H, W) in [0, 1] to what an autoencoder takes, in [−1, 1]: three times the same, (B, 3, H, W), or, where it takes
    n² channels, the pixels of n × n squares, (B, n², H / n, W / n)."""
    square = _square(autoencoder)
    centred = 2 * image - 1
    return centred.expand(-1, 3, -1, -1) if square is None else functional.pixel_unshuffle(centred, square)


def to_grey(channels: torch.Tensor, luma: bool = False) -> torch.Tensor:
    """What an autoencoder gives to (B, 1, H, W) around [0, 1]: the mean of three channels, or their luma, or the squares'
    pixels."""
    if channels.shape[1] == 3:
        shares = channels.new_tensor(_LUMA if luma else (1 / 3,) * 3).view(1, 3, 1, 1)
        return ((channels * shares).sum(1, keepdim=True) + 1) / 2
    return (functional.pixel_shuffle(channels, math.isqrt(channels.shape[1])) + 1) / 2


def _square(autoencoder: AutoencoderKL) -> int | None:
    """Side of the squares whose pixels are an autoencoder's channels; None where it takes three colours.

    Raises
    ------
    ValueError
        it takes or gives something else
    """
    channels, given = (autoencoder.config[key] for key in ("in_channels", "out_channels"))
    side = math.isqrt(channels)
    if channels != given or (channels != 3 and side * side != channels):
        raise ValueError(
            f"an autoencoder of {channels} channels in and {given} out: expected 3, or the square of a number"
        )
    return None if channels == 3 else side


def multiple_of(autoencoder: AutoencoderKL) -> int:
    """Of the sides of the images that an autoencoder takes."""
    return (_square(autoencoder) or 1) * 2 ** (len(autoencoder.config["block_out_channels"]) - 1)


def mirrored(image: torch.Tensor, multiple: int) -> tuple[torch.Tensor, int, int]:
    """The image, mirrored at its lower and right ends up to multiples, and the size that it had."""
    height, width = image.shape[2:]
    down, right = -height % multiple, -width % multiple
    if down >= height or right >= width:  # less than half a multiple: mirroring has not enough to show
        return functional.pad(image, (0, right, 0, down), mode="replicate"), height, width
    return functional.pad(image, (0, right, 0, down), mode="reflect"), height, width


def no_prompt(unet: UNet2DConditionModel) -> torch.Tensor:
    """What stands for the empty prompt where no text encoder was ever there: one token of zeros, (1, 1, width)."""
    return torch.zeros(1, 1, unet.config["cross_attention_dim"])


def embedded(configurations: Mapping[str, Mapping[str, Any]] = EMBEDDED) -> OneStepDiffusion:
    """A prior of the classes that ship, with random weights.

    Parameters
    ----------
    configurations : mapping
        of ``autoencoder``, ``unet``, ``scheduler``, as diffusers has them

    Raises
    ------
    KeyError, TypeError, ValueError
        there can be none such
    """
    unet = UNet2DConditionModel(**configurations["unet"])
    return OneStepDiffusion(
        AutoencoderKL(**configurations["autoencoder"]),
        unet,
        DDPMScheduler(**configurations["scheduler"]),
        no_prompt(unet),
    )


def configuration(model: Any) -> dict[str, Any]:
    """Of a model of diffusers, what it is built again from, as JSON holds it."""
    found: dict[str, Any] = json.loads(model.to_json_string())
    return {key: value for key, value in found.items() if not key.startswith("_")}
