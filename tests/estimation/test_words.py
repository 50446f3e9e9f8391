"""A diagnosis in words: what is told, and what is too slight to be told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import thermend
from thermend.estimation import Diagnosis
from thermend.estimation.words import sentences

SOUND = Diagnosis(
    noise_sigma=0.3, stripe_sigma=0.0, stripe_direction="none", crossing_stripe_sigma=0.0, blur_sigma=0.5,
    nonuniformity=2.0, nonuniformity_share=0.01, dead_pixels=0, dead_columns=0, contrast=0.8,
)  # fmt: skip


def test_a_sound_image_has_nothing_wrong():
    assert sentences(SOUND) == ["Nothing is found to be wrong with this image."]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"noise_sigma": 2.0}, "Light sensor noise: standard deviation 2.0 grey levels."),
        (
            {"noise_sigma": 9.0, "noise_kelvin": 0.52},
            "Strong sensor noise: standard deviation 9.0 grey levels (0.52 K).",
        ),
        ({"correlated_noise_sigma": 4.0}, "Moderate noise that neighbouring pixels share: 4.0 grey levels."),
        ({"stripe_sigma": 2.0, "stripe_direction": "rows"}, "Row stripes, moderate: 2.0 grey levels."),
        (
            {"stripe_sigma": 6.0, "stripe_direction": "columns", "crossing_stripe_sigma": 1.0},
            "Column stripes, strong and, weaker, at right angles to it: 6.0 grey levels.",
        ),
        ({"stripe_forms": ("split columns",)}, "Stripes of other forms: split columns."),
        ({"dead_pixels": 1}, "1 bad pixel."),
        ({"dead_pixels": 1234}, "1,234 bad pixels."),
        ({"dead_columns": 2}, "2 lines of the detector stuck."),
        ({"nonuniformity": 60.0, "nonuniformity_share": 0.5}, "Strong vignetting: 60.0 grey levels from side to side."),
        ({"nonuniformity": 60.0}, "Brightness changes smoothly from side to side, which may be the scene's."),
        ({"blur_sigma": 1.5}, "Moderate blur: standard deviation 1.5 pixels."),
        ({"blur_sigma": 1.5, "interpolated": True}, "The image was enlarged from fewer pixels."),
        ({"contrast": 0.2}, "Low contrast: the scene uses 20% of the range."),
    ],
)
def test_each_degradation_is_told_with_its_number(changes, told):
    assert sentences(replace(SOUND, **changes)) == [told]


def test_temperatures_lack_no_contrast_for_being_few():
    assert sentences(replace(SOUND, contrast=0.03), "celsius") == sentences(SOUND)


def test_several_are_told_one_by_one():
    assert len(sentences(replace(SOUND, noise_sigma=5, dead_pixels=3, blur_sigma=3))) == 3


def test_a_noisy_scene_is_called_noisy(scene, rng):
    noisy = np.clip(255 * (scene + rng.normal(0, 0.05, scene.shape)), 0, 255).astype(np.uint8)
    assert any("sensor noise" in told for told in sentences(thermend.diagnose(noisy)))
