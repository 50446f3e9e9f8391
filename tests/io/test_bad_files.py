"""Every file that cannot be read costs one line that names it; nothing is left half-written."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import thermend
from thermend import InputError, ThermalImage, UsageError


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _bomb(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(b"\0" * 999))
        + _chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("empty.png", b"", "is empty"),
        ("text.tif", b"hello, world", "is not an image"),
        ("rubbish.png", b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "damaged or cut short"),
        ("bomb.png", _bomb(60000), "refused"),
        ("frame.fff", b"FFF\0" + b"\0" * 100, "cannot be read as a FLIR frame"),
        ("record.seq", b"FFF\0" + b"\0" * 100 + b"FFF\0" + b"\0" * 100, "cannot be read as a FLIR frame"),
        ("bmp.bmp", b"BM" + b"\xff" * 40, "damaged or cut short|claims"),
    ],
)
def test_what_is_no_image_is_refused_by_name_and_reason(tmp_path, name, data, why):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=why) as caught:
        thermend.read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".npy"])
def test_a_file_that_is_cut_short_is_refused(tmp_path, rng, suffix):
    whole = tmp_path / f"whole{suffix}"
    array = rng.integers(0, 255, (120, 160)).astype(np.uint8)
    np.save(whole, array) if suffix == ".npy" else Image.fromarray(array).save(whole)
    (tmp_path / f"cut{suffix}").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError):
        thermend.read(tmp_path / f"cut{suffix}")


def test_a_tiff_that_claims_gigapixels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "t.tif", np.zeros((4, 4), np.uint8))
    data = bytearray((tmp_path / "t.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "t.tif") as tiff:
        places = [tiff.pages[0].tags[tag].valueoffset for tag in (256, 257)]
    for place in places:
        data[place : place + 4] = struct.pack("<I", 60000)
    (tmp_path / "big.tif").write_bytes(data)
    with pytest.raises(InputError, match=r"60000 x 60000"):
        thermend.read(tmp_path / "big.tif")


def test_an_image_without_a_valid_pixel_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "nan.tif", np.full((8, 8), np.nan, np.float32))
    with pytest.raises(InputError, match="no valid pixel"):
        thermend.read(tmp_path / "nan.tif")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "no.png", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            thermend.read(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "x.png")
    (tmp_path / "x.png").chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        thermend.read(tmp_path / "x.png")


def test_an_existing_file_is_not_replaced_unasked(tmp_path):
    target = tmp_path / "a.png"
    target.write_bytes(b"mine")
    image = ThermalImage.from_array(np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match="exists already"):
        image.save(target)
    assert target.read_bytes() == b"mine"
    image.save(target, overwrite=True)
    assert thermend.read(target).shape == (4, 4)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".npy"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, suffix):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    from thermend.io.atomic import whole_file

    def fill() -> None:
        with whole_file(tmp_path / f"a{suffix}") as temporary:
            temporary.write_bytes(b"half a fi")
            Path("/dev/full").write_bytes(b"x")

    with pytest.raises(InputError, match="No space left"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        ThermalImage.from_array(np.zeros((4, 4), np.uint8)).save(tmp_path / "file" / "a.png")


def _stack(path: Path, pages: int) -> bytes:
    tifffile.imwrite(path, np.zeros((pages, 8, 9), np.uint16), photometric="minisblack")
    return path.read_bytes()


def test_a_list_of_pages_that_runs_in_a_circle_is_refused(tmp_path):
    data = bytearray(_stack(tmp_path / "t.tif", 2))
    with tifffile.TiffFile(tmp_path / "t.tif") as tiff:
        first, second = (page.offset for page in tiff.pages)
    entries = struct.unpack_from("<H", data, second)[0]
    struct.pack_into("<I", data, second + 2 + 12 * entries, first)
    (tmp_path / "t.tif").write_bytes(data)
    for use in (thermend.read, lambda path: next(thermend.io.read_pages(path))):
        with pytest.raises(InputError, match="circle"):
            use(tmp_path / "t.tif")


def test_a_stack_that_is_cut_short_does_not_pass_as_its_first_page(tmp_path):
    data = _stack(tmp_path / "t.tif", 5)
    (tmp_path / "t.tif").write_bytes(data[: len(data) * 9 // 10])
    with pytest.raises(InputError, match="cut short"):
        thermend.read(tmp_path / "t.tif")


def test_xmp_too_long_for_a_jpeg_is_said(tmp_path):
    from dataclasses import replace

    image = ThermalImage.from_array(np.zeros((8, 8), np.uint8))
    image = replace(image, metadata=replace(image.metadata, xmp=b"x" * 70_000))
    with pytest.raises(UsageError, match="XMP"):
        image.save(tmp_path / "x.jpg")
    assert not list(tmp_path.iterdir())
