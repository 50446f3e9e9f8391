"""What lies beside an image, and the parts of a file that say how large and in which grey it is shown."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

import thermend
from thermend import InputError
from thermend.io import side_files

AUX = """<PAMDataset>
  <SRS dataAxisToSRSAxisMapping="1,2">EPSG:32632</SRS>
  <GeoTransform> 5.0e+05, 0.5, 0.0, 5.3e+06, 0.0, -0.5</GeoTransform>
  <PAMRasterBand band="1"><Histograms><HistItem/></Histograms>{more}
    <Metadata><MDI key="STATISTICS_MAXIMUM">255</MDI></Metadata></PAMRasterBand>
</PAMDataset>
"""


def carried(folder, source, target, scale=1):
    found, left = side_files.beside(folder / source, folder / "out" / target, scale)
    side_files.write(found, overwrite=False)
    return {c.path.name: c.text.decode() for c in found}, left


@pytest.mark.parametrize(
    ("source", "world", "target", "named"),
    [
        ("a.tif", "a.tfw", "a.tif", "a.tfw"),
        ("a.tif", "A.TFW", "a.tif", "a.tfw"),
        ("a.jpg", "a.jgw", "a.png", "a.pgw"),
        ("a.jpg", "a.jpgw", "a.tif", "a.tfw"),
        ("a.png", "a.wld", "a.png", "a.pgw"),
        ("a.tif", "a.tfw", "b.npy", "b.wld"),
    ],
)
def test_a_world_file_and_a_projection_go_along(tmp_path, source, world, target, named):
    text = "0.5\n0.0\n0.0\n-0.5\n500000.25\n5299999.75\n"
    (tmp_path / world).write_text(text)
    (tmp_path / "a.prj").write_text("PROJCS[...]")
    found, left = carried(tmp_path, source, target)
    assert found == {named: text, f"{target.split('.')[0]}.prj": "PROJCS[...]"}
    assert left == []
    assert (tmp_path / "out" / named).read_text() == text


def test_the_world_of_an_upsampled_image_has_the_same_corner(tmp_path):
    (tmp_path / "a.tfw").write_text("0.5\n0.1\n-0.2\n-0.4\n1000\n2000\n")
    (text,) = carried(tmp_path, "a.tif", "a.tif", scale=4)[0].values()
    a, d, b, e, c, f = map(float, text.split())
    assert (a, d, b, e) == pytest.approx((0.125, 0.025, -0.05, -0.1))
    old, new = (1000 - 0.5 * (0.5 - 0.2), 2000 - 0.5 * (0.1 - 0.4)), (c - 0.5 * (a + b), f - 0.5 * (d + e))
    assert new == pytest.approx(old)


def test_of_gdals_side_file_only_the_place_on_earth_goes_along(tmp_path):
    (tmp_path / "a.png.aux.xml").write_text(AUX.format(more=""))
    found, left = carried(tmp_path, "a.png", "a.png", scale=2)
    text = found["a.png.aux.xml"]
    assert "EPSG:32632" in text
    assert "2.5000000000000000e-01" in text
    assert "STATISTICS" not in text
    assert "Histograms" not in text
    assert left == []


def test_what_cannot_go_along_is_named(tmp_path):
    (tmp_path / "a.tif.ovr").write_bytes(b"x")
    (tmp_path / "a.xmp").write_bytes(b"x")
    (tmp_path / "a.tfw").write_text("no numbers")
    (tmp_path / "a.tif.aux.xml").write_text(AUX.format(more="<Scale>0.01</Scale>"))
    (tmp_path / "b.tfw").write_text("1\n0\n0\n1\n0\n0\n")
    found, left = carried(tmp_path, "a.tif", "a.tif")
    assert left == ["a.tfw", "a.tif.aux.xml", "a.tif.ovr", "a.xmp"]
    assert list(found) == ["a.tif.aux.xml"]
    bomb = '<!DOCTYPE a [<!ENTITY b "c">]><PAMDataset><SRS>&b;</SRS></PAMDataset>'
    (tmp_path / "a.tif.aux.xml").write_text(bomb)
    assert carried(tmp_path, "a.tif", "a.tif")[0] == {}


def test_a_side_file_that_exists_stays(tmp_path):
    (tmp_path / "a.prj").write_text("new")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.prj").write_text("old")
    carried(tmp_path, "a.tif", "a.tif")
    assert (tmp_path / "out" / "a.prj").read_text() == "old"


def grey_profile() -> bytes:
    """A profile of grey levels, by its header and size alone."""
    head = bytearray(128)
    head[:4], head[12:20], head[36:40] = (132).to_bytes(4, "big"), b"mntrGRAY", b"acsp"
    return bytes(head) + b"\0\0\0\0"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("to", [".png", ".tif"])
def test_resolution_and_a_grey_profile_go_along(tmp_path, rng, suffix, to):
    picture = Image.fromarray(rng.integers(60, 200, (64, 80), np.uint8))
    picture.save(tmp_path / f"a{suffix}", dpi=(300, 150), icc_profile=grey_profile())
    image = thermend.read(tmp_path / f"a{suffix}")
    assert image.metadata.dpi == pytest.approx((300, 150), abs=0.1)
    thermend.write(thermend.enhance(image, method="classical.chain"), tmp_path / f"b{to}")
    with Image.open(tmp_path / f"b{to}") as result:
        assert tuple(map(float, result.info["dpi"])) == pytest.approx((300, 150), abs=0.1)
        assert result.info["icc_profile"] == grey_profile()
    thermend.write(image, tmp_path / "c.png", palette="ironbow")
    with Image.open(tmp_path / "c.png") as coloured:
        assert "icc_profile" not in coloured.info


def test_sixteen_bits_with_alpha_keep_them_too(tmp_path, rng):
    pixels = rng.integers(1000, 60000, (48, 64)).astype(np.uint16)
    alpha = np.full((48, 64), 65535, np.uint16)
    alpha[:10] = 0
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([pixels, alpha]), photometric="minisblack", extrasamples=["unassalpha"],
        planarconfig="contig", resolution=(200, 200), resolutionunit=2, iccprofile=grey_profile(),
    )  # fmt: skip
    thermend.write(thermend.read(tmp_path / "a.tif"), tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as result:
        assert tuple(map(float, result.info["dpi"])) == pytest.approx((200, 200), abs=0.1)
        assert result.info["icc_profile"] == grey_profile()
    np.testing.assert_array_equal(thermend.read(tmp_path / "b.png").nodata, alpha == 0)


def test_a_profile_of_colours_is_named_as_left_and_srgb_needs_no_word(tmp_path, rng):
    grey = rng.integers(60, 200, (64, 80), np.uint8)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "a.png", icc_profile=srgb)
    assert thermend.read(tmp_path / "a.png").metadata.left == ()
    other = srgb.replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be")).replace(b"sRGB", b"Wide")
    Image.fromarray(np.dstack([grey] * 3)).save(tmp_path / "b.png", icc_profile=other)
    image = thermend.read(tmp_path / "b.png")
    assert image.metadata.left == ("its colour profile",)
    thermend.write(image, tmp_path / "c.png")
    with Image.open(tmp_path / "c.png") as result:
        assert "icc_profile" not in result.info


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_gdals_mask_beside_a_file_is_no_data(tmp_path, rng, suffix):
    pixels = (np.add.outer(np.arange(64), np.arange(80)) + rng.normal(60, 2, (64, 80))).astype(np.uint8)
    mask = np.full((64, 80), 255, np.uint8)
    mask[:, :30] = 0
    name = f"a{suffix}"
    tifffile.imwrite(tmp_path / name, pixels) if suffix == ".tif" else Image.fromarray(pixels).save(tmp_path / name)
    tifffile.imwrite(tmp_path / "m.tif", mask)
    (tmp_path / "m.tif").rename(tmp_path / f"{name}.msk")
    image = thermend.read(tmp_path / name)
    np.testing.assert_array_equal(image.nodata, mask == 0)
    for to in (".tif", ".png"):
        thermend.write(thermend.enhance(image, method="classical.chain"), tmp_path / f"b{to}")
        np.testing.assert_array_equal(thermend.read(tmp_path / f"b{to}").nodata, mask == 0)


@pytest.mark.parametrize("content", [b"", b"II*\0\0\0\0\0", b"no TIFF at all"])
def test_a_mask_that_cannot_be_read_is_no_reason_to_invent_pixels(tmp_path, rng, content):
    tifffile.imwrite(tmp_path / "a.tif", rng.integers(0, 255, (64, 80), np.uint8))
    (tmp_path / "a.tif.msk").write_bytes(content)
    with pytest.raises(InputError, match=r"has a mask, a\.tif\.msk, that cannot be read"):
        thermend.read(tmp_path / "a.tif")
    (tmp_path / "a.tif.msk").unlink()
    tifffile.imwrite(tmp_path / "m.tif", np.full((3, 4), 255, np.uint8))
    (tmp_path / "m.tif").rename(tmp_path / "a.tif.msk")
    with pytest.raises(InputError, match="of another size"):
        thermend.read(tmp_path / "a.tif")


def test_names_of_greatest_length_are_no_hindrance(tmp_path):
    name = "n" * 251
    (tmp_path / f"{name}.png.aux.xml"[-255:]).write_text("no matter")
    (tmp_path / f"{name}.prj").write_text("PROJCS[...]")
    (tmp_path / "b.png.aux.xml").write_text(AUX.format(more=""))
    found, _ = side_files.beside(tmp_path / f"{name}.png", tmp_path / f"{name}.png", 1)
    assert [c.path.name for c in found] == [f"{name}.prj"]
    found, _ = side_files.beside(tmp_path / "b.png", tmp_path / "out" / f"{name}.png", 1)
    assert side_files.write(found, overwrite=False) == [f"{name}.png.aux.xml"]
