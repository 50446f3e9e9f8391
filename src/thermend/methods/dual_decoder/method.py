"""2D-GAN in use."""

from __future__ import annotations

from thermend.methods.network import NetworkMethod


class DualDecoding(NetworkMethod):
    """The generator, run once."""

    tiling = {"overlap": 96, "multiple": 16}  # noqa: RUF012
