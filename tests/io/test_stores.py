"""Addresses: what is one, what is refused, and objects that are whole or not there."""

from __future__ import annotations

import sys
import uuid

import pytest

import thermend
from thermend.errors import ExistsError, InputError, UsageError
from thermend.io import stores

fsspec = pytest.importorskip("fsspec", reason="needs the cluster extra")


@pytest.fixture
def folder() -> str:
    """A folder of a store in memory that nobody else has."""
    return f"memory://test-{uuid.uuid4().hex}"


@pytest.fixture
def file(tmp_path):
    def make(text: str = "whole"):
        path = tmp_path / "file"
        path.write_text(text)
        return path

    return make


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("s3://bucket/a/b.tif", "s3://bucket/a/b.tif"),
        ("S3://bucket/a/", "s3://bucket/a"),
        ("gs://bucket", "gs://bucket"),
        ("file:///a/b/../c.tif", "/a/c.tif"),
        ("file://localhost/a", "/a"),
        ("photos/a.tif", "photos/a.tif"),
        ("C:/photos", "C:/photos"),
    ],
)
def test_addresses_as_they_are_used(text, meant):
    assert stores.checked(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "http://host/a.tif", "ftp://host/a", "s3://", "s3:///key", "s3://bucket/../a", "file://a", "memory://",
        "s3://KEY:SECRET@bucket/a", "s3://KEY:SEC/RET/SECRET@bucket/a", "gs://b/k?X-Goog-Signature=SECRET",
        "s3://b/k?X-Amz-Security-Token=SECRET", "az://box/a?sv=2022&sig=SECRET", "s3://bucket/a?X-Amz-Signature=SECRET",
    ],
)  # fmt: skip
def test_what_is_no_address_is_one_line_without_secrets(text):
    with pytest.raises(UsageError) as refused:
        stores.checked(text)
    assert "SECRET" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_object_is_put_found_listed_and_fetched(folder, file, tmp_path):
    there = stores.put(file(), f"{folder}/a/b.txt")
    assert there == stores.found(f"{folder}/a/b.txt")
    assert (there.size, there.address) == (5, f"{folder}/a/b.txt")
    stores.put(file("other"), f"{folder}/a/b.c/d.txt")
    stores.put(file("third"), f"{folder}/z.txt")
    assert [one.address for one in stores.listed(folder)] == [
        f"{folder}/{n}" for n in ("z.txt", "a/b.txt", "a/b.c/d.txt")
    ]
    assert next(one.etag for one in stores.listed(f"{folder}/a")) == there.etag
    assert stores.fetched(f"{folder}/z.txt", tmp_path / "copy").read_text() == "third"
    assert stores.found(f"{folder}/a") is None
    assert stores.found(f"{folder}/none") is None
    assert list(stores.listed(f"{folder}/none")) == []
    with pytest.raises(InputError, match="no such object"):
        stores.fetched(f"{folder}/none", tmp_path / "copy")


def test_an_object_makes_room_only_where_that_is_asked_for(folder, file, tmp_path):
    before = stores.put(file("first"), f"{folder}/a")
    with pytest.raises(ExistsError):
        stores.put(file("again"), f"{folder}/a")
    assert stores.fetched(f"{folder}/a", tmp_path / "copy").read_text() == "first"
    assert stores.put(file("again"), f"{folder}/a", replace=True).etag != before.etag


def test_a_file_is_a_store_too(file, tmp_path):
    path = str(tmp_path / "out/a.txt")
    stores.put(file(), path)
    with pytest.raises(ExistsError):
        stores.put(file(), path)
    assert [one.address for one in stores.listed(str(tmp_path / "out"))] == [path]
    assert stores.fetched(path, tmp_path / "unused") == tmp_path / "out/a.txt"


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("*.txt", ["a.txt", "b.txt"]), ("?.txt", ["a.txt", "b.txt"]), ("c/*", ["c/d.txt"]), ("[!a].txt", ["b.txt"]),
        ("**/*.txt", ["a.txt", "b.txt", "c/d.txt", "c/e/f.txt", "g[1].txt"]), ("c/**", ["c/d.txt", "c/e/f.txt"]),
        ("c?d.txt", []), ("g[[]1].txt", ["g[1].txt"]), ("[.*]", []), ("*.tx", []),
    ],
)  # fmt: skip
def test_globs(glob, names):
    there = ("a.txt", "b.txt", "c/d.txt", "c/e/f.txt", "g[1].txt")
    top, wanted = stores.glob_of(f"s3://bucket/folder/{glob}")
    assert top.startswith("s3://bucket/folder")
    found = [name for name in there if wanted.fullmatch(f"s3://bucket/folder/{name}")]
    assert found == (names if glob != "*.txt" else [*names, "g[1].txt"])


