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

OPENS, SECONDS = 30.0, 3.0
"""That it may take to open the network (a large one is long compiled), and to run it."""
SIDE = 64
_BYTES = 6 * 2**30
"""Of memory, where the system limits it."""


def check_runs(
    path: Path, engine: str, device: str, precision: str, others: Mapping[str, bool] = NONE, multiple: int = 8
) -> None:
    """Run a network once on a small image, elsewhere.

    Parameters
    ----------
    path, engine, device, precision, others
        as for :func:`thermend.engines.open_onnx`
    multiple : int
        its sizes are multiples of this

    Raises
    ------
    InputError
        it does not end in time, ends its process, or makes something other than an image of a whole multiple of the pixels
    """
    facts = path.stat()
    reason = _tried(
        str(path), facts.st_mtime_ns, facts.st_size, engine, device, precision, tuple(others.items()), multiple
    )
    if reason:
        raise InputError(path, reason)


@lru_cache(maxsize=32)
def _tried(path: str, _: int, __: int, engine: str, device: str, precision: str, others: Any, multiple: int) -> str:
    """What is wrong with a network; nothing where it runs."""
    asked = json.dumps([os.path.abspath(path), engine, device, precision, dict(others), multiple])
    command = [sys.executable, "-c", "from thermend.engines.trial import answer; answer()", asked]
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    elsewhere = Path(os.__file__).parent  # no module of the current folder is run
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, cwd=elsewhere
    ) as process:
        try:
            assert process.stdout is not None
            lines = _lines(process.stdout)
            opened = _next(lines, OPENS)
            fault = opened if opened is None or "fault" in opened else _next(lines, SECONDS)
        finally:
            process.kill()  # whatever happens here, Ctrl-C included
    if fault is None:
        return f"does not end: nothing came of a picture of {SIDE} x {SIDE} in {SECONDS:.0f} s"
    return str(fault.get("fault", "ended the process that tried it"))


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
    """The next line, as JSON has it; empty where none follows, None where none came in time."""
    try:
        line = lines.get(timeout=seconds)
    except queue.Empty:
        return None
    try:
        found = json.loads(line)
    except ValueError:
        return {"fault": "ended the process that tried it"}
    return found if isinstance(found, dict) else {}


def answer() -> None:
    """Say, as JSON on standard output, what is wrong with the network that the command line names."""
    from thermend.engines import open_onnx

    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_BYTES, _BYTES))
    path, engine, device, precision, others, multiple = json.loads(sys.argv[1])
    try:
        network = open_onnx(path, engine, device, precision, others)
        print(json.dumps({"opened": True}), flush=True)
        fault = _fault(network, multiple)
    except InputError as error:
        fault = error.reason
    except ThermendError:
        fault = ""  # of the call, not of the file; it is told where the file is opened
    except Exception as error:
        line = " ".join(str(error).split())
        fault = f"does not run ({line[:160] or type(error).__name__})"
    print(json.dumps({"fault": fault}))


def _fault(network: Any, multiple: int) -> str:
    """What is wrong with what a network makes of a picture."""
    side = -(-SIDE // multiple) * multiple
    height, width = network.fixed_size or (side, side + multiple)
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
    if image.ndim != 4 or image.shape[0] != 1 or not image.size:
        return f"gives an array of shape {image.shape} for one image; expected (1, channels, height, width)"
    scale = image.shape[2] // height
    if scale < 1 or image.shape[2:] != (scale * height, scale * width):
        tall, wide = image.shape[2:]
        return f"makes {wide} x {tall} pixels of {width} x {height}, which is no whole multiple"
    return ""
