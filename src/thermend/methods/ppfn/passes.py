"""Composite damage undone pass by pass, with prompts that the image chooses itself; without torch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from thermend.errors import InputError, UsageError
from thermend.methods.watch import UNWATCHED, Watch

Image = NDArray[np.float32]

DEGRADATIONS = ("contrast", "blur", "noise")
"""What a degradation prompt names, in the order in which a camera adds it; it is removed from the last to the first."""
SCENARIOS = ("single", "composite")
PASSES = tuple((name,) for name in reversed(DEGRADATIONS))
"""What each pass removes."""
WORTH_A_PASS = 0.5
"""Chance of its degradations to be present from which on a pass is made."""

FILLED = 0.62
"""Share of the range. A camera fills its range: an image that spans more than this, from its darkest to its brightest 3 × 3
median, has not lost contrast, however dull the estimator finds it. Of 550 undamaged training images 96 % span more; of the same
with the paper's loss of contrast 93 % span less."""
EVEN = 0.01
"""Share of the range; an image that spans less is an even field, and holds no contrast that could be raised."""
LEAST_BY_HAND = 1e-6

THUMBNAIL = (64, 80)
PERCENTILES = (0.1, 1, 5, 10, 20, 35, 50, 65, 80, 90, 95, 99, 99.9)
TEXTURE_MULTIPLE = 4
TEXTURE_AT_LEAST, TEXTURE_AT_MOST = 32, 1280
"""Pixels along each side that the estimator looks at; of narrower images OpenVINO (2026.4) gives nonsense in bf16."""
INPUTS = {"degradation": False, "scenario": False, "thumbnail": False, "percentiles": False, "texture": True}
"""Of an exported network, beside the image: whether height and width have to be free."""


