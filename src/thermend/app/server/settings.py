"""What a server is started with."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from thermend.errors import UsageError

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """What a server is started with.

    Attributes
    ----------
    host, port
        the address that it listens at; 0 takes a port that is free
    token : str or None
        what a client has to know; None where only this machine reaches it
    allowed_hosts : tuple of str
        further names that it is reached by (a proxy's)
    upload_megabytes, pixels : int
        the largest file, and the largest image in one
    queue : int
        files that may wait
    keep_minutes : float
        how long a result is kept
    seconds : float
        how long a file may take
    memory_megabytes : int
        how much memory a file may take
    storage_megabytes : int
        how much uploads and results may take together
    workers : int
        processes that mend

    Raises
    ------
    UsageError
        one of them makes no sense, or the network could reach a server without a token
    """

    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    upload_megabytes: int = 1024
    pixels: int = 50_000_000
    queue: int = 64
    keep_minutes: float = 30.0
    seconds: float = 600.0
    memory_megabytes: int = 4096
    storage_megabytes: int = 16384
    workers: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise UsageError(f"--port {self.port}: expected 0 to 65535")
        for name in (
            "upload_megabytes", "pixels", "queue", "keep_minutes", "seconds", "memory_megabytes", "storage_megabytes",
            "workers",
        ):  # fmt: skip
            if not getattr(self, name) > 0:
                raise UsageError(f"{name.replace('_', ' ')} {getattr(self, name)}: expected more than 0")
        if self.token is not None and (not self.token or not self.token.isascii() or not self.token.isprintable()):
            raise UsageError("the token is empty or holds characters that no header carries; choose ASCII ones")
        if self.token is not None and self.token != self.token.strip():
            raise UsageError("the token begins or ends with a space, which no header carries")
        for name in self.allowed_hosts:
            if not name or any(character in name for character in "/@ *"):
                raise UsageError(f"--allow-host {name}: expected a name such as thermal.example.org")
        if not self.is_local and self.token is None:
            raise UsageError(
                f"--host {self.host} is reached from other machines; set a token (THERMEND_TOKEN or --token) to allow that"
            )

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine reaches the address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def threads(self) -> int:
        """Cores that a network may take: all, unless several processes share them."""
        return 0 if self.workers == 1 else 1

    @property
    def takes_any_address(self) -> bool:
        """Whether it listens at all addresses of this machine."""
        try:
            return ipaddress.ip_address(self.host).is_unspecified
        except ValueError:
            return False
