"""Any one-channel network in an ONNX file."""

from __future__ import annotations

from thermend.methods.info import MethodInfo

METHODS = (
    MethodInfo(
        "onnx",
        None,
        ("radiometric", "display"),
        "any one-channel network in an ONNX file (--weights)",
        "thermend.methods.network:NetworkMethod",
    ),
)
