"""What a system's tables are: data, read from a YAML file beside this module."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

SYSTEMS = ("deal", "hidra")
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


class Table(_Section):
    """One table of a page.

    Attributes
    ----------
    place : str
        its place in the page
    source : str
        of the paper, as in ``Table 1``
    methods : tuple of str
        ``[LABEL:]NAME[=WEIGHTS]``; WEIGHTS is the name that ``--weights NAME=FILE`` gives to a file, without which the row is
        left out
    presets : tuple of str
    sets : dict
        of sets of images: their folders below ``--data``
    names : dict
        of sets of which those images count alone whose names, without their suffixes, are in a folder: that folder
    visible : dict
        of those that are fused: the folders of their visible images
    images : dict
        of each set, by scale, spread evenly over the names; None is all
    measures : tuple of str
        columns
    learned : tuple of str
        those of them that are asked for on request
    precision : str
    paper : dict
        by condition: the paper's values, by measure
    claims : tuple of Claim
    """

    place: str
    source: str = ""
    methods: tuple[str, ...]
    presets: tuple[str, ...]
    sets: dict[str, str]
    names: dict[str, str] = Field(default_factory=dict)
    visible: dict[str, str] = Field(default_factory=dict)
    images: dict[Scale, int | None]
    measures: tuple[str, ...]
    learned: tuple[str, ...] = ()
    precision: str = "auto"
    paper: dict[str, dict[str, float]] = Field(default_factory=dict)
    claims: tuple[Claim, ...] = ()


class Experiments(_Section):
    """A system's tables.

    Attributes
    ----------
    page : str
        of the documentation, below the repository
    tables : tuple of Table
    """

    page: str
    tables: tuple[Table, ...]


def experiments(system: str) -> Experiments:
    """The tables of one of :data:`SYSTEMS`."""
    import yaml

    text = (files("thermend.evaluation.reproduction") / f"{system}.yaml").read_text("utf-8")
    return Experiments.model_validate(yaml.safe_load(text))
