"""Files that an ONNX network keeps its weights in beside its own: they belong to it, and lie beside it or nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from thermend.errors import InputError
from thermend.weights.protobuf import parts

_MODEL_GRAPH, _NODES, _INITIALIZERS, _SPARSE = 7, 1, 5, 15
_ATTRIBUTES, _TENSOR, _GRAPH, _TENSORS, _GRAPHS = 5, 5, 6, 10, 11
_FUNCTIONS, _FUNCTION_NODES, _SPARSE_TENSORS = 25, 7, (22, 23)
_EXTERNAL, _KEY, _VALUE = 13, 1, 2
"""Numbers of fields in onnx.proto."""
_DEEPEST = 32


def external_files(path: Path) -> list[Path]:
    """The files that hold weights of an ONNX network beside its own, in order of their names.

    Raises
    ------
    InputError
        the file is no network, or asks for a file that does not lie beside it, or that is not there
    """
    try:
        names = set(_names(memoryview(path.read_bytes())))
    except (IndexError, ValueError, RecursionError) as error:
        raise InputError(path, "is not an ONNX network") from error
    found = []
    for name in sorted(names):
        steps = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
        absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
        if absolute or ".." in steps or "\0" in name or not _is_beside(path, name):
            raise InputError(path, f"asks for weights in {name!r}, which does not lie beside it")
        if not (path.parent / name).is_file():
            raise InputError(path, f"keeps weights in {name!r}, which is not there")
        found.append(path.parent / name)
    return found


def _is_beside(path: Path, name: str) -> bool:
    """Whether a file lies where the network does; where that is a link, as in a hub's cache, with what it leads to."""
    real = (path.parent / name).resolve()
    return path.parent.resolve() in real.parents or path.resolve().parent in real.parents


def _names(model: memoryview) -> Iterator[str]:
    """Names of files, of a model's graph and of the functions that it defines."""
    for number, part in parts(model):
        if number == _MODEL_GRAPH:
            yield from _locations(part, 0)
        elif number == _FUNCTIONS:
            for kind, node in parts(part):
                if kind == _FUNCTION_NODES:
                    yield from _of_node(node, 0)


def _locations(graph: memoryview, depth: int) -> Iterator[str]:
    """Names of files, of a graph's tensors and of those in its nodes."""
    if depth > _DEEPEST:
        raise RecursionError
    for number, part in parts(graph):
        if number == _INITIALIZERS:
            yield from _of_tensor(part)
        elif number == _SPARSE:
            for _, tensor in parts(part):
                yield from _of_tensor(tensor)
        elif number == _NODES:
            yield from _of_node(part, depth)


def _of_node(node: memoryview, depth: int) -> Iterator[str]:
    for kind, attribute in parts(node):
        if kind != _ATTRIBUTES:
            continue
        for held, value in parts(attribute):
            if held in (_TENSOR, _TENSORS):
                yield from _of_tensor(value)
            elif held in _SPARSE_TENSORS:
                for _, tensor in parts(value):
                    yield from _of_tensor(tensor)
            elif held in (_GRAPH, _GRAPHS):
                yield from _locations(value, depth + 1)


def _of_tensor(tensor: memoryview) -> Iterator[str]:
    for number, entry in parts(tensor):
        if number == _EXTERNAL:
            pair = dict(parts(entry))
            if bytes(pair.get(_KEY, b"")) == b"location":
                yield bytes(pair.get(_VALUE, b"")).decode("utf-8")
