"""Recipes: a training run, as data."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from thermend.datasets.sober_drunk import VIEWS, Part, View
from thermend.errors import InputError, MissingDependencyError, UsageError
from thermend.training.names import PRESETS
from thermend.training.renamed import RENAMED, with_todays_names
from thermend.training.yaml_text import yaml_value


def as_list(value: Any) -> Any:
    """One value as a list of it."""
    return [value] if isinstance(value, str) else value


class Section(BaseModel):
    """A part of a recipe; unknown keys are errors, and earlier names are read.

    Attributes
    ----------
    place : str
        its key in the recipe, by which its earlier names are known
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    place: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _by_todays_names(cls, values: Any) -> Any:
        known = cls.place is not None and cls.place in RENAMED and isinstance(values, Mapping)
        return with_todays_names(values, section=cls.place or "") if known else values

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Every key whose value is a path, as ``section.key``, and the path."""
        for key, value in self:
            if isinstance(value, Path):
                yield key, value
            elif isinstance(value, tuple) and key != "data" and all(isinstance(each, Path) for each in value):
                yield from ((f"{key}.{number}", path) for number, path in enumerate(value))
            elif isinstance(value, Section):
                yield from ((f"{key}.{inner}", path) for inner, path in value.paths())


class Source(Section):
    """What the folders of ``data`` hold, where it is not simply thermal images.

    Attributes
    ----------
    photographs : bool
        visible ones, of which the luma is taken
    shorter_side : int or None
        images are resized until their shorter side has so many pixels; None leaves them
    layout : {'sober-drunk'} or None
        ``sober-drunk``: each folder is that data set as it is downloaded; of a recording the first frame counts
    part : Part
        of the layout's subjects; validation takes ``val``
    views : tuple of View
        of the layout
    """

    photographs: bool = False
    shorter_side: int | None = Field(None, ge=32)
    layout: Literal["sober-drunk"] | None = None
    part: Part = "train"
    views: tuple[View, ...] = Field(VIEWS, min_length=1)


def _known_preset(name: str) -> str:
    if name not in PRESETS:
        raise ValueError(f"preset {name!r} is not known; known are {', '.join(PRESETS)}")
    return name


PresetName = Annotated[str, AfterValidator(_known_preset)]
"""Of a test condition that a recipe degrades by."""


class Validation(Section):
    """What is measured as the training goes; a run is not changed by it.

    Attributes
    ----------
    data : tuple of Path
        folders of clean images
    presets : tuple of str
        test conditions; ``none`` is the undamaged image
    max_images : int
        at most so many, spread evenly over the names
    every : int
        steps
    """

    data: Annotated[tuple[Path, ...], BeforeValidator(as_list)] = Field(min_length=1)
    place = "validation"
    presets: tuple[str, ...] = Field(min_length=1)
    max_images: int = Field(4, ge=1)
    every: int = Field(1000, ge=1)

    @field_validator("presets")
    @classmethod
    def _known(cls, presets: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name if name == "none" else _known_preset(name) for name in presets)


class Recipe(Section):
    """What every recipe has.

    Attributes
    ----------
    method : str
        NAME or NAME/VARIANT
    data : tuple of Path
        folders of clean images
    max_images : int or None
        so many of them, drawn by the seed from all folders alike; None takes all
    split : Path or None
        a file that names the images to take, one a line, instead of ``max_images``
    source : Source
        what the folders hold
    convention : bool
        bring each image's 1st and 99th percentile to grey levels 14 and 223, so that lost contrast can be known
    out : Path
        folder of the run; a run that is there already goes on
    init_from : Path or None
        weights to begin with, of the same network, a checkpoint or an ONNX file of ours; None draws them
    seed : int
        of everything that is drawn
    steps, minutes : int or None, float or None
        how long a run is, in optimiser steps or in minutes of training; one of the two
    batch_size, patch_size : int
        patches a step (on each device); side of a patch, pixels
    learning_rate : float
        of the network's optimiser, after ``warmup_steps``
    schedule : {'constant', 'cosine'}
        of every optimiser's learning rate: ``constant``, or ``cosine`` down to a hundredth
    ema_decay : float
        weights are averaged over the last 1 / (1 − decay) steps or so; 0 takes them as they are
    precision : {'float32', 'bf16'}
        ``float32``, or ``bf16`` for convolutions
    compile : bool
        the network's blocks are compiled first, which needs a C++ compiler and pays in long runs
    device, devices : {'auto', 'cpu', 'cuda'}, int
        ``auto``, ``cpu`` or ``cuda``; how many
    workers : int
        processes that prepare samples beside the training; 0 prepares them in it
    checkpoint_every, picture_every : int
        steps
    log : {'csv', 'tensorboard'}
        ``csv`` or ``tensorboard``
    validation : Validation or None
        None measures nothing
    """

    place = ""
    method: str
    data: Annotated[tuple[Path, ...], BeforeValidator(as_list)] = Field(min_length=1)
    max_images: int | None = Field(None, ge=1)
    split: Path | None = None
    source: Source = Source()
    convention: bool = True
    out: Path
    init_from: Path | None = None
    seed: int = Field(0, ge=0)
    steps: int | None = Field(None, ge=1)
    minutes: float | None = Field(None, gt=0)
    batch_size: int = Field(ge=1)
    patch_size: int = Field(ge=32)
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    ema_decay: float = Field(0.0, ge=0, lt=1)
    precision: Literal["float32", "bf16"] = "float32"
    compile: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: int = Field(1, ge=1)
    workers: int = Field(0, ge=0)
    checkpoint_every: int = Field(500, ge=1)
    picture_every: int = Field(1000, ge=1)
    log: Literal["csv", "tensorboard"] = "csv"
    validation: Validation | None = None

    @property
    def most_steps(self) -> int:
        """The optimiser steps of a run; of one that is told in minutes more than it can make."""
        return _ENDLESS if self.steps is None else self.steps

    @model_validator(mode="after")
    def _one_choice(self) -> Recipe:
        if (self.steps is None) == (self.minutes is None):
            raise ValueError("steps or minutes: set one of them, and the other to null")
        if self.minutes is not None and self.devices > 1:
            raise ValueError("minutes: several devices would not end together; set steps")
        if self.max_images is not None and self.split is not None:
            raise ValueError("max_images and split exclude each other: set one of them to null")
        return self


class OnDeviceRecipe(Recipe):
    """What a recipe has besides whose batches are drawn on the device.

    Attributes
    ----------
    scenes : int
        so many rendered scenes are added to the images
    scene_share : float
        how often one of them is drawn
    weight_decay : of AdamW
    convention : bool
        false: images are taken as use takes them
    """

    convention: bool = False
    scenes: int = Field(0, ge=0)
    scene_share: float = Field(0.5, ge=0, le=1)
    weight_decay: float = Field(1e-4, ge=0)

    @model_validator(mode="after")
    def _on_one_device(self) -> OnDeviceRecipe:
        if self.devices > 1:
            raise ValueError(f"devices {self.devices}: what is drawn on the device is the same on each; expected 1")
        if self.source != Source() or self.convention:
            raise ValueError("source and convention: images are taken as use takes them; expected convention: false")
        return self


_ENDLESS = 10**9
R = TypeVar("R", bound=Recipe)


def read_recipe(
    path: str | os.PathLike[str], changes: Sequence[str] = (), say: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """A recipe's keys, with what the command line changes, not yet checked.

    Parameters
    ----------
    path : str or PathLike
        YAML file; its key ``base`` may name another, beside it, whose keys hold where it has none
    changes : sequence of str
        ``KEY=VALUE``; the key of a section is written ``section.key``, the value as in YAML
    say : callable or None
        called with a line for every key that has another name today

    Raises
    ------
    InputError
        no such file, or not YAML
    UsageError
        a change is not of that form
    """
    recipe = _with_base(Path(path), (), say)
    for change in changes:
        key, sign, text = change.partition("=")
        if not sign or not key:
            raise UsageError(f"{change!r}: expected KEY=VALUE")
        try:
            value = yaml_value(text) if text else None
        except UsageError as error:
            raise UsageError(
                f"{change!r}: the value is not YAML (a list is written '{key}=[A, B]', in quotes)"
            ) from error
        *sections, last = key.split(".")
        above: dict[str, Any] = {last: value}
        for depth in range(len(sections), 0, -1):
            if not isinstance(_at(recipe, sections[:depth]), (Mapping, type(None))):
                raise UsageError(f"{change!r}: {'.'.join(sections[:depth])} is no section of the recipe")
            above = {sections[depth - 1]: above}
        recipe = _merged(recipe, _renamed(repr(change), above, say))
    return recipe


def _renamed(where: str, values: Mapping[str, Any], say: Callable[[str], None] | None) -> dict[str, Any]:
    """A layer of a recipe by today's names: before layers are merged, so that each key has one."""
    try:
        return with_todays_names(values, None if say is None else lambda line: say(f"{where}: {line}"))
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from error


