"""MP4 (H.264) and MKV (FFV1, without loss), frame by frame, at the times that the frames have."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thermend.errors import UsageError
from thermend.image import Depth, ThermalImage
from thermend.io import palettes, storage
from thermend.io.metadata import provenance_text
from thermend.io.video import located, needed
from thermend.rendering import rendered

SUFFIXES = (".mp4", ".mkv")
_TIME_BASE = {".mp4": Fraction(1, 90_000), ".mkv": Fraction(1, 1000)}
_USUAL_RATE = 25.0
# Without B-frames a file that was interrupted can be gone on with.
_H264 = {"crf": "12", "preset": "veryfast", "bf": "0"}
_TO_LIMITED = 219 / 255


class VideoWriter:
    """A video that grows by a frame at a time.

    Parameters
    ----------
    path : Path
        ``.mp4``, or ``.mkv``
    depth : Depth or None
        None keeps the frames' own; 16 bits need ``.mkv``
    palette : str or None
        in which frames are coloured
    frame_rate : float or None
        frames a second, for frames that have no time
    earlier : Path or None
        a video that this writer made, whose frames come first, as they are
    """

    def __init__(
        self,
        path: Path,
        depth: Depth | None = None,
        palette: str | None = None,
        frame_rate: float | None = None,
        earlier: Path | None = None,
    ) -> None:
        self._av = needed()
        self._suffix = path.suffix.lower()
        self._base = _TIME_BASE[self._suffix]
        self._depth, self._palette, self._rate, self._earlier = depth, palette, frame_rate or _USUAL_RATE, earlier
        self._container = self._av.open(located(path), "w", format={".mp4": "mp4", ".mkv": "matroska"}[self._suffix])
        self._stream: Any = None
        self._last = -1
        self._count = 0

    def write(self, image: ThermalImage) -> None:
        """Add a frame."""
        pixels = self._pixels(image)
        if self._stream is None:
            self._stream = self._begin(pixels, image)
            self._take_over()
        height, width = pixels.shape[:2]
        if (self._stream.width, self._stream.height) != (width, height):
            raise UsageError("its frames differ in size, which no video holds; write .tif")
        frame = self._frame(pixels)
        time = None if image.metadata.frame is None else image.metadata.frame.time
        seconds = self._count / self._rate if time is None else time
        self._last = max(self._last + 1, round(Fraction(seconds).limit_denominator(10**6) / self._base))
        frame.pts, frame.time_base = self._last, self._base
        self._container.mux(self._stream.encode(frame))
        self._count += 1

    def close(self) -> None:
        """End the file, which can be played from then on."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._stream is not None:
                container.mux(self._stream.encode(None))
        finally:
            container.close()

    def _pixels(self, image: ThermalImage) -> NDArray[Any]:
        if self._palette is not None:
            return palettes.colour(rendered(image), self._palette)
        depth = storage.depth_of(image, self._depth)
        if image.unit == "celsius" or depth == "float32":
            raise UsageError(
                "a video holds pictures and 16-bit counts; write .tif or .npy, or take --mode display or a palette"
            )
        if depth == "uint16" and self._suffix == ".mp4":
            raise UsageError("MP4 holds 8 bits; write .mkv, or .tif")
        return storage.encode(image, depth)

    def _begin(self, pixels: NDArray[Any], image: ThermalImage) -> Any:
        height, width = pixels.shape[:2]
        if text := provenance_text(image.metadata):
            self._container.metadata["comment"] = text
        rate = Fraction(self._rate).limit_denominator(1001)
        if self._suffix == ".mkv":
            stream = self._container.add_stream("ffv1", rate=rate)
            stream.pix_fmt = "bgr0" if pixels.ndim == 3 else "gray16le" if pixels.dtype == np.uint16 else "gray"
            stream.codec_context.options = {"level": "3", "slicecrc": "1"}
        else:
            stream = self._container.add_stream("libx264", rate=rate, options=_H264)
            stream.pix_fmt = "yuv444p" if height % 2 or width % 2 else "yuv420p"  # chroma of a half needs even sides
            stream.codec_context.color_range = 1  # luma from 16 to 235, as every player takes it
        stream.width, stream.height = width, height
        stream.time_base = stream.codec_context.time_base = self._base
        return stream

    def _frame(self, pixels: NDArray[Any]) -> Any:
        make = self._av.VideoFrame.from_ndarray
        wanted = self._stream.pix_fmt
        if pixels.ndim == 3:
            return make(np.ascontiguousarray(pixels), format="rgb24").reformat(format=wanted)
        if wanted in ("gray", "gray16le"):
            return make(np.ascontiguousarray(pixels), format=wanted)
        luma = np.rint(pixels.astype(np.float32) * np.float32(_TO_LIMITED) + 16).astype(np.uint8)
        height, width = luma.shape
        if wanted == "yuv420p":
            frame = make(np.concatenate([luma, np.full((height // 2, width), 128, np.uint8)]), format=wanted)
        else:
            frame = make(np.stack([luma, *[np.full_like(luma, 128)] * 2]), format=wanted)
        frame.color_range = 1
        return frame

    def _take_over(self) -> None:
        """The frames of the earlier video, packet by packet."""
        if self._earlier is None:
            return
        with self._av.open(located(self._earlier)) as earlier:
            stream = earlier.streams.video[0]
            # MP4 keeps H.264 with lengths, the encoder gives it with start codes, and a file is written from one of the two
            name = "h264_mp4toannexb" if self._suffix == ".mp4" else "null"
            parts = self._av.BitStreamFilterContext(name, stream)
            for whole in earlier.demux(stream):
                if whole.pts is None:
                    continue
                for packet in parts.filter(whole):
                    packet.stream = self._stream
                    self._last = max(self._last, round(packet.pts * packet.time_base / self._base))
                    self._count += 1
                    self._container.mux(packet)
