"""`thermend export`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from thermend.app.cli import console
from thermend.errors import InputError, UsageError
from thermend.jobs import executors
from thermend.methods import find
from thermend.methods.info import imported
from thermend.methods.protocol import TakesPrompts


def run(
    method: str,
    weights: str | None,
    out: str,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
    prompts: str | None = None,
    half: bool = False,
) -> int:
    """Carry out the command; returns its exit code.

    Parameters
    ----------
    prompts : str or None
        ``.npz``, that a prompted network's checkpoint was trained with; they become constants
    half : bool
        store the weights in half precision; engines still compute in single

    Raises
    ------
    UsageError
        the method has no network of ours, or no weights, or takes no prompts
    InputError
        the weights cannot be read, or the file cannot be written
    """
    from thermend.version import __version__
    from thermend.weights.checkpoints import SUFFIXES, read_metadata, read_tensors, sha256_of
    from thermend.weights.onnx_export import write_onnx

    executors.quieten_libraries()
    info = find(method)
    target = Path(out)
    if info.network is None:
        raise UsageError(f"{info.full_name} has no network that could be exported")
    if target.suffix != ".onnx":
        raise UsageError(f"{out}: expected a name that ends in .onnx")
    if target.exists() and not overwrite:
        raise InputError(target, "exists already and is not overwritten unless asked (--overwrite)")
    if weights is not None and Path(weights).suffix not in (*SUFFIXES, ".onnx"):
        raise UsageError(f"{weights}: expected a checkpoint ({', '.join(SUFFIXES)}) or an ONNX file of ours")
    source = info.weights_file(weights, info.forms[0])
    opener = imported(info.opener) if isinstance(info.opener, str) else info.opener
    takes = isinstance(opener, type) and issubclass(opener, TakesPrompts)
    if prompts is not None and (not takes or Path(prompts).suffix != ".npz"):
        expected = "expected a file .npz" if takes else f"{info.full_name} takes no prompts"
        raise UsageError(f"--prompts {prompts}: {expected}")
    network = info.load_network()(source, *([] if prompts is None else [prompts]))
    name = info.of_weights(network.variant, method, source).full_name
    facts = read_metadata(source) | {
        "method": name,
        "version": __version__,
        "weights_sha256": sha256_of(source),
    }
    tensors = read_tensors(source) if read_metadata(source).get("method") else None
    write_onnx(network, target, facts, overwrite=overwrite, half=half, tensors=tensors)
    say(f"{name} written to {target}")
    return console.DONE
