"""Scale, offset and unit: stated by the file, or by the user; written so that they read the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import tifffile

import thermend

ITEM = '<Item name="{name}" sample="0" role="{name}">{value}</Item>'


def _tiff(path, numbers, **items):
    text = "<GDALMetadata>" + "".join(ITEM.format(name=k, value=v) for k, v in items.items()) + "</GDALMetadata>"
    tifffile.imwrite(path, numbers, extratags=[(42112, 2, 0, text.encode(), True)], metadata=None)
    return path


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float32])
@pytest.mark.parametrize(
    ("unit", "scale", "offset", "gain", "zero"),
    [
        ("degC", 0.01, 0, 0.01, 0.0),
        ("deg C", 0.04, -40, 0.04, -40.0),
        ("K", 0.01, 0, 0.01, -273.15),
        ("degF", 0.1, 0, 0.1 * 5 / 9, -32 * 5 / 9),
    ],
)
def test_a_stated_scale_and_offset_are_applied(tmp_path, dtype, unit, scale, offset, gain, zero):
    numbers = np.arange(1500, 1500 + 20 * 24).reshape(20, 24).astype(dtype)
    if unit == "K":
        numbers = numbers + dtype(27000)
    if unit == "degF":
        numbers = numbers // dtype(2)
    path = _tiff(tmp_path / "a.tif", numbers, scale=scale, offset=offset, unittype=unit)
    image = thermend.read(path)
    assert image.unit == "celsius"
    np.testing.assert_allclose(image.pixels, numbers * gain + zero, atol=1e-3)
    thermend.write(image, tmp_path / "b.tif")
    again = thermend.read(tmp_path / "b.tif")
    assert again.unit == "celsius"
    np.testing.assert_allclose(again.pixels, image.pixels, atol=1e-3)
    if dtype == np.uint16:
        assert tifffile.imread(tmp_path / "b.tif").dtype == np.uint16
        np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), numbers)


def test_numbers_without_a_unit_are_scaled_counts(tmp_path):
    path = _tiff(tmp_path / "a.tif", np.arange(480, dtype=np.uint16).reshape(20, 24), scale=0.5, offset=10)
    image = thermend.read(path)
    assert image.unit == "counts"
    assert float(image.pixels[0, 2]) == 11
    thermend.write(image, tmp_path / "b.tif")
    np.testing.assert_allclose(thermend.read(tmp_path / "b.tif").pixels, image.pixels)


@pytest.mark.parametrize("unit", ["degC", "deg C", "Celsius", "°C", "degrees Celsius"])
def test_units_are_known_by_their_names(tmp_path, unit):
    path = tmp_path / "a.tif"
    text = f"<GDALMetadata>{ITEM.format(name='unittype', value=unit)}</GDALMetadata>"
    extra = [(42112, 2, 0, text.encode("utf-8"), True)]
    tifffile.imwrite(path, np.full((8, 8), 21.5, np.float32), extratags=extra, metadata=None)
    assert thermend.read(path).unit == "celsius"


def test_what_the_user_states_goes_before(tmp_path):
    path = _tiff(tmp_path / "a.tif", np.full((8, 8), 7000, np.uint16), scale=0.01, offset=0, unittype="degC")
    assert thermend.read(path).pixels[0, 0] == pytest.approx(70)
    assert thermend.read(path, unit="counts").unit == "counts"
    image = thermend.read(path, kelvin_per_count=0.04, offset=-273.15)
    assert image.pixels[0, 0] == pytest.approx(280 - 273.15, abs=1e-3)
    np.testing.assert_array_equal(image.pixels, thermend.read(path, kelvin_per_count=0.04).pixels)
    for wrong in ({"kelvin_per_count": 0}, {"offset": 3}, {"kelvin_per_count": 0.1, "unit": "kelvin"}, {"band": 0}):
        with pytest.raises(thermend.UsageError):
            thermend.read(path, **wrong)


def test_fahrenheit(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[32.0, 212.0]], np.float32))
    np.testing.assert_allclose(thermend.read(tmp_path / "a.npy", unit="fahrenheit").pixels, [[0, 100]], atol=1e-4)


@pytest.mark.parametrize(("value", "warned"), [(20.0, False), (-205.0, True), (29_175.0, True)])
def test_temperatures_that_no_scene_has_get_a_line(tmp_path, value, warned):
    np.save(tmp_path / "a.npy", np.full((8, 8), value, np.float32))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        thermend.read(tmp_path / "a.npy", unit="celsius")
    assert [str(w.message).startswith(str(tmp_path / "a.npy")) for w in said] == [True] * warned


@pytest.mark.parametrize(
    "text",
    [
        "<GDALMetadata><Item",
        '<!DOCTYPE a [<!ENTITY b "c">]><GDALMetadata><Item name="X">&b;</Item></GDALMetadata>',
        "<GDALMetadata>" + "<Item " * 20_000,
        "<GDALMetadata><Item role='scale'>nan</Item></GDALMetadata>",
    ],
)
def test_odd_metadata_costs_nothing(tmp_path, text):
    extra = [(42112, 2, 0, text.encode(), True)]
    tifffile.imwrite(tmp_path / "a.tif", np.arange(64, dtype=np.uint16).reshape(8, 8), extratags=extra, metadata=None)
    image = thermend.read(tmp_path / "a.tif")
    assert image.unit == "counts"
    thermend.write(image, tmp_path / "b.tif")
