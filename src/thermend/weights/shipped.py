"""The weights that come with thermend, each in one file (ONNX to run and to train on; safetensors where only torch runs
them) and with its model card: those of the default in thermend itself, the other systems' in the package `thermend-weights`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from thermend.errors import MissingDependencyError

_FOLDER = Path(__file__).parent / "files"
_PACKAGE = "thermend_weights"


def folders() -> list[Path]:
    """Where weights lie in this installation."""
    found = [_FOLDER]
    package = find_spec(_PACKAGE)
    if package is not None and package.origin is not None:
        found.append(Path(package.origin).parent / "files")
    return found


def shipped(name: str, suffix: str) -> Path:
    """The file of shipped weights.

    Parameters
    ----------
    name : str
        as in the catalogue, for example ``deal-cascade-2``
    suffix : str
        ``.onnx``, ``.safetensors`` or ``.md``, the model card

    Raises
    ------
    MissingDependencyError
        this installation has it not
    """
    for folder in folders():
        if (path := folder / f"{name}{suffix}").is_file():
            return path
    raise MissingDependencyError(
        f"the weights {name}{suffix} come in a package of their own: pip install ./packages/thermend-weights"
    )
