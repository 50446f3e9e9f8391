"""The camera table: real files as cameras write them, against temperatures that independent readers gave."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest

import thermend
from thermend.io import fff
from thermend.io.radiometric_jpeg import segments

NAMES = (
    "flir-one.jpg", "flir-ax8.jpg", "flir-e40.jpg", "zenmuse-xt2-little-endian.jpg", "frame-little-endian.fff",
    "infracam-wester.jpg", "flir-interpolated-cup.jpg", "thermacam-ex320-byte-order.jpg", "flir-p640-man-in-water.jpg",
    "dji-h20n-range-finder.jpg",
)  # fmt: skip


@pytest.fixture(scope="session")
def cameras(cases) -> Path:
    return cases / "data/cameras"


@pytest.fixture(scope="session")
def expected(cameras) -> dict:
    return json.loads((cameras / "expected.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_temperatures_are_what_independent_readers_give(cameras, expected, name):
    if name.startswith("dji") and importlib.util.find_spec("dji_thermal_cli") is None:
        pytest.skip("needs dji-thermal-cli (pip install --ignore-requires-python dji-thermal-cli)")
    image, row = thermend.read(cameras / name), expected[name]
    assert image.unit == row["unit"]
    assert list(image.shape) == row["shape"]
    found = (float(np.nanmin(image.pixels)), float(np.nanmax(image.pixels)), float(np.nanmean(image.pixels)))
    assert found == pytest.approx((row["min"], row["max"], row["mean"]), abs=0.02)
    for y, x, celsius in row["pixels"]:
        assert float(image.pixels[y, x]) == pytest.approx(celsius, abs=0.02)
    stated = row["parameters"]
    assert image.metadata.emissivity == pytest.approx(stated["emissivity"], abs=1e-3)
    assert image.metadata.distance == pytest.approx(stated["object_distance"], abs=1e-2)
    assert image.metadata.reflected_temperature == pytest.approx(stated["reflected_temperature"], abs=1e-2)


def test_the_range_finders_distance_is_taken_when_it_is_asked_for(cameras):
    pytest.importorskip("dji_thermal_cli", reason="needs dji-thermal-cli")
    path = cameras / "dji-h20n-range-finder.jpg"
    own, measured, stated = (thermend.read(path, distance=d) for d in (None, "range-finder", 5))
    np.testing.assert_array_equal(own.pixels, stated.pixels)
    assert measured.metadata.distance == pytest.approx(79.57, abs=0.01)
    assert abs(measured.pixels.mean() - own.pixels.mean()) > 4
    assert thermend.enhance(measured).metadata.provenance["radiometry"]["distance"] == pytest.approx(79.57, abs=0.01)


def test_what_carries_no_temperatures_is_refused_or_stays_counts(cameras):
    with pytest.raises(thermend.InputError, match="InfiRay"):
        thermend.read(cameras / "infiray-p2-pro.jpg")
    assert thermend.read(cameras / "duo-pro-r.tif").unit == "counts"


def test_counts_that_are_linear_in_temperature(cameras, expected, tmp_path):
    row = expected["duo-pro-r.tif"]
    image = thermend.read(cameras / "duo-pro-r.tif", kelvin_per_count=row["kelvin_per_count"])
    assert (float(image.pixels.min()), float(image.pixels.max())) == pytest.approx(
        (row["min_celsius"], row["max_celsius"]), abs=0.02
    )
    mended = thermend.enhance(image)
    for name in ("a.tif", "a.png"):
        thermend.write(mended, tmp_path / name)
        again = thermend.read(tmp_path / name)
        assert (again.unit, again.depth) == ("celsius", "uint16")
        np.testing.assert_allclose(again.pixels, mended.pixels, atol=0.021)  # half a count
    thermend.write(mended, tmp_path / "deep.tif", depth="float32")
    np.testing.assert_array_equal(thermend.read(tmp_path / "deep.tif").pixels, mended.pixels)


def test_our_reader_and_flyr_agree(cameras, cases):
    flyr = pytest.importorskip("flyr")
    names = ("flir-one.jpg", "flir-ax8.jpg", "flir-e40.jpg", "infracam-wester.jpg", "flir-p640-man-in-water.jpg")
    for path in (cases / "data/radiometric/IR_2412.jpg", *(cameras / name for name in names)):
        np.testing.assert_allclose(thermend.read(path).pixels, flyr.unpack(str(path)).celsius, atol=1e-3)


def _record(order: str, raw: np.ndarray, **told: float) -> bytes:
    """A FLIR record of one frame, in either byte order."""
    facts = {
        0x20: 0.95, 0x24: 3.0, 0x28: 294.0, 0x2C: 290.0, 0x30: 291.0, 0x34: 0.9, 0x3C: 0.4, 0x58: 14000.0, 0x5C: 1400.0,
        0x60: 1.0, 0x70: 0.006, 0x74: 0.0126, 0x78: -0.0023, 0x7C: -0.0067, 0x80: 1.9, 0x90: 423.0, 0x94: 233.0, 0x30C: 0.015,
    } | {int(key[1:], 16): value for key, value in told.items()}  # fmt: skip
    camera = bytearray(0x480)
    struct.pack_into(order + "H", camera, 0, 2)
    for offset, value in facts.items():
        struct.pack_into(order + "f", camera, offset, value)
    struct.pack_into(order + "i", camera, 0x308, -7000)
    struct.pack_into(order + "H", camera, 0x464, 30)
    camera[0xD4:0xDD] = b"FLIR Test"
    camera[0x104:0x108] = b"4711"
    pixels = bytearray(32)
    struct.pack_into(order + "HHH", pixels, 0, 2, raw.shape[1], raw.shape[0])
    pixels += raw.astype(order + "u2").tobytes()
    head = bytearray(64)
    head[:4] = b"FFF\0"
    struct.pack_into(order + "III", head, 20, 100, 64, 2)
    directory, body, at = bytearray(), bytearray(), 64 + 64
    for kind, content in ((1, pixels), (32, camera)):
        entry = bytearray(32)
        struct.pack_into(order + "H", entry, 0, kind)
        struct.pack_into(order + "II", entry, 12, at + len(body), len(content))
        directory += entry
        body += content
    return bytes(head + directory + body)


@pytest.mark.parametrize("order", ["<", ">"])
def test_either_byte_order_is_read(tmp_path, rng, order):
    raw = rng.integers(12_000, 14_000, (60, 80)).astype(np.uint16)
    (tmp_path / "a.fff").write_bytes(_record(order, raw))
    np.testing.assert_array_equal(fff.read_frame(_record(order, raw)).raw, raw)
    image = thermend.read(tmp_path / "a.fff")
    other = fff.read_frame(_record(">", raw)).camera.celsius(raw)
    np.testing.assert_array_equal(image.pixels, other)
    assert (image.metadata.camera, image.metadata.serial, image.metadata.frame_rate) == ("FLIR Test", "4711", 30)
    assert image.valid_range == pytest.approx((233 - 273.15, 423 - 273.15), abs=0.01)
    hotter = thermend.read(tmp_path / "a.fff", emissivity=0.7)
    assert hotter.pixels.mean() != image.pixels.mean()


def test_a_black_body_without_air_follows_plancks_curve(tmp_path):
    raw = np.full((8, 8), 13_000, np.uint16)
    camera = fff.read_frame(_record("<", raw, x20=1.0, x24=0.0, x34=1.0)).camera
    kelvin = 1400.0 / np.log(14000.0 / (0.015 * (13_000 - 7000)) + 1.0)
    assert float(camera.celsius(raw)[0, 0]) == pytest.approx(kelvin - 273.15, abs=1e-3)


@pytest.mark.parametrize("at", range(0, 128, 7))
def test_a_damaged_record_is_one_line(tmp_path, at):
    data = bytearray(_record("<", np.full((20, 20), 13_000, np.uint16)))
    data[at : at + 4] = b"\xff\xff\xff\xff"
    (tmp_path / "a.fff").write_bytes(data)
    with contextlib.suppress(thermend.InputError):  # or it is read: not every byte matters
        thermend.read(tmp_path / "a.fff")
    for cut in (len(data) // 3, 70, 30):
        (tmp_path / "a.fff").write_bytes(data[:cut])
        with pytest.raises(thermend.InputError):
            thermend.read(tmp_path / "a.fff")


def test_what_the_camera_is_stays_with_the_result(cameras, tmp_path):
    image = thermend.read(cameras / "flir-e40.jpg")
    assert image.metadata.serial
    thermend.write(thermend.enhance(image), tmp_path / "a.tif")
    again = thermend.read(tmp_path / "a.tif")
    assert (again.metadata.serial, again.metadata.frame_rate) == (image.metadata.serial, image.metadata.frame_rate)
    import tifffile

    with tifffile.TiffFile(io.BytesIO((tmp_path / "a.tif").read_bytes())) as tiff:
        exif = tiff.pages[0].tags.get(34665)
        assert exif is None or "MakerNote" not in exif.value


def test_a_webp_picture_is_read(tmp_path):
    from PIL import Image

    grey = np.tile(np.arange(0, 240, 3, dtype=np.uint8), (40, 1))
    Image.fromarray(np.repeat(grey[..., None], 3, 2)).save(tmp_path / "a.webp", lossless=True)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.webp").pixels, grey)


def test_segments_end_at_the_picture():
    assert list(segments(b"\xff\xd8\xff\xe1\x00\x04ab\xff\xda\x00\x02")) == [(0xE1, b"ab")]
