"""Alpha, masks and no data: what they mean on the way in, and the same pixel by pixel on the way out."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image

import thermend
from thermend import InputError
from thermend.image import Metadata

SHAPE = (48, 64)


@pytest.fixture
def celsius(rng):
    return (20 + np.add.outer(np.arange(48), np.arange(64)) * 0.1 + rng.normal(0, 0.1, SHAPE)).astype(np.float32)


@pytest.fixture
def footprint():
    """0 outside a tilted footprint, 255 within, 128 along a line."""
    y, x = np.mgrid[:48, :64]
    alpha = np.where((x + y > 20) & (x - y < 50), 255, 0).astype(np.uint8)
    alpha[30, 20:40] = 128
    return alpha


def mended(path, tmp_path, suffix, **options):
    image = thermend.read(path, **options)
    result = thermend.enhance(image)
    thermend.write(result, tmp_path / f"out{suffix}")
    return image, result, thermend.read(tmp_path / f"out{suffix}")


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_tiffs_alpha_comes_out_as_it_went_in(tmp_path, celsius, footprint, kind, dtype):
    top = np.float64(np.iinfo(dtype).max) if dtype != np.float32 else 1.0
    alpha = (footprint * (top / 255)).astype(dtype)
    pixels = (celsius * 4).astype(dtype)
    stored = pixels if kind == "unassalpha" else np.rint(pixels * (alpha / top)).astype(dtype)
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.dstack([stored, alpha]),
        photometric="minisblack",
        extrasamples=[kind],
        planarconfig="contig",
    )
    image, result, again = mended(tmp_path / "a.tif", tmp_path, ".tif")
    np.testing.assert_array_equal(image.nodata, alpha == 0)
    within = alpha > 0
    np.testing.assert_allclose(image.pixels[within], pixels[within], atol=2.5 if kind == "assocalpha" else 0)
    np.testing.assert_array_equal(again.nodata, alpha == 0)
    np.testing.assert_array_equal(again.alpha, alpha)
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert [int(code) for code in tiff.pages[0].extrasamples] == [2 if kind == "unassalpha" else 1]
    off = np.abs(again.pixels - result.pixels)[within]
    assert off.max() <= (0.5 if kind == "unassalpha" else 2.1)
    assert np.isfinite(result.pixels[within]).all()
    assert np.isnan(result.pixels[~within]).all()


def test_a_band_that_is_no_alpha_is_none(tmp_path, celsius):
    flags = (np.arange(64) % 2 * np.ones(SHAPE)).astype(np.float32)
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([celsius, flags]), photometric="minisblack", extrasamples=["unspecified"],
        planarconfig="contig",
    )  # fmt: skip
    with pytest.raises(InputError, match=r"2 bands \(1: .*, 2: 0 to 1\).*--band"):
        thermend.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif", band=1).pixels, celsius)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif", band=2).pixels, flags)
    with pytest.raises(InputError, match="no band 3"):
        thermend.read(tmp_path / "a.tif", band=3)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_bands_are_named_and_have_their_own_scale(tmp_path, planar):
    words = (
        '<GDALMetadata><Item name="DESCRIPTION" sample="1" role="description">thermal</Item>'
        '<Item name="SCALE" sample="1" role="scale">0.01</Item><Item name="OFFSET" sample="1" role="offset">-50</Item>'
        '<Item name="UNITTYPE" sample="1" role="unittype">degC</Item></GDALMetadata>'
    )
    bands = [np.full(SHAPE, value, np.uint16) + np.arange(64, dtype=np.uint16) for value in (100, 7000, 300, 400, 500)]
    array = np.stack(bands) if planar == "separate" else np.dstack(bands)
    tifffile.imwrite(
        tmp_path / "a.tif", array, photometric="minisblack", planarconfig=planar, metadata=None,
        extrasamples=["unspecified"] * 4, extratags=[(42112, 2, 0, words.encode(), True)],
    )  # fmt: skip
    with pytest.raises(InputError, match=r"5 bands.*2: thermal, 7000 to 7063"):
        thermend.read(tmp_path / "a.tif")
    image = thermend.read(tmp_path / "a.tif", band=2)
    assert image.unit == "celsius"
    np.testing.assert_allclose(image.pixels[0, :2], [20, 20.01], atol=1e-4)
    assert thermend.read(tmp_path / "a.tif", band=3).unit == "counts"
    thermend.write(image, tmp_path / "b.tif")
    np.testing.assert_allclose(thermend.read(tmp_path / "b.tif").pixels, image.pixels, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_an_internal_mask_stays_one(tmp_path, celsius, footprint, dtype):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write((celsius * 4).astype(dtype), photometric="minisblack", metadata=None, contiguous=False)
        writer.write(footprint > 0, photometric="mask", subfiletype=4, metadata=None, contiguous=False)
    _, result, again = mended(tmp_path / "a.tif", tmp_path, ".tif")
    np.testing.assert_array_equal(again.nodata, footprint == 0)
    assert again.metadata.transparency == "mask"
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert [bool(page.aspage().is_mask) for page in tiff.pages] == [False, True]
        assert tiff.pages[1].aspage().bitspersample == 1
    assert np.isfinite(result.pixels[footprint > 0]).all()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "LA16", "RGBA16"])
def test_a_pngs_alpha_comes_out_as_it_went_in(tmp_path, celsius, footprint, mode):
    grey = np.clip(celsius * 8, 0, 255).astype(np.uint8)
    if mode == "LA":
        Image.fromarray(np.dstack([grey, footprint])).save(tmp_path / "a.png")
    elif mode == "RGBA":
        Image.fromarray(np.dstack([grey, grey, grey, footprint])).save(tmp_path / "a.png")
    elif mode == "RGBA16":
        cv2 = pytest.importorskip("cv2")
        wide, alpha = grey.astype(np.uint16) * 257, footprint.astype(np.uint16) * 257
        cv2.imwrite(str(tmp_path / "a.png"), np.dstack([wide, wide, wide, alpha]))
    else:
        image = thermend.ThermalImage(
            grey.astype(np.float32) * 257, "counts", "uint16", (0, 65535),
            Metadata(transparency="alpha"),
            footprint == 0, footprint.astype(np.uint16) * 257,
        )  # fmt: skip
        thermend.write(image, tmp_path / "a.png")
    image, result, again = mended(tmp_path / "a.png", tmp_path, ".png")
    factor = 257 if "16" in mode else 1
    np.testing.assert_array_equal(image.alpha, footprint.astype(np.uint16) * factor)
    np.testing.assert_array_equal(again.alpha, image.alpha)
    np.testing.assert_allclose(again.pixels[footprint > 0], result.pixels[footprint > 0], atol=0.51)
    assert np.isfinite(result.pixels[footprint > 0]).all()
    assert np.isnan(again.pixels[footprint == 0]).all()


@pytest.mark.parametrize("mode", ["L", "I;16", "RGB", "P"])
def test_pngs_transparent_value_is_no_data(tmp_path, celsius, footprint, mode):
    grey = np.clip(celsius * 8, 1, 255).astype(np.uint8)
    grey[footprint == 0] = 0
    if mode == "I;16":
        Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "a.png", transparency=0)
    elif mode == "RGB":
        Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "a.png", transparency=(0, 0, 0))
    elif mode == "P":
        indexed = Image.fromarray(grey, "P")
        indexed.putpalette([value for level in range(256) for value in (level,) * 3])
        indexed.save(tmp_path / "a.png", transparency=0)
    else:
        Image.fromarray(grey).save(tmp_path / "a.png", transparency=0)
    image, _, again = mended(tmp_path / "a.png", tmp_path, ".png")
    np.testing.assert_array_equal(image.nodata, footprint == 0)
    np.testing.assert_array_equal(again.nodata, footprint == 0)


@pytest.mark.parametrize("suffix", [".tif", ".npy"])
def test_nan_around_a_map_is_no_data_and_nan_within_is_mended(tmp_path, celsius, footprint, suffix):
    celsius[footprint == 0] = np.nan
    celsius[20:23, 30:33] = np.nan
    (np.save(tmp_path / "a.npy", celsius) if suffix == ".npy" else tifffile.imwrite(tmp_path / "a.tif", celsius))
    image, result, again = mended(tmp_path / f"a{suffix}", tmp_path, suffix, unit="celsius")
    np.testing.assert_array_equal(image.nodata, footprint == 0)
    np.testing.assert_array_equal(np.isnan(again.pixels), footprint == 0)
    assert np.isfinite(result.pixels[20:23, 30:33]).all()
    if suffix == ".tif":
        thermend.write(result, tmp_path / "deep.tif", depth="uint16")
        np.testing.assert_array_equal(thermend.read(tmp_path / "deep.tif").nodata, footprint == 0)


def test_a_few_bad_pixels_at_the_border_are_mended(tmp_path, celsius):
    celsius[0, 3] = celsius[47, 10:12] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", celsius)
    assert thermend.read(tmp_path / "a.tif", unit="celsius").nodata is None


@pytest.mark.parametrize("nodata", ["0", "255", "7"])
def test_no_temperature_passes_for_no_data(tmp_path, footprint, nodata):
    grey = np.clip(np.add.outer(np.arange(48), np.arange(64)) * 3, 0, 255).astype(np.uint8)
    grey[grey == int(nodata)] += 1 if nodata != "255" else np.uint8(255)
    grey[footprint == 0] = int(nodata)
    tifffile.imwrite(tmp_path / "a.tif", grey, extratags=[(42113, 2, 0, nodata, True)], metadata=None)
    image = thermend.read(tmp_path / "a.tif")
    # whatever a method makes of it, also exactly that number
    for pixels in (np.zeros(SHAPE), np.full(SHAPE, 255), np.full(SHAPE, 7)):
        thermend.write(image.with_pixels(pixels.astype(np.float32)), tmp_path / "b.tif", overwrite=True)
        np.testing.assert_array_equal(thermend.read(tmp_path / "b.tif").nodata, footprint == 0)


def test_an_orthophotos_alpha(cases, tmp_path):
    cameras = cases / "data/cameras"
    image, result, again = mended(cameras / "orthophoto-alpha.tif", tmp_path, ".tif", unit="celsius")
    alpha = tifffile.imread(cameras / "orthophoto-alpha.tif")[..., 1]
    for each in (image, result, again):
        np.testing.assert_array_equal(each.nodata, alpha == 0)
        np.testing.assert_array_equal(each.alpha, alpha)
    assert not np.isfinite(again.pixels[alpha == 0]).any()


def test_alpha_follows_the_scale(tmp_path, celsius, footprint):
    grey = np.clip(celsius * 8, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([grey, footprint])).save(tmp_path / "a.png")
    result = thermend.enhance(thermend.read(tmp_path / "a.png"), scale=2)
    np.testing.assert_array_equal(result.alpha, footprint.repeat(2, 0).repeat(2, 1))
