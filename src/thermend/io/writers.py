"""Results written frame by frame: TIFF, NPY, MP4, MKV by the suffix of the file; memory is that of one frame."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, get_args

from thermend.errors import UsageError
from thermend.image import Depth, ThermalImage
from thermend.io.stamp import stamped
from thermend.io.storage import depth_of
from thermend.io.suffixes import WRITABLE_RECORDING_SUFFIXES


class FrameWriter(Protocol):
    """What takes frames."""

    def write(self, image: ThermalImage) -> None:
        """Add a frame."""
        ...

    def close(self) -> None:
        """End the file."""
        ...


@contextlib.contextmanager
def open_writer(
    path: str | os.PathLike[str],
    *,
    depth: Depth | None = None,
    palette: str | None = None,
    frame_rate: float | None = None,
    overwrite: bool = False,
) -> Iterator[FrameWriter]:
    """Open a file for a recording; what is given to ``write`` goes into it, and the file appears whole or not at all.

    Parameters
    ----------
    path : str, PathLike or address
        ``.tif`` and ``.npy`` hold temperatures and counts, ``.mp4`` (H.264) pictures, ``.mkv`` (FFV1, without loss)
        pictures and 16-bit counts
    depth : Depth or None
        None keeps the frames' own
    palette : str or None
        colour the frames of a video
    frame_rate : float or None
        frames a second, for frames whose `ThermalImage.metadata` has no time
    overwrite : bool
        replace an existing file

    Yields
    ------
    FrameWriter

    Raises
    ------
    InputError
        the file exists, or cannot be written
    UsageError
        the format cannot hold the frames, or none came
    """
    from thermend.io.atomic import whole_file
    from thermend.io.streams import is_path, to_address

    if isinstance(path, str) and not is_path(path):
        with (
            to_address(path, overwrite=overwrite) as file,
            open_writer(file, depth=depth, palette=palette, frame_rate=frame_rate) as writer,
        ):
            yield writer
        return
    path = Path(path)
    with whole_file(path, overwrite=overwrite) as temporary:
        writer = frame_writer(temporary, path.suffix, depth=depth, palette=palette, frame_rate=frame_rate)
        try:
            yield writer
        finally:
            writer.close()
        if not writer.count:
            raise UsageError(f"{path}: no frame was written")


def frame_writer(
    path: Path,
    suffix: str,
    *,
    depth: Depth | None = None,
    palette: str | None = None,
    frame_rate: float | None = None,
    earlier: Path | None = None,
) -> CountingWriter:
    """What writes a file of this suffix; `earlier` is a file that it began, whose frames come first.

    Raises
    ------
    UsageError
        no recording is written so
    """
    suffix = suffix.lower()
    if suffix not in WRITABLE_RECORDING_SUFFIXES:
        raise UsageError(
            f"{suffix or path}: no recording is written so; known are {', '.join(WRITABLE_RECORDING_SUFFIXES)}"
        )
    if depth not in (None, *get_args(Depth)):
        raise UsageError(f"depth {depth!r}: expected one of {', '.join(get_args(Depth))}")
    if suffix in (".tif", ".tiff", ".npy"):
        if palette is not None:
            raise UsageError(f"{path}: a palette colours pictures; write .mp4 or .mkv")
        if earlier is not None:
            earlier.replace(path)
        if suffix == ".npy":
            from thermend.io.numpy_file import StackWriter

            return CountingWriter(StackWriter(path, depth, append=earlier is not None), depth)
        from thermend.io.tiff_writing import PageWriter

        return CountingWriter(PageWriter(path, depth, None, append=earlier is not None), depth)
    from thermend.io.video_writing import VideoWriter

    return CountingWriter(VideoWriter(path, depth, palette, frame_rate, earlier), depth, palette)


class CountingWriter:
    """A writer that stamps each frame with what its numbers are, and counts them.

    Attributes
    ----------
    count : int
        frames that were written
    """

    def __init__(self, writer: FrameWriter, depth: Depth | None, palette: str | None = None) -> None:
        self._writer, self._depth, self._palette = writer, depth, palette
        self.count = 0

    def write(self, image: ThermalImage) -> None:
        """Add a frame."""
        chosen = depth_of(image, self._depth)
        self._writer.write(stamped(image, chosen, "display" if self._palette else None))
        self.count += 1

    def close(self) -> None:
        """End the file."""
        self._writer.close()
