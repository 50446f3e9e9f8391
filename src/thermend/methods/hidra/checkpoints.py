"""Weights from files: of HiDRA, which name the prior that they belong to, and of the embedded prior's halves."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from thermend.errors import InputError, ThermendError, UsageError, first_line
from thermend.methods.hidra.backbone import (
    IMPOSSIBLE,
    OneStepDiffusion,
    Reconstruction,
    embedded,
)
from thermend.methods.hidra.estimator import DegradationEstimator, pretrained_features, small_features
from thermend.methods.hidra.network import Hidra, OnePass
from thermend.methods.hidra.prior_files import from_files, from_pretrained, read_autoencoder
from thermend.methods.hidra.released import (
    ReleasedEstimator,
    companion,
    estimator_of,
    is_released,
    read_estimator,
    read_model,
)
from thermend.methods.info import todays_name
from thermend.weights.checkpoints import (
    check_fits,
    no_larger_than,
    read_content,
    read_metadata,
    read_tensors,
    sha256_of,
)
from thermend.weights.shipped import shipped


def open_prior(
    source: str | None = None,
    prompt: str | os.PathLike[str] | torch.Tensor | None = None,
    autoencoder: str | os.PathLike[str] | None = None,
    unet: str | os.PathLike[str] | None = None,
    precision: str = "float32",
    *,
    download: bool = True,
) -> OneStepDiffusion:
    """The backbone.

    Parameters
    ----------
    source, prompt : str or None, str or PathLike or torch.Tensor or None
        as for :func:`thermend.methods.hidra.prior_files.from_pretrained`; without a source it is the embedded prior
    autoencoder, unet : str or PathLike or None
        files of its halves; None takes those that ship
    precision : str
        that a source's weights are kept in: ``float32``, ``float16`` or ``bfloat16``
    download : bool
        whether a source may be asked for at the hub; else it is looked for in the local cache

    Raises
    ------
    InputError, UsageError
        it cannot be read
    """
    if source is not None:
        return from_pretrained(source, prompt, getattr(torch, precision), download=download)
    return from_files(*halves_of(autoencoder, unet))


def halves_of(
    autoencoder: str | os.PathLike[str] | None = None, unet: str | os.PathLike[str] | None = None
) -> tuple[str | os.PathLike[str], str | os.PathLike[str]]:
    """Files of the embedded prior; None takes those that ship."""
    of_autoencoder = shipped("hidra-autoencoder", ".safetensors") if autoencoder is None else autoencoder
    return of_autoencoder, shipped("hidra-unet", ".safetensors") if unet is None else unet


def built(
    facts: Mapping[str, Any], backbone: OneStepDiffusion, pretrained: bool = False, download: bool = True
) -> Hidra:
    """The network that a recipe, or a file of weights, describes, on a backbone.

    Parameters
    ----------
    pretrained : bool
        whether DINOv2's weights are got where it was a pretrained one; a file of weights has them, but for the released form
    download : bool
        whether they may be asked for at the hub

    Raises
    ------
    KeyError, TypeError, ValueError
        there can be none such
    """
    stated = facts["estimator"]
    estimator: DegradationEstimator | ReleasedEstimator | None = None
    released = facts.get("form") == "released"
    if stated["guides"] and released:
        features = pretrained_features(stated["source"], registers=True, download=download)
        estimator = ReleasedEstimator(features, stated["layers"], stated["width"], stated["interaction"])
    elif stated["guides"]:
        if pretrained and stated["source"] is not None:
            features = pretrained_features(stated["source"])
        else:
            features = small_features(stated["configuration"])
        estimator = DegradationEstimator(features, stated["layers"], stated["width"], stated["interaction"])
    conv_in = bool(facts.get("conv_in"))
    level = bool(facts.get("level"))
    network = Hidra(backbone, estimator, tuple(facts["ranks"]), released=released, conv_in=conv_in, level=level)
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


PRIOR, FEATURES = "stabilityai/sd-turbo", "facebook/dinov2-with-registers-base"
"""What the authors' weights were trained on."""
_LOOKED_AT = 4
"""Layers of DINOv2, at equal distances."""


