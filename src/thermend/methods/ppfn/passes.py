"""Composite damage undone pass by pass, with prompts that the image chooses itself; without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError

Image = NDArray[np.float32]

DEGRADATIONS = ("contrast", "blur", "noise")
"""What a degradation prompt names, in the order in which a camera adds it; it is removed from the last to the first."""
SCENARIOS = ("single", "composite")
PASSES = tuple((name,) for name in reversed(DEGRADATIONS))
"""What each pass removes."""
WORTH_A_PASS = 0.5
"""Chance of its degradations to be present from which on a pass is made."""

LEAST_BY_HAND = 1e-6

THUMBNAIL = (64, 80)
PERCENTILES = (0.1, 1, 5, 10, 20, 35, 50, 65, 80, 90, 95, 99, 99.9)
TEXTURE_MULTIPLE = 4
INPUTS = ("degradation", "scenario", "thumbnail", "percentiles", "texture")
"""Of an exported network, beside the image."""


class Network(Protocol):
    """What runs the network.

    Attributes
    ----------
    fixed_size : height and width of the image, where the network takes no other
    """

    @property
    def fixed_size(self) -> tuple[int, int] | None: ...

    def tiled(self, image: Image, **others: NDArray[np.float32]) -> Image:
        """The first output for an image of any size; the other inputs are the same for every tile."""
        ...

    def outputs(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs, run once."""
        ...


def thumbnail(image: Image) -> Image:
    """(H, W) to (64, 80), means over areas that cover the image (adaptive average pooling)."""
    total = cv2.integral(image, sdepth=cv2.CV_64F)
    (tops, bottoms), (lefts, rights) = (_borders(n, count) for n, count in zip(image.shape, THUMBNAIL))
    rows = total[bottoms] - total[tops]
    area = np.outer(bottoms - tops, rights - lefts)
    return np.asarray((rows[:, rights] - rows[:, lefts]) / area, np.float32)


