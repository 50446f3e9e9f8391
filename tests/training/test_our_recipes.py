"""The recipes that come with the project."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("yaml", reason="needs the train extra")
pytest.importorskip("lightning", reason="needs the train extra")

from thermend.methods import CATALOGUE, find
from thermend.training.recipe import check, read_recipe
from thermend.training.renamed import RENAMED

pytestmark = pytest.mark.slow

RECIPES = sorted((Path(__file__).parents[2] / "recipes").rglob("*.yaml"))
IN_COMMON = {"table7", "tables-4-to-6", "ablation"}
"""What others build on, and nobody runs."""


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_our_recipes_are_valid(path):
    values = read_recipe(path, ["data=somewhere"])
    check(find(values["method"]).load_training().recipe_kind, values, path)


def test_every_recipe_writes_to_a_folder_of_its_own():
    folders = [read_recipe(path)["out"] for path in RECIPES if path.stem not in IN_COMMON]
    assert len(set(folders)) == len(folders)


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_our_recipes_are_read_by_the_names_of_before(path):
    values = read_recipe(path, ["data=somewhere"])
    kind = find(values["method"]).load_training().recipe_kind
    before = {"": dict(values)} | {key: dict(values[key]) for key in RENAMED if isinstance(values.get(key), dict)}
    for section, names in RENAMED.items():
        for old, new in names.items():
            if new in before.get(section, {}):
                before[section][old] = before[section].pop(new)
    old = before.pop("") | before
    assert check(kind, old, path) == check(kind, values, path)


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.recipe is not None], ids=lambda row: row.full_name)
def test_a_recipe_is_checked_by_the_class_that_the_training_reads(row):
    assert row.load_recipe() is row.load_training().recipe_kind