class Network(Protocol):
    """What runs the network.

    Attributes
    ----------
    fixed_size : tuple or None
        height and width of the image, where the network takes no other
    """

    @property
    def fixed_size(self) -> tuple[int, int] | None: ...

    def tiled(self, image: Image, seen: Any = None, **others: NDArray[np.float32]) -> Image:
        """The first output for an image of any size; the other inputs are the same for every tile."""
        ...

    def outputs(self, batch: NDArray[np.float32], **others: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """All outputs, run once."""
        ...


_NO_TEXTURE = np.zeros((1, 1, TEXTURE_MULTIPLE, TEXTURE_MULTIPLE), np.float32)


def thumbnail(image: Image) -> Image:
    """(H, W) to (64, 80), means over areas that cover the image (adaptive average pooling)."""
    (tops, bottoms), (lefts, rights) = (_borders(n, count) for n, count in zip(image.shape, THUMBNAIL))
    result = np.empty(THUMBNAIL, np.float32)
    for row, top, bottom in zip(result, tops, bottoms):
        total = np.insert(np.cumsum(image[top:bottom].sum(0, dtype=np.float64)), 0, 0.0)
        row[:] = (total[rights] - total[lefts]) / ((bottom - top) * (rights - lefts))
    return result


def _borders(length: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.arange(count + 1) * length
    return places[:-1] // count, -(-places[1:] // count)


def percentiles(image: Image) -> Image:
    """(H, W) to (13,)."""
    values = np.sort(image, axis=None)  # faster than np.percentile, which partitions it at 26 places
    below, share = np.divmod(np.array(PERCENTILES) / 100 * (len(values) - 1), 1)
    low, high = (values[(below.astype(np.int64) + n).clip(max=len(values) - 1)] for n in (0, 1))
    return np.asarray(low + share * (high - low), np.float32)


def span(image: Image) -> float:
    """From the darkest to the brightest 3 × 3 median of an image, (H, W) in [0, 1]."""
    steady = cv2.medianBlur(np.ascontiguousarray(image, np.float32), 3)
    return float(steady.max() - steady.min())


def may_lack_contrast(image: Image) -> bool:
    """Whether a whole image, (H, W) in [0, 1], neither fills its range nor is an even field."""
    return EVEN < span(image) <= FILLED


Told = Literal["each", "first"]


class Seen(NamedTuple):
    """What is known of an image before a pass.

    Attributes
    ----------
    told : mapping
        what the network is told of the whole image
    chance : array of float64 or None
        that each degradation is present, (3,); None where nothing is estimated
    severity : array of float64 or None
        root mean square of what each changed, in grey levels of 255, (3,)
    """

    told: Mapping[str, Image]
    chance: NDArray[np.float64] | None = None
    severity: NDArray[np.float64] | None = None


class ProgressivePasses:
    """Runs a network's passes.

    Parameters
    ----------
    facts : mapping
        what the weights say of themselves: ``order`` and ``iterations``, ``chooses`` (whether an estimator goes with them),
        ``prompts``, ``surface`` (whether the network gives one), ``multiple`` (of the sides of the images), ``told`` (of which
        whole image a pass is told: of the one as it is then, ``each``, or as it came, ``first``)

    Raises
    ------
    ValueError
        they say something else
    """

    def __init__(self, facts: Mapping[str, Any]) -> None:
        order, iterations = facts.get("order", [*reversed(DEGRADATIONS)]), facts.get("iterations", 3)
        self.told: Told = facts.get("told", "each")
        if self.told not in ("each", "first"):
            raise ValueError(f"told {self.told!r}: expected each or first")
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
        self.has_surface = bool(facts.get("surface", False))
        self.dual = facts.get("prompts", "dual") == "dual"
        self.tiling = {"multiple": int(facts.get("multiple", 8))}
        if self.tiling["multiple"] < 1:
            raise ValueError(f"multiple {self.tiling['multiple']}: expected 1 or more")
        alone = all(len(names) == 1 for names in self.passes if "contrast" in names)
        self.leaves_contrast = facts.get("prompts", "dual") != "none" and (alone or self.chooses)
        self.by_hand: tuple[Image, Image] | None = None

    def prompt(self, path: str | os.PathLike[str]) -> None:
        """Take what to remove from a `.json` file; what it does not name is left.

        Raises
        ------
        InputError
            no such file, or one that names something else
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
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            expected = f"{', '.join(DEGRADATIONS)}, from 0 to 1 each, and scenario, {' or '.join(SCENARIOS)}"
            raise InputError(path, f"holds no prompts; expected an object with {expected}") from error
        of_scenario = [float(self.dual and name == scenario) for name in SCENARIOS]
        self.by_hand = np.array([amounts], np.float32), np.array([of_scenario], np.float32)

    def __call__(
        self, image: Image, mode: str, network: Network, watch: Watch = UNWATCHED
    ) -> tuple[Image, list[dict[str, Any]]]:
        """The restored image, (H, W), and the passes that were made.

        Parameters
        ----------
        mode : str
            in ``radiometric`` contrast stays; what lies beyond [0, 1] is carried past the network and added back

        Raises
        ------
        UsageError
            ``radiometric``, and these weights raise contrast along with everything else
        """
        if mode == "radiometric" and not self.leaves_contrast:
            raise UsageError("these weights of ppfn cannot leave contrast as it is; use --mode display")
        left = {"contrast"} if mode == "radiometric" else set()
        within = np.clip(image, 0, 1)
        is_beyond = mode == "radiometric" and (image.min() < 0 or image.max() > 1)
        beyond = image - within if is_beyond else None
        steps: list[dict[str, Any]] = []
        seen: Seen | None = None
        scenario: Image | None = None
        first: Mapping[str, Image] | None = None
        for number, planned in enumerate(self.passes):
            part = watch.within(number, len(self.passes))
            part.at(0, 1)
            names = tuple(name for name in planned if name not in left)
            if not names:
                continue
            seen = seen or self._seen(within, network)
            scenario = self._scenario(seen) if scenario is None else scenario  # of the image as it came
            first = seen.told if first is None else first
            told = first if self.told == "first" else seen.told
            degradation = self._degradation(seen, names, within)
            if degradation.max() < (WORTH_A_PASS if self.by_hand is None else LEAST_BY_HAND):
                continue
            prompts = {"degradation": degradation, "scenario": scenario, "texture": _NO_TEXTURE}
            if self.has_surface:
                coarse = network.outputs(self._no_image(network), **prompts, **told)[-1][0, 0]
                within = within + cv2.resize(coarse, image.shape[::-1], interpolation=cv2.INTER_CUBIC)
            passed = network.tiled(within, part.at, **prompts, **told)
            passed += within
            within = np.clip(passed, 0, 1, out=passed)
            steps.append(self._facts(seen, names, degradation, scenario))
            seen = None
        return within if beyond is None else within + beyond, steps

    def _seen(self, image: Image, network: Network) -> Seen:
        told = {"thumbnail": thumbnail(image)[None, None], "percentiles": percentiles(image)[None]}
        if self.by_hand is not None or not self.chooses:
            return Seen(told)
        unused = {
            "degradation": np.zeros((1, len(DEGRADATIONS)), np.float32),
            "scenario": np.zeros((1, len(SCENARIOS)), np.float32),
        }
        none = self._no_image(network)
        estimate = network.outputs(none, texture=_texture(image), **unused, **told)[1][0].astype(np.float64)
        presence, severity = np.split(estimate, 2)
        chance = 1 / (1 + np.exp(-presence))
        return Seen(told, np.nan_to_num(chance, nan=0.0), np.nan_to_num(severity, nan=0.0))  # unknown is absent

    def _no_image(self, network: Network) -> Image:
        return np.zeros((1, 1, *(network.fixed_size or 2 * (self.tiling["multiple"],))), np.float32)

    def _degradation(self, seen: Seen, names: Sequence[str], image: Image) -> Image:
        """How much of each degradation's prompt a pass gets, (1, 3)."""
        asked = np.array([[float(name in names) for name in DEGRADATIONS]], np.float32)
        if self.by_hand is not None:
            return asked * self.by_hand[0]
        if seen.chance is None:
            return asked
        if "contrast" in names and not may_lack_contrast(image):
            asked[0, DEGRADATIONS.index("contrast")] = 0
        return np.asarray(asked * seen.chance, np.float32)

    def _scenario(self, seen: Seen) -> Image:
        """How much of each scenario's prompt, (1, 2)."""
        if self.by_hand is not None:
            return self.by_hand[1]
        chances = np.array([0.0, 1.0]) if seen.chance is None else scenario_of(seen.chance)
        return np.asarray(chances[None] * self.dual, np.float32)

    @staticmethod
    def _facts(seen: Seen, names: Sequence[str], degradation: Image, scenario: Image) -> dict[str, Any]:
        """Of a pass, for the provenance: its prompts, and the estimated severities."""
        places = {name: DEGRADATIONS.index(name) for name in names}
        facts: dict[str, Any] = {"pass": {name: round(float(degradation[0, k]), 3) for name, k in places.items()}}
        facts["removed"] = [name for name in names if degradation[0, places[name]] >= LEAST_BY_HAND]
        facts["composite"] = round(float(scenario[0, 1]), 3)
        if seen.severity is not None:
            facts["severity"] = {name: round(float(seen.severity[k]), 2) for name, k in places.items()}
        return facts


def passes_of(order: Sequence[str], iterations: int) -> tuple[tuple[str, ...], ...]:
    """What each iteration removes; with fewer iterations than degradations the first removes several."""
    together = len(order) - iterations + 1
    return (tuple(order[:together]), *((name,) for name in order[together:]))


def scenario_of(chance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances that at most one degradation is present, and that several are, as if they came independently."""
    absent = 1 - chance
    single = absent.prod() + sum(chance[k] * np.delete(absent, k).prod() for k in range(len(chance)))
    return np.array([single, 1 - single])


def _texture(image: Image) -> Image:
    """What the estimator sees, (1, 1, h, w): the image, or the middle of a large one."""
    top, left = (max(0, (side - TEXTURE_AT_MOST) // 2) for side in image.shape)
    middle = image[top : top + TEXTURE_AT_MOST, left : left + TEXTURE_AT_MOST]
    down, right = (max(TEXTURE_AT_LEAST - side, -side % TEXTURE_MULTIPLE) for side in middle.shape)
    return np.asarray(np.pad(middle, ((0, down), (0, right)), mode="edge")[None, None], np.float32)
