"""The methods: one folder a system, to be read beside its paper.

| module | what |
| --- | --- |
| `registry` | the catalogue, without loading anything of it |
| `info`, `options` | a row of it; what a method is opened with |
| `protocol` | what a method is, what passes between it and the restoration, and what only some methods can do |
| `watch` | progress and cancelling |
| `network` | what methods with a network share |
| `classical`, `deal`, `detail`, `dual_decoder`, `hidra`, `level`, `onnx`, `ppfn` | the methods |
| `auto` | the policy that chains them |

No system imports another; what two share moves down a floor.
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo
from thermend.methods.registry import CATALOGUE, catalogue, find, list_methods

__all__ = ["CATALOGUE", "MethodInfo", "catalogue", "find", "list_methods"]