def _at(recipe: Any, place: Sequence[str]) -> Any:
    for key in place:
        recipe = recipe.get(key) if isinstance(recipe, Mapping) else None
    return recipe


def _with_base(path: Path, seen: tuple[Path, ...], say: Callable[[str], None] | None) -> dict[str, Any]:
    """A file's keys, on top of those of the file that its key ``base`` names."""
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        recipe = yaml_value(path.read_text(encoding="utf-8"))
    except (UsageError, UnicodeDecodeError) as error:
        if isinstance(error, MissingDependencyError):
            raise
        raise InputError(path, f"is not YAML ({' '.join(str(error).split())})") from error
    except OSError as error:
        raise InputError(path, f"cannot be read: {error.strerror}") from error
    if not isinstance(recipe, dict) or not all(isinstance(key, str) for key in recipe):
        raise InputError(path, "is no recipe: expected keys and values")
    base = recipe.pop("base", None)
    recipe = _renamed(str(path), recipe, say)
    if base is None:
        return recipe
    if not isinstance(base, str) or not base.isprintable():
        raise InputError(path, f"base: {base!r}: expected the name of a recipe, beside this one")
    if path.resolve() in seen:
        raise InputError(path, "base: is its own base")
    return _merged(_with_base(path.parent / base, (*seen, path.resolve()), say), recipe)


