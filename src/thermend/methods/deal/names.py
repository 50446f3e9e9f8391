"""What DEAL's recipes may name; loads no torch."""

from __future__ import annotations

from typing import Literal

CASCADES = ("cascade-1", "cascade-2", "cascade-3", "six-block")
"""The networks of :data:`thermend.methods.deal.network.PRESETS`, by name."""
STAGES = 5
Strategy = Literal["adversarial", "random", "average", "all"]
