"""Methods made ready to run, and kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thermend.errors import UsageError
from thermend.methods import find
from thermend.methods.options import Options
from thermend.restoration.restorer import Restorer
from thermend.restoration.sequence import THEN, RestorerSequence, described
from thermend.weights.checkpoints import sha256_of

if TYPE_CHECKING:
    from thermend.methods.info import MethodInfo

_KEPT_AT_MOST = 8
_kept: OrderedDict[tuple[Any, ...], Restorer] = OrderedDict()
_lock = threading.Lock()


def load(
    method: str,
    *,
    weights: str | os.PathLike[str] | None = None,
    engine: str = "auto",
    device: str = "auto",
    tile: int | None = None,
    precision: str = "auto",
    prompts: str | os.PathLike[str] | None = None,
    threads: int = 0,
    estimator: str | os.PathLike[str] | None = None,
    prior: str | os.PathLike[str] | None = None,
    features: str | os.PathLike[str] | None = None,
) -> Restorer:
    """Make a method ready to run. Asked for the same again, with files of the same content, the same restorer is given.

    Parameters
    ----------
    method : str
        ``auto``, or as the catalogue names it (``thermend methods``); several one after another as ``a+b``
    weights : str or PathLike or None
        file of a network's weights, instead of those that ship: ``.onnx``, or ``.safetensors``,
        ``.pt``, ``.pth``, which need torch
    engine : str
        ``openvino``, ``onnxruntime``, ``torch``; for networks
    device : str
        ``cpu``, or what the engine calls its devices; for networks
    tile : int or None
        side of a tile, pixels; for networks
    precision : str
        ``float32``, or ``bf16``: several times as fast on CPUs that compute it, and exact to about one grey level. ``auto``
        takes float32, but for ``ppfn`` and the networks of ``auto``, which in bf16 are exact to a fraction of one
    prompts : str or PathLike or None
        file for a prompted network. ``.json``: what to remove, and how much of each prompt, instead of
        what the network would choose, as in ``{"noise": 1, "blur": 0.5, "scenario": "composite"}``. ``.npz``: arrays
        ``degradation``, (3, 128, 128), and ``scenario``, (2, 64), that the authors' checkpoints were trained with
    threads : int
        cores that OpenVINO or ONNX Runtime may take on the CPU; 0, all; for networks
    estimator, prior, features : str or PathLike or None
        of ``hidra/sd-turbo`` with the authors' weights: the file of its estimator (DEM.pkl; None looks beside the weights); the
        Stable Diffusion, and the DINOv2 with registers, that it runs on, a name on the hub or a folder. None takes
        ``stabilityai/sd-turbo`` and ``facebook/dinov2-with-registers-base`` where they are in the local cache; nothing is
        downloaded that is not named

    Returns
    -------
    Restorer
        safe to share between threads, and picklable

    Raises
    ------
    UsageError
        an unknown name; an engine, device or precision that is not to be had; weights or prompts for a method that has none
    InputError
        the weights cannot be read
    """
    if isinstance(method, str) and THEN in method:
        alone = (weights, prompts, estimator, prior, features)
        if any(given is not None for given in alone):
            raise UsageError(f"{method}: weights, prompts and parts go with one method alone")
        return _sequence(method, engine, device, tile, precision, threads)
    info = find(method)
    if info.part:
        raise UsageError(f"{info.full_name} is a part of {info.name} and mends no images by itself; recipes train it")
    options = Options(
        method, weights, engine, device, tile, precision, prompts, threads, estimator, prior, features
    )  # fmt: skip
    key = (
        method,
        *(_content(path) for path in (weights, prompts, estimator, prior, features)),
        engine, device, tile, precision, threads,
    )  # fmt: skip
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    made = Restorer(info.open(options))
    with _lock:
        made = _kept.setdefault(key, made)
        while len(_kept) > _KEPT_AT_MOST:
            _kept.popitem(last=False)
    return made


def info_of(method: str) -> MethodInfo:
    """The catalogue's row of a method, or what several one after another, ``a+b``, would have as one.

    Raises
    ------
    UsageError
        there is none, or they have no mode in common
    """
    if isinstance(method, str) and THEN in method:
        return described([find(name) for name in method.split(THEN)])
    return find(method)


def _sequence(
    method: str, engine: str, device: str, tile: int | None, precision: str, threads: int
) -> RestorerSequence:
    """Each of them opened; what is said of networks goes to those that have one."""
    asked = {"engine": engine, "device": device, "tile": tile, "precision": precision}
    names = method.split(THEN)
    with_networks = [find(name).function is None for name in names]
    if not any(with_networks):
        load(names[0], **asked, threads=threads)  # type: ignore[arg-type]
    _ = described([find(name) for name in names])
    opened = [
        load(name, threads=threads, **(asked if has else {}))  # type: ignore[arg-type]
        for name, has in zip(names, with_networks)
    ]
    return RestorerSequence(opened[-1].method, tuple(opened))


def _content(path: str | os.PathLike[str] | None) -> tuple[str, str] | None:
    """A file by its name and by the hash of what is in it."""
    if path is None:
        return None
    return os.fspath(path), sha256_of(path) if Path(path).is_file() else ""
