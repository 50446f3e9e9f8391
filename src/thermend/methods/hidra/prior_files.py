"""Where a backbone comes from: the two files of the embedded prior, or a Stable Diffusion by its name or folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thermend.errors import InputError, MissingDependencyError, ThermendError, UsageError, first_line
from thermend.methods.hidra.backbone import (
    IMPOSSIBLE,
    AutoencoderKL,
    DDPMScheduler,
    OneStepDiffusion,
    UNet2DConditionModel,
    multiple_of,
    no_prompt,
)
from thermend.weights.checkpoints import check_fits, no_larger_than, read_metadata, read_tensors, sha256_of

_MOST_TIMESTEPS = 10_000


def from_files(autoencoder: str | os.PathLike[str], unet: str | os.PathLike[str]) -> OneStepDiffusion:
    """The prior whose halves ``hidra/autoencoder`` and ``hidra/unet`` were trained to.

    Raises
    ------
    InputError
        one is no such file
    """
    loaded = read_autoencoder(autoencoder)
    facts = described(unet, "unet", "scheduler")
    tensors = read_tensors(unet)
    try:
        if not 0 < facts["scheduler"].get("num_train_timesteps", 1000) <= _MOST_TIMESTEPS:
            raise ValueError("time steps without end")
        with no_larger_than(unet, tensors, "a UNet"):
            model = UNet2DConditionModel(**facts["unet"])
        scheduler = DDPMScheduler(**facts["scheduler"])
        result = OneStepDiffusion(loaded, model, scheduler, no_prompt(model))
    except IMPOSSIBLE as error:
        raise InputError(unet, f"holds no UNet of hidra's prior ({first_line(error)})") from error
    if (stated := read_metadata(unet).get("autoencoder_sha256")) not in (None, sha256_of(autoencoder)):
        raise InputError(unet, f"was trained on another autoencoder than {os.fspath(autoencoder)} (SHA-256 {stated})")
    fill(model, tensors, unet, "the UNet of hidra's prior")
    return result.eval()


def read_autoencoder(path: str | os.PathLike[str]) -> AutoencoderKL:
    """From a file of ``hidra/autoencoder``.

    Raises
    ------
    InputError
        it is no such file
    """
    facts = described(path, "autoencoder")
    tensors = read_tensors(path)
    try:
        with no_larger_than(path, tensors, "an autoencoder"):
            model = AutoencoderKL(**facts["autoencoder"])
        multiple_of(model)
    except IMPOSSIBLE as error:
        raise InputError(path, f"holds no autoencoder of hidra's prior ({first_line(error)})") from error
    fill(model, tensors, path, "the autoencoder of hidra's prior")
    return model.eval()


def described(path: str | os.PathLike[str], *keys: str) -> dict[str, Any]:
    """What a file of weights says of itself; raises InputError unless the keys are there."""
    facts = read_metadata(path)
    if not all(isinstance(facts.get(key), dict) for key in keys):
        raise InputError(path, f"does not say what its {' and '.join(keys)} is")
    return facts


def fill(model: nn.Module, tensors: Mapping[str, torch.Tensor], path: str | os.PathLike[str], whose: str) -> None:
    """Load weights, of whatever precision, into a module; raises InputError unless they fit."""
    check_fits(path, model.state_dict(), tensors, whose)
    model.load_state_dict(dict(tensors))


def from_pretrained(
    source: str,
    prompt: str | os.PathLike[str] | torch.Tensor | None = None,
    precision: torch.dtype = torch.float32,
    *,
    download: bool = True,
) -> OneStepDiffusion:
    """A Stable Diffusion by its name on the hub, or from a folder of the same layout (``vae``, ``unet``, ``scheduler``).

    Parameters
    ----------
    source : str
        such as ``stabilityai/sd-turbo``
    prompt : str or PathLike or torch.Tensor or None
        the embedding of the empty prompt, (1, tokens, width), or a file with it (``prompt``, in `.safetensors`); None computes
        it once with the text encoder and the tokenizer that come with the model
    precision : torch.dtype
        of the weights: ``torch.float16`` or ``torch.bfloat16`` halves what SD-Turbo needs in memory
    download : bool
        whether a name may be asked for at the hub; else it is looked for in the local cache

    Raises
    ------
    InputError
        there is no such model, or it cannot be read
    UsageError
        it predicts something else than ε
    """
    try:
        local = {} if download else {"local_files_only": True}
        scheduler = DDPMScheduler.from_pretrained(source, subfolder="scheduler", **local)
        if (kind := scheduler.config["prediction_type"]) != "epsilon":
            raise UsageError(f"{source}: predicts {kind}; hidra needs a model that predicts the noise, epsilon")
        options = {"use_safetensors": True, "torch_dtype": precision, "low_cpu_mem_usage": False, **local}
        autoencoder = AutoencoderKL.from_pretrained(source, subfolder="vae", **options)
        unet = UNet2DConditionModel.from_pretrained(source, subfolder="unet", **options)
        if isinstance(prompt, torch.Tensor):
            embedding = prompt
        else:
            embedding = _computed_prompt(source, local) if prompt is None else read_prompt(prompt)
    except ThermendError:
        raise
    except Exception as error:  # whatever three libraries make of a foreign folder
        if not download and not Path(source).is_dir():
            raise InputError(
                source, "is not in the local cache; --prior NAME downloads it, or takes a folder"
            ) from error
        raise InputError(source, f"is no Stable Diffusion that can be read ({first_line(error)[:200]})") from error
    try:
        return OneStepDiffusion(autoencoder, unet, scheduler, embedding.to(precision)).eval()
    except ValueError as error:
        raise InputError(source, first_line(error)) from error


def read_prompt(path: str | os.PathLike[str]) -> torch.Tensor:
    """The embedding of the empty prompt, (1, tokens, width), from a file; raises InputError unless it holds one."""
    tensors = read_tensors(path)
    if "prompt" not in tensors or tensors["prompt"].ndim != 3:
        raise InputError(path, "holds no tensor `prompt` of shape (1, tokens, width)")
    return tensors["prompt"].float()


def _computed_prompt(source: str, local: Mapping[str, Any]) -> torch.Tensor:
    """As the model's own text encoder has it."""
    try:
        from transformers import CLIPTextModel, CLIPTokenizer
        from transformers.utils import logging as transformers_logging
    except ImportError as error:
        raise MissingDependencyError("hidra needs more packages: pip install 'thermend[hidra]'") from error
    transformers_logging.disable_progress_bar()
    tokenizer = CLIPTokenizer.from_pretrained(source, subfolder="tokenizer", **local)
    encoder = CLIPTextModel.from_pretrained(source, subfolder="text_encoder", use_safetensors=True, **local)
    words = tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
    with torch.no_grad():
        result: torch.Tensor = encoder(words.input_ids)[0]
    return result.float()
