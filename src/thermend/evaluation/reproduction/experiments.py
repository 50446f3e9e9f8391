"""What a system's tables are: data, read from a YAML file beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from thermend.training.yaml_text import yaml_value

SYSTEMS = ("deal", "dual-decoder", "ppfn", "hidra")
"""Whose tables are here."""
Scale = Literal["smoke", "small", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "small", "paper")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Claim(_Section):
    """What a table is to show: a method's mean beside another's.

    Attributes
    ----------
    says : str
        in words
    method : str
        a row of the table
    beside : tuple of str
        the rows that it is to be ahead of; ``input`` is one
    measures : tuple of str
        each of them has to be better, by its own sense
    conditions : tuple of str
        in each of them; all without
    """

    says: str
    method: str
    beside: tuple[str, ...]
    measures: tuple[str, ...] = ("psnr", "ssim")
    conditions: tuple[str, ...] = ()


class Measured(_Section):
    """What tables of a page have in common.

    Attributes
    ----------
    place : str
        its place in the page
    source : str
        what the paper's own rows are called, as in ``the paper's``
    presets : tuple of str
    sets : dict
        of sets of images: their folders below ``--data``
    names : dict
        of sets of which those images count alone whose names, without their suffixes, are in a folder: that folder
    visible : dict
        of those that are fused: the folders of their visible images
    images : dict
        of each set, by scale, spread evenly over the names; None is all
    shorter_side : int or None
        images are measured at a size of which this is the shorter side; None leaves them
    measures : tuple of str
        columns
    learned : tuple of str
        those of them that are asked for on request
    precision : str
    claims : tuple of Claim
    """

    place: str
    source: str = ""
    presets: tuple[str, ...]
    sets: dict[str, str]
    names: dict[str, str] = Field(default_factory=dict)
    visible: dict[str, str] = Field(default_factory=dict)
    images: dict[Scale, int | None]
    shorter_side: int | None = None
    measures: tuple[str, ...]
    learned: tuple[str, ...] = ()
    precision: str = "auto"
    claims: tuple[Claim, ...] = ()


class Table(Measured):
    """Methods beside one another, as they are.

    Attributes
    ----------
    methods : tuple of str
        ``[LABEL:]NAME[=WEIGHTS]``; WEIGHTS is the name that ``--weights NAME=FILE`` gives to a file, without which the row is
        left out
    paper : dict
        by condition: the paper's values, by measure
    """

    methods: tuple[str, ...]
    paper: dict[str, dict[str, float]] = Field(default_factory=dict)


class Row(_Section):
    """A recipe that is trained and measured.

    Attributes
    ----------
    label : str
    recipe : str
        below the recipes, without its suffix, as in ``deal/table7-all``
    name : str
        of its runs; without one the recipe's
    changes : dict
        keys of the recipe, dotted where they lie within others, that are others in this row
    at : dict
        by scale: keys that are others in this row at that scale alone
    paper : dict
        the paper's values, by measure, on its own images
    """

    label: str
    recipe: str
    name: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)
    at: dict[Scale, dict[str, Any]] = Field(default_factory=dict)
    paper: dict[str, float] = Field(default_factory=dict)


class Begin(_Section):
    """A recipe whose weights all rows begin with.

    Attributes
    ----------
    recipe : str
        as in :class:`Row`
    changes : dict
        by scale: keys of it that are others
    """

    recipe: str
    changes: dict[Scale, dict[str, Any]] = Field(default_factory=dict)


class TrainedTable(Measured):
    """Recipes beside one another: each is trained with several seeds and measured; the first is compared with the others.

    Attributes
    ----------
    rows : tuple of Row
    training : tuple of str
        folders below ``--data``
    split : str or None
        a file below the recipes that names the images to train on
    begins_with : Begin or None
        trained first, once, at the same scale
    seeds : dict
        by scale: how many, from 0
    changes : dict
        by scale: keys of the recipes that are others in every row
    runs : str
        folder of the runs, below ``--runs``; tables with the same one share them. Without, the place.
    hours : dict
        by scale: of one core, for the training; measured where the scale was run, else reckoned
    """

    rows: tuple[Row, ...]
    training: tuple[str, ...]
    split: str | None = None
    begins_with: Begin | None = None
    seeds: dict[Scale, int]
    changes: dict[Scale, dict[str, Any]]
    runs: str = ""
    hours: dict[Scale, float]


class Experiments(_Section):
    """A system's tables.

    Attributes
    ----------
    page : str
        of the documentation, below the repository
    tables : tuple of Table and TrainedTable
    """

    page: str
    tables: tuple[Table | TrainedTable, ...]


def experiments(system: str) -> Experiments:
    """The tables of one of :data:`SYSTEMS`.

    Raises
    ------
    MissingDependencyError
        PyYAML is not installed
    """
    text = (files("thermend.evaluation.reproduction") / f"{system}.yaml").read_text("utf-8")
    return Experiments.model_validate(yaml_value(text))
