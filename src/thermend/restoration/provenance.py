"""What a result says of how it was made. Nothing is decided by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from thermend.image import Metadata
from thermend.io.metadata import PROVENANCE_KEY
from thermend.methods.protocol import Method, StepRecord, UsesNetworks
from thermend.restoration.verification import Verification
from thermend.version import __version__


def provenance_of(
    method: Method,
    metadata: Metadata,
    mode: str,
    scale: int,
    steps: Sequence[StepRecord],
    verification: Verification | None = None,
) -> dict[str, Any]:
    """The record of one restoration, plain values.

    Parameters
    ----------
    method : Method
    metadata : Metadata
        of the input
    mode : str
    scale : int
    steps : sequence of StepRecord
        what the method did
    verification : Verification or None
        of a generative result
    """
    found: dict[str, Any] = {
        "software": PROVENANCE_KEY,
        "version": __version__,
        "method": method.info.name,
        "variant": method.info.variant,
        "weights_sha256": method.weights_of(list(steps)) if isinstance(method, UsesNetworks) else None,
        "mode": mode,
        "scale": scale,
        "steps": [step.as_dict() for step in steps],
    }
    if verification is not None:
        found["verification"] = verification.as_dict()
    stated = {
        "emissivity": metadata.emissivity,
        "reflected_temperature": metadata.reflected_temperature,
        "distance": metadata.distance,
    }
    if any(value is not None for value in stated.values()):
        found["radiometry"] = stated
    camera = {"serial": metadata.serial, "frame_rate": metadata.frame_rate}
    if any(value is not None for value in camera.values()):
        found["camera"] = {key: value for key, value in camera.items() if value is not None}
    earlier = metadata.provenance
    if earlier and "method" in earlier:
        found["before"] = dict(earlier)
    return found
