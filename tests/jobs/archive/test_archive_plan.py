"""What of an archive is missing, by what its manifest says and by what lies there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

pq = pytest.importorskip("pyarrow.parquet", reason="needs the cluster extra")

from thermend.app.cli import archive  # noqa: E402
from thermend.errors import InputError, UsageError  # noqa: E402
from thermend.estimation import diagnose  # noqa: E402
from thermend.image import ThermalImage  # noqa: E402
from thermend.jobs.archive import manifest  # noqa: E402
from thermend.jobs.archive.objects import Object  # noqa: E402
from thermend.jobs.archive.plan import BATCH_BYTES, BATCH_FILES, Counts, Plan, Present, batches, options_of  # noqa: E402
from thermend.jobs.archive.report import as_html  # noqa: E402
from thermend.jobs.archive.staging import Kept, Task  # noqa: E402
from thermend.jobs.archive.summary import summary_of  # noqa: E402
from thermend.jobs.enhance import Enhance  # noqa: E402

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone.utc)
ITEM = Object("s3://in/a.tif", "a.tif", "a", 10, "e1")


@pytest.fixture
def out(tmp_path):
    """A folder with a result in it."""
    (tmp_path / "a.tif").write_bytes(b"result")
    return str(tmp_path)


def recorded(out, *rows):
    """A manifest with these rows."""
    writer = manifest.Writer(out)
    writer.add(manifest.table(manifest.row(**said) for said in rows))
    writer.flush()


def row(out, **changes):
    said = {
        "input": ITEM.address, "size": 10, "etag": "e1", "outcome": "done", "options": "o1", "finished": NOW,
        "outputs": (Kept(f"{out}/a.tif", "s1", "t1"),), "run": "r1", "seconds": 2.0, "cores": 1.0,
        "method": "auto", "version": "1",
    }  # fmt: skip
    return said | changes


def planned(out, *, item=ITEM, options="o1", overwrite=False):
    counts = Counts()
    plan = Plan(manifest.Ledger(out), Present(out), options, overwrite, counts)
    return list(plan.missing([item])), counts


def test_what_is_done_is_done(out):
    recorded(out, row(out))
    tasks, counts = planned(out)
    assert (tasks, counts.done) == ([], 1)


def test_what_was_never_seen_and_what_failed_is_missing(out):
    tasks, _ = planned(out)
    assert tasks == [Task(ITEM)]
    recorded(out, row(out, outcome="failed", outputs=()))
    tasks, _ = planned(out)
    assert tasks == [Task(ITEM)]


@pytest.mark.parametrize("changes", [{"etag": "e2"}, {"size": 11}])
def test_a_changed_input_is_missing_and_its_result_may_be_replaced(out, changes):
    recorded(out, row(out))
    tasks, _ = planned(out, item=replace(ITEM, **changes))
    assert [task.ours for task in tasks] == [(Kept(f"{out}/a.tif", "s1", "t1"),)]


@pytest.mark.parametrize("beside", [False, True])
def test_a_result_that_is_gone_is_missing(out, beside):
    more = (Kept(f"{out}/a.compare.png", "s", "t"),) if beside else ()
    recorded(out, row(out, outputs=(Kept(f"{out}/a.tif", "s1", "t1"), *more)))
    if not beside:
        Path(out, "a.tif").unlink()
    tasks, _ = planned(out)
    assert len(tasks) == 1


def test_other_options_are_kept_unless_asked(out):
    recorded(out, row(out))
    tasks, counts = planned(out, options="o2")
    assert (tasks, counts.kept) == ([], 1)
    tasks, counts = planned(out, options="o2", overwrite=True)
    assert len(tasks) == 1


def test_the_latest_row_counts_whichever_part_holds_it(out):
    recorded(out, row(out, outcome="failed", outputs=(), finished=NOW + timedelta(seconds=9)))
    recorded(out, row(out))
    assert len(manifest.Ledger(out)) == 1
    assert manifest.Ledger(out).get(ITEM.address).outcome == "failed"
    assert manifest.Ledger(out).get("s3://in/b.tif") is None


def test_a_failure_remembers_what_was_ours(out):
    """A result stays ours when making it anew failed."""
    recorded(out, row(out, outcome="failed", reason="no"))
    assert planned(out)[0][0].ours == (Kept(f"{out}/a.tif", "s1", "t1"),)


def test_what_an_earlier_run_made_stays_ours(out):
    """A picture that a later run did not ask for is still the archive's own."""
    recorded(out, row(out, outputs=(Kept(f"{out}/a.tif", "s1", "t1"), Kept(f"{out}/a.compare.png", "s2", "t2"))))
    recorded(out, row(out, finished=NOW + timedelta(hours=1), options="o2"))
    (task,), _ = planned(out, options="o3", overwrite=True)
    assert {kept.address for kept in task.ours} == {f"{out}/a.tif", f"{out}/a.compare.png"}


