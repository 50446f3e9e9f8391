"""Recordings: frames one after another from files that the test makes, and from real ones."""

from __future__ import annotations

import datetime
import struct
import warnings
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

import thermend
from thermend.errors import CutShortWarning
from thermend.image import FrameFacts, Metadata, ThermalImage
from thermend.io import recordings
from thermend.io.writers import frame_writer, open_writer

pytest.importorskip("av", reason="needs the extra video")


@pytest.fixture
def grey(rng) -> list[ThermalImage]:
    """Twelve frames of a moving bright square, at uneven times: one is late by a second."""
    frames = []
    for number in range(12):
        pixels = rng.integers(90, 110, (48, 64)).astype(np.uint8)
        pixels[10:20, 2 * number : 2 * number + 10] = 220
        time = number / 25 + (1.0 if number > 6 else 0.0)
        image = ThermalImage.from_array(pixels)
        frames.append(image.with_pixels(image.pixels, metadata=Metadata(frame=FrameFacts(number, time))))
    return frames


def _written(frames, path: Path, **options) -> list[ThermalImage]:
    with open_writer(path, **options) as writer:
        for frame in frames:
            writer.write(frame)
    return list(thermend.read_frames(path))


@pytest.mark.parametrize("name", ["a.mkv", "a.tif", "a.npy"])
def test_pictures_come_back_as_they_were(grey, tmp_path, name):
    back = _written(grey, tmp_path / name)
    assert [b.unit for b in back] == ["display"] * 12
    for before, after in zip(grey, back, strict=True):
        np.testing.assert_array_equal(before.pixels, after.pixels)


def test_mp4_is_near(grey, tmp_path):
    back = _written(grey, tmp_path / "a.mp4")
    assert len(back) == 12
    assert max(float(np.abs(a.pixels - b.pixels).mean()) for a, b in zip(grey, back)) < 4
    assert back[0].pixels.max() > 200  # limited range is spread again


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.tif"])
def test_times_and_gaps_survive(grey, tmp_path, name):
    back = _written(grey, tmp_path / name)
    for before, after in zip(grey, back, strict=True):
        assert after.metadata.frame.time == pytest.approx(before.metadata.frame.time, abs=2e-3)


def test_counts_of_16_bits_go_into_mkv_and_temperatures_into_tiff(rng, tmp_path):
    counts = [ThermalImage.from_array(rng.integers(0, 60000, (31, 45)).astype(np.uint16)) for _ in range(4)]
    back = _written(counts, tmp_path / "c.mkv")
    assert back[0].unit == "counts"
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(counts, back))
    celsius = [ThermalImage(rng.normal(20, 5, (31, 45)).astype(np.float32), "celsius") for _ in range(4)]
    writer = frame_writer(tmp_path / "c2.mkv", ".mkv")
    with pytest.raises(thermend.UsageError, match=r"write \.tif"):
        writer.write(celsius[0])
    writer.close()
    (tmp_path / "c2.mkv").unlink(missing_ok=True)
    assert not list(tmp_path.glob("c2*"))
    back = _written(celsius, tmp_path / "c.tif")
    assert back[3].unit == "celsius"
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(celsius, back))


@pytest.mark.parametrize("shape", [(31, 45), (32, 45), (30, 44)])
def test_odd_sides_keep_their_size(tmp_path, shape):
    frames = [ThermalImage.from_array(np.full(shape, level, np.uint8)) for level in (20, 128, 240)]
    back = _written(frames, tmp_path / "o.mp4")
    assert [b.shape for b in back] == [shape] * 3
    assert [float(b.pixels.mean()) for b in back] == pytest.approx([20, 128, 240], abs=1.5)


def test_a_palette_is_written_and_undone(grey, tmp_path):
    back = _written(grey, tmp_path / "p.mkv", palette="iron")
    assert back[0].metadata.palette == "iron"
    assert float(np.abs(back[5].pixels - grey[5].pixels).mean()) < 1.5


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.tif", "a.npy"])
def test_a_file_that_was_begun_is_gone_on_with(grey, tmp_path, name):
    suffix = Path(name).suffix
    writer = frame_writer(tmp_path / name, suffix)
    for frame in grey[:5]:
        writer.write(frame)
    writer.close()
    first = [f.pixels for f in thermend.read_frames(tmp_path / name)]
    (tmp_path / name).rename(tmp_path / f"earlier{suffix}")
    writer = frame_writer(tmp_path / name, suffix, earlier=tmp_path / f"earlier{suffix}")
    for frame in grey[5:]:
        writer.write(frame)
    writer.close()
    back = list(thermend.read_frames(tmp_path / name))
    assert len(back) == 12
    assert all(np.array_equal(a, b.pixels) for a, b in zip(first, back))  # taken over as they were
    if suffix != ".npy":
        assert back[11].metadata.frame.time == pytest.approx(grey[11].metadata.frame.time, abs=2e-3)


