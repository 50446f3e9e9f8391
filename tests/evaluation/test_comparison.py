"""Records of a comparison, its tables, the choice of its pictures, and the report."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from thermend.errors import ExistsError, InputError
from thermend.evaluation import records, report, tables
from thermend.evaluation.choice import chosen
from thermend.evaluation.records import Case, Record


def record(method: str, image: str, psnr: float, condition: str = "none", **more) -> Record:
    case = Case(method, condition, "val", image, "c0ffee", None, 1, "0.1; ; auto; ; ")
    values = {"psnr": psnr, "ssim": 0.5, **more}
    return Record(case, values, {"psnr": 20.0, "ssim": 0.4, **dict.fromkeys(more, None)}, 0.25)


def test_a_record_survives_its_file(tmp_path):
    one, two = record("auto", "a.png", 30.123456789, suspect=None), record("auto", "ä\nb.png", 31.0)
    file = records.Appending(tmp_path / "deep" / "r.jsonl")
    for each in (one, two, replace(one, seconds=9.0)):
        file.add(each)
    file.close()
    found = records.read(tmp_path / "deep" / "r.jsonl")
    assert list(found.values()) == [replace(one, seconds=9.0), two]  # the last of each case


def test_a_line_that_was_cut_off_is_measured_again_and_leaves_no_trace(tmp_path):
    path = tmp_path / "r.jsonl"
    one, two = record("auto", "a.png", 30.0), record("auto", "b.png", 31.0)
    path.write_text(one.line() + "\n" + two.line()[:40])
    assert list(records.read(path).values()) == [one]
    file = records.Appending(path)
    file.add(two)
    file.close()
    assert list(records.read(path).values()) == [one, two]


@pytest.mark.parametrize("text", ["hello\n", "[1]\n", '{"method": "auto"}\n', "\x00\n"])
def test_another_file_is_no_file_of_records(tmp_path, text):
    path = tmp_path / "r.jsonl"
    path.write_text(record("auto", "a.png", 30.0).line() + "\n" + text)
    with pytest.raises(InputError, match="line 2 is no record"):
        records.read(path)


def test_means_are_over_the_images_and_the_best_is_marked():
    found = [
        record("a", "1.png", 30.0, niqe_thermal=5.0), record("a", "2.png", 32.0, niqe_thermal=None),
        record("b", "1.png", 31.0, niqe_thermal=7.0), record("b", "2.png", 31.004, niqe_thermal=7.0),
    ]  # fmt: skip
    rows = tables.rows(found)
    assert [(row.method, row.images, row.means["psnr"]) for row in rows] == [
        ("input", 2, 20.0), ("a", 2, 31.0), ("b", 2, pytest.approx(31.002)),
    ]  # fmt: skip
    assert rows[1].means["niqe_thermal"] == 5.0  # of the image that it says something of
    assert tables.winners(rows, "psnr") == {("none", "a"), ("none", "b")}  # both 31.00
    assert tables.winners(rows, "niqe_thermal") == {("none", "a")}  # lower is better
    assert tables.winners(rows, "ssim") == {("none", "a"), ("none", "b")}
    assert tables.winners(tables.rows(found[:2]), "psnr") == set()  # nobody to be ahead of
    lines = tables.summary(found, ("psnr", "niqe_thermal"))
    assert lines[0] == "|  |  | PSNR | NIQE, thermal | s an image |"
    assert lines[2] == "| undamaged, 2 | input | 20.00 |  |  |"
    assert lines[3] == "|  | a | **31.00** | **5.0** | 0.25 |"


@pytest.mark.parametrize(
    ("number", "wanted"), [(5, "01236"), (3, "036"), (2, "06"), (1, "0"), (0, ""), (None, "0123456"), (9, "0123456")]
)
def test_the_worst_come_first_with_a_median_and_the_best(number, wanted):
    found = [record(m, f"{9 - n}.png", 20.0 + n + by) for n in range(7) for m, by in (("a", 0), ("b", 3))]
    assert [9 - int(image[0]) for _, _, image in chosen(found, number)] == [int(n) for n in wanted]


def pictures(number: int, side: int = 40) -> list[report.Picture]:
    rng = np.random.default_rng(0)
    made = [report.png(rng.integers(0, 255, (side, side), dtype=np.uint8)) for _ in range(number)]
    return [report.Picture("none", "val", f"{n}.png", {"clean": png, "a": png}) for n, png in enumerate(made)]


def test_the_report_is_one_file_that_asks_nothing_and_holds_what_was_measured():
    found = [record("</script><b>", "{{data}}.png", 30.0), record("b", "{{data}}.png", 31.0)]
    facts = report.Facts("<i>", "thermend benchmark --methods '<a>'", [("cpu", "a & b")], ["x.png: is <broken>"])
    page = report.as_html(found, facts, pictures(2))
    assert not re.search(r"(src|href)\s*=|url\((?!#)|@import|fetch\(|https?://", page.partition("const find")[0])
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])
    assert [row["method"] for row in data["summary"]] == ["input", "</script><b>", "b"]
    assert data["images"][0]["image"] == "{{data}}.png"
    assert data["images"][1]["values"]["psnr"] == 31.0
    shown = json.loads(re.search(r'<script type="application/json" id="shown">(.*?)</script>', page)[1])
    assert [len(each["versions"]) for each in shown] == [2, 2]
    assert "<title>&lt;i&gt;</title>" in page
    assert "x.png: is &lt;broken&gt;" in page


def test_pictures_that_do_not_fit_are_left_out_in_turn_and_counted():
    several = [replace(p, condition=c) for c in ("x", "y") for p in pictures(4, 100)]
    room = 120_000
    page = report.as_html([record("a", "0.png", 30.0)], report.Facts("t", "c", []), several, room)
    shown = json.loads(re.search(r'id="shown">(.*?)</script>', page)[1])
    assert 2 <= len(shown) < 8
    assert abs(sum(p["condition"] == "x" for p in shown) - sum(p["condition"] == "y" for p in shown)) <= 1
    assert f"{8 - len(shown)} more pictures" in page
    assert len(page.encode()) <= room


def test_what_is_no_report_is_not_replaced(tmp_path):
    path = tmp_path / "r.html"
    report.check_ours(path, report.MARK)
    path.write_text("<html>mine")
    with pytest.raises(ExistsError, match="is no report of thermend benchmark"):
        report.check_ours(path, report.MARK)
    path.write_text(report.as_html([record("a", "0.png", 30.0)], report.Facts("t", "c", []), []))
    report.check_ours(path, report.MARK)
