"""Files that claim more than they hold, or that unpack to more than they are: a line, and neither time nor memory."""

from __future__ import annotations

import contextlib
import io
import json
import lzma
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

import thermend
from thermend.io import ReadOptions, read_pages
from thermend.io.jpeg_extent import _counted


def strip_tiff(path: Path, shape: tuple[int, int], compression: int, data: bytes, tile: int | None = None) -> Path:
    """A 16-bit TIFF with one strip, or one tile, that holds what it is given."""
    height, width = shape
    tags = [(256, 4, width), (257, 4, height), (258, 3, 16), (259, 3, compression), (262, 3, 1), (277, 3, 1)]
    place = 8 + 2 + 12 * 10 + 4
    if tile is None:
        tags += [(273, 4, place - 12), (278, 4, height), (279, 4, len(data))]
        place -= 12
    else:
        tags += [(322, 4, tile), (323, 4, tile), (324, 4, place), (325, 4, len(data))]
    entries = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in sorted(tags))
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0) + data)
    return path


def test_a_strip_of_the_right_size_is_read(tmp_path):
    pixels = np.arange(64 * 48, dtype="<u2").reshape(64, 48)
    path = strip_tiff(tmp_path / "a.tif", (64, 48), 8, zlib.compress(pixels.tobytes()))
    np.testing.assert_array_equal(thermend.read(path).pixels, pixels)


@pytest.mark.parametrize(("compression", "packed"), [(8, lambda data: zlib.compress(data, 9)), (34925, lzma.compress)])
def test_what_unpacks_to_more_than_its_pixels_takes_no_memory(tmp_path, compression, packed):
    import tracemalloc

    path = strip_tiff(tmp_path / "bomb.tif", (64, 64), compression, packed(bytes(60_000_000)))
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    with contextlib.suppress(thermend.InputError):
        assert thermend.read(path).shape == (64, 64)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20_000_000


def test_a_tile_that_no_image_has_use_for_is_refused(tmp_path):
    path = strip_tiff(tmp_path / "tile.tif", (64, 64), 8, zlib.compress(bytes(64)), tile=60_000)
    with pytest.raises(thermend.InputError, match="pieces of 3600 megapixels"):
        thermend.read(path)


