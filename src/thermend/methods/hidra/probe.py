"""A linear probe on the degradation vector P: which damage is in an image, and how bad it is altogether.

Nothing else than P is looked at, and nothing but a linear layer looks: what it tells apart, P tells apart.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from thermend.degradations import Cascade, OneOf, Step, Uniform, preset
from thermend.errors import InputError
from thermend.weights.checkpoints import read_metadata, read_tensors

TYPES: dict[str, Cascade] = {
    "contrast": Cascade((Step("contrast", {"factor": Uniform(0.3, 0.7)}),)),
    "low-resolution": Cascade((Step("low-resolution", {"factor": OneOf((2, 4))}),)),
    "blur": Cascade((Step("blur", {"sigma": Uniform(1.2, 3.0)}),)),
    "stripes": Cascade((Step("stripes", {"offset": Uniform(4, 20), "gain": Uniform(0, 0.1)}),)),
    "fixed-pattern-noise": Cascade(
        (Step("fixed-pattern-noise", {"offset": Uniform(4, 15), "gain": Uniform(0, 0.05)}),)
    ),
    "gaussian-noise": Cascade((Step("gaussian-noise", {"sigma": Uniform(5, 30)}),)),
}
"""The six degradation types, one alone each (ranges assumed)."""
LEVELS: dict[str, Cascade] = {name: preset(f"hidra-{name}") for name in ("mild", "moderate", "severe", "extreme")}
"""The paper's levels of composite damage."""

QUESTIONS: dict[str, tuple[str, ...]] = {"types": tuple(TYPES), "levels": tuple(LEVELS)}

Vectors = NDArray[np.float32]


class Probe(NamedTuple):
    """A linear layer and softmax.

    Attributes
    ----------
    weight, bias : array of float32
        (answers, width), (answers,); on vectors as they are
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def chances(self, vectors: Vectors) -> NDArray[np.float64]:
        """(N, width) to (N, answers); rows sum to 1."""
        logits = vectors.astype(np.float64) @ self.weight.T + self.bias
        shares = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(shares / shares.sum(1, keepdims=True))

    def accuracy(self, vectors: Vectors, answers: NDArray[np.int64]) -> float:
        """Share of right answers."""
        return float((self.chances(vectors).argmax(1) == answers).mean())


def fit(vectors: Vectors, answers: NDArray[np.int64], count: int, decay: float = 1e-3) -> Probe:
    """Multinomial logistic regression, by L-BFGS to its end.

    Parameters
    ----------
    vectors : (N, width)
        of training images
    answers : (N,)
        0 to count − 1
    decay : float
        of the squared weights on standardised vectors

    Raises
    ------
    ValueError
        an answer is missing
    """
    if set(np.unique(answers).tolist()) != set(range(count)):
        raise ValueError(f"answers {sorted(set(answers.tolist()))}: expected each of 0 to {count - 1}")
    mean, deviation = vectors.mean(0), vectors.std(0) + 1e-6
    x = torch.from_numpy(((vectors - mean) / deviation).astype(np.float64))
    y = torch.from_numpy(answers)
    weight = torch.zeros(count, vectors.shape[1], dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    solver = torch.optim.LBFGS([weight, bias], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        solver.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ weight.T + bias, y) + decay * weight.square().sum()
        value.backward()
        return value

    solver.step(loss)
    found = weight.detach().numpy() / deviation
    return Probe(found.astype(np.float32), (bias.detach().numpy() - found @ mean).astype(np.float32))


def as_tensors(probes: Mapping[str, Probe]) -> dict[str, torch.Tensor]:
    """As a file of weights holds them, beside the network's."""
    return {
        f"probe.{question}.{part}": torch.from_numpy(np.ascontiguousarray(value))
        for question, probe in probes.items()
        for part, value in probe._asdict().items()
    }


def read_probes(path: str | os.PathLike[str]) -> dict[str, Probe]:
    """Of a file of weights, by question.

    Raises
    ------
    InputError
        it holds none, or one of other answers
    """
    tensors, names = read_tensors(path), read_metadata(path).get("probe")
    try:
        found = {
            question: Probe(*(tensors[f"probe.{question}.{part}"].float().numpy() for part in Probe._fields))
            for question in QUESTIONS
        }
    except KeyError as error:
        raise InputError(path, "holds no probe; benchmarks/representation.py --probe fits one") from error
    if names != {question: list(answers) for question, answers in QUESTIONS.items()}:
        raise InputError(path, "holds a probe of other answers than this thermend asks for")
    for question, probe in found.items():
        if (
            probe.weight.ndim != 2
            or len(probe.weight) != len(QUESTIONS[question])
            or probe.bias.shape != probe.weight.shape[:1]
        ):
            raise InputError(path, f"holds a probe of {question} with another number of answers")
    return found
