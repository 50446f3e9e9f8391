from __future__ import annotations

import importlib.util
import io
import sys

import numpy as np
import pytest
from PIL import Image

import thermend
from thermend import InputError, UsageError


def test_flir_temperatures_are_those_of_flyr(cases, bird):
    import flyr

    expected = flyr.unpack(str(cases / "data/radiometric/IR_2412.jpg")).celsius
    assert bird.unit == "celsius"
    np.testing.assert_allclose(bird.pixels, expected, atol=1e-5)
    assert bird.metadata.camera == "FLIR Systems AB FLIR SC660"
    assert bird.metadata.emissivity == pytest.approx(0.95)


def test_emissivity_reflection_and_distance_can_be_overridden(cases, bird):
    path = cases / "data/radiometric/IR_2412.jpg"
    # A warm object that emits less must be hotter to look the same; a hot surrounding takes from it again.
    dull = thermend.read(path, emissivity=0.7)
    assert dull.metadata.emissivity == pytest.approx(0.7)
    assert dull.pixels.max() > bird.pixels.max() + 1
    assert thermend.read(path, emissivity=0.7, reflected_temperature=60).pixels.mean() < dull.pixels.mean() - 1
    assert abs(thermend.read(path, distance=200).pixels.mean() - bird.pixels.mean()) > 0.05


@pytest.mark.parametrize(
    "wrong", [{"emissivity": 0}, {"emissivity": 1.2}, {"distance": -1}, {"reflected_temperature": -300}]
)
def test_impossible_physics_is_refused(wrong):
    with pytest.raises(UsageError):
        thermend.read("nothing.jpg", **wrong)


def _jpeg_with(tmp_path, *segments: tuple[int, bytes], exif: Image.Exif | None = None):
    buffer = io.BytesIO()
    Image.fromarray(np.full((16, 16), 50, np.uint8)).save(buffer, "JPEG", exif=exif or Image.Exif())
    data = buffer.getvalue()
    extra = b"".join(bytes([0xFF, m]) + (len(c) + 2).to_bytes(2, "big") + c for m, c in segments)
    path = tmp_path / "r.jpg"
    path.write_bytes(data[:2] + data[2:20] + extra + data[20:])
    return path


def test_a_dji_radiometric_jpeg_never_passes_as_a_picture(tmp_path):
    exif = Image.Exif()
    exif[271] = "DJI"
    path = _jpeg_with(tmp_path, (0xE3, b"\0" * 60000), (0xE3, b"\0" * 60000), exif=exif)
    with pytest.raises(InputError, match="DJI radiometric"):
        thermend.read(path)


def test_without_its_package_the_line_that_installs_it_is_said(tmp_path, monkeypatch):
    path = _jpeg_with(tmp_path, (0xE3, b"\0" * 60000), (0xE3, b"\0" * 60000))
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "dji_thermal_cli" else real(name))
    line = "--ignore-requires-python dji-thermal-cli" if sys.version_info < (3, 12) else r"thermend\[dji\]"
    with pytest.raises(InputError, match=f"AGPL.*pip install .*{line}"):
        thermend.read(path)


def test_an_infiray_jpeg_never_passes_as_a_picture(tmp_path):
    with pytest.raises(InputError, match="InfiRay"):
        thermend.read(_jpeg_with(tmp_path, (0xE2, b"IJPEG\0" + b"\0" * 40), (0xE3, b"\0" * 6000)))


def test_damaged_flir_data_never_passes_as_a_picture(tmp_path):
    path = _jpeg_with(tmp_path, (0xE1, b"FLIR\0\x01\0\0" + b"rubbish" * 40))
    with pytest.raises(InputError, match="FLIR radiometric data that cannot be read"):
        thermend.read(path)


def test_radiometric_settings_on_a_plain_picture_are_refused(tmp_path):
    Image.fromarray(np.full((16, 16), 50, np.uint8)).save(tmp_path / "p.png")
    with pytest.raises(InputError, match="not a radiometric JPEG"):
        thermend.read(tmp_path / "p.png", emissivity=0.9)
