import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import thermend
from thermend.errors import ThermendWarning
from thermend.jobs.enhance import Enhance
from thermend.jobs.executors import Worker, worker_environment
from thermend.jobs.interruption import held_back
from thermend.jobs.observer import Observer
from thermend.jobs.sources import collect
from thermend.restoration.session import Session

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals")


@pytest.fixture(autouse=True)
def _heeded():
    """Ctrl-C as a terminal's processes have it; those that a shell starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_is_heeded_after_the_step():
    steps = []

    def work():
        with held_back():
            signal.raise_signal(signal.SIGINT)
            steps.append("finished")
        steps.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["finished"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_signal_is_heeded_at_once():
    steps = []

    @held_back()
    def work():
        signal.raise_signal(signal.SIGINT)
        steps.append("once")
        signal.raise_signal(signal.SIGINT)
        steps.append("twice")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["once"]


def test_a_process_is_started_whole():
    """Half of one would write a traceback about what its parent did not send."""
    said = []

    @worker_environment()
    def start():
        signal.raise_signal(signal.SIGINT)
        said.append(subprocess.check_output([sys.executable, "-c", "print('whole')"], text=True))

    with pytest.raises(KeyboardInterrupt):
        start()
    assert said == ["whole\n"]


def test_a_worker_does_not_hear_what_a_terminal_sends_to_all():
    """Not even while it is still importing."""
    worker = Worker(Enhance(None, False, method="classical.dct"), multiprocessing.get_context("spawn"))
    os.kill(worker.process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(worker.process.pid, signal.SIGINT)
    assert worker.process.is_alive()
    worker.end()
    assert worker.process.exitcode == 0
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_fault_of_the_step_does_not_lose_the_signal():
    @held_back()
    def work():
        signal.raise_signal(signal.SIGINT)
        raise ValueError("the step's")

    with pytest.raises(KeyboardInterrupt) as seen:
        work()
    assert isinstance(seen.value.__context__, ValueError)


def test_what_is_ignored_stays_ignored():
    said = "import signal; from thermend.jobs.interruption import held_back\n"
    said += "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    said += "with held_back(): signal.raise_signal(signal.SIGINT)\n"
    said += "with held_back(): signal.raise_signal(signal.SIGTERM)\n"
    assert subprocess.run([sys.executable, "-c", said], env=os.environ).returncode == -signal.SIGTERM


@pytest.fixture
def flight(tmp_path, scene):
    """A recording, and a job on it by the name of the output folder."""
    noise = np.random.default_rng(0)
    moving = [np.roll(scene, k, 1)[:64, :80] for k in range(12)]
    np.save(
        tmp_path / "a.npy", np.stack([20000 + 4000 * s + noise.normal(0, 60, s.shape) for s in moving]).astype("u2")
    )
    (item,) = collect([str(tmp_path / "a.npy")], recordings=True)
    return item, lambda out, **more: Enhance(tmp_path / out, False, method="classical.chain", **more)


def interrupted(item, job, at):
    """Let a job begin, and a signal come within a frame."""

    def seen(number, before, after):
        if number == at:
            signal.raise_signal(signal.SIGINT)

    work = job.begin(Observer(images=seen))
    with pytest.warns(ThermendWarning, match="--resume goes on"), pytest.raises(KeyboardInterrupt):
        work(item)


@pytest.mark.parametrize("at", [0, 7])
def test_a_recording_is_interrupted_between_two_frames(tmp_path, flight, at):
    """Whenever the signal comes: what the session knows and what is written are of the same frames."""
    item, job = flight
    interrupted(item, job("out"), at)
    assert len(np.load(tmp_path / "out/a.partial.npy")) == at + 1
    assert job("out", resume=True).begin()(item).error is None
    assert job("whole").begin()(item).error is None
    assert np.array_equal(np.load(tmp_path / "out/a.npy"), np.load(tmp_path / "whole/a.npy"))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npy"]


def test_a_recording_that_is_whole_gets_its_name(tmp_path, flight, monkeypatch):
    """The signal comes when all frames are done: nothing is left of what was on the way."""
    from thermend.jobs.recordings import RecordingFile

    item, job = flight
    close = RecordingFile._close

    def closed(self):
        signal.raise_signal(signal.SIGINT)
        close(self)

    monkeypatch.setattr(RecordingFile, "_close", closed)
    with pytest.raises(KeyboardInterrupt):
        job("out").begin()(item)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npy"]
    assert len(np.load(tmp_path / "out/a.npy")) == 12


def test_what_a_killed_run_has_added_is_not_taken_for_frames(tmp_path, flight):
    """A run that goes on and is killed then leaves frames that nothing states; the next one writes them itself."""
    item, job = flight
    interrupted(item, job("out"), 4)
    with (tmp_path / "out/a.partial.npy").open("ab") as file:
        file.write(np.zeros((3, 64, 80), np.uint16).tobytes() + b"half a frame")
    assert job("out", resume=True).begin()(item).error is None
    assert job("whole").begin()(item).error is None
    assert (tmp_path / "out/a.npy").read_bytes() == (tmp_path / "whole/a.npy").read_bytes()


def test_a_session_that_was_torn_is_not_saved(tmp_path, scene, monkeypatch):
    session = thermend.load("classical.chain").session()
    frames = [255 * np.roll(scene, k, 1)[:64, :80] for k in range(3)]
    session(frames[0])
    with monkeypatch.context() as broken:
        broken.setattr(Session, "_carried", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            session(frames[1])
    with pytest.raises(thermend.UsageError, match="interrupted within a frame"):
        session.save(tmp_path / "state")
    session(frames[2])
    session.save(tmp_path / "state")
