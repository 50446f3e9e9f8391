"""PNG, JPEG, BMP and WebP."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import BmpImagePlugin, Image, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from thermend.errors import InputError, UsageError, first_line
from thermend.image import Depth, ThermalImage
from thermend.io import jpeg_extent, palettes, png_extent, storage
from thermend.io.limits import check_size
from thermend.io.metadata import PROVENANCE_KEY, metadata_of_pillow, provenance_text, written_in
from thermend.io.options import ReadOptions
from thermend.io.samples import carried_alpha, mask_file, separated
from thermend.rendering import rendered

# The classes themselves, because Image.open has a limit of its own that ends below ours.
_DECODERS: dict[str, Any] = {
    "png": PngImagePlugin.PngImageFile,
    "jpeg": JpegImagePlugin.JpegImageFile,
    "bmp": BmpImagePlugin.BmpImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
}
_JPEG_QUALITY = 95
_JPEG_SEGMENT = 65_500  # bytes


def read(path: Path, kind: str, options: ReadOptions) -> Iterator[ThermalImage]:
    """The one image of a PNG, JPEG or BMP file; grey levels at 8 bits, counts at 16."""
    with path.open("rb") as file, _DECODERS[kind](file) as opened:
        check_size(path, opened.width, opened.height, options.max_pixels)
        if kind == "png":
            png_extent.check_rows(path)
        if kind == "jpeg":
            jpeg_extent.check_claim(path, opened.width, opened.height)
        array = _pixels(path, kind, opened)
        channels = array.shape[2] if array.ndim == 3 else 1
        colours, alpha = separated(path, array, options, channels - 1 if channels in (2, 4) else None)
        if alpha is None and options.band is None:
            alpha = _key_alpha(opened, colours)
        masked = alpha is None and mask_file(path) is not None
        if masked:
            from thermend.io.tiff import mask_beside

            alpha = mask_beside(path, colours.shape)
        grey, palette, alpha = storage.grey_of(path, colours, options, alpha)
        transparency = None if alpha is None else "mask" if masked else "alpha"
        metadata = metadata_of_pillow(opened, palette=palette, transparency=transparency)
        image = storage.image_of(
            path,
            grey,
            options,
            metadata,
            alpha,
            **written_in(metadata.provenance),
            stored_as=array.dtype,
            picture=palette is not None,
        )
    del array, colours, grey, opened
    yield image


def _pixels(path: Path, kind: str, opened: ImageFile.ImageFile) -> NDArray[Any]:
    """(H, W) or (H, W, C) uint8 or uint16."""
    deep_colour = kind == "png" and any(part.args in _DEEP_PNG for part in opened.tile)
    opened.load()  # also where another decoder follows: this one notices when the file is cut short
    if kind == "jpeg":
        jpeg_extent.check_rows(path, opened)
    if deep_colour:
        import cv2

        decoded = np.asarray(cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED))
        return decoded if decoded.ndim == 2 else decoded[..., [2, 1, 0, 3][: decoded.shape[2]]]
    if opened.mode in ("I", "I;16", "I;16B", "I;16L"):
        return np.asarray(opened).astype(np.uint16)
    if opened.mode in ("1", "L"):
        return np.asarray(opened.convert("L"))
    if opened.mode in ("LA", "RGBA"):
        return np.asarray(opened)
    if opened.mode == "P" and "transparency" in opened.info:
        return np.asarray(opened.convert("RGBA"))
    colour = np.asarray(opened.convert("RGB"))
    if kind == "jpeg" and palettes.is_grey(colour):
        with path.open("rb") as again, JpegImagePlugin.JpegImageFile(again) as luma:
            luma.draft("L", None)  # the file's own luma, which a conversion from RGB would round
            return np.asarray(luma.convert("L"))
    return colour


def _key_alpha(opened: ImageFile.ImageFile, array: NDArray[Any]) -> NDArray[np.uint8] | None:
    """Alpha by PNG's tRNS of a picture without palette: one value, or colour, is transparent."""
    key = opened.info.get("transparency")
    if not isinstance(key, (int, tuple)):
        return None
    if isinstance(key, tuple):
        if array.ndim != 3:
            array = np.repeat(array[..., None], 3, axis=2)
        return np.where((array == np.array(key)).all(axis=2), 0, 255).astype(np.uint8)
    key = 255 * bool(key) if opened.mode == "1" else key
    return np.where(array == key, 0, 255).astype(np.uint8)


_DEEP_PNG = ("RGB;16B", "RGBA;16B", "LA;16B")  # 16 bits a channel, of which Pillow would keep 8


