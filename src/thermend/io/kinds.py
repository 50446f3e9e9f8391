"""Which format a file has, told by its content."""

from __future__ import annotations

from pathlib import Path

from thermend.errors import InputError

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg", b"BM": "bmp", b"\x93NUMPY": "npy",
    b"FFF\0": "fff", b"AFF\0": "fff", b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff",
    b"\x1aE\xdf\xa3": "mkv", b"\x1f\x8b": "cptv",
}  # fmt: skip

_RIFF = {b"WEBP": "webp", b"AVI ": "avi"}
_STILLS_OF_MP4 = (b"heic", b"heix", b"mif1", b"avif", b"avis")
VIDEOS = ("avi", "mp4", "mkv")


def kind_of(path: Path) -> str:
    """The format of a file: ``png``, ``jpeg``, ``bmp``, ``webp``, ``npy``, ``fff``, ``tiff``, ``avi``, ``mp4``, ``mkv`` or
    ``cptv``.

    Raises
    ------
    InputError
        it is none that is read
    """
    with path.open("rb") as file:
        head = file.read(16)
    if not head:
        raise InputError(path, "is empty")
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head.startswith(b"RIFF") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") and head[8:12] not in _STILLS_OF_MP4:
        return "mp4"
    raise InputError(
        path,
        "is not an image that thermend reads (PNG, JPEG, BMP, WebP, TIFF, NPY, FFF, SEQ, CSQ, AVI, MP4, MKV, CPTV)",
    )


def suffix_of(path: Path) -> str:
    """The suffix that goes with a file's content.

    Raises
    ------
    InputError
        it is no image that is read
    """
    kind = kind_of(path)
    return {"jpeg": ".jpg", "tiff": ".tif"}.get(kind, f".{kind}")
