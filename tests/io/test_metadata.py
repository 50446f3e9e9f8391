"""EXIF, GPS, XMP and GeoTIFF go in one side and come out the other, read back by libraries and not by us."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

import thermend
from thermend.io.metadata import current_gdal_metadata, scale_geotiff

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF/></x:xmpmeta>'
GPS = {
    1: "N",
    2: (IFDRational(47), IFDRational(22), IFDRational(12, 10)),
    3: "E",
    4: (IFDRational(8), IFDRational(32), IFDRational(30)),
}


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "ACME", "Drone T", "2024:05:06 07:08:09"
    exif[34665] = {36867: "2024:05:06 07:08:09", 37386: IFDRational(135, 10)}
    exif[34853] = GPS
    return exif


def _check(exif: Image.Exif) -> None:
    assert (exif[271], exif[272]) == ("ACME", "Drone T")
    gps = exif.get_ifd(34853)
    assert (gps[1], gps[3]) == ("N", "E")
    assert [float(v) for v in gps[2]] == pytest.approx([47, 22, 1.2])
    assert float(exif.get_ifd(34665)[37386]) == pytest.approx(13.5)


@pytest.mark.parametrize(
    ("source", "target"),
    [("a.png", "b.png"), ("a.jpg", "b.png"), ("a.jpg", "b.tif"), ("a.tif", "b.tif"), ("a.png", "b.jpg")],
)
def test_exif_gps_and_xmp_survive(tmp_path, source, target):
    picture = Image.fromarray(np.full((24, 32), 90, np.uint8))
    if source.endswith("tif"):
        exif = _exif()
        exif[700] = XMP
        picture.save(tmp_path / source, exif=exif.tobytes())
    elif source.endswith("png"):
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        picture.save(tmp_path / source, exif=_exif(), pnginfo=info)
    else:
        picture.save(tmp_path / source, exif=_exif(), xmp=XMP)
    image = thermend.read(tmp_path / source)
    assert image.metadata.camera == "ACME Drone T"
    assert image.metadata.time == "2024:05:06 07:08:09"
    thermend.enhance(image).save(tmp_path / target)
    with Image.open(tmp_path / target) as result:
        _check(result.getexif())
        found = (
            result.tag_v2[700] if target.endswith("tif") else result.info.get("xmp") or result.info["XML:com.adobe.xmp"]
        )
        assert (found.encode() if isinstance(found, str) else found) == XMP


GEO = [
    (33550, "d", 3, (0.5, 0.5, 0.0), True),
    (33922, "d", 6, (0.0, 0.0, 0.0, 600000.0, 5200000.0, 0.0), True),
    (34735, "H", 8, (1, 1, 0, 1, 3072, 0, 1, 32632), True),
]


def test_geotiff_tags_survive_and_follow_the_scale(tmp_path):
    tifffile.imwrite(tmp_path / "geo.tif", np.full((20, 30), 7.0, np.float32), extratags=GEO)
    image = thermend.read(tmp_path / "geo.tif")
    thermend.enhance(image, scale=2).save(tmp_path / "out.tif")
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        tags = tiff.pages[0].tags
        assert tags[33550].value == (0.25, 0.25, 0.0)
        assert tags[33922].value == (0.0, 0.0, 0.0, 600000.0, 5200000.0, 0.0)
        assert tags[34735].value == (1, 1, 0, 1, 3072, 0, 1, 32632)
        assert tiff.pages[0].shape == (40, 60)


def test_a_pixel_keeps_its_place_on_earth_when_pixels_are_points():
    tags = {
        33550: (12, (1.0, 1.0, 0.0)),
        33922: (12, (0, 0, 0, 100.0, 200.0, 0)),
        34735: (3, (1, 1, 0, 1, 1025, 0, 1, 2)),
    }
    scaled = scale_geotiff(tags, 2)
    # Old pixel 0 becomes new pixels 0 and 1: its centre is at 0.5 of the new grid.
    assert scaled[33922][1][:2] == (0.5, 0.5)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_every_output_says_how_it_was_made(tmp_path, suffix):
    result = thermend.enhance(np.full((20, 30), 80, np.uint8), method="classical.he")
    result.save(tmp_path / f"r{suffix}")
    with Image.open(tmp_path / f"r{suffix}") as picture:
        text = {
            ".png": lambda: picture.info["thermend"],
            ".jpg": lambda: picture.info["comment"],
            ".tif": lambda: picture.tag_v2[37395],
        }[suffix]()
    said = json.loads(text)
    assert (said["software"], said["method"], said["mode"]) == ("thermend", "classical.he", "display")
    assert said["version"] == thermend.__version__


def test_a_result_remembers_what_was_done_before(tmp_path):
    first = thermend.enhance(np.full((20, 30), 80, np.uint8), method="classical.he")
    second = thermend.enhance(first, method="classical.nlm")
    assert second.metadata.provenance["before"]["method"] == "classical.he"


@pytest.mark.parametrize("kind", ["shaped", "imagej", "ome"])
def test_descriptions_of_another_files_layout_are_not_copied(tmp_path, kind):
    options = {"shaped": {}, "imagej": {"imagej": True}, "ome": {"ome": True}}[kind]
    tifffile.imwrite(tmp_path / "in.tif", np.full((20, 30), 700, np.uint16), **options)
    thermend.enhance(thermend.read(tmp_path / "in.tif"), scale=2).save(tmp_path / "out.tif")
    assert tifffile.imread(tmp_path / "out.tif").shape == (40, 60)
    with tifffile.TiffFile(tmp_path / "out.tif") as tiff:
        assert "ImageDescription" not in tiff.pages[0].tags


GDAL = """<GDALMetadata>
  <Item name="STATISTICS_MEAN" sample="0">294.6</Item>
  <Item name="OFFSET" sample="0" role="offset">-273.15</Item>
  <Item name="SCALE" sample="0" role="scale">0.01</Item>
  <Item name="UNITTYPE" sample="0" role="unittype">K</Item>
  <Item name="SENSOR">north</Item>