def test_how_many_pixels_are_taken_can_be_said(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(path)
    assert next(read_pages(path, ReadOptions(max_pixels=1200))).shape == (30, 40)
    for suffix in (".png", ".tif", ".npy", ".jpg"):
        other = path.with_suffix(suffix)
        if suffix == ".npy":
            np.save(other, np.zeros((30, 40), np.uint8))
        else:
            Image.fromarray(np.zeros((30, 40), np.uint8)).save(other)
        with pytest.raises(thermend.InputError, match=r"40 x 30 pixels; more than 0\.001199 megapixels"):
            next(read_pages(other, ReadOptions(max_pixels=1199)))
    with pytest.raises(thermend.UsageError, match="max-pixels"):
        ReadOptions(max_pixels=0)


def jpeg_of(pixels: np.ndarray, **options) -> bytes:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", **options)
    return written.getvalue()


def with_size(data: bytes, height: int, width: int) -> bytes:
    """The same file, claiming another size."""
    at = next(i for i in range(len(data)) if data[i] == 0xFF and data[i + 1] in (0xC0, 0xC2))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_few_bytes_hold_no_megapixels(tmp_path, progressive):
    path = tmp_path / "claim.jpg"
    path.write_bytes(with_size(jpeg_of(np.zeros((16, 16), np.uint8), progressive=progressive), 10_000, 20_000))
    with pytest.raises(thermend.InputError, match="hold no 20000 x 10000 pixels"):
        thermend.read(path)


@pytest.mark.parametrize("options", [{}, {"quality": 20}, {"optimize": True}, {"restart_marker_blocks": 3}])
@pytest.mark.parametrize("colours", [False, True])
def test_rows_that_are_not_there_are_missed(tmp_path, rng, options, colours):
    """A tenth of the rows that it claims, of noise, so that the bytes alone would do."""
    pixels = rng.integers(0, 255, (32, 320, 3) if colours else (32, 320), np.uint8)
    path = tmp_path / "claim.jpg"
    path.write_bytes(with_size(jpeg_of(pixels, **options), 320, 320))
    with pytest.raises(thermend.InputError, match=r"it holds (9|10|11)% of the pixels"):
        thermend.read(path)


@pytest.mark.parametrize(
    "options", [{}, {"optimize": True}, {"restart_marker_blocks": 5}, {"subsampling": 2}, {"quality": 5}]
)
@pytest.mark.parametrize("shape", [(33, 47), (16, 16), (33, 47, 3), (70, 20, 3)])
def test_a_whole_file_holds_all_its_blocks(rng, options, shape):
    found = _counted(jpeg_of(rng.integers(0, 255, shape, np.uint8), **options))
    assert found is not None
    assert found[0] == found[1] > 0


def test_grey_rows_that_are_there_are_read(tmp_path):
    pixels = np.full((64, 64), 128, np.uint8)
    pixels[:8] = 200
    (tmp_path / "grey.jpg").write_bytes(jpeg_of(pixels))
    assert thermend.read(tmp_path / "grey.jpg").pixels[-1, -1] == 128


def test_reduced_pages_alone_are_an_image(tmp_path):
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(pixels, subfiletype=1)
        file.write(pixels[::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif").pixels, pixels)
    assert thermend.io.count_pages(tmp_path / "a.tif") == 1
    assert thermend.io.shape_of(tmp_path / "a.tif") == (30, 40)
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:  # an image after its overview
        file.write(pixels[::2, ::2], subfiletype=1)
        file.write(pixels)
    np.testing.assert_array_equal(thermend.read(tmp_path / "b.tif").pixels, pixels)


ODD_TAGS = [
    pytest.param((296, 3, 1, 99, True), id="a unit of resolution that there is not"),
    pytest.param((33550, 12, 2, (1.0, 1.0), True), id="two pixel scales"),
    pytest.param((33550, 2, 0, b"scale", True), id="a pixel scale in words"),
    pytest.param((33922, 2, 0, b"here", True), id="a tie point in words"),
    pytest.param((33922, 12, 5, (0.0, 0.0, 0.0, 1.0, 2.0), True), id="a tie point that is cut off"),
    pytest.param((34264, 12, 3, (1.0, 2.0, 3.0), True), id="a transformation of three numbers"),
    pytest.param((34735, 2, 0, b"keys", True), id="keys in words"),
    pytest.param((34735, 3, 3, (1, 1, 0), True), id="keys that are cut off"),
    pytest.param((274, 3, 1, 77, True), id="an orientation that there is not"),
    pytest.param((42113, 2, 0, b"none", True), id="a no-data value in words"),
    pytest.param((37395, 2, 0, b'{"software": "thermend", "unit": ["celsius"]}', True), id="a unit that is a list"),
    pytest.param((37395, 2, 0, b"[" * 50_000, True), id="a history without end"),
]


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("tag", ODD_TAGS)
def test_odd_tags_cost_no_pixels(tmp_path, scale, tag):
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    source = tmp_path / "odd.tif"
    tifffile.imwrite(source, pixels, extratags=[tag], resolution=(72, 72))
    image = thermend.read(source)
    np.testing.assert_array_equal(image.pixels, pixels)
    result = thermend.load("classical.bicubic").restore(image, scale=scale)
    thermend.write(result, tmp_path / "result.tif")
    assert thermend.read(tmp_path / "result.tif").shape == (30 * scale, 40 * scale)


@pytest.mark.parametrize(
    "history", ["[" * 50_000, '{"software": "thermend", "radiometry": {"emissivity": NaN}}', "{}", "3"]
)
def test_an_odd_history_costs_no_pixels(tmp_path, history):
    info = PngImagePlugin.PngInfo()
    info.add_text("thermend", history)
    Image.fromarray(np.full((30, 40), 7, np.uint8)).save(tmp_path / "a.png", pnginfo=info)
    image = thermend.read(tmp_path / "a.png")
    assert image.pixels[0, 0] == 7
    thermend.write(image, tmp_path / "b.png")
    assert json.dumps(dict(thermend.read(tmp_path / "b.png").metadata.provenance or {}))


@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "P", "1"])
def test_a_png_that_holds_a_part_of_its_rows_is_refused(tmp_path, rng, mode):
    picture = (
        Image.fromarray(rng.integers(0, 60000, (64, 48)).astype(np.uint16))
        if mode == "I;16"
        else Image.fromarray(rng.integers(0, 255, (64, 48), np.uint8)).convert(mode)
    )
    path = tmp_path / "a.png"
    picture.save(path)
    assert thermend.read(path).shape == (64, 48)
    data = bytearray(path.read_bytes())
    data[20:24] = struct.pack(">I", 128)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(thermend.InputError, match="claims 48 x 128 pixels and holds 50% of the pixels"):
        thermend.read(path)
    data[20:24] = struct.pack(">I", 4_000_000)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)
    with pytest.raises(thermend.InputError, match="claims 48 x 4000000 pixels and holds"):
        thermend.read(path)