def test_a_writer_that_fails_leaves_nothing(grey, tmp_path):
    def fails() -> None:
        with open_writer(tmp_path / "a.mkv") as writer:
            writer.write(grey[0])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(tmp_path.iterdir()) == []


def _record(raw: bytes, shape: tuple[int, int], number: int, time: float) -> bytes:
    """A little-endian FLIR record: pixels, and a camera whose curve is steep enough for whole numbers."""
    height, width = shape
    pixels = bytearray(struct.pack("<HHH", 2, width, height) + bytes(26) + raw)
    struct.pack_into("<H", pixels, 24, number)
    camera = bytearray(0x480)
    struct.pack_into("<H", camera, 0, 2)
    for at, value in {
        0x20: 1.0, 0x24: 0.0, 0x28: 293.15, 0x2C: 293.15, 0x30: 293.15, 0x34: 1.0, 0x3C: 0.5, 0x58: 17000.0, 0x5C: 1430.0,
        0x60: 1.0, 0x70: 0.006, 0x74: 0.0126, 0x78: -0.0023, 0x7C: -0.0067, 0x80: 1.9, 0x90: 500.0, 0x94: 250.0,
        0x30C: 0.012,
    }.items():  # fmt: skip
        struct.pack_into("<f", camera, at, value)
    struct.pack_into("<i", camera, 0x308, -6000)
    struct.pack_into("<IIh", camera, 0x384, int(time), round(time % 1 * 1000), 0)
    struct.pack_into("<H", camera, 0x464, 30)
    start = 64 + 64
    head = bytearray(b"FFF\0" + bytes(60))
    struct.pack_into("<III", head, 20, 100, 64, 2)
    entries = b""
    for kind, content in ((32, camera), (1, pixels)):
        entries += struct.pack("<HHIIII", kind, 0, 0, 0, start, len(content)) + bytes(12)
        start += len(content)
    return bytes(head) + entries + bytes(camera) + bytes(pixels)


def _recording(path: Path, packed: bool = False, frames: int = 4) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    data, raws = b"", []
    for number in range(frames):
        raw = rng.integers(12000, 16000, (24, 32)).astype(np.uint16)
        raw[0, 0] = 0x4646  # "FF", as pixels happen to be
        raws.append(raw)
        body = imagecodecs.jpegls_encode(raw) if packed else raw.astype("<u2").tobytes()
        data += _record(body, raw.shape, number * (2 if number > 1 else 1), 1_500_000_000 + 0.5 * number)
    path.write_bytes(data)
    return raws


@pytest.mark.parametrize("packed", [False, True])
def test_every_frame_of_a_flir_recording_is_read(tmp_path, packed):
    raws = _recording(tmp_path / "a.seq", packed)
    frames = list(thermend.read_frames(tmp_path / "a.seq"))
    assert [f.metadata.frame for f in frames] == [FrameFacts(n, t) for n, t in ((0, 0.0), (1, 0.5), (4, 1.0), (6, 1.5))]
    single = _record(raws[2].astype("<u2").tobytes(), raws[2].shape, 0, 0)
    (tmp_path / "one.fff").write_bytes(single)
    np.testing.assert_array_equal(frames[2].pixels, thermend.read(tmp_path / "one.fff").pixels)
    assert recordings.is_recording(tmp_path / "a.seq")
    assert not recordings.is_recording(tmp_path / "one.fff")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("cut", [1, 40, 700])
def test_a_recording_that_was_cut_off_gives_its_whole_frames_and_one_line(tmp_path, packed, cut):
    _recording(tmp_path / "a.seq", packed)
    whole = (tmp_path / "a.seq").read_bytes()
    (tmp_path / "cut.seq").write_bytes(whole[:-cut])
    with pytest.warns(CutShortWarning, match="frame 4 is not whole") as said:
        frames = list(thermend.read_frames(tmp_path / "cut.seq"))
    assert len(frames) == 3
    assert len(said) == 1