def test_a_name_that_is_no_text_is_spelled_out(out):
    name = b"/flights/\xff.tif".decode("utf-8", "surrogateescape")
    recorded(out, row(out, input=name, reason=name))
    assert manifest.Ledger(out).get(name).outcome == "done"
    (said,) = pq.read_table(manifest.parts(out)[0]).to_pylist()
    assert said["input"] == r"/flights/\xff.tif"


def test_options_are_what_decides_on_a_result(tmp_path):
    job = Enhance(Path("x"), False)
    same = replace(job, out=Path("y"), overwrite=True, threads=3)
    assert options_of(job, "w") == options_of(same, "w")
    others = [
        options_of(job, "v"),
        *(options_of(replace(job, **c), "w") for c in ({"scale": 2}, {"method": "deal"}, {"mode": "display"})),
    ]
    assert len({options_of(job, "w"), *others}) == 5
    for text in ("one", "two"):
        (tmp_path / f"{text}.npz").write_text(text)
    one, two = (options_of(replace(job, pattern=str(tmp_path / f"{t}.npz")), "w") for t in ("one", "two"))
    assert one != two
    (tmp_path / "two.npz").write_text("one")
    assert options_of(replace(job, pattern=str(tmp_path / "two.npz")), "w") == one


@pytest.mark.parametrize("number", [0, 1, 5, 200, 1000])
@pytest.mark.parametrize("workers", [1, 2, 16])
def test_batches_hold_all_and_end_small(number, workers):
    tasks = [Task(replace(ITEM, address=str(n))) for n in range(number)]
    made = list(batches(iter(tasks), workers))
    assert [task for batch in made for task in batch] == tasks
    assert all(0 < len(batch) <= BATCH_FILES for batch in made)
    assert not made or len(made[-1]) == 1
    if number == 1000 and workers == 2:
        assert len(made[0]) == BATCH_FILES


def test_large_files_travel_alone():
    sizes = [10, BATCH_BYTES, 10, 10, BATCH_BYTES * 2, 5]
    tasks = [Task(replace(ITEM, address=str(n), size=size)) for n, size in enumerate(sizes)] + [Task(ITEM)] * 500
    made = list(batches(iter(tasks), 1))
    assert [[task.item.size for task in batch] for batch in made[:4]] == [
        [10],
        [BATCH_BYTES],
        [10, 10],
        [BATCH_BYTES * 2],
    ]


def test_rows_are_read_as_they_were_written(out, scene):
    found = diagnose(ThermalImage.from_array((scene * 255).astype("uint8")))
    recorded(
        out, row(out, diagnosis=found, frames=None, suspect=0.25, outputs=(Kept("m", "1", "2"), Kept("b", "3", "4")))
    )
    (said,) = pq.read_table(manifest.parts(out)[0]).to_pylist()
    assert set(said) == set(manifest.SCHEMA.names)
    assert said["diagnosis"]["noise_sigma"] == found.noise_sigma
    assert said["diagnosis"]["stripe_direction"] == found.stripe_direction
    assert (said["output"], said["output_sha256"], said["output_etag"]) == ("m", "1", "2")
    assert said["beside"] == [{"address": "b", "sha256": "3", "etag": "4"}]
    assert said["finished"] == NOW


