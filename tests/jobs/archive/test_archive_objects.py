"""From addresses to inputs: the same names as files have, one after another."""

from __future__ import annotations

import os  # noqa: F401 (in a condition)
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
    assert beside["a.png"] == ("a.pgw", "a.png.aux.xml")
    assert beside["a.b.png"] == ()
    assert {i.place: i.beside for i in objects([f"{store}/b/*.tif"], "")} == {"a.tif": ("a.tif.msk",)}
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


def test_names_that_lead_out_of_a_folder_are_named(tmp_path, monkeypatch):
    from thermend.io import stores

    keys = ("a//etc/x.png", "a/../x.png", "/x.png", "b\\\\c.png", "fine/x.png")
    listing = [stores.Found(f"s3://bucket/in/{key}", 1, "e") for key in keys]
    monkeypatch.setattr(stores, "listed", lambda top: iter(listing))
    monkeypatch.setattr(stores, "found", lambda address: None)
    problems = {i.address[15:]: i.problem for i in objects(["s3://bucket/in"], "s3://bucket/out")}
    assert problems.pop("fine/x.png") is None
    assert len(problems) == 4
    assert set(problems.values()) == {"has a name that no file can have"}


def test_a_folder_in_between_parts_no_names(monkeypatch):
    """S3 lists by the whole key: f.jpg, f.old/a.png, f.png."""
    from thermend.io import stores

    keys = ("f.jpg", "f.old/a.jpg", "f.old/a.png", "f.png", "g/f.jpg")
    monkeypatch.setattr(stores, "listed", lambda top: (stores.Found(f"{top}/{key}", 1, "e") for key in keys))
    monkeypatch.setattr(stores, "found", lambda address: None)
    stems = {i.place: i.stem for i in objects(["s3://bucket/in"], "s3://bucket/out")}
    assert stems == {"f.jpg": "f.jpg", "f.png": "f", "f.old/a.jpg": "a.jpg", "f.old/a.png": "a", "g/f.jpg": "f"}


def test_many_names_that_begin_alike_are_little(monkeypatch):
    from thermend.io import stores

    names = [f"FLIR.{n:05d}.tif" for n in range(3000)] + ["FLIR.00007.tfw"]
    monkeypatch.setattr(stores, "listed", lambda top: (stores.Found(f"{top}/{name}", 1, "e") for name in sorted(names)))
    monkeypatch.setattr(stores, "found", lambda address: None)
    beside = {i.place: i.beside for i in objects(["s3://bucket/in"], "s3://bucket/out")}
    assert {place for place, names in beside.items() if names} == {"FLIR.00007.tif"}


def test_local_folders_by_any_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("in/image1.png", "in/sub/image2.png", "in/out/r.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for text in ("in", "./in", "in/", "sub/../in", str(tmp_path / "in")):
        assert {i.place for i in objects([text], str(tmp_path / "in/out"))} == {"image1.png", "sub/image2.png"}
    monkeypatch.chdir(tmp_path / "in")
    assert {i.place for i in objects(["."], "s3://b/x")} == {"image1.png", "sub/image2.png", "out/r.png"}
    assert {i.place for i in objects(["out"], str(tmp_path / "in"))} == {"r.png"}  # inputs below the results


@pytest.mark.skipif("os.geteuid() == 0", reason="root searches every folder")
def test_a_folder_that_cannot_be_searched_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "closed").mkdir(mode=0)
    assert {i.problem is None for i in objects([str(tmp_path)], "out")} == {True, False}


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    (tmp_path / "b.png").symlink_to(tmp_path / "none")
    assert {i.place: i.problem is None for i in objects([str(tmp_path)], "out")} == {"a.png": True, "b.png": False}


def test_inputs_below_the_results_are_inputs(store):
    assert "a.tif" in {i.place for i in objects([f"{store}/b"], store)}


def test_what_is_named_twice_is_given_once(store):
    assert len([i for i in objects([store, f"{store}/b/a.tif"], "memory://out") if i.address.endswith("b/a.tif")]) == 1


def test_a_glob_over_equal_names_is_refused(store):
    fsspec.filesystem("memory").pipe({f"/{store[9:]}/d1/x.tif": b"x", f"/{store[9:]}/d2/x.tif": b"x"})
    with pytest.raises(UsageError, match="would both be written"):
        list(objects([f"{store}/**/x.tif"], "memory://out"))


def test_a_name_with_a_globs_letters_is_a_name(store):
    fsspec.filesystem("memory").pipe({f"/{store[9:]}/q[1].tif": b"x", f"/{store[9:]}/q1.tif": b"x"})
    assert [i.place for i in objects([f"{store}/q[1].tif"], "memory://out")] == ["q[1].tif"]


@pytest.mark.parametrize("name", ["", "none", "*.gif"])
def test_nothing_there_is_a_line(store, name):
    with pytest.raises(UsageError):
        list(objects([f"{store}/{name}" if name else ""], "memory://out"))
