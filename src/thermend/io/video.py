"""AVI, MP4, MOV and MKV: grey pictures, or a palette's colours, of a camera's own recorder; needs the extra `video`.

What a decoder hands over is told by its pixel format: grey of 8 bits is a picture, grey of more bits counts, of YUV the luma
(spread from 16..235 where it does not use the full range), and where there is colour the palette is looked for once and kept.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.image import FrameFacts, Metadata, ThermalImage
from thermend.io import storage
from thermend.io.cut_short import warn_of_cut
from thermend.io.limits import check_size
from thermend.io.options import ReadOptions

_FULL_RANGE = 2
"""libav's number for luma from 0 to 255."""
_NEUTRAL = 6
"""Levels that chroma of a grey picture may be off, at the 99.9th percentile."""
_FROM_LIMITED = 255 / 219
_OF_TWO_BYTES = ("rgb555le", "rgb565le", "bgr555le", "bgr565le")
"""What AVI calls raw pixels of two bytes that it has no name for; of a thermal recorder they are counts."""


def needed() -> Any:
    """The package that opens videos.

    Raises
    ------
    MissingDependencyError
        it is not installed
    """
    if importlib.util.find_spec("av") is None:
        raise MissingDependencyError("videos need PyAV; install it with: pip install 'thermend[video]'")
    import av

    av.logging.set_level(None)
    return av


