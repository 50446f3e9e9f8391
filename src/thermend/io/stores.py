"""Objects in stores, by their addresses (``s3://bucket/key``): found, listed, fetched and put, whole or not at all.

What speaks to a store is fsspec and that store's package (the extra ``cluster``). Credentials come by each store's own ways
(environment, files, roles); an address that holds one is refused, and no message repeats what a store said beyond its code.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from thermend.errors import ExistsError, InputError, MissingDependencyError, UsageError
from thermend.io.atomic import whole_file

Answer = TypeVar("Answer")

SCHEMES = ("s3", "gs", "az", "file", "memory")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_SECRET = re.compile(r"[?&](sig|signature|x-amz-\w+|awsaccesskeyid|token|se|sv)=", re.IGNORECASE)
_WAITS = (0.3, 1.0, 3.0, 8.0)
"""s between attempts, where a store is out of order; its own package has tried some times before."""
_FINAL = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError)
_PAGE = 1000


@dataclass(frozen=True)
class Found:
    """An object that is there.

    Attributes
    ----------
    address : str
    size : int
        bytes
    etag : str
        changes with its content: the store's own, or of a file its size and time
    """

    address: str
    size: int
    etag: str


def is_address(text: str) -> bool:
    """Whether a text names an object, or a folder of them, in a store."""
    return _ADDRESS.fullmatch(text) is not None


def checked(text: str) -> str:
    """An address as it is used, or for ``file://`` the path.

    Raises
    ------
    UsageError
        it is of no store that is known, names no bucket, or holds a secret
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return text
    scheme, rest = match[1].lower(), match[2]
    if scheme not in SCHEMES:
        raise UsageError(f"{scheme}://: expected one of {', '.join(f'{s}://' for s in SCHEMES)}, or a path")
    if _SECRET.search(rest) or (scheme != "file" and re.match(r"[^/]*:[^/]*@", rest)):
        raise UsageError(
            f"{scheme}://: an address holds no credentials; a store takes them from its environment or files"
        )
    if scheme == "file":
        path = rest.removeprefix("localhost")
        if not path.startswith("/"):
            raise UsageError(f"{text}: expected file:///folder/file")
        return os.path.normpath(path)
    if not rest.strip("/") or rest.startswith("/"):
        raise UsageError(f"{text}: names no bucket")
    if any(part in (".", "..") for part in rest.split("/")):
        raise UsageError(f"{text}: '.' and '..' have no meaning in a store")
    return f"{scheme}://{rest.rstrip('/')}"


def joined(folder: str, *names: str) -> str:
    """The address (or path) below another."""
    return folder.rstrip("/") + "/" + str(PurePosixPath(*names))


def name_of(address: str) -> str:
    """The last part of an address."""
    return address.rpartition("/")[2]


@functools.cache
def _file_system(scheme: str) -> Any:
    """What speaks to a store; one a process, for it keeps connections."""
    try:
        import fsspec

        return fsspec.filesystem(scheme, **({} if scheme == "memory" else {"use_listings_cache": False}))
    except ImportError as error:
        raise MissingDependencyError(
            f"addresses of {scheme}:// need more packages ({error.name} is missing): pip install 'thermend[cluster]'"
        ) from error


def _of(address: str) -> tuple[Any, str]:
    """A store, and what an address is called there."""
    scheme, _, rest = address.partition("://")
    return _file_system(scheme), rest


def tried(address: str, what: str, action: Callable[[], Answer]) -> Answer:
    """Carry out what may fail by a store's mood, some times over.

    Raises
    ------
    InputError
        it failed each time, or for a reason that does not pass
    FileNotFoundError, FileExistsError
        as the action
    """
    for wait in (*_WAITS, None):
        try:
            return action()
        except (FileNotFoundError, FileExistsError, InputError, UsageError):
            raise
        except _FINAL as error:
            raise InputError(address, f"cannot be {what}: {_reason(error)}") from None
        except Exception as error:  # each store's package has errors of its own
            if wait is None or _is_final(error):
                raise InputError(address, f"cannot be {what}: {_reason(error)}") from None
            time.sleep(wait)
    raise AssertionError("unreachable")


