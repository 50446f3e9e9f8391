"""What a result is held against: what it claims to have undone counts for nothing, what it invented is marked."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermend import ThermalImage, UsageError
from thermend.restoration import verification as verification_module
from thermend.restoration.verification import MOST_SUSPECT, SUSPECT, verify

pytestmark = pytest.mark.slow


def _image(pixels: np.ndarray) -> ThermalImage:
    return ThermalImage.from_array(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def _noisy(scene: np.ndarray, rng: np.random.Generator, sigma: float = 6.0) -> np.ndarray:
    return scene + rng.normal(0, sigma / 255, scene.shape)


def _damaged(scene: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    columns = rng.normal(0, 12 / 255, scene.shape[1])
    small = cv2.resize(scene, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return {
        "undamaged": scene,
        "noise": _noisy(scene, rng),
        "blur": _noisy(cv2.GaussianBlur(scene, (0, 0), 1.8), rng, 2),
        "contrast": 0.3 + 0.4 * _noisy(scene, rng, 3),
        "stripes": _noisy(scene * (1 + 0.05 * rng.normal(size=scene.shape[1])) + columns, rng, 2),
        "rows": _noisy(scene + rng.normal(0, 12 / 255, (scene.shape[0], 1)), rng, 2),
        "pixels": _noisy(cv2.resize(small, scene.shape[::-1], interpolation=cv2.INTER_CUBIC), rng, 1),
    }


KINDS = ["undamaged", "noise", "blur", "contrast", "stripes", "rows", "pixels"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_undamaged_scene_is_supported_by_its_damaged_image(scene, rng, kind):
    found = verify(_image(_damaged(scene, rng)[kind]), _image(scene))
    assert found.supported
    assert found.suspect < 0.03


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_spot_that_was_not_measured_is_marked_and_nothing_else(scene, rng, kind, sign):
    invented = scene.copy()
    rows, columns = np.ogrid[: scene.shape[0], : scene.shape[1]]
    spot = (rows - 130) ** 2 + (columns - 115) ** 2 < 36
    invented[spot] += sign * 0.2
    found = verify(_image(_damaged(scene, rng)[kind]), _image(invented))
    assert np.median(found.departure[spot]) > SUSPECT
    far = (rows - 130) ** 2 + (columns - 115) ** 2 > 20**2
    assert (found.departure[far] > SUSPECT).mean() < 0.03


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("across", [2, 3])
def test_so_is_one_of_a_few_pixels(scene, rng, kind, across):
    """A person, seen from a drone."""
    invented = scene.copy()
    invented[130 : 130 + across, 115 : 115 + across] += 0.4
    found = verify(_image(_damaged(scene, rng)[kind]), _image(invented))
    assert found.departure[128:135, 113:120].max() > SUSPECT
    assert found.departure[128:135, 113:120].argmax() % 7 in (2, 3, 4, 5)


def test_a_spot_that_was_left_out_is_marked(scene, rng):
    measured = scene.copy()
    measured[125:137, 110:122] += 0.25
    found = verify(_image(_noisy(measured, rng)), _image(scene))
    assert np.median(found.departure[127:135, 112:120]) > SUSPECT


def test_another_scene_fails_as_a_whole(scene, rng):
    found = verify(_image(_noisy(scene, rng, 3)), _image(scene[::-1, ::-1]))
    assert found.suspect > MOST_SUSPECT
    assert not found.supported


def test_under_strong_noise_too(scene, rng):
    """Each pixel says little there, many say enough."""
    measured = _image(_noisy(scene, rng, 25))
    assert verify(measured, _image(scene)).suspect < 0.03
    for wrong in (scene[::-1, ::-1], np.full_like(scene, 0.5)):
        assert not verify(measured, _image(wrong)).supported


def _plain(slope: float) -> tuple[np.ndarray, np.ndarray]:
    """Sky, sea, a wall, in grey levels, and the distance from a place in it."""
    rows, columns = np.ogrid[:192, :240]
    return 90 + slope * rows / 192 + 0 * columns, np.hypot(rows - 90, columns - 80)


@pytest.mark.parametrize("slope", [0.0, 30.0])
@pytest.mark.parametrize("across", [7, 24, 28, 48, 80])
@pytest.mark.parametrize("level", [15.0, 60.0, 100.0])
def test_in_a_plain_scene_an_invention_is_not_taken_for_a_tone_curve(slope, across, level):
    """It has levels that nothing else has."""
    plain, distance = _plain(slope)
    spot = distance < across / 2
    for seed in range(3):
        measured = _image(_noisy(plain / 255, np.random.default_rng(seed), 2))
        assert np.median(verify(measured, _image((plain + level * spot) / 255)).departure[spot]) > SUSPECT
        assert verify(measured, _image(plain / 255)).suspect < 0.03


@pytest.mark.parametrize("slope", [0.0, 6.0, 30.0])
@pytest.mark.parametrize("contrast", [0.3, 0.6, 1.0])
def test_in_a_plain_scene_what_was_measured_is_supported(rng, slope, contrast):
    plain, distance = _plain(slope)
    spot = distance < 6
    warm = plain + 100 * spot
    measured = 100 + contrast * (warm - 100)
    found = verify(_image(_noisy(measured / 255, rng, 2)), _image(_noisy(warm / 255, rng, 1)))
    assert np.median(found.departure[spot]) < 0.5 * SUSPECT
    assert found.suspect < 0.03


@pytest.mark.parametrize("sigma", [0.0, 3.0])
def test_a_quarter_of_a_pixel_is_no_departure(scene, rng, sigma):
    moved = cv2.warpAffine(
        scene, np.array([[1, 0, 0.25], [0, 1, 0]]), scene.shape[::-1], borderMode=cv2.BORDER_REPLICATE
    )
    assert verify(_image(_noisy(scene, rng, sigma)), _image(moved)).suspect < 0.01


def test_the_unit_is_the_noise(scene, rng):
    """The same invention, smaller than the wider of the windows, departs half as far in twice the noise."""
    invented = scene.copy()
    invented[128:133, 112:117] += 0.15
    far = [
        np.median(verify(_image(_noisy(scene, rng, sigma)), _image(invented)).departure[129:132, 113:116])
        for sigma in (5.0, 10.0)
    ]
    assert 1.5 < far[0] / far[1] < 2.6


def test_what_the_input_does_not_show_is_not_judged(scene, rng):
    """Black and white say that something was at least so dark or so bright, and no more."""
    clipped = np.clip(2.5 * (scene - 0.3), 0, 1)
    found = verify(_image(clipped), _image(scene))
    assert found.suspect < 0.03
    assert not found.departure[(clipped == 0) | (clipped == 1)].any()


def test_counts_that_were_cut_off_are_not_judged_either(scene):
    counts = np.rint(np.minimum(scene, 0.5) * 40000).astype(np.uint16)
    assert (counts == counts.max()).mean() > 0.1
    whole = ThermalImage.from_array(np.rint(scene * 40000).astype(np.uint16))
    assert verify(ThermalImage.from_array(counts), whole).suspect < 0.03


@pytest.mark.parametrize("shape", [(1, 2), (1, 3), (3, 1), (2, 2), (1, 50), (8, 10), (96, 336)])
def test_an_image_is_supported_by_itself_whatever_its_size(rng, shape):
    image = _image(rng.uniform(0.2, 0.8, shape))
    assert verify(image, image).suspect == 0


def test_two_pixels_that_say_something_are_enough():
    black = np.zeros((20, 30))
    black[3, 4], black[10, 20] = 0.4, 0.6
    found = verify(_image(black), _image(black))
    assert np.isfinite(found.departure).all()
    assert found.suspect == 0


def test_large_images_are_judged_at_less_resolution(scene, rng, monkeypatch):
    monkeypatch.setattr(verification_module, "LARGEST", 192 * 240 // 4)
    invented = scene.copy()
    invented[124:136, 109:121] += 0.2
    found = verify(_image(_noisy(scene, rng)), _image(invented))
    assert found.departure.shape == scene.shape
    assert np.median(found.departure[126:134, 111:119]) > SUSPECT


def test_temperatures_and_enlarged_results_are_held_against_what_was_measured(scene, rng):
    kelvin = (20 + 15 * _noisy(scene, rng, 2)).astype(np.float32)
    before = ThermalImage(kelvin, "celsius", "float32")
    clean = (20 + 15 * scene).astype(np.float32)
    large = cv2.resize(clean, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    found = verify(before, ThermalImage(large, "celsius", "float32"))
    assert found.departure.shape == large.shape
    assert found.suspect < 0.03
    large[250:270, 225:245] += 3
    assert np.median(verify(before, ThermalImage(large, "celsius", "float32")).departure[254:266, 229:241]) > SUSPECT
    with pytest.raises(UsageError, match="none of an image"):
        verify(before, ThermalImage(large[:-1], "celsius", "float32"))


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_an_even_field_has_nothing_to_suspect(level):
    even = _image(np.full((40, 50), level))
    found = verify(even, even)
    assert found.suspect == 0
    assert np.isfinite(found.departure).all()