def test_what_is_damaged_between_two_frames_is_passed_over(tmp_path):
    _recording(tmp_path / "a.seq")
    data = bytearray((tmp_path / "a.seq").read_bytes())
    second = len(data) // 4
    data[second : second + 4] = b"\0\0\0\0"
    (tmp_path / "b.seq").write_bytes(data)
    with pytest.warns(CutShortWarning, match="no frame and are passed over"):
        assert len(list(thermend.read_frames(tmp_path / "b.seq"))) == 3


def test_real_flir_recordings(cases):
    seq = list(thermend.read_frames(cases / "data/radiometric/SampleSEQ.seq"))
    assert [f.shape for f in seq] == [(480, 640)] * 2
    found = [float(v) for f in seq for v in (f.pixels.min(), f.pixels.max())]
    assert found == pytest.approx([18.601, 38.271, 18.613, 37.388], abs=1e-3)
    csq = list(thermend.read_frames(cases / "data/radiometric/SampleCSQ.csq"))
    assert len(csq) == 8
    assert [f.metadata.frame.time for f in csq][-1] == pytest.approx(0.234, abs=2e-3)


def test_a_video_that_is_cut_off_or_none_is_one_line(grey, tmp_path):
    _written(grey, tmp_path / "a.mkv")
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "b.mkv").write_bytes(data[: len(data) * 2 // 3])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert 0 < len(list(thermend.read_frames(tmp_path / "b.mkv"))) < 12
    for name, content in (
        ("c.mp4", b"\0\0\0\x18ftypmp42" + bytes(50)),
        ("d.mkv", data[:60]),
        ("e.avi", b"RIFF\0\0\0\0AVI "),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(thermend.InputError, match=name):
            list(thermend.read_frames(tmp_path / name))


def test_cptv_tells_when_the_shutter_fell(tmp_path):
    cptv = pytest.importorskip("cptv", reason="needs the package cptv")
    from cptv.frame import Frame

    with (tmp_path / "a.cptv").open("wb") as file:
        writer = cptv.CPTVWriter(file)
        writer.timestamp = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
        writer.device_name = b"gp-1"
        writer.write_header()
        for number in range(4):
            pixels = np.full((120, 160), 3000 + number, np.uint16)
            on = datetime.timedelta(seconds=100 + number / 9)
            closed = datetime.timedelta(seconds=90 if number < 2 else 100.2)
            writer.write_frame(Frame(pixels, on, closed, 20.0, 20.0))
        writer.close()
    frames = list(thermend.read_frames(tmp_path / "a.cptv"))
    assert [float(f.pixels[0, 0]) for f in frames] == [3000, 3001, 3002, 3003]
    assert [f.metadata.frame.shutter for f in frames] == [False, False, True, False]
    assert frames[0].metadata.time == "2026:01:02 03:04:05"


def test_numbered_stills_come_in_the_order_of_their_numbers(tmp_path):
    for number in (1, 2, 10):
        ThermalImage.from_array(np.full((8, 8), number, np.uint8)).save(tmp_path / f"f{number}.png")
    levels = [float(f.pixels[0, 0]) for f in recordings.opened(tmp_path).frames()]
    assert levels == [1, 2, 10]


@pytest.mark.parametrize(
    ("name", "codec", "wanted"),
    [
        ("r.avi", "rawvideo", "gray"), ("m.avi", "mjpeg", "yuvj420p"), ("f.avi", "ffv1", "gray16le"),
        ("r16.avi", "rawvideo", "gray16le"), ("f10.mkv", "ffv1", "gray10le"), ("p.mov", "png", "gray"),
    ],
)  # fmt: skip
def test_other_peoples_videos_are_read(tmp_path, name, codec, wanted):
    import av

    top = {"gray16le": 60000, "gray10le": 1023}.get(wanted, 255)
    kind = np.uint8 if top == 255 else np.uint16
    given = np.tile(np.linspace(0, top, 64).astype(kind), (48, 1))
    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, wanted
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(given, format="gray" if top == 255 else wanted)
            container.mux(stream.encode(frame.reformat(format=wanted)))
        container.mux(stream.encode(None))
    found = list(thermend.read_frames(tmp_path / name))
    assert len(found) == 3
    assert found[0].unit == ("display" if top == 255 else "counts")
    assert float(np.abs(found[2].pixels - given).max()) <= (3 if codec == "mjpeg" else 0)
    assert found[2].metadata.frame.time == pytest.approx(0.2)
