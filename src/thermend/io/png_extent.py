"""Whether a PNG holds as many rows as it claims: a decoder leaves what is missing black, and says nothing."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

from thermend.errors import InputError

_PIECE = 2**20
_DEFLATE = 1032
"""Times that deflate makes anything smaller, at most."""
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a pixel, by the colour type."""
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of Adam7: first column and row, and the steps between columns and rows."""


def check_rows(path: Path) -> None:
    """Refuse a file whose rows do not unpack from what it holds; nothing is kept of what is unpacked.

    Raises
    ------
    InputError
        so it is
    """
    chunks = _chunks(path.read_bytes())
    name, header = next(chunks, (b"", b""))
    if name != b"IHDR" or len(header) != 13 or header[9] not in _SAMPLES:
        return  # the decoder says what is wrong
    wanted = _size(header)
    packed = [body for name, body in chunks if name == b"IDAT"]
    held = sum(map(len, packed))
    if held * _DEFLATE >= wanted:
        found = _unpacked(packed, wanted)
        if found >= wanted:
            return
        share = f"{found / wanted:.0%} of the pixels"
    else:
        share = f"{held} bytes of pixels"
    raise InputError(
        path, f"is cut short: it claims {_number(header, 0)} x {_number(header, 4)} pixels and holds {share}"
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 8
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def _number(header: bytes, at: int) -> int:
    return int.from_bytes(header[at : at + 4], "big")


def _size(header: bytes) -> int:
    """Bytes of all rows, each with the one that names its filter."""
    width, height, bits = _number(header, 0), _number(header, 4), header[8] * _SAMPLES[header[9]]
    parts = [(width, height)]
    if header[12]:
        parts = [(-(-(width - x) // across), -(-(height - y) // down)) for x, y, across, down in _PASSES]
    return sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in parts if columns > 0 < rows)


def _unpacked(packed: list[bytes], most: int) -> int:
    """How many bytes they unpack to, up to so many."""
    stream, found = zlib.decompressobj(), 0
    try:
        for piece in packed:
            while piece and found < most and not stream.eof:
                found += len(stream.decompress(piece, _PIECE))
                piece = stream.unconsumed_tail
        while found < most and (rest := stream.decompress(stream.unconsumed_tail, _PIECE)):
            found += len(rest)
    except zlib.error:
        pass
    return found
