"""Recipes: what is wrong with one is said before anything starts, with the key."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("yaml", reason="needs the train extra")

from thermend import InputError, UsageError
from thermend.methods import CATALOGUE
from thermend.training.recipe import Recipe, check, read_recipe
from thermend.training.renamed import RENAMED

TEXT = "method: some\nout: runs/x\nsteps: 10\nbatch: 2\ncrop: 64\nrate: 1.0e-3\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(TEXT)
    return path


def test_the_command_line_changes_keys(file):
    words = ["data=[a, b]", "steps=20", "validation.data=v", "validation.images=2", "validation.presets=[none]"]
    values = read_recipe(file, [*words, "images="])
    recipe = check(Recipe, values, file)
    assert [str(p) for p in recipe.data] == ["a", "b"]
    assert recipe.steps == 20
    assert recipe.validation is not None
    assert recipe.validation.max_images == 2
    assert recipe.max_images is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("stepz=3", "stepz: no such key; did you mean steps"),
        ("validation.presetz=[]", "validation.presetz: no such key; did you mean presets"),
        ("steps=many", "steps: .* not 'many'"),
        ("steps=0", "steps: .*greater than or equal to 1, not 0"),
        ("rate=-1", "rate: .*greater than 0"),
        ("precision=half", "precision: .*float32.*bf16"),
        ("validation={data: v, presets: [hm-tir-huge]}", "validation.presets: preset 'hm-tir-huge' is not known"),
        ("validation={data: v, presets: []}", "validation.presets: "),
        ("rate=.inf", "rate: "),
        ("data=[]", "data: "),
    ],
)
def test_what_is_wrong_is_said_with_its_key(file, change, message):
    with pytest.raises(UsageError, match=message):
        check(Recipe, read_recipe(file, ["data=a", "images=3", change]), file)


def test_minutes_take_the_place_of_steps(file):
    recipe = check(Recipe, read_recipe(file, ["data=a", "minutes=1.5"]), file)
    assert (recipe.steps, recipe.minutes) == (None, 1.5)
    for both in ({"minutes": 3}, {"steps": None}):
        with pytest.raises(UsageError, match="steps or minutes"):
            check(Recipe, read_recipe(file, ["data=a"]) | both, file)


def test_the_names_that_recipes_are_checked_by_are_the_real_ones():
    pytest.importorskip("torch", reason="needs the train extra")
    from thermend import degradations
    from thermend.methods.deal import network as deal
    from thermend.methods.deal.recipe import CASCADES
    from thermend.methods.ppfn.backbones import BACKBONES
    from thermend.methods.ppfn.recipe import NAMES
    from thermend.training import names

    assert tuple(degradations.PRESETS) == names.PRESETS
    assert tuple(degradations.DEGRADATIONS) == names.DEGRADATIONS
    assert tuple(deal.PRESETS) == CASCADES
    assert tuple(BACKBONES) == NAMES


@pytest.mark.parametrize("entry", [e for e in CATALOGUE if e.recipe], ids=lambda e: e.full_name)
def test_a_wrong_key_is_named_before_torch_is_loaded(entry, tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text(f"method: {entry.full_name}\ndata: x\nout: y\nsteps: 1\nbatchh: 3\n")
    code = (
        "import sys\nfrom thermend.app.cli import train\nfrom thermend.errors import UsageError\n"
        f"try:\n    train.run({str(path)!r}, [])\nexcept UsageError as error:\n    print(error)\n"
        "print([m for m in ('torch', 'lightning') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "batchh: no such key; did you mean batch" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_split_takes_the_place_of_a_number(file):
    values = read_recipe(file, ["data=a", "images=3", "split=names.txt"])
    assert "max_images" not in values
    with pytest.raises(UsageError, match="max_images and split exclude each other"):
        check(Recipe, values | {"images": 3}, file)


def test_a_missing_key_is_named(file):
    values = read_recipe(file, ["data=a"])
    del values["learning_rate"]
    with pytest.raises(UsageError, match="learning_rate: is missing"):
        check(Recipe, values, file)


@pytest.mark.parametrize("section", RENAMED)
def test_earlier_names_are_read_and_todays_are_said(tmp_path, section):
    lines = []
    for old, new in RENAMED[section].items():
        before = f"{section}." if section else ""
        path = tmp_path / f"{old}.yaml"
        path.write_text(f"{section}:\n  {old}: 1\n" if section else f"{old}: 1\n")
        values = read_recipe(path, [], lines.append)
        assert (values[section] if section else values) == {new: 1}
        assert lines[-1] == f"{path}: {before}{old} is called {before}{new} now"
        values = read_recipe(path, [f"{before}{old}=2"])  # what is above counts, by whatever name
        assert (values[section] if section else values) == {new: 2}
        path.write_text(f"{section}:\n  {old}: 1\n  {new}: 2\n" if section else f"{old}: 1\n{new}: 2\n")
        with pytest.raises(UsageError, match=f"{old} is the old name of {new}; give one of them"):
            read_recipe(path)


def test_a_recipe_does_not_read_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET", "sesame")
    (tmp_path / "r.yaml").write_text("out: ${oc.env:SECRET}\ndata: $SECRET\nmethod: '{SECRET}'\n")
    values = read_recipe(tmp_path / "r.yaml", ["split=${SECRET}"])
    assert values == {"out": "${oc.env:SECRET}", "data": "$SECRET", "method": "{SECRET}", "split": "${SECRET}"}


def test_missing_data_says_what_to_type(file):
    with pytest.raises(UsageError, match="data=DIR"):
        check(Recipe, read_recipe(file), file)


@pytest.mark.parametrize("change", ["steps", "=3", "steps.x=3", "steps={"])
def test_a_change_of_another_form_is_refused(file, change):
    with pytest.raises(UsageError, match=r"steps|=3"):
        read_recipe(file, [change])


@pytest.mark.parametrize(
    ("name", "text"),
    [("none.yaml", None), ("list.yaml", "- 1"), ("bad.yaml", "a: [1"), ("bytes.yaml", b"\xff\xfe\x00")],
)
def test_what_is_no_recipe_is_refused_by_name(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=name):
        read_recipe(tmp_path / name)


def test_nothing_in_a_recipe_is_executed(tmp_path):
    (tmp_path / "r.yaml").write_text("steps: !!python/object/apply:os.system ['touch mischief']\n")
    with pytest.raises(InputError, match="YAML"):
        read_recipe(tmp_path / "r.yaml")
    assert [p.name for p in tmp_path.iterdir()] == ["r.yaml"]
