"""What a network takes to be wrong with an image, beside the diagnosis."""

from __future__ import annotations

import os
from typing import Any

from numpy.typing import ArrayLike

from thermend.diagnosis.preparation import prepare
from thermend.errors import InputError, UsageError
from thermend.image import ThermalImage
from thermend.methods import find
from thermend.restoration.network import open_network
from thermend.weights.checkpoints import SUFFIXES as CHECKPOINT_SUFFIXES

BY = ("hidra",)
"""Methods that have one."""


class SecondOpinion:
    """HiDRA's degradation vector, read by the linear probe that comes with its weights.

    Parameters
    ----------
    by : the method
    weights : None takes those that ship

    Raises
    ------
    UsageError : the method has none, or no weights ship, or the file is of a kind that holds no probe
    InputError : the weights cannot be read, or hold no probe
    MissingDependencyError : torch or diffusers is not installed
    """

    def __init__(self, by: str, weights: str | os.PathLike[str] | None = None) -> None:
        if by not in BY:
            raise UsageError(f"--by {by!r}: expected {' or '.join(BY)}")
        method = find(by)
        path = method.weights_file(weights, ".safetensors")
        if path.suffix not in CHECKPOINT_SUFFIXES:
            raise UsageError(f"{path}: --by takes weights with a probe, {' or '.join(CHECKPOINT_SUFFIXES)}")
        self.by = by
        self.network = open_network(method, path, "torch")[0]
        from thermend.methods.hidra.probe import QUESTIONS, read_probes

        self.probes, self.questions = read_probes(path), QUESTIONS
        passes: Any = self.network.passes
        if any(probe.weight.shape[1] != passes.width for probe in self.probes.values()):
            raise InputError(path, f"holds a probe of vectors of another width than {passes.width}")

    def of(self, image: ThermalImage | ArrayLike) -> dict[str, Any]:
        """Chances of each type of degradation, as if there were one alone (``types``), and of each level of composite damage
        (``levels``), by name; and whose opinion it is (``by``).

        Parameters
        ----------
        image : a `ThermalImage`, or an (H, W) array as for :meth:`ThermalImage.from_array`
        """
        image = image if isinstance(image, ThermalImage) else ThermalImage.from_array(image)
        passes: Any = self.network.passes
        vector = passes.vector(prepare(image).pixels, self.network)
        found: dict[str, Any] = {"by": self.by}
        for question, probe in self.probes.items():
            chances = probe.chances(vector)[0]
            found[question] = {name: round(float(c), 4) for name, c in zip(self.questions[question], chances)}
        return found
