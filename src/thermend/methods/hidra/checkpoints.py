"""Weights from files: of HiDRA, which name the prior that they belong to, and of the embedded prior's halves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from thermend.errors import InputError, ThermendError, first_line
from thermend.methods.hidra.backbone import (
    IMPOSSIBLE,
    OneStepDiffusion,
    Reconstruction,
    embedded,
    from_files,
    from_pretrained,
    read_autoencoder,
)
from thermend.methods.hidra.estimator import DegradationEstimator, pretrained_features, small_features
from thermend.methods.hidra.network import Hidra, OnePass
from thermend.methods.info import todays_name
from thermend.weights.checkpoints import check_fits, read_metadata, read_tensors, sha256_of
from thermend.weights.shipped import shipped


def open_prior(
    source: str | None = None,
    prompt: str | os.PathLike[str] | torch.Tensor | None = None,
    autoencoder: str | os.PathLike[str] | None = None,
    unet: str | os.PathLike[str] | None = None,
    precision: str = "float32",
) -> OneStepDiffusion:
    """The backbone.

    Parameters
    ----------
    source, prompt : str or None, str or PathLike or torch.Tensor or None
        as for :func:`thermend.methods.hidra.backbone.from_pretrained`; without a source it is the embedded prior
    autoencoder, unet : str or PathLike or None
        files of its halves; None takes those that ship
    precision : str
        that a source's weights are kept in: ``float32``, ``float16`` or ``bfloat16``

    Raises
    ------
    InputError, UsageError
        it cannot be read
    """
    if source is not None:
        return from_pretrained(source, prompt, getattr(torch, precision))
    return from_files(*halves_of(autoencoder, unet))


def halves_of(
    autoencoder: str | os.PathLike[str] | None = None, unet: str | os.PathLike[str] | None = None
) -> tuple[str | os.PathLike[str], str | os.PathLike[str]]:
    """Files of the embedded prior; None takes those that ship."""
    of_autoencoder = shipped("hidra-autoencoder", ".safetensors") if autoencoder is None else autoencoder
    return of_autoencoder, shipped("hidra-unet", ".safetensors") if unet is None else unet


def built(facts: Mapping[str, Any], backbone: OneStepDiffusion, pretrained: bool = False) -> Hidra:
    """The network that a recipe, or a file of weights, describes, on a backbone.

    Parameters
    ----------
    pretrained : bool
        whether DINOv2's weights are got where it was a pretrained one; a file of weights has them

    Raises
    ------
    KeyError, TypeError, ValueError
        there can be none such
    """
    stated = facts["estimator"]
    estimator = None
    if stated["guides"]:
        if pretrained and stated["source"] is not None:
            features = pretrained_features(stated["source"])
        else:
            features = small_features(stated["configuration"])
        estimator = DegradationEstimator(features, stated["layers"], stated["width"], stated["interaction"])
    network = Hidra(backbone, estimator, tuple(facts["ranks"]))
    network.variant = todays_name(str(facts.get("method", "hidra/tiny"))).partition("/")[2]
    return network


def check_prior(path: str | os.PathLike[str]) -> None:
    """Refuse weights that say that they were trained on another embedded prior than the one that ships.

    Raises
    ------
    InputError
        they do, or they cannot be read
    """
    stated = read_metadata(path).get("prior_sha256")
    if stated is not None and stated != [sha256_of(half) for half in halves_of()]:
        raise InputError(path, "was trained on another prior than the one that ships with this thermend")


def load_network(path: str | os.PathLike[str]) -> Hidra:
    """HiDRA with the weights of a file and the prior that it names, in evaluation mode.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network, or the prior is not to be had
    """
    tensors, facts = read_tensors(path), read_metadata(path)
    name = str(facts.get("method", ""))
    if not name.startswith("hidra/") or "prior" not in facts:
        raise InputError(path, f"holds no weights of HiDRA{f' but of {name}' if name else ''}")
    tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith("probe.")}
    prompt = tensors.pop("prompt", None)
    try:
        if facts["prior"] == "embedded":
            check_prior(path)
            backbone = open_prior()
        elif facts["prior"] == "files":
            backbone = embedded(facts["backbone"])
        else:
            backbone = open_prior(str(facts["prior"]), prompt, precision=str(facts.get("precision", "float32")))
        network = built(facts, backbone)
        network.view = int(facts["view"])
    except ThermendError:
        raise
    except (*IMPOSSIBLE, AttributeError) as error:
        raise InputError(
            path, f"holds no weights of HiDRA as it describes them itself ({first_line(error)})"
        ) from error
    whole = facts["prior"] == "files"
    check_fits(path, network.state_dict() if whole else network.learned(), tensors, "HiDRA")
    network.load_state_dict(tensors, strict=whole)
    return network.eval()


def load_for_running(path: str | os.PathLike[str]) -> OnePass:
    """As :func:`load_network`; what runs."""
    network = load_network(path)
    return OnePass(network, network.view).eval()


def load_reconstruction(path: str | os.PathLike[str]) -> Reconstruction:
    """The autoencoder alone, there and back."""
    return Reconstruction(read_autoencoder(path)).eval()


def load_prior(path: str | os.PathLike[str]) -> nn.Module:
    """The UNet on the autoencoder that ships, without LoRA."""
    result = from_files(shipped("hidra-autoencoder", ".safetensors"), path)
    result.variant = "unet"
    return result
