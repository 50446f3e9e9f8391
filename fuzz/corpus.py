"""Small files of every kind that is read, made here: what the fuzzer begins with."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, PngImagePlugin

import thermend
from thermend.io import open_writer

SIDE = (12, 16)
PIXELS = (20000 + 37 * np.arange(SIDE[0] * SIDE[1])).astype(np.uint16).reshape(SIDE)
GREY = (PIXELS >> 8).astype(np.uint8)


def _saved(write: Callable[[Path], None], suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        write(path)
        return path.read_bytes()


def tiffs() -> list[bytes]:
    made = []
    tags = [(33550, 12, 3, (1.0, 1.0, 0.0), True), (42113, 2, 0, b"0", True), (42112, 2, 0, b"<GDALMetadata/>", True)]
    for options in (
        {}, {"compression": "zlib", "predictor": True}, {"compression": "lzw"}, {"tile": (16, 16), "compression": "lzma"},
        {"extratags": tags, "resolution": (72, 72)}, {"byteorder": ">"}, {"bigtiff": True},
    ):  # fmt: skip
        made.append(_saved(lambda path, o=options: tifffile.imwrite(path, PIXELS, **o), ".tif"))  # type: ignore[misc]
    made.append(_saved(lambda path: tifffile.imwrite(path, np.stack([PIXELS] * 3)), ".tif"))
    made.append(_saved(lambda path: tifffile.imwrite(path, PIXELS.astype(np.float32)), ".tif"))
    image = thermend.ThermalImage.from_array(PIXELS)
    made.append(_saved(lambda path: thermend.write(image, path), ".tif"))
    return made


def pngs() -> list[bytes]:
    info = PngImagePlugin.PngInfo()
    info.add_text("thermend", json.dumps({"software": "thermend", "unit": "centikelvin"}))
    made = []
    grey, rgba = Image.fromarray(GREY), Image.fromarray(np.dstack([GREY] * 4))
    for picture in (grey, Image.fromarray(PIXELS), rgba, grey.convert("P")):
        for options in ({}, {"pnginfo": info, "dpi": (72, 72)}):
            written = io.BytesIO()
            picture.save(written, "PNG", **options)
            made.append(written.getvalue())
    return made


def jpegs() -> list[bytes]:
    made = []
    for picture in (Image.fromarray(GREY), Image.fromarray(np.dstack([GREY] * 3))):
        for options in ({}, {"progressive": True}, {"quality": 20, "restart_marker_blocks": 1}, {"comment": b"x" * 40}):
            written = io.BytesIO()
            picture.save(written, "JPEG", **options)
            made.append(written.getvalue())
    return made


def fffs() -> list[bytes]:
    """FLIR's file of records, with a raw image and the camera's constants."""
    raw = struct.pack("<HHH", 2, SIDE[1], SIDE[0]) + bytes(26) + PIXELS.tobytes()
    camera = bytearray(1200)
    for place, value in (
        (32, 0.95),
        (36, 2.0),
        (40, 293.0),
        (44, 293.0),
        (52, 293.0),
        (60, 0.5),
        (88, 17000.0),
        (92, 1400.0),
        (96, 1.0),
    ):
        struct.pack_into("<f", camera, place, value)
    struct.pack_into("<f", camera, 776, 0.012)
    struct.pack_into("<i", camera, 772, -7000)
    records = [(1, raw), (32, bytes(camera))]
    place = 64 + 32 * len(records)
    head = b"FFF\0" + b"fuzz".ljust(16, b"\0") + struct.pack(">IIII", 101, 64, len(records), 0) + bytes(28)
    index, body = b"", b""
    for kind, data in records:
        index += struct.pack(">HHIIIIIII", kind, 2, 101, 1, place + len(body), len(data), 0, 0, 0)
        body += data
    whole = head[:64].ljust(64, b"\0") + index + body
    return [whole, whole * 2]


def seqs() -> list[bytes]:
    """Several FFF one after another, as FLIR's recorders write them."""
    return [one * 3 for one in fffs()[:2]]


