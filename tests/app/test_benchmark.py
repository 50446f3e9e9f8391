"""`thermend benchmark`, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import thermend
from PIL import Image

pytest.importorskip("torch")
pytestmark = pytest.mark.slow
METHODS = ("classical.column-median", "classical.clahe")


@pytest.fixture
def clean(tmp_path, scene) -> Path:
    folder = tmp_path / "clean"
    (folder / "deep").mkdir(parents=True)
    for n in range(3):
        picture = np.clip(scene[n : n + 96, : 100 + n] * 255, 0, 255).astype(np.uint8)
        Image.fromarray(picture).save(folder / ("deep" if n else ".") / f"{n}.png")
    return folder


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def asked(clean: Path, out: Path, *more: object):
    return thermend(
        "benchmark", "--methods", *METHODS, "--presets", "deal-stripe-heavy", "none", "--clean", clean, "-o", out, *more
    )


def test_a_comparison_is_measured_once_and_goes_on_where_it_was(clean, tmp_path):
    out = tmp_path / "r.html"
    done = asked(clean, out)
    assert done.returncode == 0, done.stderr
    found = lines(tmp_path / "r.jsonl")
    cases = {(r["method"], r["condition"], r["image"]) for r in found}
    images = ("0.png", "deep/1.png", "deep/2.png")
    assert cases == {(m, c, i) for m in METHODS for c in ("deal-stripe-heavy", "none") for i in images}
    assert all(r["input_metrics"]["psnr"] == 100 for r in found if r["condition"] == "none")
    assert "| `deal-stripe-heavy`, 3 | input |" in (tmp_path / "r.md").read_text()
    kept = (tmp_path / "r.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "r.jsonl").write_text("".join(kept[:7]) + kept[7][:20])
    again = asked(clean, out)
    assert (again.returncode, "7 of 12 are measured already" in again.stdout) == (0, True), again
    before, after = (
        {str(r["condition"]) + r["method"] + r["image"]: r["metrics"] for r in some}
        for some in (found, lines(tmp_path / "r.jsonl"))
    )
    assert before == after
    Image.fromarray(np.full((60, 70), 90, np.uint8)).save(clean / "0.png")
    assert "8 of 12 are measured already" in asked(clean, out).stdout  # another image of that name


def test_so_many_images_are_taken_evenly_and_the_rest_later(clean, tmp_path):
    out = tmp_path / "r.html"
    assert asked(clean, out, "--images", 2).returncode == 0
    assert {r["image"] for r in lines(tmp_path / "r.jsonl")} == {"0.png", "deep/2.png"}
    assert "8 of 12 are measured already" in asked(clean, out).stdout


def test_all_pictures_are_files_beside_the_report(clean, tmp_path):
    done = asked(clean, tmp_path / "r.html", "--pictures", "all")
    assert done.returncode == 0, done.stderr
    found = sorted(p.relative_to(tmp_path / "r-pictures").as_posix() for p in (tmp_path / "r-pictures").rglob("*.png"))
    versions = ("classical.clahe", "classical.column-median", "clean", "input")
    images = ("0.png", "deep/1.png", "deep/2.png")
    assert found == sorted(
        f"{c}/clean/{i}.{v}.png" for c in ("deal-stripe-heavy", "none") for i in images for v in versions
    )
    page = (tmp_path / "r.html").read_text()
    assert '"r-pictures/none/clean/deep/1.png.classical.column-median.png"' in page
    assert "data:image" not in page.partition('id="shown"')[2].partition("</script>")[0]


def test_pictures_follow_images_that_changed_and_names_that_are_no_addresses(clean, tmp_path):
    for path in clean.rglob("*.png"):
        path.unlink()
    words = ("benchmark", "--methods", "classical.clahe", "--presets", "none", "--clean", clean, "--pictures", "all")
    for grey in (40, 200):
        Image.fromarray(np.full((40, 50), grey, np.uint8)).save(clean / "a #1, 50%.png")
        done = thermend(*words, "-o", tmp_path / "r.html")
        assert done.returncode == 0, done.stderr
        (shown,) = (tmp_path / "r-pictures").rglob("*.clean.png")
        with Image.open(shown) as picture:
            assert picture.getpixel((0, 0)) == grey
    assert '"r-pictures/none/clean/a%20%231%2C%2050%25.png.clean.png"' in (tmp_path / "r.html").read_text()


def test_folders_of_pairs_are_conditions(clean, tmp_path):
    assert thermend("degrade", clean, "-o", tmp_path / "bad", "--preset", "deal-stripe-heavy").returncode == 0
    done = thermend(
        "benchmark",
        "--methods",
        "classical.column-median",
        "--clean",
        clean,
        "--degraded",
        f"worse={tmp_path / 'bad'}",
        "-o",
        tmp_path / "r.html",
    )
    assert done.returncode == 0, done.stderr
    assert {r["condition"] for r in lines(tmp_path / "r.jsonl")} == {"worse"}
    preset = asked(clean, tmp_path / "s.html")
    assert preset.returncode == 0
    by_preset = {
        r["image"]: r["metrics"]["psnr"]
        for r in lines(tmp_path / "s.jsonl")
        if (r["method"], r["condition"]) == ("classical.column-median", "deal-stripe-heavy")
    }
    assert {r["image"]: r["metrics"]["psnr"] for r in lines(tmp_path / "r.jsonl")} == by_preset


def test_a_bad_image_costs_a_line_and_stands_in_the_report(clean, tmp_path):
    (clean / "broken.png").write_bytes(b"no image")
    done = asked(clean, tmp_path / "r.html")
    assert done.returncode == 1
    assert done.stderr.count("broken.png") == 4
    assert "4 could not be measured" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--presets", "no-such", "--clean", "{}"), "no-such"),
        (("--presets", "none"), "--clean DIR is missing"),
        (("--clean", "{}"), "--presets NAME or --degraded DIR"),
        (("--presets", "none", "--clean", "{}", "{}"), "two folders are called"),
        (("--presets", "none", "--clean", "{}", "--pictures", "-3"), "--pictures -3"),
        (("--presets", "none", "--clean", "{}", "--scale", "3"), "--scale 3"),
        (("--presets", "none", "--clean", "{}", "--fuse", "reco"), "belong together"),
        (("--presets", "none", "--clean", "{}", "--measure", "beauty"), "beauty"),
        (("--presets", "none", "--clean", "{}", "--methods", "nobody"), "nobody"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_before_anything_is_measured(clean, tmp_path, words, told):
    done = thermend(
        "benchmark",
        "--methods",
        "classical.column-median",
        *(w.format(clean) for w in words),
        "-o",
        tmp_path / "r.html",
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert told in done.stderr
    assert not (tmp_path / "r.jsonl").exists()


def test_what_lies_there_is_not_replaced(clean, tmp_path):
    (tmp_path / "r.html").write_text("mine")
    assert asked(clean, tmp_path / "r.html").returncode == 2
    assert (tmp_path / "r.html").read_text() == "mine"
    (tmp_path / "q.jsonl").write_text("mine\n")
    assert asked(clean, tmp_path / "q.html").returncode == 2
    assert (tmp_path / "q.jsonl").read_text() == "mine\n"
