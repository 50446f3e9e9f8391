"""What thermend writes into every file of its own, so that it can be read back as what it is."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from thermend.image import Depth, ThermalImage
from thermend.io.metadata import PROVENANCE_KEY
from thermend.io.storage import stored_unit
from thermend.version import __version__


def stamped(image: ThermalImage, depth: Depth, unit: str | None = None) -> ThermalImage:
    """The image with the stored numbers' unit, and its place in a recording, in its provenance.

    Parameters
    ----------
    image : ThermalImage
    depth : Depth
        that it will be stored at
    unit : str or None
        where the numbers will be another's: a palette's picture is for the eye
    """
    provenance: dict[str, Any] = dict(image.metadata.provenance or {"software": PROVENANCE_KEY, "version": __version__})
    provenance["unit"] = unit or stored_unit(image, depth)
    if provenance["unit"] == "scaled" and image.metadata.scaling is not None:
        provenance["scaling"] = list(image.metadata.scaling)
    if image.metadata.frame is not None:
        provenance["frame"] = {k: v for k, v in asdict(image.metadata.frame).items() if v is not None}
    return replace(image, metadata=replace(image.metadata, provenance=provenance))
