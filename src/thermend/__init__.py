"""thermend mends thermal-infrared images. This is the public API; everything in it is loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thermend.version import __version__

if TYPE_CHECKING:
    from thermend import degradations, metrics
    from thermend.diagnosis import Diagnosis, diagnose
    from thermend.errors import InputError, MissingDependencyError, ThermendError, UsageError
    from thermend.image import ThermalImage
    from thermend.io import read, write
    from thermend.methods import MethodDescription, list_methods
    from thermend.restoration import Restorer, enhance, load

_HOME = {
    "Diagnosis": "thermend.diagnosis",
    "diagnose": "thermend.diagnosis",
    "InputError": "thermend.errors",
    "MissingDependencyError": "thermend.errors",
    "ThermendError": "thermend.errors",
    "UsageError": "thermend.errors",
    "ThermalImage": "thermend.image",
    "read": "thermend.io",
    "write": "thermend.io",
    "MethodDescription": "thermend.methods",
    "list_methods": "thermend.methods",
    "Restorer": "thermend.restoration",
    "enhance": "thermend.restoration",
    "load": "thermend.restoration",
}


_MODULES = ("degradations", "metrics")


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"thermend.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'thermend' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])


__all__ = [
    "Diagnosis",
    "InputError",
    "MethodDescription",
    "MissingDependencyError",
    "Restorer",
    "ThermalImage",
    "ThermendError",
    "UsageError",
    "__version__",
    "degradations",
    "diagnose",
    "enhance",
    "list_methods",
    "load",
    "metrics",
    "read",
    "write",
]
