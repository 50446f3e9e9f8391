"""Files as they arrive: streamed into a folder, counted on the way."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from thermend.io import READABLE_SUFFIXES, RECORDING_SUFFIXES

_FIELD, _FIELDS = 4096, 32
"""Bytes of a form's field, and their number."""
_SILENCE = 60.0  # s between two pieces of a body
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f<>:\"/\\|?*\u202a-\u202e\u2066-\u2069]")


class RefusedError(Exception):
    """An upload that is not taken.

    Attributes
    ----------
    status : int
        of HTTP
    reason : str
        a line
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class Upload:
    """A form that has arrived.

    Attributes
    ----------
    path : Path
        where the file lies; nothing of its name but a known suffix is in there
    name : str
        what its owner calls it
    fields : dict
        of text
    """

    path: Path
    name: str
    fields: dict[str, str] = field(default_factory=dict)


async def discard(request: Request, most: int) -> None:
    """Read what a client sends and is not taken, so that it hears the answer; up to so many bytes."""
    read = 0
    async for chunk in _pieces(request):
        read += len(chunk)
        if read > most:
            return


async def received(request: Request, folder: Path, most: int) -> Upload:
    """Take in a form with one file.

    Parameters
    ----------
    request : Request
    folder : Path
        that gets the file
    most : int
        bytes of the whole

    Raises
    ------
    RefusedError
        it is no such form, or too large
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise RefusedError(415, "expected multipart/form-data with the field `file`")
    too_large = RefusedError(413, f"more than the {most // 2**20} MB that are taken at once")
    if (stated_size(request) or 0) > most:
        raise too_large
    form = _Form(folder)
    try:
        parser = MultipartParser(options[b"boundary"], form.callbacks)  # type: ignore[arg-type]
        read = 0
        async for chunk in _pieces(request):
            read += len(chunk)
            if read > most:
                raise too_large
            parser.write(chunk)
        parser.finalize()
    except FormParserError as error:
        raise RefusedError(400, "is no form that can be read, or was cut off") from error
    except OSError as error:
        raise RefusedError(507, f"the upload cannot be stored: {error.strerror or error}") from error
    finally:
        form.close()
    return form.upload()


async def _pieces(request: Request):  # type: ignore[no-untyped-def]
    """The pieces of a body, each within a time."""
    stream = request.stream().__aiter__()
    while True:
        try:
            chunk = await asyncio.wait_for(stream.__anext__(), _SILENCE)
        except StopAsyncIteration:
            return
        except asyncio.TimeoutError:
            raise RefusedError(408, f"nothing came for {_SILENCE:.0f} s") from None
        yield chunk


def stated_size(request: Request) -> int | None:
    """Bytes of a body, where the request states them."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


class _Form:
    """A form that is being read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fields: dict[str, str] = {}
        self.file: BinaryIO | None = None
        self.path: Path | None = None
        self.name = ""
        self.size = 0
        self.ended = False
        self._header, self._value, self._headers = b"", b"", dict[bytes, bytes]()
        self._field = ""
        self._text = bytearray()
        self._is_file = False
        self.callbacks = {
            "on_part_begin": self._part_begins,
            "on_header_field": self._header_field,
            "on_header_value": self._header_value,
            "on_header_end": self._header_ends,
            "on_headers_finished": self._headers_end,
            "on_part_data": self._data,
            "on_part_end": self._part_ends,
            "on_end": self._ends,
        }

    def upload(self) -> Upload:
        """What has arrived."""
        if not self.ended:
            raise RefusedError(400, "is no form that can be read, or was cut off")
        if self.path is None:
            raise RefusedError(422, "the form has no field `file` with a file in it")
        if not self.size:
            raise RefusedError(422, f"{self.name}: is empty")
        return Upload(self.path, self.name, self.fields)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()

    def _part_begins(self) -> None:
        self._headers, self._text = {}, bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ends(self) -> None:
        self._headers[self._header.lower()] = self._value
        self._header = self._value = b""

    def _headers_end(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._field = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if self._is_file:
            if self._field != "file" or self.path is not None:
                raise RefusedError(422, "expected one file, in the field `file`")
            self.name = shown_name(options[b"filename"].decode("utf-8", "replace"))
            self.path = self.folder / f"input{known_suffix(self.name)}"
            self.file = self.path.open("xb")
        elif len(self.fields) >= _FIELDS:
            raise RefusedError(413, f"more than {_FIELDS} fields")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            assert self.file is not None
            self.file.write(data[start:end])
            self.size += end - start
            return
        self._text += data[start:end]
        if len(self._text) > _FIELD:
            raise RefusedError(413, f"the field `{shown_name(self._field)}` is too long")

    def _part_ends(self) -> None:
        if not self._is_file:
            self.fields[self._field] = self._text.decode("utf-8", "replace")

    def _ends(self) -> None:
        self.ended = True


def shown_name(name: str) -> str:
    """What a file is called where it is named: no folders, nothing that a terminal or a file system takes amiss."""
    name = PureWindowsPath(PurePosixPath(name).name).name
    return _NOT_IN_NAMES.sub("_", name).strip(". ")[-120:] or "image"


def known_suffix(name: str) -> str:
    """The suffix of a name, where it is one of an image or a recording; else none."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in (*READABLE_SUFFIXES, *RECORDING_SUFFIXES) else ""
