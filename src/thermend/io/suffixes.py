"""Suffixes of the files that are read and written."""

from __future__ import annotations

READABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".npy", ".fff")
"""Of images; TIFF, NPY and FFF may hold a recording too."""
RECORDING_SUFFIXES = (".seq", ".csq", ".avi", ".mp4", ".m4v", ".mov", ".mkv", ".cptv")
"""Of what is always a recording."""
WRITABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy")
WRITABLE_RECORDING_SUFFIXES = (".tif", ".tiff", ".npy", ".mp4", ".mkv")
