"""One object: fetched, mended as a file is, its results put; what is not ours is never replaced."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import thermend
from thermend.errors import ImplausibleWarning, InputError, ThermendWarning, UsageError
from thermend.image import ThermalImage
from thermend.io import stores
from thermend.io.options import ReadOptions
from thermend.jobs.archive.isolation import Isolated
from thermend.jobs.archive.objects import Object, objects
from thermend.jobs.archive.staging import Fetched, Kept, Staged, Task, said_of
from thermend.jobs.diagnose import Diagnose
from thermend.jobs.enhance import Enhance
from thermend.jobs.job import Outcome
from thermend.jobs.sources import collect

fsspec = pytest.importorskip("fsspec", reason="needs the cluster extra")
CHAIN = Enhance(Path(), False, method="classical.chain")


@pytest.fixture
def files(tmp_path, scene, rng) -> Path:
    """A folder: temperatures with side files, a picture, one that is damaged."""
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    noisy = scene + rng.normal(0, 0.02, scene.shape)
    thermend.write(ThermalImage.from_array((20 + 10 * noisy).astype(np.float32), unit="celsius"), folder / "a.tif")
    (folder / "a.tfw").write_text("1\n0\n0\n-1\n100\n200\n")
    (folder / "a.tif.ovr").write_bytes(b"x")
    Image.fromarray((255 * noisy.clip(0, 1)).astype(np.uint8)).save(folder / "b/p.png")
    (folder / "b/bad.png").write_bytes(b"no image")
    return folder


@pytest.fixture
def store(files) -> str:
    """The same in memory."""
    name = f"test-{uuid.uuid4().hex}"
    memory = fsspec.filesystem("memory")
    memory.pipe({f"/{name}/{p.relative_to(files)}": p.read_bytes() for p in files.rglob("*") if p.is_file()})
    return f"memory://{name}"


def bytes_of(address: str, tmp_path: Path) -> bytes:
    return stores.fetched(address, tmp_path / uuid.uuid4().hex).read_bytes()


@pytest.mark.parametrize("changes", [{}, {"compare": True, "palette": "iron"}, {"scale": 2}])
def test_results_are_those_of_files(files, store, tmp_path, changes):
    job = replace(CHAIN, **changes)
    plain = replace(job, out=tmp_path / "plain").begin()
    here = {item.place.as_posix(): plain(item) for item in collect([str(files)])}
    work = Staged(job, f"{store}-out").begin()
    there = {item.place: work(Task(item)) for item in objects([store], f"{store}-out")}
    assert there.keys() == here.keys()
    for place, outcome in there.items():
        assert (outcome.error is None) == (here[place].error is None)
        said = str(here[place]).replace(str(tmp_path / "plain"), f"{store}-out").replace(str(files), store)
        assert str(replace(outcome, found=None)) == said
    made = {one.address[len(store) + 5 :]: one for one in stores.listed(f"{store}-out")}
    assert set(made) == {
        p.relative_to(tmp_path / "plain").as_posix() for p in (tmp_path / "plain").rglob("*") if p.is_file()
    }
    for name, one in made.items():
        assert bytes_of(one.address, tmp_path) == (tmp_path / "plain" / name).read_bytes()
    assert there["a.tif"].left == ("a.tif.ovr",)


def test_what_is_there_is_kept_and_costs_no_work(store, tmp_path):
    fsspec.filesystem("memory").pipe(f"/{store[9:]}-out/b/p.png", b"somebody's")
    (item,) = objects([f"{store}/b/p.png"], "")
    task = Task(replace(item, place="b/p.png"))
    outcome = Staged(CHAIN, f"{store}-out").begin()(task)
    assert "exists already and is kept" in outcome.skipped
    assert f"{store}-out/b/p.png" in outcome.skipped
    assert bytes_of(f"{store}-out/b/p.png", tmp_path) == b"somebody's"
    outcome = Staged(replace(CHAIN, overwrite=True), f"{store}-out").begin()(task)
    assert outcome.written == f"{store}-out/b/p.png"
    assert bytes_of(f"{store}-out/b/p.png", tmp_path) != b"somebody's"


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced(store, tmp_path, overwrite):
    from thermend.app.cli import enhance

    before = bytes_of(f"{store}/b/p.png", tmp_path)
    for inputs, out in (
        ([f"{store}/b/p.png"], f"{store}/b"),
        ([f"{store}/b/p.png"], f"{store}/b/p.png"),
        ([f"{store}/b/*.png"], f"{store}/b"),
        ([f"{store}/b"], f"{store}/b"),
        ([store, f"{store}-2"], "memory://"),
    ):
        options = {"method": "classical.chain", "overwrite": overwrite}
        with contextlib.suppress(UsageError):
            assert enhance.run(inputs, out, {}, options, lambda _: None) == 2
        assert bytes_of(f"{store}/b/p.png", tmp_path) == before


def test_results_among_deeper_inputs_never_take_their_place(tmp_path, scene):
    """-o is a folder above the inputs, and one of the results would lie where another input does."""
    from thermend.app.cli import enhance

    name = f"test-{uuid.uuid4().hex}"
    Image.fromarray((255 * scene).astype(np.uint8)).save(tmp_path / "p.png")
    data = (tmp_path / "p.png").read_bytes()
    fsspec.filesystem("memory").pipe({f"/{name}/day1/a.png": data, f"/{name}/day1/day1/a.png": data + b" "})
    options = {"method": "classical.chain", "overwrite": True}
    assert enhance.run([f"memory://{name}/day1"], f"memory://{name}", {}, options, lambda _: None) == 1
    assert bytes_of(f"memory://{name}/day1/a.png", tmp_path) == data
    assert bytes_of(f"memory://{name}/day1/day1/a.png", tmp_path) != data + b" x"


def test_a_picture_beside_one_result_is_kept_too(store, tmp_path):
    from thermend.app.cli import enhance

    for _ in range(2):
        options = {"method": "classical.chain", "compare": True}
        assert enhance.run([f"{store}/b/p.png"], f"{store}-out/one.png", {}, options, lambda _: None) == 0


class TestRecorded:
    """With a manifest: an object that it does not know is never replaced, one that is ours and unchanged may be."""

    @pytest.fixture
    def task(self, store):
        return Task(next(i for i in objects([store], "") if i.place == "b/p.png"))

    @pytest.fixture
    def target(self, store):
        return f"{store}-out/b/p.png"

    @pytest.fixture
    def made(self, store, task) -> Kept:
        outcome = Staged(CHAIN, f"{store}-out", recorded=True).begin()(task)
        assert outcome.error is None
        assert outcome.found.diagnosis is not None
        return outcome.found.outputs[0]

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_an_unknown_object_is_never_replaced(self, store, task, target, tmp_path, overwrite):
        fsspec.filesystem("memory").pipe(target[8:], b"somebody's")
        outcome = Staged(replace(CHAIN, overwrite=overwrite), f"{store}-out", recorded=True).begin()(task)
        assert "never replaced" in outcome.error
        assert outcome.error.startswith(f"{task.item.address}: ")
        assert bytes_of(target, tmp_path) == b"somebody's"

    def test_what_a_killed_run_left_is_known_by_its_bytes(self, store, task, target, made):
        again = Staged(CHAIN, f"{store}-out", recorded=True).begin()(task)
        assert again.error is None
        assert again.found.outputs == (made,)

    def test_ours_makes_room_where_it_is_unchanged(self, store, task, target, made, tmp_path):
        other = Staged(replace(CHAIN, scale=2), f"{store}-out", recorded=True).begin()
        assert "never replaced" in other(task).error
        outcome = other(replace(task, ours=(made,)))
        assert outcome.error is None
        assert outcome.found.outputs[0].sha256 != made.sha256
        assert np.asarray(Image.open(stores.fetched(target, tmp_path / "r.png"))).shape == (384, 480)

    def test_ours_by_its_hash_though_its_time_is_another(self, store, task, target, made, tmp_path):
        memory = fsspec.filesystem("memory")
        memory.pipe(target[8:], bytes_of(target, tmp_path))  # copied back
        other = Staged(replace(CHAIN, scale=2), f"{store}-out", recorded=True).begin()
        assert other(replace(task, ours=(replace(made, etag="older"),))).error is None

    def test_ours_that_somebody_changed_stays(self, store, task, target, made, tmp_path):
        fsspec.filesystem("memory").pipe(target[8:], b"somebody's")
        other = Staged(replace(CHAIN, scale=2, overwrite=True), f"{store}-out", recorded=True).begin()
        assert "never replaced" in other(replace(task, ours=(replace(made, etag="older"),))).error
        assert bytes_of(target, tmp_path) == b"somebody's"

    def test_all_is_clear_before_the_first_is_replaced(self, store, task, target, made, tmp_path):
        fsspec.filesystem("memory").pipe(target[8:], b"somebody's")
        fsspec.filesystem("memory").pipe(target[8:-4] + ".compare.png", b"ours")
        ours = stores.found(target[:-4] + ".compare.png")
        other = Staged(replace(CHAIN, compare=True), f"{store}-out", recorded=True).begin()
        outcome = other(replace(task, ours=(Kept(ours.address, "", ours.etag),)))
        assert "never replaced" in outcome.error
        assert bytes_of(ours.address, tmp_path) == b"ours"

    def test_an_input_that_changes_meanwhile_is_named(self, store, task):
        outcome = Staged(CHAIN, f"{store}-out", recorded=True).begin()(
            replace(task, item=replace(task.item, size=task.item.size + 1))
        )
        assert "was changed while it was read" in outcome.error

    def test_a_store_that_refuses_costs_the_input(self, store, task, monkeypatch):
        def refuse(*_, **__):
            raise InputError("memory://x", "cannot be written: the store refuses access")

        monkeypatch.setattr(stores, "put", refuse)
        outcome = Staged(CHAIN, f"{store}-out", recorded=True).begin()(task)
        assert "refuses access" in outcome.error
        assert outcome.written is None


@dataclass(frozen=True)
class Trap(Staged):
    """Work that ends its process at some inputs, or never ends, or comes through the second time."""

    def begin(self, seen=None):
        def work(task: Task) -> Outcome:
            name = task.item.address
            if name == "deadly" or (name.startswith("/") and not Path(name).exists()):
                if name != "deadly":
                    Path(name).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "endless":
                time.sleep(60)
            return Outcome(name, written=str(os.getpid()))

        return work


@pytest.mark.slow
def test_a_file_that_ends_its_process_is_tried_twice_and_named(tmp_path):
    isolated = Isolated(Trap(CHAIN, "out"), silence=15)
    try:
        first = isolated(Task(Object("good", "", "")))
        assert isolated(Task(Object("good", "", ""))).written == first.written  # the same process
        assert isolated(Task(Object("deadly", "", ""))).error == (
            "deadly: ended the process that worked on it (out of memory?), 2 times"
        )
        again = isolated(Task(Object("good", "", "")))
        assert again.written not in (None, first.written)
        once = isolated(Task(Object(str(tmp_path / "once"), "", "")))
        assert once.error is None
    finally:
        isolated.end()


def test_folders_of_workers_that_are_gone_are_removed(tmp_path, monkeypatch):
    import subprocess
    import sys
    import tempfile

    from thermend.jobs.archive import isolation

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f"thermend-worker-{gone.pid}-a", f"thermend-worker-{os.getppid()}-b", "thermend-worker-x", "other"):
        (tmp_path / name).mkdir()
    with isolation._scratch() as own:
        assert not (tmp_path / f"thermend-worker-{gone.pid}-a").exists()
        assert len(list(tmp_path.iterdir())) == 4
        assert Path(own).is_dir()


@pytest.mark.slow
def test_a_file_of_which_nothing_is_heard_is_given_up():
    isolated = Isolated(Trap(CHAIN, "out"), silence=4)
    try:
        assert "nothing was heard of it for 4 s, 2 times" in isolated(Task(Object("endless", "", ""))).error
        assert isolated(Task(Object("good", "", ""))).error is None
    finally:
        isolated.end()


def test_a_manifest_is_none_of_the_core(monkeypatch):
    """Without pyarrow it says what installs it."""
    import importlib
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in ("arrow", "manifest", "cluster", "summary", "run"):
        monkeypatch.delitem(sys.modules, f"thermend.jobs.archive.{name}", raising=False)
    for name in ("manifest", "summary", "run"):
        with pytest.raises(UsageError, match=r"pip install 'thermend\[cluster\]'"):
            importlib.import_module(f"thermend.jobs.archive.{name}")


def test_a_recording_is_one_object(tmp_path, scene, rng):
    frames = [np.roll(scene, k, 1)[:64, :80] + rng.normal(0, 0.02, (64, 80)) for k in range(6)]
    np.save(tmp_path / "r.npy", np.stack([20000 + 4000 * f for f in frames]).astype(np.uint16))
    name = f"test-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").pipe(f"/{name}/r.npy", (tmp_path / "r.npy").read_bytes())
    (item,) = objects([f"memory://{name}"], "memory://out")
    outcome = Staged(CHAIN, f"memory://{name}-out", recorded=True).begin()(Task(item))
    assert (outcome.error, outcome.frames) == (None, 6)
    assert outcome.found.diagnosis is not None
    plain = replace(CHAIN, out=tmp_path / "out").begin()(collect([str(tmp_path / "r.npy")], recordings=True)[0])
    assert plain.error is None
    assert bytes_of(f"memory://{name}-out/r.npy", tmp_path) == (tmp_path / "out/r.npy").read_bytes()


def test_warnings_name_the_object_and_not_a_temporary_file(tmp_path, scene):
    np.save(tmp_path / "hot.npy", (5000 + 10 * scene).astype(np.float32))
    address = f"memory://test-{uuid.uuid4().hex}/hot.npy"
    fsspec.filesystem("memory").pipe(address[8:], (tmp_path / "hot.npy").read_bytes())
    job = replace(CHAIN, reading=ReadOptions(unit="celsius"))
    for staged in (Staged(job, address.replace("test", "out").rpartition("/")[0]), Fetched(Diagnose(job.reading))):
        (item,) = objects([address], "memory://out")
        with pytest.warns(ImplausibleWarning) as said:
            assert staged.begin()(Task(item)).error is None
        assert [str(one.message).partition(": as celsius")[0] for one in said] == [address]


def test_what_an_interruption_leaves_in_temporary_files_is_not_spoken_of(recwarn):
    def interrupted():
        with said_of({}):
            warnings.warn("a.npy: interrupted (--resume goes on)", ThermendWarning, stacklevel=1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not recwarn.list
