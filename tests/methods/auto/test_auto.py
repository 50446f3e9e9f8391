from __future__ import annotations

import pickle
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
import pytest
from conftest import psnr

import thermend
from thermend.methods import MethodInfo, find
from thermend.methods.auto.chain import carry_out
from thermend.methods.auto.plan import plan
from thermend.methods.protocol import Restored, StepRecord, Task
from thermend.restoration import Restorer

pytestmark = pytest.mark.slow


@pytest.fixture
def grey(scene) -> np.ndarray:
    """The scene as a camera shows it, over the whole range; grey levels."""
    return (scene - scene.min()) / np.ptp(scene) * 245 + 5


def _steps(result) -> list[str]:
    return [step["method"].removeprefix("classical.") for step in result.metadata.provenance["steps"]]


@pytest.mark.parametrize("mode", ["display", "radiometric"])
@pytest.mark.parametrize("folder", ["roadscene", "hit-uav", "llvip"])
def test_undamaged_images_come_back_as_they_were(cases, folder, mode):
    """Of those that use more than a third of the range."""
    images = [thermend.read(path) for path in sorted((cases / "data" / folder / "val").iterdir())]
    images = [image for image in images if np.ptp(np.percentile(image.pixels, (1, 99))) > 85]
    assert len(images) > 5
    worst = min(psnr(np.rint(thermend.enhance(image, mode=mode).pixels), image.pixels, 255) for image in images)
    assert worst > (40 if mode == "display" else 43.5)


def test_each_damage_calls_for_its_step(scene, grey, rng):
    noise = rng.normal(0, 8, scene.shape)
    stripes = rng.normal(0, 8, scene.shape[1])[None]
    blurred = cv2.GaussianBlur(grey, (0, 0), 2.5) + rng.normal(0, 1, scene.shape)
    for damaged, classical, ours in (
        (grey + noise, "dct", "detail/compact"),
        (grey + stripes, "column-median", "column-median"),
        (blurred, "wiener", "wiener"),
    ):
        picture = np.clip(np.rint(damaged), 0, 255).astype(np.uint8)
        assert classical in _steps(thermend.enhance(picture, method="classical.chain"))
        assert ours in _steps(thermend.enhance(picture))
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
    assert "stretch" in _steps(chain.restore(low, mode="display"))
    assert "stretch" not in _steps(chain.restore(low, mode="radiometric"))
    raised = thermend.enhance(low, mode="display")
    assert np.ptp(np.percentile(raised.pixels, (1, 99))) > 80
    assert _steps(thermend.enhance(low, mode="radiometric")) == []


def test_lost_contrast_is_brought_back_by_the_network(grey):
    low = np.rint(60 + 0.45 * grey).astype(np.uint8)
    mended = thermend.enhance(low, mode="display")
    assert "level/compact" in _steps(mended)
    assert mended.metadata.provenance["steps"][-1]["gain"] > 1.2
    assert np.ptp(mended.pixels) > 1.2 * np.ptp(low)
    np.testing.assert_array_equal(thermend.enhance(np.full((64, 64), 100, np.uint8)).pixels, 100)


def test_contrast_is_the_users_to_decide(grey):
    low = np.rint(60 + 0.45 * grey).astype(np.uint8)
    assert np.abs(thermend.enhance(low, contrast="keep").pixels - low).mean() < 1
    for method in ("auto", "classical.chain"):
        stretched = thermend.enhance(low, method=method, contrast="stretch").pixels
        np.testing.assert_allclose(np.percentile(stretched, (1, 99)), (14, 223), atol=2)
    kelvin = thermend.ThermalImage((grey / 10).astype(np.float32), "celsius")
    assert thermend.enhance(kelvin, contrast="keep").unit == "celsius"
    with pytest.raises(thermend.UsageError, match="changes temperatures"):
        thermend.enhance(kelvin, contrast="stretch")
    with pytest.raises(thermend.UsageError, match="expected one of auto, keep, stretch"):
        thermend.enhance(low, contrast="more")
    with pytest.raises(thermend.UsageError, match="leaves no choice of contrast"):
        thermend.enhance(low, method="deal", contrast="keep")


def test_counts_shown_to_the_eye_are_levelled_as_pictures_are():
    from thermend.methods.level.correction import Correction

    asked = []

    class Level(Nothing):
        def correction(self, image):
            asked.append(image.shape)
            return Correction(1.0, np.zeros((16, 20), np.float32), 0.0)

    two = Two(0.0)
    two.parts["level"] = Level()
    found = replace(thermend.diagnose(np.zeros((8, 8), np.uint8)), noise_sigma=9.0, contrast=None, black_level=None)
    carry_out(plan(found, "display", (32, 32)), np.full((32, 32), 0.5, np.float32), found, two)
    assert asked == [(32, 32)]


