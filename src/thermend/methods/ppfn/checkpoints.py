"""Weights from files: ours, and the authors' (Restormer with prompts), told apart by their keys alone."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from thermend.errors import InputError, UsageError, first_line
from thermend.methods.ppfn.backbones import BACKBONES
from thermend.methods.ppfn.backbones.restormer import Restormer
from thermend.methods.ppfn.estimator import PromptEstimator
from thermend.methods.ppfn.network import OnePass, PromptedNetwork, SelfPrompted
from thermend.methods.ppfn.passes import DEGRADATIONS, SCENARIOS, passes_of
from thermend.methods.ppfn.prompts import FEATURES
from thermend.weights.checkpoints import check_fits, no_larger_than, read_metadata, read_tensors

_STAGES = ("latent", "decoder-3", "decoder-2", "decoder-1", "refinement")
_LAYERS = {
    "patch_embed.proj": "embed",
    "down1_2.body.0": "downs.0.0", "down2_3.body.0": "downs.1.0", "down3_4.body.0": "downs.2.0",
    "up4_3.body.0": "ups.0.0", "up3_2.body.0": "ups.1.0", "up2_1.body.0": "ups.2.0",
    "reduce_chan_level3": "reductions.0", "reduce_chan_level2": "reductions.1",
    "encoder_level1": "encoders.0", "encoder_level2": "encoders.1", "encoder_level3": "encoders.2", "latent": "encoders.3",
    "decoder_level3": "decoders.0", "decoder_level2": "decoders.1", "decoder_level1": "decoders.2",
}  # fmt: skip
_WITHIN_A_BLOCK = {
    "norm1.body": "norm1", "norm2.body": "norm2",
    "attn.temperature": "attention.temperature", "attn.qkv_dwconv": "attention.depthwise", "attn.qkv": "attention.qkv",
    "attn.project_out": "attention.out", "ffn.project_in": "feed_forward.inside", "ffn.dwconv": "feed_forward.depthwise",
    "ffn.project_out": "feed_forward.out",
}  # fmt: skip


_PROMPT_BYTES, _MOST_PASSES = 1_000_000, 64


def read_prompts(path: str | os.PathLike[str]) -> tuple[torch.Tensor, torch.Tensor]:
    """Prompts from an `.npz` file with ``degradation``, (3, 128, 128), and ``scenario``, (2, 64).

    Raises
    ------
    InputError
        no such file, or one with something else in it
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    shapes = {"degradation": (len(DEGRADATIONS), 128, 128), "scenario": (len(SCENARIOS), FEATURES)}
    found = []
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            for name, shape in shapes.items():
                if content.zip.getinfo(f"{name}.npy").file_size > _PROMPT_BYTES:
                    raise ValueError(f"{name} is not of shape {shape}")
                values = np.asarray(content[name], np.float32)
                if values.shape != shape or not np.isfinite(values).all():
                    raise ValueError(f"{name} is not of shape {shape}, or holds what is no number")
                found.append(torch.from_numpy(values))
    except Exception as error:  # numpy and zipfile raise whatever a damaged file makes them raise
        raise InputError(path, f"holds no prompts ({first_line(error)})") from error
    return found[0], found[1]


def built(facts: Mapping[str, Any]) -> SelfPrompted:
    """The network that a recipe, or what is kept beside weights, describes; its weights are drawn.

    Raises
    ------
    KeyError, TypeError, ValueError
        it describes none
    """
    backbone = BACKBONES[facts["backbone"]](**facts["options"])
    stages = () if facts["prompts"] == "none" else facts["stages"]
    restorer = PromptedNetwork(backbone, stages, facts["fusion"], facts["nonlinear"])
    if not 0 < facts["iterations"] <= _MOST_PASSES:
        raise ValueError("passes without end")
    passes = passes_of(facts["order"], facts["iterations"])
    estimator = PromptEstimator() if facts["chooses"] else None
    return SelfPrompted(restorer, estimator, passes, facts["prompts"] == "dual", facts.get("told", "each"))


