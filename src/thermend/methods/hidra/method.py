"""HiDRA in use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from thermend.errors import InputError, UsageError
from thermend.methods.hidra.guidance import Guidance
from thermend.methods.network import Image, NetworkMethod
from thermend.methods.watch import UNWATCHED, Watch
from thermend.weights.checkpoints import SUFFIXES, sha256_of


class Diffusion(NetworkMethod):
    """A part of the diffusion model, run once."""

    tiling = {"overlap": 96, "whole": 700_000, "side": 640}  # noqa: RUF012


class Prior(Diffusion):
    """The one step of the prior, without LoRA."""

    tiling = {**Diffusion.tiling, "multiple": 16}  # noqa: RUF012


class GuidedDiffusion(Diffusion):
    """One step, steered by the degradation vector of the whole image."""

    inputs = {"vector": False, "view": False}  # noqa: RUF012
    parts = ("estimator", "prior", "features")
    in_folder = "model.pkl"
    says_its_plan = True

    def read_plan(self, facts: Mapping[str, Any]) -> None:
        """Take how the degradation vector is estimated."""
        self.guidance = Guidance(facts)
        self._says_it_has_a_probe = bool(facts.get("probe"))
        self.tiling = {**type(self).tiling, "multiple": self.guidance.multiple}
        self.inputs = {**type(self).inputs, **({"told": False} if self.guidance.levels else {})}

    def vector(self, pixels: Image) -> Image:
        """P of a whole image, (H, W) in [0, 1]; (1, width)."""
        return self.guidance.vector(pixels, self.network)

    def run(self, image: Image, mode: str, watch: Watch = UNWATCHED) -> tuple[Image, list[dict[str, Any]]]:
        """The restored image, (H, W), and what was done: the length of P, and what the probe reads off it."""
        within = np.clip(image, 0, 1)
        vector = self.vector(within)
        found: dict[str, Any] = {"vector": round(float(np.linalg.norm(vector)), 3), **self._parts}
        restored = self.network.tiled(within, watch.at, vector=vector, **self.guidance.beside())
        restored = self.guidance.level(restored, vector, self.network)
        return restored, [found | self._read_off(vector)]

    @cached_property
    def _parts(self) -> dict[str, str]:
        """What else the network is made of, for the provenance: its estimator's file by its hash, models by their names."""
        given = self._given[1].parts
        named = {name: Path(os.fspath(part)).name for name, part in given.items() if name != "estimator"}
        beside = self.weights_path.with_name("DEM.pkl")
        own = given.get("estimator", beside if self.weights_path.suffix == ".pkl" else None)
        return named if own is None else named | {"estimator_sha256": sha256_of(own)}

    @cached_property
    def _probes(self) -> dict[str, Any]:
        """The linear probes that come with the weights, by question."""
        if self.weights_path.suffix not in SUFFIXES:
            raise UsageError(f"{self.weights_path}: --by takes weights with a probe, {' or '.join(SUFFIXES)}")
        from thermend.methods.hidra.probe import read_probes

        probes = read_probes(self.weights_path)
        if any(probe.weight.shape[1] != self.guidance.width for probe in probes.values()):
            raise InputError(self.weights_path, f"holds a probe of vectors of another width than {self.guidance.width}")
        return probes

    def _read_off(self, vector: Image) -> dict[str, Any]:
        """The likeliest answer to each question of the probe, and its chance; nothing where no probe comes with the weights."""
        if not self._says_it_has_a_probe or self.weights_path.suffix not in SUFFIXES:
            return {}
        answers = {question: max(chances.items(), key=lambda pair: pair[1]) for question, chances in self._of(vector)}
        return {question: {name: chance} for question, (name, chance) in answers.items()}

    def _of(self, vector: Image) -> list[tuple[str, dict[str, float]]]:
        from thermend.methods.hidra.probe import QUESTIONS

        return [
            (question, {n: round(float(c), 4) for n, c in zip(QUESTIONS[question], probe.chances(vector)[0])})
            for question, probe in self._probes.items()
        ]

    def questions(self) -> dict[str, tuple[str, ...]]:
        """The answers that there are to each question.

        Raises
        ------
        UsageError, InputError
            the weights hold no probe
        """
        from thermend.methods.hidra.probe import QUESTIONS

        return {question: QUESTIONS[question] for question in self._probes}

    def opinion(self, pixels: Image) -> dict[str, dict[str, float]]:
        """Chances of each type of degradation, as if there were one alone (``types``), and of each level of composite damage
        (``levels``), by name.

        Raises
        ------
        UsageError, InputError
            the weights hold no probe
        """
        return dict(self._of(self.vector(pixels))) if self._probes else {}
