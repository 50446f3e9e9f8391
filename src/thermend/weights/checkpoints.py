"""Tensors out of checkpoint files, as data: nothing in a file is ever executed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.io.atomic import whole_file
from thermend.weights.onnx_external import external_files

SUFFIXES = (".safetensors", ".pt", ".pth", ".pkl")

_METADATA_KEY = "thermend"
N = TypeVar("N")
_IMPOSSIBLE = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What building a network raises that is described wrongly."""
_TIMES = 4
"""Times as large as its file may be what a checkpoint holds: some of its tensors share their numbers."""
_ROOM, _PARTS = 4_000_000, 2000
"""Numbers and parts that a network may have beyond its file's: computed when it is built; layers without weights."""


def read_tensors(path: str | os.PathLike[str], *, under: tuple[str, ...] = ("state_dict",)) -> dict[str, Any]:
    """The tensors of a checkpoint by their names.

    Parameters
    ----------
    path : str or PathLike
        `.safetensors`, an ONNX file of ours, or what torch saves, which is read with ``weights_only=True`` and never otherwise
    under : tuple of str
        keys beneath which a checkpoint may keep its tensors; the first that is there is entered

    Returns
    -------
    names to tensors on the CPU; ``module.``, which data-parallel training puts before every name, is taken off

    Raises
    ------
    InputError
        no such file, not a checkpoint, or one that holds more than tensors
    MissingDependencyError
        torch or safetensors is not installed
    """
    path = Path(path)
    if path.suffix == ".onnx" and path.is_file():
        from thermend.weights.onnx_export import read_onnx_tensors

        return read_onnx_tensors(path)
    content = read_content(path)
    import torch

    for key in under:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict) or not content or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise InputError(path, "holds no named tensors")
    held = sum(tensor.numel() * tensor.element_size() for tensor in content.values())
    if held > _TIMES * path.stat().st_size:
        raise InputError(path, "is no checkpoint that can be read safely (its tensors are larger than it is)")
    names = list(content)
    prefix = "module." if all(name.startswith("module.") for name in names) else ""
    return {name[len(prefix) :]: tensor for name, tensor in content.items()}


def read_content(path: str | os.PathLike[str]) -> Any:
    """What a checkpoint holds: tensors, numbers, texts, and lists and dictionaries of them; never anything that is run.

    Parameters
    ----------
    path : str or PathLike
        `.safetensors`, or what torch saves, which is read with ``weights_only=True`` and never otherwise

    Raises
    ------
    InputError, MissingDependencyError
        as :func:`read_tensors` does
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        import torch
    except ImportError as error:
        raise MissingDependencyError(f"{path.suffix} weights need torch: pip install 'thermend[train]'") from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            _check_stored(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except ImportError as error:
        raise MissingDependencyError(".safetensors weights need safetensors: pip install 'thermend[train]'") from error
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].partition("  (Could")[0]
        if "weights_only" in str(error) or "Unsupported" in first or "WeightsUnpickler" in str(error):
            first = "holds objects other than tensors, which are never unpacked"
        raise InputError(path, f"is no checkpoint that can be read safely ({first})") from error
    return content


def _check_stored(path: Path) -> None:
    """Refuse a checkpoint that unpacks to more than it is: torch stores its records as they are."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":  # by which torch tells its own archives
            return
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
    packed = any(record.compress_type != zipfile.ZIP_STORED for record in records)
    if packed or sum(record.file_size for record in records) > path.stat().st_size:
        raise InputError(
            path, "is no checkpoint that can be read safely (its records are compressed, as torch never does)"
        )


