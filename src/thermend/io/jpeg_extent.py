"""Whether a JPEG holds as many blocks as it claims: a decoder fills what is missing with grey, and says nothing.

Every block of 8 × 8 takes a bit or two at least (one for its mean, one for its end), so that most false claims are seen before
anything is decoded. Where the lower rows come out as the grey that decoders fill with, the blocks of a sequential file are
counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import ImageFile

from thermend.errors import InputError

_FILLED = 128
"""Grey level of a block without coefficients."""
_BITS = {0xC0: 2, 0xC1: 2, 0xC2: 1}
"""That a block takes at least, by the kind of frame: a progressive one ends many blocks at once."""
_COUNTED = 4_000_000
"""Pixels; the blocks of a larger file are not counted one by one."""
_SEQUENTIAL = (0xC0, 0xC1)
_FRAMES = tuple(_BITS)


class Component(NamedTuple):
    """Of a frame: how many blocks it has across and down in a unit, and its Huffman tables in the first scan."""

    across: int
    down: int
    mean: int
    rest: int


class _TruncatedError(Exception):
    """The bits ended before the blocks did."""


def check_claim(path: Path, width: int, height: int) -> None:
    """Refuse a file that is too short for the pixels that it claims.

    Raises
    ------
    InputError
        so it is
    """
    blocks = -(-width // 8) * -(-height // 8)
    if path.stat().st_size * 8 >= max(_BITS.values()) * blocks:
        return
    frame = next((marker for marker, _, _ in _segments(path.read_bytes()) if marker in _FRAMES), None)
    if frame is not None and path.stat().st_size * 8 < _BITS[frame] * blocks:
        raise InputError(path, f"is cut short: {path.stat().st_size} bytes hold no {width} x {height} pixels")


def check_rows(path: Path, opened: ImageFile.ImageFile) -> None:
    """Refuse a decoded file whose lower rows were never there.

    Raises
    ------
    InputError
        so it is
    """
    width, height = opened.size
    if height < 2 or width * height > _COUNTED:
        return
    last = np.asarray(opened.crop((0, height - 1, width, height)).convert("RGB"))
    if not (last[:, -8:] == _FILLED).all():
        return
    try:
        found = _counted(path.read_bytes())
    except (IndexError, KeyError, ValueError):
        return  # a kind that is not counted
    if found is not None and found[0] < found[1]:
        raise InputError(path, f"is cut short: it holds {found[0] / found[1]:.0%} of the pixels that it claims")


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Markers, what they hold, and where what follows begins."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD9:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield marker, data[at + 4 : at + 2 + length], at + 2 + length
        at += 2 + length


def _counted(data: bytes) -> tuple[int, int] | None:
    """Units (of blocks that belong together) that a sequential file holds, and that it should; None of other kinds."""
    tables: dict[int, dict[tuple[int, int], int]] = {}
    frame: list[tuple[int, int, int]] = []
    width = height = restart = 0
    for marker, held, after in _segments(data):
        if marker in _FRAMES:
            if marker not in _SEQUENTIAL or held[0] != 8:
                return None
            height, width = int.from_bytes(held[1:3], "big"), int.from_bytes(held[3:5], "big")
            frame = [(held[6 + 3 * n], held[7 + 3 * n] >> 4, held[7 + 3 * n] & 15) for n in range(held[5])]
        elif marker == 0xC4:
            tables |= _tables(held)
        elif marker == 0xDD:
            restart = int.from_bytes(held[:2], "big")
        elif marker == 0xDA:
            if held[0] != len(frame):
                return None  # a component a scan
            chosen = {held[1 + 2 * n]: held[2 + 2 * n] for n in range(held[0])}
            parts = [Component(a, d, chosen[n] >> 4, 16 + (chosen[n] & 15)) for n, a, d in frame]
            if len(parts) == 1:
                parts = [parts[0]._replace(across=1, down=1)]
            across, down = (8 * max(part[side] for part in parts) for side in (0, 1))
            wanted = -(-width // across) * -(-height // down)
            return _units(data[after:], parts, tables, restart, wanted), wanted
    return None


def _tables(held: bytes) -> dict[int, dict[tuple[int, int], int]]:
    """Huffman tables by class and number: from length and code to symbol."""
    found: dict[int, dict[tuple[int, int], int]] = {}
    at = 0
    while at + 17 <= len(held):
        counts, symbols = held[at + 1 : at + 17], held[at + 17 :]
        code = place = 0
        table: dict[tuple[int, int], int] = {}
        for length, count in enumerate(counts, 1):
            for _ in range(count):
                table[length, code] = symbols[place]
                code, place = code + 1, place + 1
            code <<= 1
        found[held[at]] = table
        at += 17 + place
    return found


def _units(
    data: bytes, parts: list[Component], tables: dict[int, dict[tuple[int, int], int]], restart: int, wanted: int
) -> int:
    """How many units the entropy-coded data hold, up to those that are wanted."""
    count = 0
    for piece in _pieces(data):
        bits = _Bits(piece)
        room = restart or wanted
        try:
            while count < wanted and room:
                for part in parts:
                    for _ in range(part.across * part.down):
                        _block(bits, tables[part.mean], tables[part.rest])
                count, room = count + 1, room - 1
        except _TruncatedError:
            if not restart:
                break
    return count


def _pieces(data: bytes) -> Iterator[bytes]:
    """Entropy-coded data between restart markers, without the zeros that follow a byte of ones."""
    begin = at = 0
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] == 0:
            at += 2
            continue
        end = at + 1
        while end < len(data) - 1 and data[end] == 0xFF:  # a marker may be filled up in front
            end += 1
        yield data[begin:at].replace(b"\xff\0", b"\xff")
        if not 0xD0 <= data[end] <= 0xD7:
            return
        begin = at = end + 1
    yield data[begin:].replace(b"\xff\0", b"\xff")


class _Bits:
    """Bits of a piece, first the highest of a byte."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.held, self.count = data, 0, 0, 0

    def taken(self, number: int) -> int:
        """So many bits as a number."""
        while self.count < number:
            if self.at >= len(self.data):
                raise _TruncatedError
            self.held = ((self.held << 8) | self.data[self.at]) & 0xFFFFFFFF
            self.at, self.count = self.at + 1, self.count + 8
        self.count -= number
        return (self.held >> self.count) & ((1 << number) - 1)

    def symbol(self, table: dict[tuple[int, int], int]) -> int:
        """The symbol that follows."""
        code = 0
        for length in range(1, 17):
            code = (code << 1) | self.taken(1)
            if (length, code) in table:
                return table[length, code]
        raise _TruncatedError


def _block(bits: _Bits, mean: dict[tuple[int, int], int], rest: dict[tuple[int, int], int]) -> None:
    """Pass over a block: its mean, then its other coefficients."""
    bits.taken(bits.symbol(mean) & 15)
    place = 1
    while place < 64:
        symbol = bits.symbol(rest)
        if not symbol:
            return
        place += 1 + (symbol >> 4)
        bits.taken(symbol & 15)