def _is_final(error: Exception) -> bool:
    return "credential" in type(error).__name__.lower() or isinstance(error, (TypeError, NotImplementedError))


def _reason(error: BaseException) -> str:
    """Why, without the words of a store, which may hold a key or a signed address."""
    kind = type(error).__name__
    if isinstance(error, PermissionError):
        return "the store refuses access"
    if "credential" in kind.lower():
        return "no credentials were found; a store takes them from its environment or files"
    if any(word in kind.lower() for word in ("connect", "endpoint", "timeout")):
        return "the store cannot be reached"
    if isinstance(error, OSError) and error.errno is not None:
        return f"the store answered with an error ({os.strerror(error.errno)})"
    return f"the store answered with an error ({kind})"


def found(address: str) -> Found | None:
    """An object (or file) if it is there; None where it is not, or is a folder."""
    if not is_address(address):
        return _found_file(Path(address))
    store, name = _of(address)
    try:
        info = tried(address, "looked up", lambda: store.info(name))
    except FileNotFoundError:
        return None
    return None if info["type"] == "directory" else _found(address, info)


def _found_file(path: Path) -> Found | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return Found(str(path), facts.st_size, f"{facts.st_size:x}-{facts.st_mtime_ns:x}") if path.is_file() else None


def _found(address: str, info: dict[str, Any]) -> Found:
    etag = info.get("ETag") or info.get("etag") or info.get("md5Hash") or info.get("created") or ""
    text = str(etag.timestamp() if isinstance(etag, datetime) else etag).strip('"')
    return Found(address, int(info["size"]), text)


def listed(address: str) -> Iterator[Found]:
    """All objects below an address, by name, folder by folder; of S3 page by page, so that any number is little memory.

    Raises
    ------
    InputError
        the store cannot be asked
    """
    if not is_address(address):
        for root, folders, names in os.walk(address):
            folders.sort()
            for name in sorted(names):
                if (there := _found_file(Path(root, name))) is not None:
                    yield there
        return
    store, top = _of(address)
    scheme = address.partition("://")[0]
    entries = _s3_pages(store, top + "/") if scheme == "s3" else _walked(store, top)
    while True:
        try:
            info = next(entries, None)
        except FileNotFoundError:
            return
        except InputError:
            raise
        except Exception as error:
            raise InputError(address, f"cannot be listed: {_reason(error)}") from None
        if info is None:
            return
        if info["type"] != "directory" and not info["name"].endswith("/"):
            yield _found(f"{scheme}://{info['name'].lstrip('/')}", info)


def _walked(store: Any, top: str) -> Iterator[dict[str, Any]]:
    for _, _, files in store.walk(top, detail=True, on_error="raise"):
        yield from (files[name] for name in sorted(files))


def _s3_pages(store: Any, prefix: str) -> Iterator[dict[str, Any]]:
    """Of fsspec's s3 the one listing that does not gather all of it first."""
    from fsspec.asyn import sync

    bucket, _, key = prefix.partition("/")
    entries = store._iterdir(bucket, delimiter="", prefix=key)

    async def page() -> list[dict[str, Any]]:
        some: list[dict[str, Any]] = []
        async for entry in entries:
            some.append(entry)
            if len(some) == _PAGE:
                break
        return some

    while some := sync(store.loop, page):
        yield from some


def matching(pattern: str) -> Iterator[Found]:
    """The objects that a glob names (``**`` over folders)."""
    root = pattern[: re.search(r"[*?\[]", pattern).start()].rpartition("/")[0]  # type: ignore[union-attr]
    if root.count("/") < 2 or root.endswith(":/"):
        raise UsageError(f"{pattern}: a glob names its bucket")
    wanted = re.compile(_translated(pattern))
    yield from (there for there in listed(root) if wanted.fullmatch(there.address))


def _translated(pattern: str) -> str:
    """A glob as a regular expression, in which ``*`` stays within a folder."""
    parts = []
    for part in pattern.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            parts.append(fnmatch.translate(part).removesuffix(r"\z").removesuffix(r"\Z").replace(".*", "[^/]*") + "/")
    return "".join(parts).removesuffix("/")


