"""Addresses of objects in stores (``s3://bucket/key``): what is one, and what it is made of."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import PurePosixPath
from urllib.request import url2pathname

from thermend.errors import UsageError

SCHEMES = ("s3", "gs", "az", "file", "memory")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
_SECRET = re.compile(
    r"[?&](sig|signature|x-(amz|goog)-[\w-]+|awsaccesskeyid|googleaccessid|token|se|sv)=", re.IGNORECASE
)


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
    if _SECRET.search(rest) or (scheme != "file" and re.match(r"[^/]*:.*@", rest) and not rest.startswith("arn:")):
        raise UsageError(
            f"{scheme}://: an address holds no credentials; a store takes them from its environment or files"
        )
    if scheme == "file":
        path = rest.removeprefix("localhost")
        if not path.startswith("/"):
            raise UsageError(f"{text}: expected file:///folder/file")
        return os.path.normpath(url2pathname(path) if os.name == "nt" else path)
    if not rest.strip("/") or rest.startswith("/"):
        raise UsageError(f"{text}: names no bucket")
    if any(part in (".", "..") for part in rest.split("/")):
        raise UsageError(f"{text}: '.' and '..' have no meaning in a store")
    return f"{scheme}://{rest.rstrip('/')}"


def localised(text: str) -> str:
    """Of ``file://`` the path; anything else as it is."""
    return checked(text) if text.lower().startswith("file://") else text


def joined(folder: str, *names: str) -> str:
    """The address (or path) below another."""
    return folder.rstrip("/") + "/" + str(PurePosixPath(*names))


def name_of(address: str) -> str:
    """The last part of an address."""
    return address.rpartition("/")[2]


def glob_of(pattern: str) -> tuple[str, re.Pattern[str]]:
    """The folder that a glob looks in, and what the addresses are that it means: ``*`` and ``?`` stay within a folder, ``**``
    does not.

    Raises
    ------
    UsageError
        it names no bucket
    """
    top = re.split(r"[*?\[]", pattern, maxsplit=1)[0].rpartition("/")[0]
    if top.count("/") < 2 or top.endswith(":/"):
        raise UsageError(f"{pattern}: a glob names its bucket")
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    made = ""
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]/]*\]|[^*?]", pattern):
        if token in parts:
            made += parts[token]
        elif token.startswith("[") and len(token) > 2:
            inner = token[1:-1].replace("\\", "\\\\").replace("[", "\\[")
            made += f"(?!/)[{'^' + inner[1:] if inner.startswith('!') else inner}]"
        else:
            made += re.escape(token)
    return top, re.compile(made, re.DOTALL)


def digest(text: str) -> int:
    """Eight bytes that stand for an address."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