_EXCLUSIVE = {"split": "max_images", "minutes": "steps", "steps": "minutes"}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, other in _EXCLUSIVE.items():
        if above.get(key) is not None:
            result.pop(other, None)  # they exclude each other, and what is above counts
    for key, value in above.items():
        lower = result.get(key)
        if isinstance(lower, Mapping) and isinstance(value, Mapping):
            result[key] = _merged(lower, value)
        else:
            result[key] = value
    return result


def check(kind: type[R], values: Mapping[str, Any], source: str | os.PathLike[str]) -> R:
    """A recipe, checked.

    Parameters
    ----------
    kind : type
        the method's recipe
    source : str or PathLike
        the file, for messages

    Raises
    ------
    UsageError
        a key is unknown, missing or has an impossible value; the message names it
    """
    if values.get("data") is None:
        raise UsageError(f"{os.fspath(source)}: data is missing; say where the images are: data=DIR")
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        first = min(
            error.errors(), key=lambda e: e["type"] != "extra_forbidden"
        )  # a misspelt key explains a missing one
        key = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(first["loc"][-1]), _keys(kind, first["loc"][:-1]), 1)
            message = "no such key" + (f"; did you mean {near[0]}?" if near else "")
        elif first["type"] == "missing":
            message = "is missing"
        elif first["type"] not in ("value_error",):
            message = f"{message[0].lower()}{message[1:]}, not {_short(first['input'])}"
        raise UsageError(f"{os.fspath(source)}: {key + ': ' if key else ''}{message}") from error


def _keys(kind: type[BaseModel], place: Sequence[Any]) -> list[str]:
    for part in place:
        field = kind.model_fields.get(str(part))
        inner = [t for t in getattr(field.annotation, "__args__", (field.annotation,)) if field] if field else []
        sections = [t for t in inner if isinstance(t, type) and issubclass(t, BaseModel)]
        if not sections:
            return []
        kind = sections[0]
    return list(kind.model_fields)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