def test_a_glob_names_its_bucket():
    for pattern in ("s3://*/a", "s3://buck*"):
        with pytest.raises(UsageError, match="names its bucket"):
            stores.glob_of(pattern)


class Answers:
    """A store that answers a put with an error of its own."""

    def __init__(self, error, code, there=False):
        self.error, self.code, self.there, self.calls = error, code, there, []

    def put_file(self, path, name, mode="overwrite"):
        self.calls.append(mode)
        if mode == "create":
            cause = RuntimeError()
            cause.response = {"Error": {"Code": self.code}}
            raise self.error from cause

    def exists(self, name):
        return self.there


def test_what_stores_say_of_an_object_that_is_there(tmp_path):
    for code in ("PreconditionFailed", "BlobAlreadyExists", "ConditionalRequestConflict"):
        with pytest.raises(FileExistsError):
            stores._put_once(Answers(OSError(22, "?"), code), tmp_path, "b/k", "create")


def test_a_store_without_conditions_is_asked_before(tmp_path):
    old = Answers(OSError(38, "A header you provided"), "NotImplemented")
    stores._put_once(old, tmp_path, "b/k", "create")
    assert old.calls == ["create", "overwrite"]
    with pytest.raises(FileExistsError):
        stores._put_once(Answers(OSError(38, "?"), "NotImplemented", there=True), tmp_path, "b/k", "create")


def test_a_stores_moods_are_waited_out_and_its_words_are_not_repeated(monkeypatch):
    monkeypatch.setattr(stores, "_WAITS", (0, 0, 0))
    answers = iter([OSError(5, "AKIA-KEY"), TimeoutError("AKIA-KEY"), "done"])

    def action():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert stores.tried("s3://b/k", "read", action) == "done"
    for kind, why in (
        (PermissionError, "refuses access"),
        (TimeoutError, "cannot be reached"),
        (ValueError, "ValueError"),
    ):

        def fail(kind=kind):
            raise kind("AKIA-KEY\nand its secret")

        with pytest.raises(InputError, match=why) as refused:
            stores.tried("s3://b/k", "read", fail)
        assert "AKIA" not in str(refused.value)
        assert refused.value.__cause__ is None
    calls = []

    def unreachable():
        calls.append(1)
        raise ConnectionRefusedError

    with pytest.raises(InputError, match="cannot be reached"):
        stores.tried("s3://b/k", "read", unreachable)
    assert len(calls) == 2


def test_a_store_whose_package_is_missing_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    stores._file_system.cache_clear()
    with pytest.raises(thermend.errors.MissingDependencyError, match=r"pip install 'thermend\[cluster\]'"):
        stores.found("s3://bucket/a")
    stores._file_system.cache_clear()


def test_images_are_read_and_written_by_address(folder, tmp_path, scene):
    image = thermend.ThermalImage.from_array((scene * 60000).astype("uint16"))
    thermend.write(image, f"{folder}/a.tif")
    assert (thermend.read(f"{folder}/a.tif").pixels == image.pixels).all()
    assert [frame.shape for frame in thermend.read_frames(f"{folder}/a.tif")] == [scene.shape]
    with pytest.raises(InputError, match=r"^memory://.*a\.tif: exists already"):
        thermend.write(image, f"{folder}/a.tif")
    thermend.write(image, f"{folder}/a.tif", overwrite=True)
    mask = (scene * 255 > 100).astype("uint8") * 255
    thermend.write(thermend.ThermalImage.from_array(mask), tmp_path / "m.tif")
    fsspec.filesystem("memory").pipe(f"{folder[8:]}/a.tif.msk", (tmp_path / "m.tif").read_bytes())
    assert (~(mask > 0) == thermend.read(f"{folder}/a.tif").nodata).all()
    thermend.write(image, f"file://{tmp_path}/b.tif")
    assert (thermend.read(f"file://{tmp_path}/b.tif").pixels == image.pixels).all()
    fsspec.filesystem("memory").pipe(f"{folder[8:]}/bad.png", b"none")
    with pytest.raises(InputError, match=rf"^{folder}/bad.png: "):
        thermend.read(f"{folder}/bad.png")
    with pytest.raises(UsageError, match="expected one of s3"):
        thermend.read("http://host/a.png")
