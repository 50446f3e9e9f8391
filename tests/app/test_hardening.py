"""Names that steer terminals, links that lead out, interruptions while everything is still imported."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from command import COMMAND
from command import thermend as run_command

import thermend
from thermend.app.cli import archive
from thermend.app.cli.main import app

pytestmark = pytest.mark.slow


def test_a_name_does_not_steer_the_terminal(tmp_path):
    odd = tmp_path / "a\x1b]0;owned\x07\x1b[2Jb\u202egnp.png"
    odd.write_bytes(b"no image")
    done = run_command("enhance", odd, "-o", tmp_path / "out")
    assert done.returncode == 2
    assert not set("\x1b\x07\u202e") & set(done.stderr)
    assert "\\x1b]0;owned\\x07" in done.stderr
    assert "\\u202e" in done.stderr


@pytest.mark.parametrize("recording", [False, True])
def test_a_link_does_not_lead_out_of_the_output_folder(tmp_path, scene, recording):
    (tmp_path / "in/sub").mkdir(parents=True)
    image = (20000 + 2000 * scene).astype(np.uint16)
    np.save(tmp_path / "in/sub/a.npy", np.stack([image] * 3) if recording else image)
    np.save(tmp_path / "in/b.npy", image)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub").symlink_to(tmp_path / "elsewhere")
    done = run_command("enhance", tmp_path / "in", "-o", tmp_path / "out", "--method", "classical.dct")
    assert done.returncode == 1
    assert "lies outside of" in done.stderr
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (tmp_path / "out/b.npy").exists()


def test_an_output_folder_may_itself_be_a_link(tmp_path, scene):
    np.save(tmp_path / "a.npy", (20000 + 2000 * scene).astype(np.uint16))
    (tmp_path / "there").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "there")
    assert run_command("enhance", tmp_path / "a.npy", "-o", tmp_path / "out").returncode == 0
    assert (tmp_path / "there/a.npy").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_interrupted_while_it_begins_it_ends_without_a_trace(tmp_path, scene, number, code):
    for n in range(4):
        np.save(tmp_path / f"{n}.npy", (20000 + 2000 * scene).astype(np.uint16))
    for wait in (0.15, 0.3, 0.6, 1.2):
        words = [COMMAND, "enhance", str(tmp_path), "-o", str(tmp_path / f"out-{wait}")]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(wait)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        assert "Traceback" not in errors
        assert process.returncode in (code, 0, -number)  # 0: it was done; the last: Python itself had not begun


def test_every_command_heeds_signals_once_it_is_imported():
    """After its imports, of which an exception would come out as something else, and before anything that is to be put away."""
    callbacks = [command.callback for command in (*app.registered_commands, *archive.app.registered_commands)]
    assert {callback.__name__ for callback in callbacks} >= {"enhance", "train", "status"}
    for callback in callbacks:
        lines = [line.strip() for line in inspect.getsource(callback).splitlines() if line.strip()]
        heeds = lines.index("interruption.heed()")
        assert lines[heeds - 1].startswith("from ")
        assert not any(line.startswith(("from ", "import ")) for line in lines[heeds:])


@pytest.mark.parametrize("value", [3.4e38, 1e38, 1e-42])
@pytest.mark.parametrize("unit", ["counts", "celsius"])
def test_numbers_at_the_end_of_what_floats_hold(rng, value, unit):
    import warnings

    pixels = (rng.uniform(-1, 1, (40, 50)) * value).astype(np.float32)
    pixels[3, 3], pixels[5, 5] = value, -value
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for mode in ("radiometric", "display"):
            image = thermend.ThermalImage.from_array(pixels, unit)
            try:
                assert np.isfinite(thermend.load("auto").restore(image, mode=mode).pixels).all()
            except thermend.errors.ThermendError as error:
                assert "finite" in str(error) or "range" in str(error)  # noqa: PT017


def test_an_endless_stranger_ends_by_interruption(tmp_path):
    """A trial is given up with the command that began it."""
    script = tmp_path / "s.py"
    script.write_text(
        "import signal, time\nfrom thermend.engines import trial\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # which who runs in the background does not inherit
        "trial._next = lambda lines, seconds: time.sleep(60)\n"
        "trial._tried(((__file__, 0, 0),), 'auto', 'auto', 'auto', (), 8, True)\n"
    )
    process = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    time.sleep(3)
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=False
    )
    process.send_signal(signal.SIGINT)
    process.wait(20)
    for child in map(int, children.stdout.split()):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
