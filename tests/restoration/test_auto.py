from __future__ import annotations

import cv2
import numpy as np
import pytest
from conftest import psnr

import thermend
from thermend.restoration.auto import Step, carry_out, plan


@pytest.fixture
def grey(scene) -> np.ndarray:
    """The scene as a camera shows it, over the whole range; grey levels."""
    return (scene - scene.min()) / np.ptp(scene) * 245 + 5


def _steps(result) -> list[str]:
    return [step["method"].removeprefix("classical.") for step in result.metadata.provenance["steps"]]


@pytest.mark.parametrize("mode", ["display", "radiometric"])
@pytest.mark.parametrize("folder", ["roadscene", "hit-uav", "llvip"])
def test_undamaged_images_come_back_at_38_decibels_or_more(cases, folder, mode):
    worst = min(
        psnr(np.rint(thermend.enhance(image, mode=mode).pixels), image.pixels, 255)
        for image in map(thermend.read, sorted((cases / "data" / folder / "val").iterdir()))
    )
    assert worst > 38


def test_each_damage_calls_for_its_step(scene, grey, rng):
    noise = rng.normal(0, 8, scene.shape)
    stripes = rng.normal(0, 8, scene.shape[1])[None]
    assert "dct" in _steps(thermend.enhance(np.clip(grey + noise, 0, 255).astype(np.uint8)))
    assert "column-median" in _steps(thermend.enhance(np.clip(grey + stripes, 0, 255).astype(np.uint8)))
    blurred = cv2.GaussianBlur(grey, (0, 0), 2.5) + rng.normal(0, 1, scene.shape)
    assert "wiener" in _steps(thermend.enhance(np.clip(blurred, 0, 255).astype(np.uint8)))
    assert _steps(thermend.enhance(np.full((64, 64), 100, np.uint8))) == []


@pytest.mark.parametrize(
    ("damage", "gain"),
    [("noise", 6), ("stripes", 5), ("rows", 5), ("both", 6), ("blur", 1.0), ("dead", 8)],
)
def test_auto_mends_each_damage_by_decibels(scene, grey, rng, damage, gain):
    damaged = {
        "noise": lambda: grey + rng.normal(0, 12, scene.shape),
        "stripes": lambda: grey + rng.normal(0, 10, 240)[None],
        "rows": lambda: grey + rng.normal(0, 10, 192)[:, None],
        "both": lambda: grey + rng.normal(0, 10, 240)[None] + rng.normal(0, 8, scene.shape),
        "blur": lambda: cv2.GaussianBlur(grey, (0, 0), 2.2) + rng.normal(0, 1, scene.shape),
        "dead": lambda: np.where(rng.random(scene.shape) < 0.002, 255, grey),
    }[damage]()
    damaged = np.clip(np.rint(damaged), 0, 255).astype(np.uint8)
    assert psnr(thermend.enhance(damaged).pixels, grey, 255) > psnr(damaged, grey, 255) + gain


def test_contrast_far_below_that_of_any_image_is_raised_for_the_eye_alone(scene):
    low = np.rint(118 + 8 * scene).astype(np.uint8)
    chain = thermend.load("classical.chain")
    assert "stretch" in _steps(chain.restore(low, "display"))
    assert "stretch" not in _steps(chain.restore(low, "radiometric"))
    assert _steps(thermend.enhance(low, mode="display")) == ["ppfn/compact", "stretch"]
    assert _steps(thermend.enhance(low, mode="radiometric")) == []


def test_lost_contrast_is_brought_back_by_the_network(grey):
    low = np.rint(60 + 0.45 * grey).astype(np.uint8)
    mended = thermend.enhance(low, mode="display")
    assert _steps(mended) == ["ppfn/compact"]
    assert mended.metadata.provenance["steps"][0]["pass"].keys() == {"contrast"}
    assert np.ptp(mended.pixels) > 1.5 * np.ptp(low)
    np.testing.assert_array_equal(thermend.enhance(np.full((64, 64), 100, np.uint8)).pixels, 100)


