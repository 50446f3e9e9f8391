"""The papers' tables: what they are, what is measured for them, and what is said of their claims."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from thermend import InputError, UsageError
from thermend.degradations import PRESETS
from thermend.errors import MissingDependencyError, ThermendError
from thermend.evaluation.comparison import Asked
from thermend.evaluation.measures import ON_REQUEST
from thermend.evaluation.records import Case, Record
from thermend.evaluation.reproduction import training
from thermend.evaluation.reproduction.experiments import SCALES, SYSTEMS, Claim, Table, TrainedTable, experiments
from thermend.evaluation.reproduction.page import put
from thermend.evaluation.reproduction.tables import Given, lines, measured, verdict
from thermend.evaluation.tables import MEASURES, Row
from thermend.methods import find
from thermend.restoration.loading import info_of
from thermend.training.recipe import check, read_recipe

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
        if isinstance(table, TrainedTable):
            labels = [row.label for row in table.rows]
            assert len(set(labels)) == len(labels)
            assert all((training.recipes_folder() / f"{row.recipe}.yaml").is_file() for row in table.rows)
            assert set(table.seeds) == set(table.changes) == set(table.hours) == set(SCALES)
            assert table.split is None or (training.recipes_folder() / table.split).is_file()
        else:
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
    chosen, _ = measured(
        table(precision="bf16"), Given(data, "smoke", {}, None, precision="float32"), tmp_path / "p.jsonl", told.append
    )
    assert all("float32" in record.case.setting and "bf16" not in record.case.setting for record in chosen)


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


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_recipe_can_be_trained_at_every_scale(system, scale, tmp_path):
    """Its keys are keys of its method's recipe, and no two runs with one folder are different."""
    known: dict[Path, dict] = {}
    for table in experiments(system).tables:
        if isinstance(table, TrainedTable):
            given = Given(tmp_path, scale, {}, None, tmp_path / "runs")
            for run in training.runs_of(table, given):
                words = training.words_of(run, training.changes_of(table, given), training.recipes_folder())
                values = read_recipe(*words, print)
                recipe = check(find(values["method"]).load_recipe(), values, words[0])
                assert known.setdefault(run.out, recipe) == recipe


@pytest.mark.slow
def test_recipes_are_trained_once_and_set_beside_the_first(data, tmp_path):
    """Two rows, one seed, two steps; the second time nothing is trained and nothing measured."""
    asked = TrainedTable.model_validate({
        "place": "here", "source": "theirs", "training": ["val"], "presets": ["deal-low-contrast"], "sets": {"few": "val"},
        "images": {"smoke": None}, "measures": ["psnr", "ssim"], "seeds": {"smoke": 1}, "hours": {"smoke": 0.1},
        "changes": {"smoke": {"steps": 2, "batch_size": 1, "patch_size": 64, "warmup_steps": 1, "max_images": None}},
        "shorter_side": 64, "claims": [{"says": "wins", "method": "all", "beside": ["average"]}],
        "rows": [
            {"label": "all", "recipe": "deal/table7-all", "paper": {"psnr": 31.5}},
            {"label": "average", "recipe": "deal/table7-average", "changes": {"steps": 3}},
        ],
    })  # fmt: skip
    given, told = Given(data, "smoke", {}, None, tmp_path / "runs"), []
    trainings = training.Trainings(2, False)
    found, missing = training.measured(asked, given, trainings, tmp_path / "r.jsonl", told.append)
    assert (len(found), missing) == (4, [])
    assert {record.case.method for record in found} == {"all, seed 0", "average, seed 0"}
    with Image.open(tmp_path / "runs/smoke/few-64/0.png") as picture:
        assert min(picture.size) == 64
    assert (tmp_path / "runs/smoke/here/table7-all-0/weights.safetensors").is_file()
    made = training.lines(asked, found, missing, given)
    assert made[0] == "2 of few, 1 seed; scale `smoke`, 0.1 hours of one core to train."
    assert "|  | all, theirs | 31.50 |  |  |  |" in made
    said = len(told)
    taken = training.Trainings(2, True)
    assert training.measured(asked, given, taken, tmp_path / "r.jsonl", told.append)[0] == found
    assert told[said:] == []
    changed = asked.model_copy(update={"changes": {"smoke": {**asked.changes["smoke"], "batch_size": 2}}})
    with pytest.raises(ThermendError, match="table7-all was not trained to its end"):
        training.measured(changed, given, trainings, None, told.append)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_whoever_ends_it_ends_its_trainings(tmp_path):
    """They end too, in order, and none goes on by itself beside the next attempt."""
    for folder in ("roadscene/train", "hit-uav/train", "llvip/train", "roadscene/val", "hit-uav/val"):
        (tmp_path / folder).mkdir(parents=True)
        pixels = np.random.default_rng(0).integers(0, 255, (160, 200)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / "a.png")
    words = ("ppfn", "--data", str(tmp_path), "--only", "ablation", "--runs", str(tmp_path / "runs"))
    running = subprocess.Popen(
        [sys.executable, "-m", "thermend.evaluation.reproduction", *words], stderr=subprocess.PIPE, text=True
    )
    log = tmp_path / "runs/small/ppfn-ablation/ablation-full-0/run.json"
    until = time.monotonic() + 120
    while not log.is_file() and running.poll() is None and time.monotonic() < until:
        time.sleep(0.2)
    assert running.poll() is None, running.stderr.read()
    running.terminate()
    _, said = running.communicate(timeout=100)  # which its trainings write to as well
    assert running.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in said


