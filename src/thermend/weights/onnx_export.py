"""Networks as ONNX files, for engines; and what such a file says of itself."""

from __future__ import annotations

import json
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thermend.errors import InputError, MissingDependencyError, first_line
from thermend.io.atomic import whole_file
from thermend.weights.protobuf import parts

OPSET = 17
_KEY = "thermend"


def write_onnx(
    network: Any,
    path: Path,
    metadata: Mapping[str, Any],
    *,
    overwrite: bool = False,
    half: bool = False,
    tensors: Mapping[str, Any] | None = None,
) -> None:
    """Write a network as ONNX, whole or not at all.

    Its weights keep their names, so that :func:`thermend.weights.checkpoints.read_tensors` reads them back and training can
    begin with them: one file does for running and for training.

    Parameters
    ----------
    network : Any
        torch module in evaluation mode on the CPU, (B, 1, H, W) to (B, 1, H, W); B, H and W stay free. One with further inputs
        has ``example_inputs()``: tensors by name, and the names of the sides that stay free; ``image`` is the first; and
        ``output_names``, of which the first has the image's size
    metadata : mapping
        what JSON holds; kept in the file
    half : bool
        weights are stored in half precision, and computed with in single: engines undo it once, as they open the file
    tensors : mapping or None
        the weights by their names; None takes the network's own, which may lack what it has made constants of

    Raises
    ------
    InputError
        the file exists, or cannot be written
    MissingDependencyError
        the extra `train` is not installed
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
                opset_version=OPSET, dynamo=False, do_constant_folding=False,
                training=torch.onnx.TrainingMode.PRESERVE,  # batch norms stay what they are
            )  # fmt: skip
        model = onnx.load(str(file))
        if not _has_inner_graphs(model.graph):  # which use outer names
            _shorten_names(model.graph)
            _share_constants(model.graph)
        own = network.state_dict() if tensors is None else tensors
        state = {name: tensor.detach().cpu().numpy() for name, tensor in own.items()}
        if half:
            _halve(model.graph, state)
        _keep_for_training(model, state, half)
        model.producer_name, model.producer_version = "thermend", ""
        entry = model.metadata_props.add()
        entry.key, entry.value = _KEY, json.dumps({**metadata, "tensors": list(state)}, sort_keys=True)
        onnx.checker.check_model(model)
        onnx.save(model, str(file))


def _has_inner_graphs(graph: Any) -> bool:
    """Whether a node is a loop or a choice."""
    return any(attribute.HasField("g") for node in graph.node for attribute in node.attribute)


def _shorten_names(graph: Any) -> None:
    """Number what nodes hand to each other: the exporter's names, a path of modules each, are a large part of a small file."""
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


def _share_constants(graph: Any) -> None:
    """Keep equal constants once: the exporter writes them anew wherever they are used."""
    names: dict[bytes, str] = {}
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        tensor = node.attribute[0].t if node.op_type == "Constant" and node.attribute[0].HasField("t") else None
        if tensor is None or len(tensor.raw_data) < _LEAST_SHARED:
            kept.append(node)
            continue
        unnamed = type(tensor)()
        unnamed.CopyFrom(tensor)
        unnamed.name = ""
        content = unnamed.SerializeToString(deterministic=True)
        if content not in names:
            names[content] = f"constant:{len(names)}"
            unnamed.name = names[content]
            graph.initializer.append(unnamed)
        renamed[node.output[0]] = names[content]
    for node in kept:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    del graph.node[:]
    graph.node.extend(kept)


_LEAST_SHARED = 256  # bytes
_LEAST_HALVED = 64


def _halve(graph: Any, names: Collection[str]) -> None:
    """Store weights in half precision, each with a cast back to single precision behind it."""
    import onnx
    from onnx import numpy_helper

    casts = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name not in names or values.dtype != np.float32 or values.size < _LEAST_HALVED:
            continue
        name = tensor.name
        with np.errstate(over="ignore"):
            halved = values.astype(np.float16)
        if not np.isfinite(halved).all():
            continue
        tensor.CopyFrom(numpy_helper.from_array(halved, name))
        for node in graph.node:
            node.input[:] = [f"{name}:single" if used == name else used for used in node.input]
        casts.append(onnx.helper.make_node("Cast", [name], [f"{name}:single"], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _keep_for_training(model: Any, state: Mapping[str, Any], half: bool) -> None:
    """Add the weights of which the graph holds only what came of them (prompts that became constants, say) where ONNX has a
    place for what training needs and engines pass over."""
    from onnx import numpy_helper

    drawn = {t.name: numpy_helper.to_array(t).astype(np.float32) for t in model.graph.initializer if t.name in state}

    def is_there(name: str, values: Any) -> bool:
        own = drawn.get(name)
        return own is not None and own.shape == values.shape and np.allclose(own, values, rtol=2e-3, atol=1e-6)

    missing = {name: values for name, values in state.items() if not is_there(name, values)}
    if not missing:
        return
    graph = model.training_info.add().initialization
    graph.name = "weights"
    for name, values in missing.items():
        halved = half and values.dtype == np.float32 and values.size >= _LEAST_HALVED
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16) if halved else values, name))


def read_onnx_tensors(path: Path) -> dict[str, Any]:
    """The weights of a network that :func:`write_onnx` wrote, by their names, as float32 torch tensors.

    Raises
    ------
    InputError
        the file is no ONNX network
    MissingDependencyError
        the extra `train` is not installed
    """
    try:
        import onnx
        import torch
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingDependencyError("ONNX weights need torch and onnx: pip install 'thermend[train]'") from error
    try:
        model = onnx.load(str(path), load_external_data=False)
        graphs = [model.graph, *(info.initialization for info in model.training_info)]
        arrays = {tensor.name: numpy_helper.to_array(tensor) for graph in graphs for tensor in graph.initializer}
    except Exception as error:
        raise InputError(path, f"is no ONNX network that can be read ({first_line(error)})") from error
    names = read_onnx_metadata(path).get("tensors")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(path, "does not say which of its numbers are weights; `thermend export` writes files that do")
    chosen = {name: arrays[name] for name in names if name in arrays}
    return {
        name: torch.from_numpy(values.astype(np.float32) if values.dtype.kind == "f" else values.copy())
        for name, values in chosen.items()
    }


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
    return (part for number, part in parts(message) if number == wanted)
