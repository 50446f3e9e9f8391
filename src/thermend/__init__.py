"""thermend mends thermal-infrared images. This is the public API; everything in it is loaded when first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from thermend.version import __version__

if TYPE_CHECKING:
    from thermend import degradations, metrics
    from thermend.errors import Cancelled, InputError, MissingDependencyError, ThermendError, UsageError
    from thermend.estimation import Diagnosis, diagnose
    from thermend.image import ThermalImage
    from thermend.io import read, read_frames, write
    from thermend.methods import MethodInfo, list_methods, models
    from thermend.restoration import Restorer, Verification, enhance, load, verify

_HOME = {
    "Cancelled": "thermend.errors",
    "Diagnosis": "thermend.estimation",
    "InputError": "thermend.errors",
    "MethodInfo": "thermend.methods",
    "MissingDependencyError": "thermend.errors",
    "Restorer": "thermend.restoration",
    "ThermalImage": "thermend.image",
    "ThermendError": "thermend.errors",
    "UsageError": "thermend.errors",
    "Verification": "thermend.restoration",
    "diagnose": "thermend.estimation",
    "enhance": "thermend.restoration",
    "list_methods": "thermend.methods",
    "load": "thermend.restoration",
    "read": "thermend.io",
    "read_frames": "thermend.io",
    "verify": "thermend.restoration",
    "write": "thermend.io",
}
_MODULES = {
    "degradations": "thermend.degradations",
    "metrics": "thermend.metrics",
    "models": "thermend.methods.models",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOME:
        raise AttributeError(f"module 'thermend' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])


__all__ = [
    "Cancelled",
    "Diagnosis",
    "InputError",
    "MethodInfo",
    "MissingDependencyError",
    "Restorer",
    "ThermalImage",
    "ThermendError",
    "UsageError",
    "Verification",
    "__version__",
    "degradations",
    "diagnose",
    "enhance",
    "list_methods",
    "load",
    "metrics",
    "models",
    "read",
    "read_frames",
    "verify",
    "write",
]
