"""Objects in stores, by their addresses (``s3://bucket/key``): found, listed, fetched and put, whole or not at all.

What speaks to a store is fsspec and that store's package (the extra ``cluster``). Credentials come by each store's own ways
(environment, files, roles); an address that holds one is refused, and no message repeats what a store said beyond its code.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from thermend.errors import ExistsError, InputError, MissingDependencyError, UsageError
from thermend.io.addresses import checked, digest, glob_of, is_address, joined, localised, name_of
from thermend.io.atomic import whole_file

__all__ = (
    "Found", "abort_uploads", "check_bucket", "checked", "digest", "fetched", "found", "glob_of", "is_address", "joined",
    "listed", "localised", "name_of", "put", "starting_with", "tried",
)  # fmt: skip

Answer = TypeVar("Answer")

_WAITS = (0.3, 1.0, 3.0, 8.0)
"""s between attempts, where a store is out of order; its own package has tried some times before."""
_FINAL = (FileNotFoundError, FileExistsError, PermissionError, IsADirectoryError, NotADirectoryError, ImportError)
_PAGE = 1000
_UNREACHABLE = "the store cannot be reached"


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


@functools.cache
def _file_system(scheme: str) -> Any:
    """What speaks to a store; one a process, for it keeps connections."""
    try:
        import fsspec

        return fsspec.filesystem(scheme, **({} if scheme == "memory" else {"use_listings_cache": False}))
    except ValueError as error:  # as adlfs, where nothing names an account
        raise InputError(
            f"{scheme}://", f"cannot be asked: {_reason(error)}; its account or credentials are missing"
        ) from None
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
    unreachable = 0
    for wait in (*_WAITS, None):
        try:
            return action()
        except (FileNotFoundError, FileExistsError, InputError, UsageError):
            raise
        except _FINAL as error:
            raise InputError(address, f"cannot be {what}: {_reason(error)}") from None
        except Exception as error:  # each store's package has errors of its own
            unreachable += _reason(error) == _UNREACHABLE  # which its package has tried for minutes
            if wait is None or _is_final(error) or unreachable > 1:
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
        return _UNREACHABLE
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
    etag = f"{facts.st_size:x}-{facts.st_mtime_ns:x}"
    return Found(path.as_posix(), facts.st_size, etag) if path.is_file() else None


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
        except (
            FileNotFoundError
        ):  # no bucket; or an upload that another has ended, or that was completed, but not heard of
            there = found(address)
            if there is None or there.size != path.stat().st_size:
                raise InputError(address, "cannot be written: no such bucket, or its upload was ended") from None
    there = found(address)
    if there is None or there.size != path.stat().st_size:
        raise InputError(address, "is not what was written; another program works on it")
    return there


def _put_once(store: Any, path: Path, name: str, mode: str) -> None:
    try:
        store.put_file(str(path), name, mode=mode)
    except (FileExistsError, PermissionError):
        raise
    except Exception as error:
        code = _code(error)
        if mode == "create" and code in _THERE:
            raise FileExistsError(name) from None
        if mode == "create" and code in ("NotImplemented", "InvalidArgument"):  # a store that knows no conditions
            if store.exists(name):
                raise FileExistsError(name) from None
            store.put_file(str(path), name)
            return
        raise


_THERE = ("PreconditionFailed", "ConditionalRequestConflict", "BlobAlreadyExists", "412", "409")


def _code(error: BaseException) -> str:
    """What a store calls an error; its package may have made another of it."""
    for one in (error, error.__cause__, error.__context__):
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            return str(response.get("Error", {}).get("Code", ""))
        if (code := getattr(one, "error_code", None) or getattr(one, "code", None)) is not None:
            return str(code)
    return ""


def check_bucket(address: str) -> None:
    """Refuse a place for results that cannot be one, before work is done for it.

    Raises
    ------
    InputError
        it is in a bucket that there is not, or that cannot be asked for
    """
    if not is_address(address) or address.startswith("memory://"):
        return
    store, name = _of(address)
    if not tried(address, "written", lambda: store.exists(name.partition("/")[0])):
        raise InputError(address, "cannot be written: there is no such bucket")


def abort_uploads(address: str, older: float = 86400.0) -> int:
    """Give up the multipart uploads below an address that a killed run has left open; how many there were.

    Only S3 keeps such: a block blob of Azure and an object of Google that was not finished goes by itself.

    Parameters
    ----------
    address : str
        of a folder
    older : float
        s; what was begun later may be another program's that still works on it
    """
    if not address.startswith("s3://"):
        return 0
    store, name = _of(address)
    bucket, _, prefix = name.partition("/")
    ended = 0
    with contextlib.suppress(Exception):  # a right that not every user has; nothing of ours depends on it
        for upload in store.list_multipart_uploads(bucket):
            age = (datetime.now(timezone.utc) - upload["Initiated"]).total_seconds()
            if prefix and upload["Key"].startswith(f"{prefix}/") and age >= older:
                store.call_s3("abort_multipart_upload", Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
                ended += 1
    return ended
