"""Methods one after another, `a+b`."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import thermend
from thermend import ThermalImage, UsageError
from thermend.restoration.loading import info_of

BOTH = "classical.seid+classical.dct"


@pytest.fixture
def picture(scene, rng) -> np.ndarray:
    columns = rng.normal(0, 8, scene.shape[1])
    return np.clip(scene * 255 + columns + rng.normal(0, 6, scene.shape), 0, 255).astype(np.uint8)


def test_each_is_given_the_others_result(picture):
    first, second = (thermend.load(name) for name in BOTH.split("+"))
    wanted = second.restore(first.restore(picture))
    found = thermend.load(BOTH).restore(picture)
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    told = found.metadata.provenance
    assert (told["method"], told["before"]["method"]) == ("classical.dct", "classical.seid")
    assert [step.method for step in thermend.load(BOTH).restored(picture).steps][-2:] == BOTH.split("+")


def test_the_one_that_makes_more_pixels_is_asked_for_them(picture):
    for name in ("classical.lanczos+classical.seid", "classical.seid+classical.lanczos"):
        assert thermend.load(name).restore(picture[:40, :50], scale=2).shape == (80, 100)
    large = thermend.load("classical.lanczos").restore(picture[:40, :50], scale=2)
    wanted = thermend.load("classical.seid").restore(large)
    found = thermend.load("classical.lanczos+classical.seid").restore(picture[:40, :50], scale=2)
    np.testing.assert_array_equal(found.pixels, wanted.pixels)
    assert thermend.load("classical.seid+classical.dct").restore(picture[:40, :50], scale=2).shape == (80, 100)


def test_temperatures_stay_where_all_keep_them(scene, rng):
    kelvin = (20 + 15 * scene + rng.normal(0, 0.4, scene.shape[1])).astype(np.float32)
    image = ThermalImage.from_array(kelvin, unit="celsius")
    result = thermend.load(BOTH).restore(image)
    assert result.unit == "celsius"
    assert abs(float(result.pixels.mean() - kelvin.mean())) < 0.1
    mixed = thermend.load("classical.seid+classical.clahe")
    assert mixed.info.modes == ("display",)
    assert mixed.restore(image).unit == "display"
    with pytest.raises(UsageError, match="no radiometric mode in common; use --mode display"):
        mixed.restore(image, mode="radiometric")


def test_the_choice_of_contrast_goes_to_those_that_leave_one(picture):
    flat = (100 + picture // 8).astype(np.uint8)
    stretched = thermend.load("classical.seid+auto").restore(flat, contrast="stretch").pixels
    assert np.ptp(stretched) > 200
    with pytest.raises(UsageError, match="leaves no choice of contrast"):
        thermend.load(BOTH).restore(flat, contrast="stretch")


def test_the_row_is_of_all(picture):
    info = info_of("auto+classical.dct")
    assert info.full_name == "auto+classical.dct"
    assert set(info_of("ppfn+classical.dct").licence.split(" AND ")) >= {
        "Apache-2.0",
        *info_of("ppfn").licence.split(" AND "),
    }
    assert info_of("ppfn+ppfn").parameters == 2 * info_of("ppfn").parameters
    assert info_of("hidra+classical.dct").generative


def test_progress_goes_from_nothing_to_all(picture):
    seen = []
    thermend.load(BOTH).restore(picture, progress=lambda done, total: seen.append(done / total))
    assert (seen[0], seen[-1]) == (0, 1)
    assert seen == sorted(seen)


def test_it_is_pickled_and_given_stacks(picture):
    again = pickle.loads(pickle.dumps(thermend.load(BOTH)))
    stack = again.restore(np.stack([picture, picture[::-1]]))
    np.testing.assert_array_equal(stack[0], thermend.load(BOTH).restore(picture).pixels)


@pytest.mark.parametrize(
    ("asked", "more", "told"),
    [
        ("classical.dct+nobody", {}, "'nobody' is not known"),
        ("classical.dct+", {}, "'' is not known"),
        ("auto+classical.dct", {"weights": "x.onnx"}, "go with one method alone"),
        ("classical.dct+classical.seid", {"engine": "nope"}, "nope"),
    ],
)
def test_wrong_use_is_told(asked, more, told):
    with pytest.raises(UsageError, match=told):
        thermend.load(asked, **more)
