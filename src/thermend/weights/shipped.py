"""The weights that come with thermend, each in one file (ONNX to run and to train on; safetensors where
only torch runs them) and with its model card."""

from __future__ import annotations

from pathlib import Path

from thermend.errors import UsageError

_FOLDER = Path(__file__).parent / "files"


def shipped(name: str, suffix: str) -> Path:
    """The file of shipped weights.

    Parameters
    ----------
    name : as in the catalogue, for example ``deal-cascade-2``
    suffix : ``.onnx``, ``.safetensors`` or ``.md``, the model card

    Raises
    ------
    UsageError : this installation has it not
    """
    path = _FOLDER / f"{name}{suffix}"
    if not path.is_file():
        raise UsageError(f"the weights {name}{suffix} are missing from this installation; install thermend again")
    return path
