"""Standard input and output, links, and file objects in Python."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tifffile

import thermend
from thermend.errors import InputError, UsageError


@pytest.fixture
def picture(tmp_path, rng):
    pixels = cv2.GaussianBlur(rng.integers(0, 255, (60, 80)).astype(np.uint8), (0, 0), 3)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    return tmp_path / "a.png"


def run(*words, given=None, cwd=None):
    command = [sys.executable, "-m", "thermend", *map(str, words)]
    return subprocess.run(command, input=given, capture_output=True, cwd=cwd, timeout=120)


def test_a_result_goes_through_pipes_as_through_files(picture, tmp_path):
    run("enhance", picture, "-o", tmp_path / "file.png", "--method", "classical.clahe")
    expected = cv2.imread(str(tmp_path / "file.png"), cv2.IMREAD_UNCHANGED)
    for words, given in ((["-"], picture.read_bytes()), ([picture], None)):
        done = run("enhance", *words, "-o", "-", "--method", "classical.clahe", given=given, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stderr.decode() == "1 of 1 written to standard output\n"
        found = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(found, expected)
    done = run("enhance", "-", "-o", "b.png", "--method", "classical.clahe", given=picture.read_bytes(), cwd=tmp_path)
    assert done.returncode == 0
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_UNCHANGED), expected)
    assert not (tmp_path / "-").exists()


def test_the_format_is_the_inputs(tmp_path, rng):
    counts = np.rint(rng.normal(8000, 50, (60, 80))).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", counts)
    done = run("enhance", "-", "-o", "-", "--method", "classical.dct", given=(tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(io.BytesIO(done.stdout)) as opened:
        assert opened.asarray().dtype == np.uint16


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["-", "a.png", "-o", "out"], b"x", "2 inputs"),
        (["-", "-o", "-"], b"", "standard input: is empty"),
        (["-", "-o", "-"], b"junk" * 9, "standard input: is not an image"),
        ([".", "-o", "-"], None, "is a folder"),
        (["a.png", "-o", "-", "--compare"], None, "takes one"),
    ],
)
def test_what_cannot_go_through_pipes(picture, tmp_path, words, given, said):
    done = run("enhance", *words, "--method", "classical.clahe", given=given, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert said in done.stderr.decode().splitlines()[-1]
    assert len(done.stderr.splitlines()) <= 2
    assert done.stdout == b""


def test_standard_input_is_diagnosed(picture):
    done = run("diagnose", "-", "--json", given=picture.read_bytes())
    assert done.returncode == 0, done.stderr
    assert b"noise_sigma" in done.stdout


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_links_that_lead_nowhere_or_to_a_folder_get_a_line(picture, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    picture.rename(folder / "a.png")
    (folder / "gone.png").symlink_to(tmp_path / "nothing.png")
    (folder / "more").symlink_to(tmp_path)
    done = run("enhance", folder, "-o", tmp_path / "out", "--method", "classical.clahe")
    said = done.stderr.decode()
    assert "gone.png: is a link to a file that is not there" in said
    assert "more: is a link to a folder, which is not followed" in said
    assert (tmp_path / "out" / "a.png").is_file()
    assert done.returncode == 1


def test_bytes_and_file_objects_are_read(picture):
    expected = thermend.read(picture).pixels
    data = picture.read_bytes()
    for source in (data, bytearray(data), memoryview(data), io.BytesIO(data)):
        np.testing.assert_array_equal(thermend.read(source).pixels, expected)
    with picture.open("rb") as file:
        np.testing.assert_array_equal(thermend.read(file).pixels, expected)
    with pytest.raises(InputError, match=r"^<bytes>: is not an image"):
        thermend.read(b"junk" * 9)
    with picture.open(encoding="latin-1") as file, pytest.raises(UsageError, match="binary"):
        thermend.read(file)
    with pytest.raises(UsageError, match="int: expected a path"):
        thermend.read(3)


@pytest.mark.parametrize("compression", ["zstd", "lerc", "jpegxl", "jpeg2000", "lzma", "packbits"])
def test_compressions_of_tiff(tmp_path, rng, compression):
    counts = np.rint(rng.normal(8000, 50, (60, 80))).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", counts, compression=compression)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif").pixels, counts)


@pytest.mark.parametrize(("kind", "predictor"), [(np.float64, 3), (np.uint64, 2), (np.float32, 3)])
def test_predictors_of_tiff(tmp_path, rng, kind, predictor):
    pixels = np.rint(rng.normal(8000, 50, (60, 80))).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib", predictor=predictor)
    np.testing.assert_array_equal(thermend.read(tmp_path / "a.tif").pixels, pixels)
