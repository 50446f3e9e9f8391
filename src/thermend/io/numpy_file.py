"""NPY: one array an image, or a stack of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from thermend.errors import InputError, UsageError
from thermend.image import MAX_PIXELS, Depth, Metadata, ThermalImage
from thermend.io import storage
from thermend.io.limits import check_size
from thermend.io.options import ReadOptions
from thermend.io.samples import separated


def _open(path: Path, most: int = MAX_PIXELS) -> np.ndarray:
    """The file's array, mapped and not loaded: (N, H, W) or (N, H, W, C)."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            raise InputError(path, "holds Python objects, which are never unpacked") from None
        raise
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8:
        array = array[None]
    elif array.ndim == 3 and array.shape[2] == 1:
        array = array[None, ..., 0]
    elif array.ndim == 2:
        array = array[None]
    elif array.ndim != 3:
        raise InputError(
            path, f"holds an array of shape {array.shape}; expected (height, width) or (images, height, width)"
        )
    if array.shape[0] < 1:
        raise InputError(path, "holds no image")
    check_size(path, array.shape[2], array.shape[1], most)
    return array


def read(path: Path, options: ReadOptions) -> Iterator[ThermalImage]:
    """Every image of the file; uint8 as grey levels, everything else as counts unless stated."""
    for array in _open(path, options.max_pixels):
        colours, alpha = separated(
            path, np.asarray(array), options, 3 if array.ndim == 3 and array.shape[2] == 4 else None
        )
        grey, palette, alpha = storage.grey_of(path, colours, options, alpha)
        metadata = Metadata(transparency=None if alpha is None else "alpha")
        yield storage.image_of(path, grey, options, metadata, alpha, stored_as=array.dtype, picture=palette is not None)


def shape_of(path: Path) -> tuple[int, int]:
    """Height and width of the images."""
    height, width = _open(path).shape[1:3]
    return int(height), int(width)


def count_pages(path: Path) -> int:
    """How many images :func:`read` gives."""
    return len(_open(path))


def write(images: Iterable[ThermalImage], path: Path, depth: Depth | None, pages: int = 1) -> None:
    """Write (H, W), or (pages, H, W) where there are several of one shape."""
    stack: np.ndarray | None = None
    for index, image in enumerate(images):
        stored = storage.encode(image, storage.depth_of(image, depth))
        if pages == 1:
            with path.open("wb") as file:
                np.save(file, stored, allow_pickle=False)
            continue
        if stack is None:
            stack = npy.open_memmap(path, mode="w+", dtype=stored.dtype, shape=(pages, *stored.shape))
        if stored.shape != stack.shape[1:]:
            raise UsageError("its images differ in size, which NPY cannot hold; write .tif")
        stack[index] = stored
    if stack is not None:
        stack.flush()  # type: ignore[attr-defined]


class StackWriter:
    """An NPY file, (N, H, W), that grows by an image at a time and can be read after each.

    Parameters
    ----------
    path : Path
    depth : Depth or None
        None keeps each image's own, but for temperatures, which are written as float32
    append : bool
        whether the file is there already and its images stay
    """

    def __init__(self, path: Path, depth: Depth | None, *, append: bool = False) -> None:
        self._depth = depth
        self._file = path.open("r+b" if append else "w+b")
        self._shape: tuple[int, ...] | None = None
        self._count = 0
        if append:
            stack = _open(path)
            self._shape, self._count = stack.shape[1:], len(stack)
            self._type = stack.dtype
            # What stands behind them was written by a run that was killed before it could state it.
            self._file.truncate(stack.offset + stack.nbytes)  # type: ignore[attr-defined]
            self._file.seek(0, 2)

    def write(self, image: ThermalImage) -> None:
        """Add an image."""
        stored = storage.encode(image, storage.depth_of(image, self._depth))
        if self._shape is None:
            self._shape, self._type = stored.shape, stored.dtype
            self._head()
        if stored.shape != self._shape:
            raise UsageError("its images differ in size, which NPY cannot hold; write .tif")
        self._file.write(stored.astype(self._type, copy=False).tobytes())
        self._count += 1

    def close(self) -> None:
        """State how many images there are, and end the file."""
        if not self._file.closed:
            if self._shape is not None:
                self._head()
            self._file.close()

    def _head(self) -> None:
        assert self._shape is not None
        self._file.seek(0)
        said = {"descr": npy.dtype_to_descr(self._type), "fortran_order": False, "shape": (self._count, *self._shape)}
        npy.write_array_header_1_0(self._file, said)  # of one length, however many there are: numpy leaves it room
        self._file.seek(0, 2)