def test_a_row_is_compared_image_by_image_over_seeds():
    """Values by hand: the first is ahead by 2 and 4 dB of two images, mean of two seeds each."""
    table = TrainedTable.model_validate({
        "place": "x", "rows": [{"label": "a", "recipe": "r"}, {"label": "b", "recipe": "r"}], "training": [],
        "presets": ["none"], "sets": {}, "images": {}, "measures": ["psnr", "ag"], "seeds": {"small": 2}, "changes": {},
        "hours": {"small": 2.5},
        "claims": [{"says": "better", "method": "a", "beside": ["b"], "measures": ["psnr"]}],
    })  # fmt: skip
    case = lambda method, image: Case(method, "none", "set", image, "", None, 1, "")  # noqa: E731
    values = {("a", 0): (30, 20), ("a", 1): (32, 22), ("b", 0): (28, 18), ("b", 1): (30, 16)}
    found = [
        Record(case(f"{label}, seed {seed}", f"{n}.png"), {"psnr": v, "ag": 1.0}, {"psnr": 9.0}, 0)
        for (label, seed), both in values.items() for n, v in enumerate(both)
    ]  # fmt: skip
    made = training.lines(table, found, [], Given(Path(), "small", {}, None))
    assert made[0] == "2 of set, 2 seeds (mean ± deviation over them); scale `small`, 2.5 hours of one core to train."
    assert made[3] == "|  |  | PSNR | AG | a ahead, PSNR |"
    assert made[5:8] == [
        "| undamaged | input | 9.00 |  |  |",
        "|  | a | 26.00 ± 1.00 | 1.00 ± 0.00 |  |",
        "|  | b | 23.00 ± 0.00 | 1.00 ± 0.00 | +3.00 ± 1.00 |",
    ]
    assert made[-1] == "- better: held in all 1 comparisons."


@pytest.mark.slow
def test_a_table_that_is_not_there_is_named(tmp_path):
    words = ("-m", "thermend.evaluation.reproduction", "ppfn", "--data", str(tmp_path), "--only", "table-9")
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (
        2,
        "thermend: --only table-9: the tables are reach, ablation, backbones\n",
    )


def test_without_yaml_the_command_says_in_a_line_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'thermend\[train\]'"):
        experiments("deal")