def _borders(length: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.arange(count + 1) * length
    return places[:-1] // count, -(-places[1:] // count)


def percentiles(image: Image) -> Image:
    """(H, W) to (13,)."""
    values = np.sort(image, axis=None)  # faster than np.percentile, which partitions it at 26 places
    below, share = np.divmod(np.array(PERCENTILES) / 100 * (len(values) - 1), 1)
    low, high = (values[(below.astype(np.int64) + n).clip(max=len(values) - 1)] for n in (0, 1))
    return np.asarray(low + share * (high - low), np.float32)


class ProgressivePasses:
    """Runs a network's passes.

    Parameters
    ----------
    facts : what the weights say of themselves: ``order`` and ``iterations``, ``chooses`` (whether an estimator goes with them),
        ``prompts``, ``multiple`` (of the sides of the images)

    Raises
    ------
    ValueError : they say something else
    """

    inputs = INPUTS

    def __init__(self, facts: Mapping[str, Any]) -> None:
        order, iterations = facts.get("order", [*reversed(DEGRADATIONS)]), facts.get("iterations", 3)
        if (
            not isinstance(order, list)
            or sorted(map(str, order)) != sorted(DEGRADATIONS)
            or iterations not in (1, 2, 3)
        ):
            raise ValueError(
                f"order {order!r}, iterations {iterations!r}: expected {', '.join(DEGRADATIONS)}; 1, 2 or 3"
            )
        self.passes = passes_of(order, iterations)
        self.chooses = bool(facts.get("chooses", False))
        self.dual = facts.get("prompts", "dual") == "dual"
        self.tiling = {"multiple": int(facts.get("multiple", 8))}
        self.by_hand: tuple[Image, Image] | None = None

    def prompt(self, path: str | os.PathLike[str]) -> None:
        """Take what to remove from a `.json` file; what it does not name is left.

        Raises
        ------
        InputError : no such file, or one that names something else
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(path, "no such file")
        try:
            stated = json.loads(path.read_text(encoding="utf-8"))
            amounts = [float(stated.pop(name, 0)) for name in DEGRADATIONS]
            several = sum(amount > 0 for amount in amounts) > 1
            scenario = stated.pop("scenario", SCENARIOS[several])
            if stated or not all(0 <= amount <= 1 for amount in amounts) or scenario not in SCENARIOS:
                raise ValueError
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            expected = f"{', '.join(DEGRADATIONS)}, from 0 to 1 each, and scenario, {' or '.join(SCENARIOS)}"
            raise InputError(path, f"holds no prompts; expected an object with {expected}") from error
        of_scenario = [float(self.dual and name == scenario) for name in SCENARIOS]
        self.by_hand = np.array([amounts], np.float32), np.array([of_scenario], np.float32)

    def __call__(self, image: Image, mode: str, network: Network) -> tuple[Image, list[dict[str, Any]]]:
        """The restored image, (H, W), and the passes that were made.

        Parameters
        ----------
        mode : in ``radiometric`` contrast stays; what lies beyond [0, 1] is carried past the network and added back
        """
        within = np.clip(image, 0, 1)
        beyond = image - within if mode == "radiometric" else None
        steps: list[dict[str, Any]] = []
        scenario: Image | None = None
        for planned in self.passes:
            names = tuple(name for name in planned if name != "contrast" or mode != "radiometric")
            told = {"thumbnail": thumbnail(within)[None, None], "percentiles": percentiles(within)[None]}
            degradation, own = self._prompts(within, names, told, network)
            scenario = own if scenario is None else scenario  # of the image as it came
            if degradation.max() < (WORTH_A_PASS if self.by_hand is None else LEAST_BY_HAND):
                continue
            texture = np.zeros((1, 1, TEXTURE_MULTIPLE, TEXTURE_MULTIPLE), np.float32)
            change = network.tiled(within, degradation=degradation, scenario=scenario, texture=texture, **told)
            within = np.clip(within + change, 0, 1)
            asked = {name: round(float(degradation[0, DEGRADATIONS.index(name)]), 3) for name in names}
            steps.append({"pass": asked, "composite": round(float(scenario[0, 1]), 3)})
        return within if beyond is None else within + beyond, steps

    def _prompts(
        self, image: Image, names: Sequence[str], told: Mapping[str, Image], network: Network
    ) -> tuple[Image, Image]:
        """How much of each prompt: (1, 3) and (1, 2)."""
        hand = np.array([[float(name in names) for name in DEGRADATIONS]], np.float32)
        if self.by_hand is not None:
            return hand * self.by_hand[0], self.by_hand[1]
        if not self.chooses:
            return hand, np.array([[0.0, float(self.dual)]], np.float32)
        multiple = self.tiling["multiple"]
        none = np.zeros((1, 1, *(network.fixed_size or (multiple, multiple))), np.float32)
        unused = {"degradation": hand, "scenario": np.zeros((1, 2), np.float32)}
        estimate = network.outputs(none, texture=_padded(image), **unused, **told)[1][0]
        chance = 1 / (1 + np.exp(-estimate[: len(DEGRADATIONS)].astype(np.float64)))
        single = scenario_of(chance) if self.dual else np.zeros(2)
        return np.asarray(hand * chance, np.float32), np.asarray(single[None], np.float32)


def passes_of(order: Sequence[str], iterations: int) -> tuple[tuple[str, ...], ...]:
    """What each iteration removes; with fewer iterations than degradations the first removes several."""
    together = len(order) - iterations + 1
    return (tuple(order[:together]), *((name,) for name in order[together:]))


def scenario_of(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances that at most one degradation is present, and that several are, as if they came independently."""
    absent = 1 - chance
    single = absent.prod() + sum(chance[k] * np.delete(absent, k).prod() for k in range(len(chance)))
    return np.array([single, 1 - single])


def _padded(image: Image) -> Image:
    down, right = (-side % TEXTURE_MULTIPLE for side in image.shape)
    return np.asarray(np.pad(image, ((0, down), (0, right)), mode="edge")[None, None], np.float32)