def write(image: ThermalImage, path: Path, kind: str, depth: Depth, palette: str | None) -> None:
    """Write a PNG or JPEG; in colour, if a palette is named."""
    if palette is not None:
        pixels: NDArray[Any] = palettes.colour(rendered(image), palette)
    else:
        pixels = storage.encode(image, depth)
    alpha = carried_alpha(image, pixels.dtype) if kind == "png" else None
    if alpha is not None:
        pixels = np.dstack([pixels, alpha])
    picture = Image.fromarray(pixels) if alpha is None or pixels.dtype == np.uint8 else None
    metadata = image.metadata
    exif = metadata.exif or b""
    profile = metadata.icc if palette is None else None
    dpi = metadata.dpi
    if kind == "png":
        info = PngImagePlugin.PngInfo()
        if metadata.xmp:
            info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
        if text := provenance_text(metadata):
            info.add_text(PROVENANCE_KEY, text)
        if picture is None:
            _write_deep_alpha(path, pixels, info, exif, profile, dpi)
        else:
            picture.save(path, "PNG", exif=exif, pnginfo=info, compress_level=4, icc_profile=profile, dpi=dpi)
    else:
        assert picture is not None
        extras: dict[str, Any] = {"xmp": metadata.xmp} if metadata.xmp else {}
        if text := provenance_text(metadata):
            extras["comment"] = text
        for name, block in (("EXIF", exif), ("XMP", metadata.xmp or b"")):
            if len(block) > _JPEG_SEGMENT:
                raise UsageError(
                    f"its {name} block of {len(block) // 1000} kB does not fit into a JPEG; write .png or .tif"
                )
        extras |= {} if dpi is None else {"dpi": dpi}
        picture.save(path, "JPEG", quality=_JPEG_QUALITY, subsampling=0, exif=exif, icc_profile=profile, **extras)


def _write_deep_alpha(
    path: Path,
    pixels: NDArray[Any],
    info: PngImagePlugin.PngInfo,
    exif: bytes,
    profile: bytes | None,
    dpi: tuple[float, float] | None,
) -> None:
    """Grey and alpha of 16 bits each, (H, W, 2), which Pillow cannot write."""
    height, width = pixels.shape[:2]
    rows = np.zeros((height, 1 + 4 * width), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = np.ascontiguousarray(pixels.astype(">u2")).view(np.uint8).reshape(height, -1)
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        PngImagePlugin.putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 4, 0, 0, 0))
        if profile:
            PngImagePlugin.putchunk(file, b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile))
        if dpi is not None:
            a_metre = (round(value / 0.0254) for value in dpi)
            PngImagePlugin.putchunk(file, b"pHYs", struct.pack(">IIB", *a_metre, 1))
        for name, data, *_ in info.chunks:
            PngImagePlugin.putchunk(file, name, data)
        if exif:
            PngImagePlugin.putchunk(file, b"eXIf", exif.removeprefix(b"Exif\0\0"))
        PngImagePlugin.putchunk(file, b"IDAT", zlib.compress(rows.tobytes(), 4))
        PngImagePlugin.putchunk(file, b"IEND", b"")


def luma(path: Path) -> NDArray[np.uint8]:
    """A photograph's luma (of a JPEG the file's own), (H, W) uint8.

    Raises
    ------
    InputError
        it is no picture that can be read as a photograph
    """
    import cv2

    try:
        data = np.fromfile(path, np.uint8)
        decoded = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if data.size else None
    except (OSError, cv2.error) as error:
        raise InputError(path, f"cannot be read ({first_line(error)})") from error
    if decoded is None:
        raise InputError(path, "is no picture that can be read as a photograph")
    return np.asarray(decoded, np.uint8)


def choose_depth(kind: str, image: ThermalImage, depth: Depth | None, palette: str | None) -> Depth:
    """The depth at which an image goes into a PNG or JPEG, or why it does not.

    Raises
    ------
    UsageError
        numbers that the format cannot hold
    """
    if palette is not None:
        return "uint8"
    if kind == "jpeg":
        if image.unit != "display" or depth not in (None, "uint8"):
            raise UsageError("JPEG holds 8-bit pictures only; write .tif or .png, or choose mode display or a palette")
        return "uint8"
    if depth == "float32":
        raise UsageError("PNG holds 8 or 16 bits, no floating point; write .tif")
    if depth is not None:
        return depth
    if image.unit == "celsius":
        return "uint16"
    if image.unit == "counts" and image.depth == "float32":
        raise UsageError("PNG cannot hold counts with fractions; write .tif, or state a depth")
    return "uint8" if image.depth == "float32" else image.depth