def starting_with(prefix: str) -> list[Found]:
    """The objects of one folder whose addresses begin with a text."""
    folder, _, _ = prefix.rpartition("/")
    if not is_address(prefix):
        try:
            with os.scandir(folder) as entries:
                paths = sorted(entry.path for entry in entries if entry.path.startswith(prefix))
        except OSError:
            return []
        return [there for path in paths if (there := _found_file(Path(path))) is not None]
    store, name = _of(prefix)
    scheme = prefix.partition("://")[0]

    def ask() -> list[dict[str, Any]]:
        if scheme == "s3":
            return list(_s3_pages(store, name))
        return list(store.ls(name.rpartition("/")[0], detail=True))

    try:
        infos = tried(prefix, "listed", ask)
    except FileNotFoundError:
        return []
    those = [_found(f"{scheme}://{i['name'].lstrip('/')}", i) for i in infos if i["type"] != "directory"]
    return [t for t in those if t.address.startswith(prefix) and "/" not in t.address[len(prefix) :]]


def fetched(address: str, path: Path) -> Path:
    """An object as a file, streamed to `path`; of a file that is one, itself.

    Raises
    ------
    InputError
        it is not there, or cannot be read
    """
    if not is_address(address):
        return Path(address)
    store, name = _of(address)
    path.parent.mkdir(parents=True, exist_ok=True)

    def fetch() -> None:
        path.unlink(missing_ok=True)
        store.get_file(name, str(path))

    try:
        tried(address, "read", fetch)
    except FileNotFoundError:
        raise InputError(address, "no such object") from None
    return path


def put(path: Path, address: str, *, replace: bool = False) -> Found:
    """Store a file whole: by one request, or by a multipart upload that is completed, or aborted.

    Parameters
    ----------
    path : Path
        stays
    address : str
        or the path of a file
    replace : bool
        whether an object that is there makes room

    Returns
    -------
    Found
        what is there now

    Raises
    ------
    ExistsError
        there is one, and it is not to be replaced
    InputError
        the store refuses, or cannot be reached
    """
    if not is_address(address):
        with whole_file(Path(address), overwrite=replace) as temporary:
            shutil.copyfile(path, temporary)
    else:
        store, name = _of(address)
        mode = "overwrite" if replace else "create"
        try:
            tried(address, "written", lambda: _put_once(store, path, name, mode))
        except FileExistsError:
            raise ExistsError(address, "exists already and is not replaced") from None
        except FileNotFoundError:
            raise InputError(address, "cannot be written: there is no such bucket") from None
    there = found(address)
    if there is None or there.size != path.stat().st_size:
        raise InputError(address, "is not what was written; another program works on it")
    return there


def _put_once(store: Any, path: Path, name: str, mode: str) -> None:
    try:
        store.put_file(str(path), name, mode=mode)
    except (FileExistsError, FileNotFoundError, PermissionError):
        raise
    except Exception as error:
        said = f"{type(error).__name__} {error}"
        if mode == "create" and any(
            word in said for word in ("PreconditionFailed", "BlobAlreadyExists", "ConditionalRequest")
        ):
            raise FileExistsError(name) from None
        if mode == "create" and "NotImplemented" in said:  # a store that knows no conditions
            if store.exists(name):
                raise FileExistsError(name) from None
            store.put_file(str(path), name)
            return
        raise


def abort_uploads(address: str) -> int:
    """Give up the multipart uploads below an address that a killed run has left open; how many there were.

    Only S3 keeps such: a block blob of Azure and an object of Google that was not finished goes by itself.
    """
    if not address.startswith("s3://"):
        return 0
    store, name = _of(address)
    bucket, _, prefix = name.partition("/")
    begun = 0
    with contextlib.suppress(Exception):  # a right that not every user has; nothing of ours depends on it
        for upload in store.list_multipart_uploads(bucket):
            if upload["Key"].startswith(prefix):
                store.call_s3("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                begun += 1
    return begun
