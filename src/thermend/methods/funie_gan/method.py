"""FUnIE-GAN in use."""

from __future__ import annotations

from thermend.methods.network import NetworkMethod


class FunieGAN(NetworkMethod):
    """The U-Net, run once."""

    tiling = {"overlap": 96, "multiple": 32}  # noqa: RUF012
