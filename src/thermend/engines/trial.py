"""A stranger's network, run once in a process of its own before it is trusted with an image: it may never end, take all memory,
or give something that is no image."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from thermend.engines.engine import NONE
from thermend.errors import InputError, ThermendError
from thermend.weights.onnx_external import external_files

OPENS, SECONDS = 30.0, 3.0
"""That it may take to open the network (a large one is long compiled), and to run it on a picture of :data:`SIDE` squared."""
SIDE = 64
_BYTES = 6 * 2**30
"""Of memory, where the system limits it; and six times the network's files."""
_A_SECOND = 20e6
"""Bytes of a network that are opened in a second, at least."""


def check_runs(
    path: Path,
    engine: str,
    device: str,
    precision: str,
    others: Mapping[str, bool] = NONE,
    multiple: int = 8,
    image: bool = True,
) -> None:
    """Run a network once on a small image, elsewhere.

    Parameters
    ----------
    path, engine, device, precision, others
        as for :func:`thermend.engines.open_onnx`
    multiple : int
        its sizes are multiples of this
    image : bool
        whether what it gives first is one

    Raises
    ------
    InputError
        it does not end in time, ends its process, or makes something other than an image of a whole multiple of the pixels
    """
    if not path.is_file():
        return  # whoever opens it says so
    files = (path, *external_files(path))
    facts = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    fault = _tried(facts, engine, device, precision, tuple(others.items()), multiple, image)
    if fault is not None:
        _tried.cache_clear()  # what was slow once may not be again
        raise InputError(path, fault)


@lru_cache(maxsize=32)
def _tried(
    facts: tuple[tuple[str, int, int], ...],
    engine: str,
    device: str,
    precision: str,
    others: Any,
    multiple: int,
    image: bool,
) -> str | None:
    """What is wrong with a network, by names, times and sizes of its files; None where it runs."""
    size = sum(fact[2] for fact in facts)
    path = os.path.abspath(facts[0][0])
    asked = json.dumps([path, engine, device, precision, dict(others), multiple, image, _BYTES + 6 * size])
    command = [sys.executable, "-c", "from thermend.engines.trial import answer; answer()", asked]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    elsewhere = Path(os.__file__).parent  # no module of the current folder is run
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=elsewhere
    ) as process:
        try:
            assert process.stdout is not None
            lines = _lines(process.stdout)
            opened = _next(lines, OPENS + size / _A_SECOND)
            if opened is None:
                return "cannot be opened in time"
            if "size" not in opened:
                return str(opened.get("fault") or _DIED)
            height, width = opened["size"]
            seconds = SECONDS * max(1.0, height * width / SIDE**2)
            ran = _next(lines, seconds)
        finally:
            process.kill()  # whatever happens here, Ctrl-C included
    if ran is None:
        return f"does not end: nothing came of a picture of {width} x {height} in {seconds:.0f} s"
    return str(ran.get("fault", _DIED)) or None


_DIED = "ended the process that tried it"


def _lines(stream: IO[bytes]) -> queue.Queue[bytes]:
    """A stream's lines as they come, and in the end an empty one."""
    found: queue.Queue[bytes] = queue.Queue()

    def follow() -> None:
        with contextlib.suppress(ValueError, OSError):  # it was closed
            for line in stream:
                found.put(line)
        found.put(b"")

    threading.Thread(target=follow, daemon=True).start()
    return found


def _next(lines: queue.Queue[bytes], seconds: float) -> dict[str, Any] | None:
    """The next line, as JSON has it; None where none came in time."""
    try:
        line = lines.get(timeout=seconds)
    except queue.Empty:
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return {"fault": _DIED}
    return found if isinstance(found, dict) else {}


def answer() -> None:
    """Say, as JSON on standard output, what is wrong with the network that the command line names."""
    from thermend.engines import open_onnx

    path, engine, device, precision, others, multiple, image, most = json.loads(sys.argv[1])
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        network = open_onnx(path, engine, device, precision, others)
        side = -(-SIDE // multiple) * multiple
        height, width = network.fixed_size or (side, side + multiple)
        print(json.dumps({"size": [height, width]}), flush=True)
        fault = _fault(network, height, width, image)
    except InputError as error:
        fault = error.reason
    except ThermendError:
        print(json.dumps({"size": [SIDE, SIDE]}), flush=True)
        fault = ""  # of the call, not of the file; it is told where the file is opened
    except Exception as error:
        line = " ".join(str(error).split())
        fault = f"does not run ({line[:160] or type(error).__name__})"
    print(json.dumps({"fault": fault}))


def _fault(network: Any, height: int, width: int, makes_image: bool) -> str:
    """What is wrong with what a network makes of a picture."""
    ramp = np.linspace(0.2, 0.8, height * width, dtype=np.float32).reshape(1, 1, height, width)
    others = {
        name: np.zeros([side if isinstance(side, int) and side > 0 else 1 for side in shape], np.float32)
        for name, shape in network.other_shapes.items()
    }
    try:
        made = network.run(np.repeat(ramp, network.channels, axis=1), **others)
    except Exception:
        if others:  # zeros may be none of what it takes
            return ""
        raise
    if not made:
        return "gives nothing"
    image = made[0]
    if not makes_image:
        return ""
    if image.ndim != 4 or image.shape[0] != 1 or not image.size:
        return f"gives an array of shape {image.shape} for one image; expected (1, channels, height, width)"
    scale = image.shape[2] // height
    if scale < 1 or image.shape[2:] != (scale * height, scale * width):
        tall, wide = image.shape[2:]
        return f"makes {wide} x {tall} pixels of {width} x {height}, which is no whole multiple"
    return ""