@pytest.mark.parametrize("contrast", ["keep", "auto"])
def test_a_certain_surface_is_taken_off_unless_contrast_is_kept(contrast):
    ramp = np.tile(np.linspace(0.1, 0.9, 64, dtype=np.float32), (64, 1))
    found = replace(
        thermend.diagnose(np.zeros((8, 8), np.uint8)), nonuniformity=80.0, nonuniformity_share=0.5, contrast=0.7
    )
    found = replace(found, noise_sigma=0.0, stripe_direction="none", dead_pixels=0, blur_sigma=0.0, black_level=0.1)
    done = carry_out(plan(found, "display", ramp.shape), ramp, found, None, Task(contrast=contrast)).steps
    assert ("classical.surface" in [step.method for step in done]) == (contrast == "auto")


def test_a_network_is_opened_when_it_is_wanted(scene, rng, monkeypatch):
    opened, own = [], MethodInfo.open
    auto = Restorer(find("auto").open())
    monkeypatch.setattr(MethodInfo, "open", lambda m, *given: opened.append(m.full_name) or own(m, *given))
    assert auto.restore(scene * 40 + 20).metadata.provenance["weights_sha256"] is None
    assert not opened
    noisy = np.rint(255 * scene + rng.normal(0, 9, scene.shape)).clip(0, 255).astype(np.uint8)
    for _ in range(2):
        told = auto.restore(noisy, contrast="keep").metadata.provenance["weights_sha256"]
    assert opened == ["detail/compact"]
    assert told == {"detail/compact": thermend.load("detail/compact").weights_sha256}


class Nothing:
    """A network that changes nothing, is as sure as it is told to be, and notes what it was asked."""

    facts: ClassVar[dict] = {"gain": 1.0}
    info = find("detail")

    def __init__(self, chance: float = 0.0) -> None:
        self.chance, self.vignetting, self.asked = chance, 0.1, []

    def mend_detail(self, pixels, mode, stripes, watch):
        self.asked.append((mode, stripes))
        return Restored(pixels + np.float32(0.1), [StepRecord("detail", {"noise": 1.0})])

    def correction(self, pixels):
        return self

    def apply(self, image):
        image += np.float32(0.01)


class Two:
    """What a chain hands to, as :class:`thermend.methods.auto.helpers.Helpers` has it."""

    def __init__(self, chance: float) -> None:
        self.parts = {"detail": Nothing(), "level": Nothing(chance)}

    def detail(self):
        return self.parts["detail"]

    def level(self):
        return self.parts["level"]

    def name(self, role: str) -> str:
        return role


@pytest.mark.parametrize(
    ("mode", "noise", "chance", "vignetting", "top", "expected"),
    [
        ("display", 10.0, 0.85, 20, 0.9, ["detail", "classical.dct", "level"]),  # vignetting under noise
        ("display", 10.0, 0.4, 20, 0.9, ["detail", "classical.dct"]),
        ("display", 10.0, 0.9, 10, 0.9, ["detail", "classical.dct"]),  # it fills its range
        ("display", 10.0, 0.6, 10, 0.5, ["detail", "classical.dct", "level"]),  # it does not
        ("display", 25.0, 0.4, 0, 0.5, ["detail"]),  # no filter keeps texture in so much noise
        ("display", 0.1, 0.99, 20, 0.9, []),
        ("display", 0.1, 0.6, 0, 0.5, ["level"]),
        ("display", 0.1, 0.4, 0, 0.5, []),
        ("radiometric", 10.0, 0.99, 20, 0.5, ["classical.dct"]),
    ],
)
def test_networks_take_over_what_the_diagnosis_finds(mode, noise, chance, vignetting, top, expected):
    two = Two(chance)
    two.parts["level"].vignetting = vignetting / 255
    image = np.tile(np.linspace(0.05, top, 32, dtype=np.float32), (32, 1))
    found = replace(thermend.diagnose(np.zeros((8, 8), np.uint8)), noise_sigma=noise, contrast=0.7, black_level=0.1)
    done = carry_out(plan(found, mode, image.shape), image, found, two, Task(mode)).steps
    assert [step.method for step in done] == expected
    assert two.parts["detail"].asked in ([], [(mode, 0.0)])


@pytest.mark.parametrize("gain", [0.05, 0.1])
def test_contrast_that_is_all_but_gone_comes_back_at_least_as_well_as_without_the_network(cases, gain):
    for path in sorted((cases / "data/roadscene/train").iterdir())[:60:20]:
        clean = thermend.read(path).pixels
        dull = np.rint(118 + gain * (clean - 118)).astype(np.uint8)
        ours, chain = (psnr(thermend.enhance(dull, method=name).pixels, clean) for name in ("auto", "classical.chain"))
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
        assert all(np.isfinite(value) for value in step.values() if isinstance(value, float))
    fast, exact = (thermend.load("auto", precision=p).restore(narrow).pixels for p in ("auto", "float32"))
    np.testing.assert_allclose(fast, exact, atol=6)


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
