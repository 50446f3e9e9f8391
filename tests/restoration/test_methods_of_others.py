"""Methods that others bring: whatever they hand over, temperatures are kept, and what is no image is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import thermend
from thermend.errors import NotFiniteError
from thermend.methods import find
from thermend.methods.protocol import FillsCores, ReadsDiagnosis, Restored, declares
from thermend.restoration import Restorer

INFO = replace(find("classical.dct"), name="mine", variant=None)


class Mine:
    """Hands over what it is told to."""

    info = INFO
    reads_diagnosis = False
    fills_cores = False

    def __init__(self, make):
        self.make = make

    def restore(self, image, task):
        return Restored(self.make(image.pixels), ())


@pytest.fixture
def spot(rng):
    """20 °C with a little noise, and a target of 80 °C."""
    pixels = (20 + rng.normal(0, 0.1, (60, 80))).astype(np.float32)
    pixels[30:34, 40:44] = 80
    return thermend.ThermalImage(pixels, "celsius")


def read_only(pixels):
    pixels = pixels.copy()
    pixels.flags.writeable = False
    return pixels


@pytest.mark.parametrize(
    "make",
    [np.asfortranarray, read_only, lambda p: p.T.copy().T, lambda p: p.astype(np.float64)],
    ids=["fortran", "read-only", "turned", "float64"],
)
def test_temperatures_are_kept_whatever_the_array(spot, make):
    mended = Restorer(Mine(make)).restore(spot)
    np.testing.assert_allclose(mended.pixels[31:33, 41:43], 80, atol=0.2)
    assert np.isclose(mended.pixels.mean(), spot.pixels.mean(), atol=1e-3)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_an_error_that_names_the_method(spot, wrong):
    def make(pixels):
        pixels[5, 5] = wrong
        return pixels

    with pytest.raises(NotFiniteError, match=r"mine.*not finite"):
        Restorer(Mine(make)).restore(spot)


@pytest.mark.parametrize("share", [0.5, 0.001])
def test_pixels_near_the_end_of_single_precision_give_no_infinities(rng, share):
    pixels = rng.normal(1000, 10, (40, 50)).astype(np.float32)
    pixels[rng.random((40, 50)) < share] = -3.4e38
    pixels[rng.random((40, 50)) < share] = 3.4e38
    try:
        mended = thermend.enhance(thermend.ThermalImage(pixels, "counts"))
    except thermend.UsageError:
        return  # a line, and nothing is kept
    assert np.isfinite(mended.pixels).all()


@pytest.mark.parametrize("shape", [(150, 120), (60, 160), (60, 80, 3)])
def test_another_size_than_a_multiple_is_refused(spot, shape):
    with pytest.raises(thermend.UsageError):
        Restorer(Mine(lambda pixels: np.zeros(shape, np.float32))).restore(spot)


def test_a_capability_may_be_denied():
    assert not declares(Mine(None), ReadsDiagnosis)
    assert not declares(Mine(None), FillsCores)


@pytest.mark.parametrize(
    "wrong", [np.zeros((20, 24, 3)), np.zeros((0, 20, 24)), [[1, 2], [3]]], ids=["colour", "none", "ragged"]
)
def test_what_is_no_stack_is_refused(wrong):
    with pytest.raises(thermend.UsageError):
        thermend.load("auto").restore(wrong)


def test_a_tensor_is_grey_levels_in_floating_point():
    torch = pytest.importorskip("torch")
    restorer = thermend.load("classical.dct")
    with pytest.raises(thermend.UsageError, match="floating"):
        restorer.restore(torch.zeros((1, 1, 32, 32), dtype=torch.uint8))
    with pytest.raises(thermend.UsageError, match="display"):
        restorer.restore(torch.zeros((1, 1, 32, 32)), mode="radiometric")
