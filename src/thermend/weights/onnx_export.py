"""Networks as ONNX files, for engines; and what such a file says of itself."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from thermend.errors import MissingDependencyError
from thermend.io.atomic import whole_file

OPSET = 17
_KEY = "thermend"


def write_onnx(network: Any, path: Path, metadata: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write a network as ONNX, whole or not at all.

    Parameters
    ----------
    network : torch module in evaluation mode on the CPU, (B, 1, H, W) to (B, 1, H, W); B, H and W stay free. One with further
        inputs has ``example_inputs()``: tensors by name, and the names of the sides that stay free; ``image`` is the first; and
        ``output_names``, of which the first has the image's size
    metadata : what JSON holds; kept in the file

    Raises
    ------
    InputError : the file exists, or cannot be written
    MissingDependencyError : the extra `train` is not installed
    """
    try:
        import onnx
        import torch
    except ImportError as error:
        raise MissingDependencyError("export needs torch and onnx: pip install 'thermend[train]'") from error
    free = {0: "batch", 2: "height", 3: "width"}
    inputs, outputs = {"image": (torch.zeros(1, 1, 96, 128), free)}, ["restored"]
    if hasattr(network, "example_inputs"):
        inputs, outputs = network.example_inputs(), list(network.output_names)
    with whole_file(path, overwrite=overwrite) as file:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, tuple(tensor for tensor, _ in inputs.values()), str(file),
                input_names=list(inputs), output_names=outputs,
                dynamic_axes={name: sides for name, (_, sides) in inputs.items()} | {outputs[0]: free},
                opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        model = onnx.load(str(file))
        _shorten_names(model.graph)
        model.producer_name, model.producer_version = "thermend", ""
        entry = model.metadata_props.add()
        entry.key, entry.value = _KEY, json.dumps(dict(metadata), sort_keys=True)
        onnx.checker.check_model(model)
        onnx.save(model, str(file))


def _shorten_names(graph: Any) -> None:
    """Number what nodes hand to each other: the exporter's names, a path of modules each, are a large part of a small file."""
    if any(attribute.HasField("g") for node in graph.node for attribute in node.attribute):
        return  # inner graphs use outer names
    kept = {value.name for values in (graph.input, graph.output, graph.initializer) for value in values}
    numbers = {
        name: str(number)
        for number, name in enumerate(n for node in graph.node for n in node.output if n and n not in kept)
    }
    for node in graph.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [numbers.get(name, name) for name in names]
    del graph.value_info[:]


def read_onnx_metadata(path: Path) -> dict[str, Any]:
    """What :func:`write_onnx` wrote beside the network; empty for any other file. Needs no ONNX package.

    An ONNX file is a protocol buffer whose field 14 holds pairs of key (field 1) and value (field 2).
    """
    try:
        for pair in _fields(memoryview(path.read_bytes()), 14):
            key, value = (bytes(next(_fields(pair, n))).decode() for n in (1, 2))
            if key == _KEY:
                content = json.loads(value)
                return content if isinstance(content, dict) else {}
    except (ValueError, IndexError, StopIteration, OSError):
        pass
    return {}


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The contents of a message's fields of one number, as far as they have a length."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == 2:
            length, place = _varint(message, place)
            if place + length > len(message):
                raise ValueError("truncated")
            if number == wanted:
                yield message[place : place + length]
            place += length
        elif kind == 0:
            _, place = _varint(message, place)
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise ValueError("no protocol buffer")


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