def videos() -> list[bytes]:
    image = thermend.ThermalImage.from_array(np.tile(GREY, (2, 2)))
    counts = thermend.ThermalImage.from_array(np.tile(PIXELS, (2, 2)))

    def film(path: Path, frame: thermend.ThermalImage) -> None:
        with open_writer(path) as writer:
            for _ in range(4):
                writer.write(frame)

    kinds = ((image, ".mp4"), (image, ".mkv"), (counts, ".mkv"))
    return [_saved(lambda path, f=frame: film(path, f), suffix) for frame, suffix in kinds]  # type: ignore[misc]


def states() -> list[bytes]:
    """What a session keeps of an interrupted recording."""
    session = thermend.load("classical.chain").session()
    for number in range(3):
        session(np.roll(np.tile(GREY, (2, 2)), number, 1))
    return [_saved(lambda path: session.save(path), ".state")]


def manifests() -> list[bytes]:
    """Parts of an archive's."""
    from thermend.jobs.archive import manifest

    rows = [
        manifest.row(input=f"s3://a/{n}.tif", size=n, outcome="done", outputs=(manifest.Kept("a", "b", "c"),))
        for n in range(5)
    ]
    return [_saved(lambda path: manifest.pq.write_table(manifest.table(rows), path), ".parquet")]


def npys() -> list[bytes]:
    made = []
    for array in (PIXELS, GREY, PIXELS.astype(np.float32), np.stack([PIXELS] * 2)):
        written = io.BytesIO()
        np.save(written, array)
        made.append(written.getvalue())
    return made


def bmps_and_webps() -> list[bytes]:
    made = []
    for kind in ("BMP", "WEBP"):
        written = io.BytesIO()
        Image.fromarray(GREY).convert("RGB").save(written, kind)
        made.append(written.getvalue())
    return made


def npzs() -> list[bytes]:
    made = []
    for save in (np.savez, np.savez_compressed):
        written = io.BytesIO()
        save(written, degradation=np.zeros((3, 128, 128), np.float32), scenario=np.zeros((2, 64), np.float32))
        made.append(written.getvalue())
    return made


def recipes() -> list[bytes]:
    root = Path(__file__).parent.parent / "recipes"
    return [path.read_bytes() for path in sorted(root.rglob("*.yaml"))]


def safetensors() -> list[bytes]:
    facts = json.dumps({"method": "deal/cascade-1", "blocks": [["scale", 2, 2, 1]], "width": 8, "time_steps": 2})
    made = []
    for metadata in ({}, {"__metadata__": {"thermend": facts}}):
        header = json.dumps(
            {**metadata, "head.0.weight": {"dtype": "F32", "shape": [8, 1, 3, 3], "data_offsets": [0, 288]}}
        ).encode()
        made.append(struct.pack("<Q", len(header)) + header + bytes(288))
    return made


def checkpoints() -> list[bytes]:
    import torch

    written = io.BytesIO()
    torch.save({"state_dict": {"head.0.weight": torch.zeros(8, 1, 3, 3)}, "epoch": 3, "name": "x"}, written)
    return [written.getvalue()]


def onnx_files() -> list[bytes]:
    import onnx

    shapes = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [1, 1, None, None]) for n in "xy"]
    made = []
    for node in (
        onnx.helper.make_node("Relu", ["x"], ["y"]),
        onnx.helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[3, 3], pads=[1] * 4),
    ):
        graph = onnx.helper.make_graph([node], "network", shapes[:1], shapes[1:])
        made.append(
            onnx.helper.make_model(
                graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
            ).SerializeToString()
        )
    return made


def forms() -> list[bytes]:
    """Bodies of uploads, whose boundary is `x`."""
    head = b'--x\r\nContent-Disposition: form-data; name="mode"\r\n\r\nauto\r\n'
    file = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
    return [head + file + pngs()[0] + b"\r\n--x--\r\n", file + b"abc\r\n" + head + b"--x--\r\n"]


def crc_mended(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what lies behind them is reached."""
    made, at = data[:8], 8
    while at + 12 <= len(data):
        size = min(struct.unpack(">I", data[at : at + 4])[0], len(data) - at - 12)
        body = data[at + 4 : at + 8 + size]
        made += struct.pack(">I", size) + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return made