</GDALMetadata>"""


@pytest.mark.parametrize(
    ("unit", "says", "no_longer"),
    [
        ("counts", ["SCALE", "OFFSET", ">K<", "SENSOR"], ["STATISTICS"]),
        ("celsius", [">degC<", "SENSOR"], ["STATISTICS", "SCALE", "OFFSET", ">K<"]),
        ("centikelvin", ["SENSOR"], ["STATISTICS", "SCALE", "OFFSET", "UNITTYPE"]),
        ("display", ["SENSOR"], ["STATISTICS", "SCALE", "OFFSET", "UNITTYPE"]),
    ],
)
def test_gdals_words_about_the_numbers_stay_true(unit, says, no_longer):
    text = current_gdal_metadata(GDAL, unit)
    assert all(word in text for word in says)
    assert not any(word in text for word in no_longer)


def test_a_kelvin_map_becomes_a_celsius_map(tmp_path):
    xml = (42112, "s", 0, '<GDALMetadata><Item name="U" sample="0" role="unittype">K</Item></GDALMetadata>', True)
    tifffile.imwrite(tmp_path / "k.tif", np.full((20, 30), 300, np.float32), extratags=[xml])
    thermend.enhance(thermend.read(tmp_path / "k.tif")).save(tmp_path / "c.tif")
    again = thermend.read(tmp_path / "c.tif")
    assert again.unit == "celsius"
    np.testing.assert_allclose(again.pixels, 26.85, atol=1e-3)
    with tifffile.TiffFile(tmp_path / "c.tif") as tiff:
        assert "degC" in tiff.pages[0].tags[42112].value


def test_the_size_that_exif_states_follows_the_scale(tmp_path):
    exif = Image.Exif()
    exif[34665] = {40962: 30, 40963: 20}
    Image.fromarray(np.full((20, 30), 80, np.uint8)).save(tmp_path / "e.png", exif=exif)
    thermend.enhance(thermend.read(tmp_path / "e.png"), scale=2).save(tmp_path / "big.png")
    with Image.open(tmp_path / "big.png") as picture:
        details = picture.getexif().get_ifd(34665)
    assert (details[40962], details[40963]) == (60, 40)
