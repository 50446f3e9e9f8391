"""The papers' tables: what they are, what is measured for them, and what is said of their claims."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from thermend import InputError, UsageError
from thermend.degradations import PRESETS
from thermend.evaluation.comparison import Asked
from thermend.evaluation.measures import ON_REQUEST
from thermend.evaluation.reproduction.experiments import SYSTEMS, Claim, Table, experiments
from thermend.evaluation.reproduction.page import put
from thermend.evaluation.reproduction.tables import Given, lines, measured, verdict
from thermend.evaluation.tables import MEASURES, Row
from thermend.restoration.loading import info_of

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_table_names_what_there_is(system):
    found = experiments(system)
    page = (DOCS.parent / found.page).read_text()
    for table in found.tables:
        assert f"<!-- {table.place} -->" in page
        assert set(table.presets) <= {*PRESETS, "none"}
        assert set(table.measures) <= set(MEASURES)
        assert set(table.learned) <= set(ON_REQUEST)
        assert set(table.visible) <= set(table.sets)
        labels = [Asked.of(text).label for text in table.methods]
        for text in table.methods:
            info_of(Asked.of(text).name)
        for claim in table.claims:
            assert {claim.method, *claim.beside} <= {*labels, "input"}
            assert all(MEASURES[name].better for name in claim.measures)


@pytest.fixture
def data(tmp_path, scene) -> Path:
    for n in range(3):
        for place in ("val", "ir", "vi"):
            (tmp_path / place).mkdir(exist_ok=True)
            picture = np.clip(scene[n : n + 96, :100] * (200 if place == "vi" else 255), 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(tmp_path / place / f"{n}.png")
    (tmp_path / "val" / "1.png").unlink()
    return tmp_path


def table(**more) -> Table:
    values = {
        "place": "here", "methods": ["classical.seid", "theirs:deal=published"], "presets": ["deal-stripe-heavy", "none"],
        "sets": {"few": "val"}, "images": {"smoke": 1, "small": None}, "measures": ["psnr", "ssim"],
        "claims": [{"says": "mends", "method": "classical.seid", "beside": ["input"]}],
    }  # fmt: skip
    return Table.model_validate(values | more)


def test_a_table_is_measured_once_and_tells_what_held(data, tmp_path):
    asked = table(paper={"deal-stripe-heavy": {"psnr": 33.0}}, source="the paper's")
    given, told = Given(data, "small", {}, None), []
    found, missing = measured(asked, given, tmp_path / "r.jsonl", told.append)
    assert len(told) == len(found) == 4
    assert missing == ["theirs: its weights were not given"]
    again, _ = measured(asked, given, tmp_path / "r.jsonl", told.append)
    assert (len(told), again) == (4, found)
    made = lines(asked, found, missing, "small")
    assert made[0] == "2 of few; scale `small`."
    assert "|  | the paper's | 33.00 |  |" in made
    assert any(line.startswith("- mends: did not hold in 2 of 4: undamaged (PSNR") for line in made)
    smoke, _ = measured(asked, Given(data, "smoke", {}, None), tmp_path / "r.jsonl", told.append)
    assert len(smoke) == 2


def test_fused_sets_are_conditions_of_their_own_and_may_be_named_by_another_folder(data):
    asked = table(
        sets={"few": "ir"},
        names={"few": "val"},
        visible={"few": "vi"},
        presets=["none"],
        measures=["fused_mi"],
        claims=[],
    )
    with pytest.raises(UsageError, match="needs --fuse-weights"):
        measured(asked, Given(data, "small", {}, None), None, print)
    from thermend.evaluation.reproduction.tables import conditions

    found = conditions(asked, Given(data, "small", {}, "x"))
    assert [(c.name, [s.name for s in c.samples]) for c in found] == [("few, as it is", ["0.png", "2.png"])]


def test_a_claim_is_judged_by_each_measures_own_sense():
    rows = [
        Row("x", "input", 2, {"psnr": 20.0, "niqe_thermal": 9.0}, None),
        Row("x", "a", 2, {"psnr": 25.0, "niqe_thermal": 5.0}, 0.1),
        Row("y", "input", 2, {"psnr": 20.0, "niqe_thermal": 4.0}, None),
        Row("y", "a", 2, {"psnr": 20.0, "niqe_thermal": None}, 0.1),
    ]
    claim = Claim(says="s", method="a", beside=("input",), measures=("psnr", "niqe_thermal"), conditions=("x",))
    assert verdict(claim, rows) == "held in all 2 comparisons"
    assert verdict(claim.model_copy(update={"conditions": ()}), rows) == (
        "did not hold in 2 of 4: y (PSNR 20.00, input 20.00); y (NIQE, thermal of input not measured)"
    )


def test_only_the_place_of_a_page_changes(tmp_path):
    page = tmp_path / "p.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end a -->\nafter <!-- b --> <!-- end b -->\n")
    put(page, "a", ["new", "lines"])
    assert page.read_text() == "before\n<!-- a -->\n\nnew\nlines\n\n<!-- end a -->\nafter <!-- b --> <!-- end b -->\n"
    with pytest.raises(InputError, match="has no place <!-- c -->"):
        put(page, "c", [])


@pytest.mark.slow
def test_smoke_fills_no_page(tmp_path):
    words = ("-m", "thermend.evaluation.reproduction", "hidra", "--data", str(tmp_path), "--scale", "smoke")
    command = [sys.executable, *words]
    done = subprocess.run([*command, "--page", "p.md"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, "claims nothing" in done.stderr) == (2, True)
    done = subprocess.run([*command, "--only", "released"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("no such folder"), done.stderr