def read_metadata(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `write_tensors` wrote beside the tensors; empty for any other file.

    Raises
    ------
    InputError
        a `.safetensors` file that is none
    """
    if Path(path).suffix == ".onnx":
        from thermend.weights.onnx_export import read_onnx_metadata

        return read_onnx_metadata(Path(path))
    if Path(path).suffix != ".safetensors":
        return {}
    from safetensors import safe_open

    try:
        with safe_open(path, "numpy") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
    except Exception as error:
        raise InputError(path, f"is no checkpoint that can be read safely ({first_line(error)})") from error
    try:
        content = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def check_fits(
    path: str | os.PathLike[str], expected: Mapping[str, Any], given: Mapping[str, Any], whose: str, ignored: str = ""
) -> None:
    """Refuse tensors that are not a network's.

    Parameters
    ----------
    expected, given : mapping
        tensors by name
    whose : str
        weights these should be, for the message
    ignored : str
        end of the names that do not matter

    Raises
    ------
    InputError
        one is missing, not known, of another shape, or holds what is no number
    """
    shapes = [{name: tuple(tensor.shape) for name, tensor in tensors.items()} for tensors in (expected, given)]
    for name in sorted(shapes[0].keys() | shapes[1].keys()):
        if shapes[0].get(name) != shapes[1].get(name) and not (ignored and name.endswith(ignored)):
            raise InputError(path, f"holds no weights of {whose}: {name} is missing, not known, or of another shape")
    if not all(bool(tensor.isfinite().all()) for tensor in given.values()):
        raise InputError(path, "holds weights that are no numbers")


def network_of(path: str | os.PathLike[str], built: Callable[[dict[str, Any]], N], whose: str, ignored: str = "") -> N:
    """The network that a checkpoint describes, with its weights, in evaluation mode.

    Parameters
    ----------
    path : str or PathLike
        as :func:`read_tensors` takes it
    built : callable
        makes the network from what :func:`read_metadata` finds
    whose : str
        weights these should be, for the message
    ignored : str
        as :func:`check_fits` takes it

    Raises
    ------
    InputError
        not a checkpoint, or one of another network
    """
    tensors, facts = read_tensors(path), read_metadata(path)
    with no_larger_than(path, tensors, whose):
        network: Any = built(facts)
    check_fits(path, network.state_dict(), tensors, whose, ignored)
    network.load_state_dict(tensors, strict=not ignored)
    made: N = network.eval()
    return made


@contextlib.contextmanager
def no_larger_than(path: str | os.PathLike[str], tensors: Mapping[str, Any], whose: str) -> Iterator[None]:
    """Build a network, within the block, that a file describes: it ends as soon as that has more parts or more numbers than
    the file has tensors for, so that a few words in a file never make a giant.

    Raises
    ------
    InputError
        it has, or what the file says of it makes no network
    """
    import torch
    from torch.nn.modules import module as hooks

    room = 2 * sum(tensor.numel() for tensor in tensors.values()) + _ROOM
    parts = 20 * len(tensors) + _PARTS

    mine = threading.get_ident()

    def counted(_: Any, __: str, part: Any) -> None:
        nonlocal room, parts
        if threading.get_ident() != mine:  # what others build meanwhile is their affair
            return
        parts -= 1
        room -= part.numel() if isinstance(part, torch.Tensor) else 0
        if room < 0 or parts < 0:
            raise ValueError("larger than its file")

    registered = [
        hooks.register_module_parameter_registration_hook(counted),
        hooks.register_module_module_registration_hook(counted),
        hooks.register_module_buffer_registration_hook(counted),
    ]
    try:
        yield
    except InputError:
        raise
    except _IMPOSSIBLE as error:
        raise InputError(path, f"holds no weights of {whose}") from error
    finally:
        for handle in registered:
            handle.remove()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Of a file's bytes, by which its weights are known, and of those that an ONNX network keeps beside it; 64 digits.

    Raises
    ------
    InputError
        it cannot be read
    """
    digest = hashlib.sha256()
    try:
        for each in (Path(path), *(external_files(Path(path)) if Path(path).suffix == ".onnx" else ())):
            with each.open("rb") as file:
                while part := file.read(1 << 20):
                    digest.update(part)
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def write_tensors(
    path: Path, tensors: Mapping[str, Any], metadata: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Write a `.safetensors` file, whole or not at all; the same content gives the same bytes.

    Parameters
    ----------
    tensors : mapping
        on the CPU
    metadata : mapping
        what JSON holds

    Raises
    ------
    InputError
        the file exists, or cannot be written
    """
    from safetensors.torch import save

    text = json.dumps(dict(metadata), sort_keys=True)
    with whole_file(path, overwrite=overwrite) as file:
        file.write_bytes(save(dict(tensors), metadata={_METADATA_KEY: text}))