def load_released(
    path: str | os.PathLike[str],
    estimator: str | os.PathLike[str] | None = None,
    prior: str | os.PathLike[str] | None = None,
    features: str | os.PathLike[str] | None = None,
) -> Hidra:
    """HiDRA with the two files of its authors, in evaluation mode; parameters as for :func:`thermend.load`.

    Raises
    ------
    InputError
        a file is another, or the prior or the DINOv2 is not to be had
    UsageError
        there is no estimator beside the weights, and none is given
    """
    ranks, tensors = read_model(path)
    own = companion(Path(path), "DEM.pkl") if estimator is None else estimator
    if own is None:
        raise UsageError(f"{os.fspath(path)}: goes with an estimator, DEM.pkl beside it or --estimator FILE")
    read_estimator(own)  # what is wrong with it shows before models are looked for
    network_features = pretrained_features(
        FEATURES if features is None else os.fspath(features), registers=True, download=features is not None
    )
    depth = network_features.config.num_hidden_layers
    layers = [depth * (n + 1) // _LOOKED_AT for n in range(_LOOKED_AT)]
    dem = estimator_of(own, network_features, layers)
    source = PRIOR if prior is None else os.fspath(prior)
    backbone = open_prior(source, download=prior is not None)
    try:
        network = Hidra(backbone, dem, ranks, released=True, conv_in="backbone.unet.conv_in.weight" in tensors)
    except IMPOSSIBLE as error:
        raise InputError(path, f"does not go with {source} ({first_line(error)})") from error
    wanted = {name: t for name, t in network.learned().items() if not name.startswith("estimator.")}
    check_fits(path, wanted, tensors, f"HiDRA on {source}")
    network.load_state_dict(tensors, strict=False)
    network.variant, network.view = "sd-turbo", 0
    return network.eval()


def load_network(
    path: str | os.PathLike[str],
    estimator: str | os.PathLike[str] | None = None,
    prior: str | os.PathLike[str] | None = None,
    features: str | os.PathLike[str] | None = None,
) -> Hidra:
    """HiDRA with the weights of a file and the prior that it names, in evaluation mode.

    What a file names is looked for in the local cache alone; what is named here (parameters as for :func:`thermend.load`) may
    be downloaded.

    Raises
    ------
    InputError
        not a checkpoint, or one of another network, or the prior is not to be had
    """
    if Path(path).suffix in (".pkl", ".pt", ".pth") and (
        Path(path).suffix == ".pkl" or estimator is not None or is_released(read_content(path))
    ):
        return load_released(path, estimator, prior, features)
    tensors, facts = read_tensors(path), dict(read_metadata(path))
    if estimator is not None:
        raise UsageError(f"{os.fspath(path)}: holds its estimator itself; --estimator goes with the authors' model.pkl")
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
            with no_larger_than(path, tensors, "HiDRA"):
                backbone = embedded(facts["backbone"])
        else:
            source = str(facts["prior"]) if prior is None else os.fspath(prior)
            kept_in = str(facts.get("precision", "float32"))
            backbone = open_prior(source, prompt, precision=kept_in, download=prior is not None)
        if features is not None:
            facts["estimator"] = {**facts["estimator"], "source": os.fspath(features)}
        network = built(facts, backbone, download=features is not None)
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


def load_for_running(path: str | os.PathLike[str], **parts: str | os.PathLike[str]) -> OnePass:
    """As :func:`load_network`; what runs."""
    network = load_network(path, **parts)
    return OnePass(network, network.view).eval()


def load_reconstruction(path: str | os.PathLike[str]) -> Reconstruction:
    """The autoencoder alone, there and back."""
    return Reconstruction(read_autoencoder(path)).eval()


def load_prior(path: str | os.PathLike[str]) -> nn.Module:
    """The UNet on the autoencoder that ships, without LoRA."""
    result = from_files(shipped("hidra-autoencoder", ".safetensors"), path)
    result.variant = "unet"
    return result
