"""From addresses to inputs: the same names as files have, one after another."""

from __future__ import annotations

import uuid

import pytest

from thermend.errors import UsageError
from thermend.jobs.archive.objects import objects
from thermend.jobs.sources import collect

fsspec = pytest.importorskip("fsspec", reason="needs the cluster extra")

TREE = (
    "a.png", "a.jpg", "a.jpg.tif", "a-1.png", "a.b.png", "a.png.aux.xml", "a.pgw", "b/a.tif", "b/a.tif.msk", "b/notes.txt",
    ".hidden.png", ".hid/x.png", "b/c.seq", "B/c.SEQ", "b/r.partial.mkv", "thermend-manifest/p.png", "z.npy",
)  # fmt: skip


@pytest.fixture
def store():
    """A folder in memory with such names in it."""
    name = f"test-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").pipe({f"/{name}/{path}": b"x" for path in TREE})
    return f"memory://{name}"


def test_results_are_named_as_those_of_files(store, tmp_path):
    for path in TREE:
        (tmp_path / "in" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / path).write_bytes(b"x")
    of_files = {i.place.as_posix(): i.stem for i in collect([str(tmp_path / "in")], recordings=True)}
    of_files.pop("thermend-manifest/p.png")
    for place in (store, str(tmp_path / "in")):
        found = list(objects([place], "memory://out"))
        assert {item.place: item.stem for item in found} == of_files
        assert all(item.address == f"{place}/{item.place}" and item.size == 1 and item.etag for item in found)


def test_what_lies_beside_is_known(store):
    beside = {item.place: item.beside for item in objects([store], "memory://out")}
    assert {"a.png.aux.xml", "a.pgw"} <= set(beside["a.png"])
    assert beside["b/a.tif"] == ("a.tif.msk",)
    assert next(objects([f"{store}/b/a.tif"], "memory://out")).beside == ("a.tif.msk",)


def test_results_below_the_inputs_are_none(store):
    assert "b/a.tif" not in {item.place for item in objects([store], f"{store}/b")}
    assert "B/c.SEQ" in {item.place for item in objects([store], f"{store}/b")}


def test_pictures_alone_where_no_recordings_are_asked_for(store):
    assert "b/c.seq" not in {item.place for item in objects([store], "memory://out", recordings=False)}


def test_several_folders_keep_their_names(store):
    fsspec.filesystem("memory").pipe({f"/{store[9:]}-2/a.png": b"x"})
    places = {item.place for item in objects([store, f"{store}-2"], "memory://out")}
    assert f"{store[9:]}/a.png" in places
    assert f"{store[9:]}-2/a.png" in places


def test_two_inputs_with_one_result_are_refused(store):
    fsspec.filesystem("memory").pipe({f"/{store[9:]}/two/b/a.tif": b"x"})
    with pytest.raises(UsageError, match="would both be written"):
        list(objects([f"{store}/b/a.tif", f"{store}/two/b/a.tif"], "memory://out"))
    with pytest.raises(UsageError, match="would both be written"):
        list(objects([f"{store}/b", f"{store}/two/b"], "memory://out"))
    assert len(list(objects([f"{store}/b/a.tif", f"{store}/b/a.tif"], "memory://out"))) == 1


@pytest.mark.parametrize("name", ["", "none", "*.gif"])
def test_nothing_there_is_a_line(store, name):
    with pytest.raises(UsageError):
        list(objects([f"{store}/{name}" if name else ""], "memory://out"))