def located(path: Path) -> str:
    """A path as FFmpeg takes it: absolute, since it reads ``9:41.mp4`` as a protocol 9 that is to fetch 41.mp4."""
    return str(path.absolute())


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """The frames of a video's first picture stream, one after another."""
    av = needed()
    try:
        opened = av.open(located(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise InputError(path, f"cannot be read as a video ({error.strerror or first_line(error)})") from error
    with opened as container:
        stream = _stream(path, container)
        check_size(path, stream.width, stream.height, options.max_pixels)
        metadata = _metadata(container, stream)
        promised, given = int(stream.frames or 0), 0
        start: Fraction | None = None
        packets = _decoded(container, stream)
        while True:
            try:
                frame = next(packets, None)
            except av.error.FFmpegError as error:
                if not given:
                    raise InputError(path, f"is damaged or cut short ({error.strerror})") from error
                warn_of_cut(path, f"is damaged after frame {given} ({error.strerror}); what follows is left out")
                return
            if frame is None:
                break
            time = None if frame.pts is None else frame.pts * Fraction(frame.time_base)
            start = time if start is None else start
            image, palette = _image(path, frame, options, metadata, stream.codec_context.name == "rawvideo")
            if (
                palette is not None and options.palette is None
            ):  # looked for once, so that it does not change on the way
                options = replace(options, palette=palette)
                metadata = replace(metadata, palette=palette)
            seconds = None if time is None or start is None else round(float(time - start), 6)
            facts = replace(image.metadata, frame=FrameFacts(given, seconds))
            yield image.with_pixels(image.pixels, metadata=facts)
            given += 1
        if not given:
            raise InputError(path, "holds no picture that can be decoded")
        if promised > given:
            warn_of_cut(path, f"is cut short: {given} of {promised} frames are whole")


def facts_of(path: Path) -> tuple[tuple[int, int], int | None]:
    """Height and width, and the number of frames as far as the file states it."""
    av = needed()
    with av.open(located(path), metadata_errors="replace") as container:
        stream = _stream(path, container)
        count = int(stream.frames or 0)
        if not count and stream.average_rate and container.duration:
            count = round(container.duration / 1_000_000 * float(stream.average_rate))
        return (stream.height, stream.width), count or None


def _stream(path: Path, container: Any) -> Any:
    if not container.streams.video:
        raise InputError(path, "is a recording without pictures")
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    return stream


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        if not packet.is_corrupt:
            yield from packet.decode()


def _metadata(container: Any, stream: Any) -> Metadata:
    said = {key.lower(): value for key, value in {**container.metadata, **stream.metadata}.items()}
    camera = " ".join(said[key] for key in ("make", "model") if key in said) or said.get("com.apple.quicktime.model")
    time = said.get("creation_time", "")[:19].replace("-", ":").replace("T", " ")
    left = tuple(
        f"its {kind}"
        for kind, found in (("sound", container.streams.audio), ("subtitles", container.streams.subtitles))
        if found
    )
    return Metadata(
        camera=camera or None,
        time=time or None,
        frame_rate=float(stream.average_rate) if stream.average_rate else None,
        left=left,
    )


def _image(
    path: Path, frame: Any, options: ReadOptions, metadata: Metadata, is_raw: bool
) -> tuple[ThermalImage, str | None]:
    name, depth = frame.format.name, max(part.bits for part in frame.format.components)
    colours: NDArray[Any]
    if is_raw and name in _OF_TWO_BYTES:
        colours = _words(frame)
        depth = 16
    elif name.startswith(("gray", "y8", "y16")):
        array = _plane(frame, depth)
        colours = array if depth > 8 else array.astype(np.uint8)
    elif _is_luma(name):
        colours = _of_yuv(frame, depth)
    else:
        colours = frame.to_ndarray(format="rgb24")
    if turn := int(getattr(frame, "rotation", 0) or 0):
        colours = np.ascontiguousarray(np.rot90(colours, turn // 90))
    grey, palette, alpha = storage.grey_of(path, colours, options)
    counts = depth > 8 and grey.dtype == np.uint16
    image = storage.image_of(
        path,
        grey,
        options,
        replace(metadata, palette=palette or metadata.palette),
        alpha,
        stored_as=np.dtype(np.uint16 if counts else np.uint8),
        picture=palette is not None,
    )
    return image, palette


def _is_luma(name: str) -> bool:
    return name.startswith(("yuv", "nv12", "nv16", "nv21", "p010"))


def _plane(frame: Any, depth: int, number: int = 0) -> NDArray[Any]:
    """One plane, (H, W); a copy, since the decoder takes its memory back."""
    plane = frame.planes[number]
    component = frame.format.components[number]
    kind = np.dtype(np.uint8) if depth <= 8 else np.dtype(">u2" if frame.format.is_big_endian else "<u2")
    rows = np.frombuffer(plane, np.uint8).reshape(component.height, -1)[:, : component.width * kind.itemsize]
    return np.ascontiguousarray(rows).view(kind).astype(np.uint16 if depth > 8 else np.uint8)


def _words(frame: Any) -> NDArray[np.uint16]:
    """Pixels of two bytes as numbers, (H, W)."""
    rows = np.frombuffer(frame.planes[0], np.uint8).reshape(frame.height, -1)[:, : 2 * frame.width]
    return np.ascontiguousarray(rows).view("<u2").astype(np.uint16)


def _of_yuv(frame: Any, depth: int) -> NDArray[np.uint8]:
    """Luma as grey levels, (H, W), or the colours, (H, W, 3), where there are any."""
    if not frame.format.is_planar or depth > 8 or _has_colour(frame):
        colours: NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
        return colours[..., 1] if depth > 8 and np.ptp(colours, axis=2).max() <= _NEUTRAL else colours
    luma = _plane(frame, 8)
    if int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj"):
        return luma
    return np.clip(np.rint((luma.astype(np.float32) - 16) * np.float32(_FROM_LIMITED)), 0, 255).astype(np.uint8)


def _has_colour(frame: Any) -> bool:
    if len(frame.planes) < 2:
        return False
    for number in range(1, len(frame.planes)):
        plane = np.frombuffer(frame.planes[number], np.uint8).reshape(frame.planes[number].height, -1)
        plane = plane[:, : frame.planes[number].width * (2 if frame.format.name.startswith("nv") else 1)]
        if np.percentile(np.abs(plane.astype(np.int16) - 128), 99.9) > _NEUTRAL:
            return True
    return False