def test_an_interlaced_png_holds_its_passes(tmp_path, rng):
    import cv2

    pixels = rng.integers(0, 255, (37, 53), np.uint8)
    rows = []
    for x, y, across, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        rows += [b"\0" + row.tobytes() for row in pixels[y::down, x::across]]
    written = io.BytesIO(b"")
    written.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(written, b"IHDR", struct.pack(">IIBBBBB", 53, 37, 8, 0, 0, 0, 1))
    PngImagePlugin.putchunk(written, b"IDAT", zlib.compress(b"".join(rows)))
    PngImagePlugin.putchunk(written, b"IEND", b"")
    (tmp_path / "a.png").write_bytes(written.getvalue())
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"), 0), pixels)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.png").pixels, pixels)


@pytest.mark.parametrize("compression", [1, 8])
def test_a_strip_that_holds_a_part_of_its_rows_is_refused(tmp_path, compression):
    pixels = np.arange(1, 32 * 48 + 1, dtype="<u2").tobytes()
    path = strip_tiff(tmp_path / "a.tif", (64, 48), compression, zlib.compress(pixels) if compression == 8 else pixels)
    with pytest.raises(thermend.InputError):
        thermend.read(path)


def test_a_page_without_most_of_its_strips_is_refused(tmp_path):
    path = strip_tiff(tmp_path / "a.tif", (64, 48), 8, zlib.compress(bytes(96)))
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 278, 4, 1)) + 8
    data[at : at + 4] = struct.pack("<I", 1)  # a row a strip, and one strip
    path.write_bytes(data)
    with pytest.raises(thermend.InputError, match="it has 1 of the 64 pieces"):
        thermend.read(path)


def test_one_strip_may_be_stated_as_many_and_the_last_as_a_whole_one(tmp_path):
    pixels = np.arange(64 * 48, dtype="<u2").reshape(64, 48)
    path = strip_tiff(tmp_path / "a.tif", (64, 48), 1, pixels.tobytes())
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<HHI", 278, 4, 1)) + 8
    data[at : at + 4] = struct.pack("<I", 1)  # a row a strip, says the file, and has one strip of all
    path.write_bytes(data)
    np.testing.assert_array_equal(thermend.read(path).pixels, pixels)
    other = tmp_path / "b.tif"
    tifffile.imwrite(other, pixels[:50], rowsperstrip=16, metadata=None)
    with tifffile.TiffFile(other, mode="r+b") as file:
        tag = file.pages[0].tags[279]
        tag.overwrite([16 * 48 * 2] * 4)
    np.testing.assert_array_equal(thermend.read(other).pixels, pixels[:50])


def test_a_mask_alone_is_no_image(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 40), np.uint8), subfiletype=1)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+b") as file:
        file.pages[0].tags[254].overwrite(4)
    with pytest.raises(thermend.InputError, match="mask alone"):
        thermend.read(tmp_path / "a.tif")


def test_restart_markers_may_be_filled_up(rng):
    pixels = np.full((64, 64), 128, np.uint8)
    pixels[:32] = rng.integers(0, 255, (32, 64), np.uint8)
    data = jpeg_of(pixels, restart_marker_blocks=3)
    for n in range(8):
        data = data.replace(bytes([0xFF, 0xD0 + n]), bytes([0xFF, 0xFF, 0xD0 + n]))
    found = _counted(data)
    assert found is not None
    assert found[0] == found[1]


def test_a_history_that_is_a_number_costs_no_pixels(tmp_path):
    pixels = np.arange(1200, dtype=np.uint16).reshape(30, 40)
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[(37395, 3, 1, 5, True)])
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif").pixels, pixels)


@pytest.mark.parametrize("bits", [1, 8, 16, 32])
@pytest.mark.parametrize("counts", [True, False])
def test_raw_pixels_that_no_file_holds_are_refused(tmp_path, bits, counts):
    """670 bytes that say neither how many bytes their pixels are, nor have them, were 134 megapixels of black."""
    tags = [(256, 4, 16), (257, 4, 8_000_000), (258, 3, bits), (259, 3, 1), (262, 3, 1), (273, 4, 150), (277, 3, 1)]
    tags += [(278, 4, 8_000_000)] + [(279, 4, 0)] * counts
    entries = b"".join(struct.pack("<HHII", code, kind, 1, value) for code, kind, value in tags)
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(600))
    with pytest.raises(thermend.InputError, match="is cut short"):
        thermend.read(path)
