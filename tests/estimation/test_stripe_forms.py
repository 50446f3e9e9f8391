"""Stripes that are not columns or rows of the whole frame: told, named and taken off; and none where there are none."""

from __future__ import annotations

import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.estimation.stripe_forms import stripe_forms

NOISE = 0.1  # kelvin


@pytest.fixture(params=(1, 7), scope="module")
def scene(request):
    return 15 + 20 * scene_picture(5, request.param).astype(np.float64)


def banks(shape, rng):
    return np.repeat(rng.normal(size=(1, shape[1] // 8)), 8, axis=1) + np.zeros(shape)


def half_a_frame(shape, rng):
    return np.where(np.arange(shape[0])[:, None] < shape[0] // 2, rng.normal(size=(1, shape[1])), 0)


def two_halves(shape, rng):
    lower = np.arange(shape[0])[:, None] < 200
    return np.where(lower, rng.normal(size=(1, shape[1])), rng.normal(size=(1, shape[1])))


def slanted(shape, rng):
    lines = rng.normal(size=2 * sum(shape))
    return lines[np.rint(np.arange(shape[1]) + 0.08 * np.arange(shape[0])[:, None]).astype(int)]


def banding(shape, rng):
    return 1.4 * np.sin(2 * np.pi * np.arange(shape[0])[:, None] / 23 + 1) + np.zeros(shape)


FORMS = {"banks": banks, "split": half_a_frame, "split at a row": two_halves, "slanted": slanted, "banding": banding}


def diagnosed(pixels):
    return thermend.diagnose(thermend.ThermalImage.from_array(pixels.astype(np.float32), unit="celsius"))


def errors(given, scene):
    image = thermend.ThermalImage.from_array(given.astype(np.float32), unit="celsius")
    result = thermend.enhance(image, method="classical.chain").pixels
    return [np.sqrt(((pixels - scene) ** 2).mean()) for pixels in (given, result)]


@pytest.mark.parametrize("turned", [False, True], ids=["down", "across"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_named_and_halved(scene, form, turned):
    rng = np.random.default_rng(3)
    shape = scene.shape[::-1] if turned else scene.shape
    added = FORMS[form](shape, rng)
    given = scene + rng.normal(0, NOISE, scene.shape) + (added.T if turned else added)
    found = diagnosed(given)
    along = "rows" if turned != (form == "banding") else "columns"
    assert f"{form.split()[0]} {along}" in found.stripe_forms
    assert found.dead_columns == 0
    before, after = errors(given, scene)
    assert after <= 0.55 * before


def test_gain(scene):
    rng = np.random.default_rng(3)
    gains = 1 + rng.normal(0, 1 / scene.std(), (1, scene.shape[1]))
    given = (scene - scene.mean()) * gains + scene.mean() + rng.normal(0, NOISE, scene.shape)
    assert "gain columns" in diagnosed(given).stripe_forms
    before, after = errors(given, scene)
    assert after <= 0.65 * before


@pytest.mark.parametrize("strength", [0.0, 0.1, 1.0])
def test_ordinary_stripes_are_of_no_form(scene, strength):
    rng = np.random.default_rng(3)
    given = scene + rng.normal(0, NOISE, scene.shape) + strength * rng.normal(size=(1, scene.shape[1]))
    assert diagnosed(given).stripe_forms == ()
    turned = (given / 60).astype(np.float32).T
    assert stripe_forms(turned, NOISE / 60) == []


def test_what_no_form_can_be_told_in_is_left():
    assert stripe_forms(np.zeros((40, 50), np.float32), 0.0) == []
    assert stripe_forms(np.zeros((200, 300), np.float32), 0.0) == []
    ramp = np.tile(np.linspace(0, 1, 300, dtype=np.float32), (200, 1))
    assert stripe_forms(ramp, 0.0) == []
    assert stripe_forms(ramp, 0.0, np.ones(ramp.shape, bool)) == []
