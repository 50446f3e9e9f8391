"""Whether there can be a prior as a recipe describes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from thermend.methods.hidra.backbone import EMBEDDED, IMPOSSIBLE, AutoencoderKL, UNet2DConditionModel, multiple_of
from thermend.methods.hidra.identity import carrier_of_autoencoder, carrier_of_unet


def check_autoencoder(changes: Mapping[str, Any], identity: bool, crop: int) -> None:
    """Raise ValueError where there can be no such autoencoder, or the crop does not fit it."""
    with torch.device("meta"):
        model = built(AutoencoderKL, "autoencoder", changes)
    multiple = multiple_of(model)
    if identity:
        carrier_of_autoencoder(model.config)
    if crop % multiple:
        raise ValueError(f"patch_size {crop}: expected a multiple of {multiple}")


def check_unet(changes: Mapping[str, Any], identity: bool) -> None:
    """Raise ValueError where there can be no such UNet."""
    with torch.device("meta"):
        model = built(UNet2DConditionModel, "unet", changes)
    if identity:
        carrier_of_unet(model.config)


def built(kind: Any, which: str, changes: Mapping[str, Any]) -> Any:
    """A model of diffusers, or ValueError."""
    unknown = set(changes) - set(EMBEDDED[which])
    if unknown:
        raise ValueError(f"configuration: {', '.join(sorted(unknown))}: no such key; {', '.join(EMBEDDED[which])} are")
    try:
        return kind(**{**EMBEDDED[which], **changes})
    except IMPOSSIBLE as error:
        raise ValueError(f"configuration: there is no such model ({' '.join(str(error).split())[:120]})") from error
