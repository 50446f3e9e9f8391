"""What a file is called, and what it may be called."""

from __future__ import annotations

import io as buffers
import pickle
from pathlib import Path

import numpy as np
import pytest

import thermend
from thermend.errors import ExistsError, ImplausibleWarning
from thermend.evaluation.records import Appending
from thermend.io import open_writer
from thermend.io.atomic import whole_file
from thermend.io.called import called

GREY = thermend.ThermalImage.from_array(np.random.default_rng(0).integers(0, 255, (64, 80)).astype(np.uint8))


def npy(pixels: np.ndarray) -> bytes:
    made = buffers.BytesIO()
    np.save(made, pixels)
    return made.getvalue()


@pytest.mark.parametrize(
    "name", ["9:41.mp4", "9:41.mkv", "12:30/a.mp4", "http:b.mkv", "-a.mp4", "a%03d.mkv", "9:41.tif"]
)
def test_a_recording_may_be_called_so(name, tmp_path, monkeypatch):
    if not name.endswith(".tif"):
        pytest.importorskip("av", reason="needs the extra video")
    monkeypatch.chdir(tmp_path)
    with open_writer(name) as writer:
        writer.write(GREY)
        writer.write(GREY)
    assert [frame.shape for frame in thermend.read_frames(name)] == [(64, 80)] * 2
    assert thermend.io.shape_of(name) == (64, 80)
    assert [p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()] == [name]


def test_what_is_wrong_with_bytes_is_said_of_bytes():
    hot = npy(np.full((64, 64), 60_000, np.uint16))
    with pytest.warns(ImplausibleWarning, match=r"^<bytes>: as kelvin"):
        thermend.read(hot, unit="kelvin")
    with pytest.raises(thermend.UsageError, match=r"^<bytes>: has no page 4; it has 1$"):
        thermend.read(hot, page=4)
    with pytest.raises(thermend.InputError, match=r"^<bytes>: "):
        thermend.read(hot[:100])


@pytest.mark.parametrize("given", [bytes, buffers.BytesIO, Path, str, "address"])
def test_whatever_is_read_is_counted_measured_and_read_page_by_page(given, tmp_path):
    path = tmp_path / "three.npy"
    np.save(path, np.random.default_rng(0).integers(0, 9_000, (3, 20, 30)).astype(np.uint16))
    if given == "address":
        store = pytest.importorskip("fsspec", reason="needs the extra cloud").filesystem("memory")
        store.pipe_file("/names/three.npy", path.read_bytes())
        source = lambda: "memory://names/three.npy"  # noqa: E731
    else:
        source = lambda: given(path if given in (Path, str) else path.read_bytes())  # noqa: E731
    assert thermend.io.count_pages(source()) == 3
    assert thermend.io.shape_of(source()) == (20, 30)
    for pages in (thermend.io.read_pages, thermend.read_frames):
        assert [image.shape for image in pages(source())] == [(20, 30)] * 3
    with pytest.raises(thermend.UsageError, match=r"has no page 3; it has 3$"):
        thermend.read(source(), page=3)


def test_what_is_no_image_is_counted_once_and_has_no_shape():
    assert thermend.io.count_pages(b"GIF89a") == 1
    assert thermend.io.count_pages("memory://names/none.npy") == 1
    with pytest.raises(thermend.InputError, match=r"^<bytes>: is not an image"):
        thermend.io.shape_of(b"GIF89a")
    with pytest.raises(thermend.UsageError, match="expected a path, bytes or a file object"):
        thermend.io.shape_of(3)


def test_what_is_wrong_with_an_object_is_said_of_its_address():
    memory = pytest.importorskip("fsspec", reason="needs the extra cloud").filesystem("memory")
    memory.pipe_file("/names/hot.npy", npy(np.full((64, 64), 60_000, np.uint16)))
    with pytest.warns(ImplausibleWarning, match=r"^memory://names/hot.npy: as kelvin"):
        assert len(list(thermend.read_frames("memory://names/hot.npy", unit="kelvin"))) == 1
    with pytest.raises(thermend.UsageError, match=r"^memory://names/hot.npy: has no page 3"):
        thermend.read("memory://names/hot.npy", page=3)
    with pytest.raises(thermend.UsageError, match=r"^memory://names/a.foo: unknown suffix"):
        thermend.write(GREY, "memory://names/a.foo")
    with pytest.raises(thermend.UsageError, match=r"^memory://names/a.tif: a palette"):
        thermend.write(GREY, "memory://names/a.tif", palette="iron")
    memory.rm("/names", recursive=True)


def test_a_recording_is_written_to_an_address():
    memory = pytest.importorskip("fsspec", reason="needs the extra cloud").filesystem("memory")
    with open_writer("memory://names/a.tif") as writer:
        for _ in range(3):
            writer.write(GREY)
    assert len(list(thermend.read_frames("memory://names/a.tif"))) == 3
    with pytest.raises(ExistsError, match=r"^memory://names/a.tif"), open_writer("memory://names/a.tif") as writer:
        writer.write(GREY)
    with (
        pytest.raises(thermend.UsageError, match=r"^memory://names/b.tif: no frame"),
        open_writer("memory://names/b.tif"),
    ):
        pass
    assert [entry["name"] for entry in memory.ls("/names")] == ["/names/a.tif"]
    memory.rm("/names", recursive=True)


@pytest.mark.parametrize("address", ["memory://names/s.npz", "s3://bucket/s.npz"])
def test_no_address_becomes_a_folder_here(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = thermend.load("classical.chain").session()
    session(GREY)
    with pytest.raises(thermend.UsageError, match=f"^{address}: is an address of a store"):
        session.save(address)
    with pytest.raises(thermend.UsageError, match="is an address of a store"):
        Appending(Path(address))
    assert list(tmp_path.iterdir()) == []


def test_a_part_goes_by_the_name_that_it_will_have(tmp_path):
    coloured = open_writer(tmp_path / "a.tif", palette="iron")
    with pytest.raises(thermend.UsageError, match=rf"^{tmp_path}/a.tif: a palette colours"), coloured:
        pass
    nothing = open_writer(tmp_path / "b")
    with pytest.raises(thermend.UsageError, match=rf"^{tmp_path}/b: no recording is written so"), nothing:
        pass


def test_errors_about_other_files_keep_their_names(tmp_path):
    for error in (thermend.InputError("other.tif", "is damaged"), ExistsError("b.tif", "is there"), ValueError("no")):
        with pytest.raises(type(error)) as found, whole_file(tmp_path / "a.tif"):
            raise error
        assert found.value is error
    with pytest.raises(ExistsError) as found, called(Path("part"), "a.tif"):
        raise ExistsError("part", "is there")
    assert str(pickle.loads(pickle.dumps(found.value))) == "a.tif: is there"
