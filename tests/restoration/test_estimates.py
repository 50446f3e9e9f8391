"""Noise, stripes and vignetting are estimated once an image, whoever asks."""

from __future__ import annotations

import numpy as np
import pytest

import thermend
from thermend.estimation import estimates
from thermend.methods import steps


@pytest.fixture
def fits(monkeypatch) -> list[str]:
    """What was fitted, in order."""
    found: list[str] = []
    for module, name in (
        (estimates, "column_offsets"),
        (steps, "column_offsets"),
        (estimates, "noise_sigma"),
        (estimates, "vignetting_surface"),
        (steps, "vignetting_surface"),
    ):
        own = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given, own=own, name=name: found.append(name) or own(*given))
    return found


@pytest.mark.parametrize("method", ["auto", "classical.chain"])
def test_a_striped_picture_is_fitted_once(fits, scene, rng, method):
    striped = np.rint(60 + 120 * scene + rng.normal(0, 9, scene.shape[1])[None]).clip(0, 255).astype(np.uint8)
    result = thermend.enhance(striped, method=method, contrast="keep")
    assert "classical.column-median" in [step["method"] for step in result.metadata.provenance["steps"]]
    assert sorted(fits) == ["column_offsets", "noise_sigma", "vignetting_surface"]


@pytest.mark.parametrize("way", ["columns", "rows"])
def test_the_evidence_and_the_chain_share_one_fit(fits, scene, rng, way):
    stripes = rng.normal(0, 0.6, scene.shape[1 if way == "columns" else 0])
    kelvin = 15 + 20 * scene + (stripes[None] if way == "columns" else stripes[:, None])
    result = thermend.enhance(thermend.ThermalImage(kelvin.astype(np.float32), "celsius"))
    assert "classical.column-median" in [step["method"] for step in result.metadata.provenance["steps"]]
    assert fits.count("column_offsets") == 1
    assert fits.count("noise_sigma") == 1
