from __future__ import annotations

import pickle
from dataclasses import replace

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
    assert _steps(thermend.enhance(low, mode="display")) == ["stretch"]
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
    low = np.rint(60 + 0.45 * full).astype(np.uint8)
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
    noisy = replace(thermend.diagnose(np.zeros((8, 8), np.uint8)), noise_sigma=10.0)
    mended, done = carry_out(steps, np.zeros((8, 8), np.float32), noisy, judge, "ppfn/compact")
    assert judge.left == [left]
    assert applied == (["stripes"] if left == {"blur"} else ["stripes", "noise"])
    assert [step["method"].rpartition(".")[2] for step in done] == [
        *("column-median", "dct")[: len(applied)],
        "ppfn/compact",
    ]
    assert mended.max() == 1


@pytest.mark.parametrize("gain", [0.05, 0.1])
def test_contrast_that_is_all_but_gone_comes_back_at_least_as_well_as_without_the_network(cases, gain):
    for path in sorted((cases / "data/roadscene/train").iterdir())[:60:20]:
        clean = thermend.read(path).pixels
        dull = np.rint(118 + gain * (clean - 118)).astype(np.uint8)
        ours, chain = (psnr(thermend.enhance(dull, name).pixels, clean) for name in ("auto", "classical.chain"))
        assert ours > chain - 0.1


def test_an_enlarged_image_is_judged_as_the_camera_gave_it(grey):
    low = np.rint(60 + 0.45 * grey).astype(np.uint8)
    small, large = (thermend.enhance(low, scale=scale) for scale in (1, 2))
    assert small.metadata.provenance["steps"] == large.metadata.provenance["steps"]
    assert large.shape == (2 * low.shape[0], 2 * low.shape[1])
    middle = (large.pixels[::2, ::2] + large.pixels[1::2, 1::2] + large.pixels[::2, 1::2] + large.pixels[1::2, ::2]) / 4
    assert np.abs(middle - small.pixels).mean() < 1


@pytest.mark.parametrize("shape", [(500, 8), (8, 500), (64, 16)])
def test_narrow_pictures_are_judged_soundly(grey, shape):
    narrow = np.tile(np.rint(60 + 0.45 * grey).astype(np.uint8), (4, 2))[: shape[0], : shape[1]]
    for step in thermend.enhance(narrow).metadata.provenance["steps"]:
        assert all(np.isfinite(value) for value in step.get("pass", {}).values())
    fast, exact = (thermend.load("auto", precision=p).restore(narrow).pixels for p in ("auto", "float32"))
    np.testing.assert_allclose(fast, exact, atol=6)


def test_what_the_network_leaves_alone_is_not_clipped(grey):
    result = thermend.enhance(thermend.ThermalImage(1.2 * grey, "display", "float32"))
    assert "ppfn/compact" not in _steps(result)
    assert result.pixels.max() > 290


def test_what_is_not_to_be_had_is_refused_before_the_first_picture():
    for options in ({"device": "nosuch"}, {"engine": "onnxruntime", "precision": "bf16"}, {"threads": -1}):
        with pytest.raises(thermend.UsageError):
            thermend.load("auto", **options)


def test_auto_goes_to_other_processes(grey):
    low = np.rint(60 + 0.45 * grey).astype(np.uint8)
    own = thermend.load("auto")
    expected = own.restore(low).pixels
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(own)).restore(low).pixels, expected)


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