def test_pandas_and_duckdb_read_it(out):
    pandas, duckdb = pytest.importorskip("pandas"), pytest.importorskip("duckdb")
    recorded(out, row(out), row(out, input="s3://in/b.tif", outcome="failed", reason="is damaged"))
    recorded(out, row(out, finished=NOW + timedelta(hours=1)))
    archive.report(out)
    frame = pandas.read_parquet(f"{out}/thermend-manifest")
    assert len(frame) == 3
    asked = (
        f"SELECT input, outcome FROM '{out}/thermend-manifest/*.parquet' "
        "QUALIFY row_number() OVER (PARTITION BY input ORDER BY finished DESC) = 1 ORDER BY input"
    )
    assert duckdb.sql(asked).fetchall() == [("s3://in/a.tif", "done"), ("s3://in/b.tif", "failed")]


def test_parts_are_written_now_and_then(out, monkeypatch):
    monkeypatch.setattr(manifest, "MOST_ROWS", 3)
    writer = manifest.Writer(out)
    for number in range(7):
        writer.add(manifest.table([manifest.row(**row(out, input=str(number)))]))
    assert len(manifest.parts(out)) == 2
    writer.flush()
    writer.flush()
    assert len(manifest.parts(out)) == 3
    assert len(manifest.Ledger(out)) == 7


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: b"PAR1" + data, lambda data: b""])
def test_a_damaged_part_is_named(out, spoil):
    recorded(out, row(out))
    (part,) = manifest.parts(out)
    Path(part).write_bytes(spoil(Path(part).read_bytes()))
    with pytest.raises(InputError, match="is no part of a manifest") as refused:
        manifest.Ledger(out)
    assert refused.value.path == part


@pytest.mark.parametrize("change", [{"input": None}, {"finished": None}, {"finished": 2**62}])
def test_rows_that_make_no_sense_are_named(out, change):
    """Of a part that is Parquet, and no manifest: a row without its input, a time that no calendar has."""
    import pyarrow as pa

    said = manifest.table([manifest.row(**row(out))])
    (name, value), field = *change.items(), manifest.SCHEMA.field(next(iter(change)))
    odd = pa.array([value], pa.int64()).cast(field.type) if isinstance(value, int) else pa.array([value], field.type)
    said = said.set_column(said.column_names.index(name), field, odd)
    Path(out, "thermend-manifest").mkdir()
    pq.write_table(said, Path(out, "thermend-manifest/part-a.parquet"))
    with pytest.raises(InputError, match="is no part of a manifest"):
        manifest.Ledger(out)


def test_a_summary_counts_each_input_once(out):
    recorded(out, row(out, outcome="failed", reason="s3://x/17.png: is cut short after 33 rows"))
    failed = {"run": "r2", "outcome": "failed", "outputs": (), "finished": NOW + timedelta(minutes=3)}
    recorded(
        out,
        row(out, run="r2", finished=NOW + timedelta(minutes=1), seconds=7200.0),
        row(out, input="b", reason="s3://x/4.png: is cut short after 5 rows", **failed),
        row(out, input="c", reason="s3://x/5.png: is cut short after 6 rows", **failed),
    )
    summary = summary_of(out)
    assert summary.outcomes == {"done": 1, "failed": 2}
    assert list(summary.reasons.values()) == [2]
    assert [name for name, _ in summary.failures] == ["b", "c"]
    assert [(run.name, run.inputs, run.failed) for run in summary.runs] == [("r1", 1, 1), ("r2", 3, 2)]
    assert summary.runs[1].per_minute == pytest.approx(1.5)
    assert summary.core_hours == pytest.approx((7200 + 3 * 2) / 3600)
    with pytest.raises(UsageError, match="no thermend-manifest"):
        summary_of(f"{out}/none")


def test_the_page_has_no_host_and_escapes_names(out, scene):
    found = diagnose(ThermalImage.from_array((scene * 255).astype("uint8")))
    recorded(
        out,
        row(out, input="<script>alert(1)</script>", diagnosis=found),
        row(out, input="b", outcome="failed", reason="<b>"),
    )
    page = as_html(summary_of(out), "s3://<x>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert "{{" not in page
    assert "None failed" not in page
