"""Upsampling by a fixed kernel, as methods; the kernels lie in :mod:`thermend.filters.resampling`."""

from __future__ import annotations

from thermend.filters.resampling import bicubic, lanczos

__all__ = ["bicubic", "lanczos"]
