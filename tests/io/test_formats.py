from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

import thermend
from thermend import InputError, ThermalImage, UsageError, io


@pytest.mark.parametrize(
    ("dtype", "suffix"),
    [
        ("uint8", ".png"),
        ("uint16", ".png"),
        ("uint8", ".tif"),
        ("uint16", ".tif"),
        ("float32", ".tif"),
        ("uint16", ".npy"),
    ],
)
def test_numbers_survive_writing_and_reading(tmp_path, rng, dtype, suffix):
    top = 255 if dtype == "uint8" else 65535
    array = rng.integers(0, top, (13, 17)).astype(dtype)
    if dtype == "float32":
        array = array / np.float32(7)
    ThermalImage.from_array(array).save(tmp_path / f"a{suffix}")
    again = thermend.read(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(again.pixels, array.astype(np.float32))
    assert again.depth == dtype
    assert again.unit == ("display" if dtype == "uint8" else "counts")


def test_temperatures_are_float32_celsius_in_tiff_and_centikelvin_in_png(tmp_path):
    image = ThermalImage.from_array(np.array([[-40.0, 21.37], [36.6, 500.0]]), unit="celsius")
    image.save(tmp_path / "t.tif")
    with pytest.raises(UsageError, match="500"):
        image.save(tmp_path / "t.png")
    cooler = image.with_pixels(np.minimum(image.pixels, 300))
    cooler.save(tmp_path / "t.png")
    stored = tifffile.imread(tmp_path / "t.tif")
    assert stored.dtype == np.float32
    np.testing.assert_array_equal(stored, image.pixels)
    with Image.open(tmp_path / "t.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), [[23315, 29452], [30975, 57315]])
    back = thermend.read(tmp_path / "t.png")
    assert back.unit == "celsius"
    np.testing.assert_allclose(back.pixels[0], [-40.0, 21.37], atol=0.005)


@pytest.mark.parametrize(
    ("unit", "stored", "celsius"), [("centikelvin", 29815, 25.0), ("kelvin", 300, 26.85), ("celsius", 31, 31.0)]
)
def test_a_stated_unit_turns_numbers_into_temperatures(tmp_path, unit, stored, celsius):
    tifffile.imwrite(tmp_path / "k.tif", np.full((4, 5), stored, np.uint16))
    image = thermend.read(tmp_path / "k.tif", unit=unit)
    assert image.unit == "celsius"
    np.testing.assert_allclose(image.pixels, celsius, atol=1e-4)


def test_gdals_unit_is_believed(tmp_path):
    xml = '<GDALMetadata>\n  <Item name="UNITTYPE" sample="0" role="unittype">Celsius</Item>\n</GDALMetadata>'
    tifffile.imwrite(tmp_path / "g.tif", np.full((4, 5), 12.5, np.float32), extratags=[(42112, "s", 0, xml, True)])
    assert thermend.read(tmp_path / "g.tif").unit == "celsius"


def test_every_page_of_a_tiff_is_read_and_written(tmp_path, rng):
    pages = rng.integers(0, 65535, (3, 20, 30)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", pages, photometric="minisblack")
    assert io.count_pages(tmp_path / "m.tif") == 3
    images = list(io.read_pages(tmp_path / "m.tif"))
    np.testing.assert_array_equal([i.pixels for i in images], pages)
    np.testing.assert_array_equal(thermend.io.read(tmp_path / "m.tif", page=2).pixels, pages[2])
    io.write(iter(images), tmp_path / "again.tif", pages=3)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "again.tif"), pages)
    with pytest.raises(UsageError, match="no page 3"):
        thermend.read(tmp_path / "m.tif", page=3)


def test_white_is_zero_is_turned_round(tmp_path):
    tifffile.imwrite(tmp_path / "w.tif", np.array([[0, 255, 100]], np.uint8), photometric="miniswhite")
    np.testing.assert_array_equal(thermend.read(tmp_path / "w.tif").pixels, [[255, 0, 155]])


def test_a_compressed_tiff_is_read_without_further_packages(tmp_path, rng):
    array = rng.integers(0, 60000, (40, 50)).astype(np.uint16)
    Image.fromarray(array).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(thermend.read(tmp_path / "lzw.tif").pixels, array)


@pytest.mark.parametrize("compression", ["deflate", "lzma", "zstd", "lerc", "jpeg2000", "jpegxl", "packbits"])
@pytest.mark.parametrize("predictor", [False, True])
def test_every_lossless_compression_of_a_tiff_is_read(tmp_path, rng, compression, predictor):
    if predictor and compression not in ("deflate", "lzma", "zstd"):
        pytest.skip("has no predictor")
    array = rng.integers(0, 60000, (40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "c.tif", array, compression=compression, predictor=predictor)
    np.testing.assert_array_equal(thermend.read(tmp_path / "c.tif").pixels, array)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_predictor_of_floating_point_is_undone(tmp_path, rng, dtype):
    array = rng.normal(290, 5, (40, 50)).astype(dtype)
    tifffile.imwrite(tmp_path / "p.tif", array, compression="deflate", predictor=3)
    np.testing.assert_array_equal(thermend.read(tmp_path / "p.tif").pixels, array.astype(np.float32))


@pytest.mark.parametrize("width", [50, 51])
def test_twelve_bits_packed_are_read(tmp_path, rng, width):
    array = rng.integers(0, 4096, (40, width)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", array, bitspersample=12)
    image = thermend.read(tmp_path / "p.tif")
    assert (image.unit, image.depth) == ("counts", "uint16")
    np.testing.assert_array_equal(image.pixels, array)


def test_grey_stored_as_rgb_is_grey(tmp_path, rng):
    grey = rng.integers(0, 255, (30, 40)).astype(np.uint8)
    Image.fromarray(np.repeat(grey[..., None], 3, 2)).save(tmp_path / "g.png")
    np.testing.assert_array_equal(thermend.read(tmp_path / "g.png").pixels, grey)


def test_sixteen_bit_colour_png_keeps_its_sixteen_bits(tmp_path, rng):
    import cv2

    grey = rng.integers(0, 65535, (30, 40)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "g.png"), np.repeat(grey[..., None], 3, 2))
    image = thermend.read(tmp_path / "g.png")
    assert image.depth == "uint16"
    np.testing.assert_array_equal(image.pixels, grey)


def test_a_stack_of_arrays_is_several_images(tmp_path):
    np.save(tmp_path / "s.npy", np.arange(2 * 5 * 6, dtype=np.float64).reshape(2, 5, 6))
    assert io.count_pages(tmp_path / "s.npy") == 2
    assert thermend.read(tmp_path / "s.npy", page=1).pixels[0, 0] == 30


def test_pickled_arrays_are_refused(tmp_path):
    np.save(tmp_path / "p.npy", np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(InputError, match="never unpacked"):
        thermend.read(tmp_path / "p.npy")


def test_the_content_decides_the_format_and_not_the_name(tmp_path):
    Image.fromarray(np.full((6, 7), 9, np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "b.tif")
    assert thermend.read(tmp_path / "b.tif").pixels[0, 0] == 9


def test_infrared_counts_do_not_go_into_formats_that_cannot_hold_them(tmp_path):
    counts = ThermalImage.from_array(np.full((4, 4), 0.5, np.float32))
    celsius = ThermalImage.from_array(np.full((4, 4), 20.0), unit="celsius")
    with pytest.raises(UsageError):
        counts.save(tmp_path / "a.jpg")
    with pytest.raises(UsageError):
        counts.save(tmp_path / "a.png")
    with pytest.raises(UsageError):
        celsius.save(tmp_path / "a.tif", depth="uint8")
    assert list(tmp_path.iterdir()) == []


def test_nodata_of_a_map_stays_nodata(tmp_path):
    array = np.full((20, 20), 15.0, np.float32)
    array[:5] = -9999
    tifffile.imwrite(tmp_path / "map.tif", array, extratags=[(42113, "s", 0, "-9999", True)])
    image = thermend.read(tmp_path / "map.tif")
    assert image.nodata is not None
    assert image.nodata.sum() == 100
    thermend.enhance(image).save(tmp_path / "out.tif")
    assert (tifffile.imread(tmp_path / "out.tif")[:5] == -9999).all()
    np.testing.assert_allclose(tifffile.imread(tmp_path / "out.tif")[5:], 15.0, atol=1e-3)


@pytest.mark.parametrize(("depth", "values"), [("uint8", [29_000, 29_500]), ("uint16", [0.41, 0.52])])
def test_counts_that_a_depth_would_destroy_are_refused(tmp_path, depth, values):
    image = ThermalImage.from_array(np.array([values] * 4))
    with pytest.raises(UsageError, match="float32 TIFF"):
        image.save(tmp_path / "c.tif", depth=depth)
    assert not list(tmp_path.iterdir())


def test_a_depth_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UsageError, match="uint12"):
        ThermalImage.from_array(np.zeros((4, 4))).save(tmp_path / "c.tif", depth="uint12")


@pytest.mark.parametrize(
    ("dtype", "nodata", "values", "missing"),
    [
        (np.uint16, "-9999", [55537, 100], [False, False]),
        (np.uint8, "256", [0, 255], [False, False]),
        (np.uint16, "0", [0, 100], [True, False]),
        (np.int32, "2147483647", [2147483647, 100], [True, False]),
        (np.float32, "-1.7976931348623157e+308", [np.finfo(np.float32).min, 100], [True, False]),
        (np.float32, "nan", [np.nan, 100], [True, False]),
    ],
)
def test_no_data_is_what_the_file_can_express(tmp_path, dtype, nodata, values, missing):
    tifffile.imwrite(tmp_path / "n.tif", np.array([values] * 3, dtype), extratags=[(42113, "s", 0, nodata, True)])
    image = thermend.read(tmp_path / "n.tif")
    np.testing.assert_array_equal(~image.valid, [missing] * 3)


def test_a_masked_array_has_invalid_pixels():
    image = ThermalImage.from_array(np.ma.masked_equal(np.array([[1, 2], [3, 4]]), 3))
    np.testing.assert_array_equal(image.valid, [[True, True], [False, True]])


def test_an_image_does_not_change_with_the_array_that_it_came_from():
    array = np.ones((4, 5), np.float32)
    view = array[:]
    view.flags.writeable = False
    image = ThermalImage(view)
    array[:] = 2
    assert (image.pixels == 1).all()


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_every_image_is_written_or_none(tmp_path, rng, suffix):
    images = [ThermalImage(rng.normal(20, 1, (8, 9)).astype(np.float32), "celsius") for _ in range(3)]
    thermend.write(images, tmp_path / f"a{suffix}")
    assert io.count_pages(tmp_path / f"a{suffix}") == 3
    for pages, given in ((1, iter(images)), (2, images), (5, images), (1, [])):
        with pytest.raises(UsageError):
            thermend.write(given, tmp_path / f"b{suffix}", pages=pages)
    with pytest.raises(UsageError):
        thermend.write(images, tmp_path / "b.png")
    assert [p.name for p in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 1), (10, 12, 3), (4, 10, 12)])
def test_the_size_of_arrays_is_known_without_reading_them(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.uint8))
    assert io.shape_of(tmp_path / "a.npy") == (10, 12)