def test_the_network_is_opened_for_the_eye_alone(scene, monkeypatch):
    from thermend.restoration import network

    opened = []
    own = network.open_network
    monkeypatch.setattr(network, "open_network", lambda *a, **k: opened.append(a) or own(*a, **k))
    auto = thermend.load("auto")
    assert auto.restore(scene * 40 + 20).metadata.provenance["weights_sha256"] is None
    assert not opened
    full = np.rint((scene - scene.min()) / np.ptp(scene) * 255).astype(np.uint8)
    assert auto.restore(full).metadata.provenance["weights_sha256"] is None  # opened, and left alone
    low = np.rint(110 + 30 * scene).astype(np.uint8)
    told = [auto.restore(low).metadata.provenance["weights_sha256"] for _ in range(2)]
    assert told[0] == thermend.load("ppfn/compact").weights_sha256 == told[1]
    assert len(opened) == 2  # once for auto, once for ppfn/compact


class Judge:
    """A network that takes the damage for as strong as it is told to, and notes what it is asked to leave."""

    def __init__(self, severity: float) -> None:
        self.severity, self.left = severity, []

    def estimate(self, image):
        return {"noise": (0.9, self.severity), "blur": (0.1, 0.0), "contrast": (0.1, 0.0)}

    def mend(self, image, mode, leave=()):
        self.left.append(set(leave))
        return image + np.linspace(0, 1, 8, dtype=np.float32), [{"pass": {"noise": 0.9}}]


@pytest.mark.parametrize(("severity", "left"), [(12.0, {"noise", "blur"}), (18.0, {"noise", "blur"}), (28.0, {"blur"})])
def test_noise_that_is_more_than_white_is_left_to_the_network(severity, left):
    applied = []
    steps = [
        Step("classical.column-median", {}, lambda pixels: applied.append("stripes"), True),
        Step("classical.dct", {"sigma": 10}, lambda pixels: applied.append("noise")),
    ]
    judge = Judge(severity)
    mended, done = carry_out(steps, np.zeros((8, 8), np.float32), 10.0, judge, "ppfn/compact")
    assert judge.left == [left]
    assert applied == (["stripes"] if left == {"blur"} else ["stripes", "noise"])
    assert [step["method"].rpartition(".")[2] for step in done] == [
        *("column-median", "dct")[: len(applied)],
        "ppfn/compact",
    ]
    assert mended.max() == 1


def test_a_small_hot_target_in_noise_is_not_lost(scene, rng):
    grey = scene * 120 + rng.normal(0, 6, scene.shape)
    y, x = np.mgrid[0:192, 0:240]
    grey += 120 * np.exp(-((y - 20) ** 2 + (x - 120) ** 2) / (2 * 0.8**2))
    result = thermend.enhance(np.clip(np.rint(grey), 0, 255).astype(np.uint8))
    assert result.pixels[20, 120] > 0.8 * grey[20, 120]


def test_the_same_input_gives_the_same_bytes(scene, rng):
    damaged = np.clip(scene * 255 + rng.normal(0, 9, scene.shape), 0, 255).astype(np.uint8)
    np.testing.assert_array_equal(thermend.enhance(damaged).pixels, thermend.enhance(damaged).pixels)


def test_a_healthy_diagnosis_needs_nothing():
    from thermend import Diagnosis

    healthy = Diagnosis(0.1, 0.0, "none", 0.0, 0.5, 3.0, 0.02, 0, 0, 0.8)
    assert plan(healthy, "display") == []


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2), (50, 60), (9, 700)])
@pytest.mark.parametrize("kind", ["constant", "nan", "random"])
def test_odd_images_come_back_finite_in_their_own_shape(rng, shape, kind):
    array = np.full(shape, 7.0, np.float32) if kind == "constant" else rng.normal(20, 3, shape).astype(np.float32)
    if kind == "nan" and array.size > 1:
        array.flat[0], array.flat[-1] = np.nan, np.inf
    if kind == "nan" and array.size <= 2:
        array = np.array([[np.nan, 4.0]], np.float32)
    result = thermend.enhance(array)
    assert result.shape == array.shape
    assert np.isfinite(result.pixels).all()
    if kind == "constant":
        np.testing.assert_allclose(result.pixels, 7.0, atol=1e-3)
