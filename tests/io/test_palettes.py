from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import thermend
from thermend import InputError, ThermalImage, UsageError
from thermend.io import palettes


@pytest.fixture
def grey(scene) -> np.ndarray:
    return np.rint(scene * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "name", [p for p in palettes.PALETTES if p not in ("white-hot", "black-hot", "hot", "red-hot")]
)
def test_intensity_comes_back_out_of_a_coloured_jpeg(tmp_path, grey, name):
    ThermalImage.from_array(grey).save(tmp_path / "c.jpg", palette=name)
    image = thermend.read(tmp_path / "c.jpg")
    assert image.metadata.palette == name
    assert np.abs(image.pixels - grey).mean() < 2


def test_a_flir_picture_is_recognised_as_iron_under_its_text_and_scale(cases, tmp_path):
    with Image.open(cases / "data/radiometric/IR_2412.jpg") as picture:
        picture.save(tmp_path / "picture.jpg", quality=92)
    image = thermend.read(tmp_path / "picture.jpg")
    temperatures = thermend.read(cases / "data/radiometric/IR_2412.jpg").pixels
    assert image.metadata.palette == "iron"
    free = np.s_[110:400, 20:590]
    shown = (image.pixels[free] > 5) & (image.pixels[free] < 250)
    assert np.corrcoef(image.pixels[free][shown], temperatures[free][shown])[0, 1] > 0.97


def test_a_colour_photograph_is_refused_with_the_reason(tmp_path, rng):
    noise = rng.integers(0, 255, (60, 80, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    with pytest.raises(InputError, match=r"photo\.png: is a colour picture in no palette"):
        thermend.read(tmp_path / "photo.png")


def test_black_hot_is_turned_round_when_stated(tmp_path, grey):
    Image.fromarray(255 - grey).save(tmp_path / "b.png")
    np.testing.assert_array_equal(thermend.read(tmp_path / "b.png", palette="black-hot").pixels, grey)


def test_an_unknown_palette_is_named_with_those_that_are_known(tmp_path, grey):
    with pytest.raises(UsageError, match="iron"):
        ThermalImage.from_array(grey).save(tmp_path / "c.png", palette="chartreuse")


def test_a_dji_picture_is_recognised_under_its_text(cases, tmp_path):
    with Image.open(cases / "data/cameras/dji-h20n-range-finder.jpg") as picture:
        luma = np.asarray(picture.convert("L"), np.float32)
        picture.save(tmp_path / "picture.png")  # without the record of temperatures
    image = thermend.read(tmp_path / "picture.png")
    assert image.metadata.palette == "iron-dji"
    free = np.ones(luma.shape, bool)
    free[:105, :290] = False
    assert np.corrcoef(image.pixels[free], luma[free])[0, 1] > 0.99
