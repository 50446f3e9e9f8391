"""Networks as ONNX files, for engines."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
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
    network : torch module in evaluation mode on the CPU, (B, 1, H, W) to (B, 1, H, W); B, H and W stay free
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
    example = torch.zeros(1, 1, 96, 128)
    free = {0: "batch", 2: "height", 3: "width"}
    with whole_file(path, overwrite=overwrite) as file:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                network, (example,), str(file), input_names=["image"], output_names=["restored"],
                dynamic_axes={"image": free, "restored": free}, opset_version=OPSET, dynamo=False,
            )  # fmt: skip
        model = onnx.load(str(file))
        model.producer_name, model.producer_version = "thermend", ""
        entry = model.metadata_props.add()
        entry.key, entry.value = _KEY, json.dumps(dict(metadata), sort_keys=True)
        onnx.checker.check_model(model)
        onnx.save(model, str(file))