def load_network(path: str | os.PathLike[str], prompts: str | os.PathLike[str] | None = None) -> SelfPrompted:
    """The network with the weights of a checkpoint, ours or the authors', in evaluation mode.

    Parameters
    ----------
    prompts : str or PathLike or None
        file for :func:`read_prompts`; the authors' checkpoints need it

    Raises
    ------
    InputError
        not a checkpoint, or one of another network, or no prompts
    UsageError
        one of the authors' without prompts, or one of ours, which has its own, with them
    """
    facts = read_metadata(path)
    if str(facts.get("method", "")).partition("/")[0] != "ppfn":
        authors = load_authors(path, None if prompts is None else read_prompts(prompts))
        if prompts is None:
            raise UsageError(f"{os.fspath(path)}: the authors' checkpoints hold no prompts; --prompts FILE.npz does")
        return SelfPrompted(authors, None).eval()
    if prompts is not None:
        raise UsageError(
            f"{os.fspath(path)}: has prompts of its own; --prompts FILE.npz is for the authors' checkpoints"
        )
    tensors = read_tensors(path)
    with no_larger_than(path, tensors, "PPFN as it describes them itself"):
        network = built(facts)
        network.load_state_dict(tensors)
    if not all(bool(t.isfinite().all()) for t in tensors.values()):
        raise InputError(path, "holds weights that are no numbers")
    return network.eval()


def load_for_running(path: str | os.PathLike[str], prompts: str | os.PathLike[str] | None = None) -> OnePass:
    """As :func:`load_network`; what runs, and is exported, with its prompts folded."""
    network = OnePass(load_network(path, prompts)).eval()
    network.variant = str(read_metadata(path).get("method", "ppfn/restormer")).partition("/")[2]
    return network


def load_authors(
    path: str | os.PathLike[str], prompts: tuple[torch.Tensor, torch.Tensor] | None = None
) -> PromptedNetwork:
    """Restormer with prompts from a checkpoint of the authors, in evaluation mode; its sizes are read off the tensors.

    Parameters
    ----------
    prompts : tuple or None
        that it was trained with, which no checkpoint holds (:func:`read_prompts`); None draws them

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    tensors = read_tensors(path)
    with no_larger_than(path, tensors, "Restormer with prompts"):
        renamed = {our_name(name): tensor for name, tensor in tensors.items()}
        network = PromptedNetwork(_restormer(renamed), prompts=prompts)
    expected = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith("_prompts")}
    check_fits(path, expected, renamed, "Restormer with prompts")
    network.load_state_dict(renamed, strict=False)
    return network.eval()


def _restormer(tensors: Mapping[str, torch.Tensor]) -> Restormer:
    def count(prefix: str) -> int:
        return len({name[len(prefix) :].split(".")[0] for name in tensors if name.startswith(prefix)})

    blocks = [count(f"backbone.encoders.{level}.") for level in range(4)]
    heads = [tensors[f"backbone.encoders.{level}.0.attention.temperature"].shape[0] for level in range(4)]
    width = tensors["backbone.embed.weight"].shape[0]
    return Restormer(int(width), blocks, count("backbone.refinement."), heads)


def our_name(name: str) -> str:
    """Of a tensor of the authors' checkpoint."""
    if match := re.fullmatch(r"F_ext_net(\d)\.(.+)", name):
        inner = re.sub(r"^F_ext\.conv(\d)", lambda m: f"degradation_encoder.convs.{int(m[1]) - 1}", match[2])
        inner = re.sub(r"^T_ext\.layer(\d)", lambda m: f"scenario_encoder.layers.{int(m[1]) - 1}", inner)
        inner = inner.replace("layerF.", "of_degradation.").replace("layerT.", "of_scenario.")
        return f"fusions.{int(match[1]) - 1}.{inner}"
    if match := re.fullmatch(r"prompt_(scale|shift)(\d|out)\.(.+)", name):
        stage = "output" if match[2] == "out" else _STAGES[int(match[2]) - 1]
        return f"films.{stage}.{match[1]}.{match[3]}"
    for old, new in (*_LAYERS.items(), *_WITHIN_A_BLOCK.items()):
        name = re.sub(rf"(^|\.){re.escape(old)}(?=\.|$)", rf"\g<1>{new}", name, count=1)
    return f"backbone.{name}"
