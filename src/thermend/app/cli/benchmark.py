"""`thermend benchmark`."""

from __future__ import annotations

import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from typer.core import TyperCommand

from thermend.app.cli import console
from thermend.errors import InputError, UsageError
from thermend.jobs import executors
from thermend.machine import cores, processor

if TYPE_CHECKING:
    from thermend.evaluation.comparison import Asked, Comparison, Condition, Item
    from thermend.evaluation.records import Record
    from thermend.evaluation.report import Picture
    from thermend.jobs.benchmark import Benchmark, Found


class SeveralValues(TyperCommand):
    """A command without arguments, whose options that may be repeated take several values after one name, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        several = {name for p in self.params if getattr(p, "multiple", False) for name in p.opts}
        made: list[str] = []
        option, count = None, 0
        for arg in args:
            if arg.startswith("-") and arg != "-":
                option, count = (arg, 0) if arg in several else (None, 0)
            elif option is not None:
                count += 1
                if count > 1:
                    made.append(option)
            made.append(arg)
        return super().parse_args(ctx, made)


@dataclass(frozen=True)
class Images:
    """What is compared on.

    Attributes
    ----------
    clean : sequence of str
        folders of clean images, DIR or NAME=DIR
    presets : sequence of str
    degraded : sequence of str
        folders of degraded images of the same names
    dataset : (str, str) or None
        a published layout and its folder
    visible : str or None
        folder of visible images of the same names
    count : int or None
        images of each set, evenly over their names; None is all
    """

    clean: Sequence[str]
    presets: Sequence[str]
    degraded: Sequence[str]
    dataset: tuple[str, str] | None
    visible: str | None
    count: int | None = None


def run(
    comparison: Comparison,
    methods: Sequence[str],
    images: Images,
    out: Path,
    pictures: str,
    overwrite: bool,
    say: Callable[[str], None] = print,
) -> int:
    """Carry out the command; returns its exit code.

    Raises
    ------
    UsageError
        nothing could be started
    """
    from thermend.evaluation import records, report
    from thermend.evaluation.comparison import Asked
    from thermend.jobs.benchmark import Benchmark

    executors.quieten_libraries()
    number = _number(pictures)
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"-o {out}: expected the name of an HTML file, as in report.html")
    beside = out.with_suffix(".jsonl"), out.with_suffix(".md")
    report.check_ours(out, report.MARK)
    report.check_ours(beside[1], report.MARKDOWN_MARK)
    conditions = list(_conditions(images))
    asked = [Asked.of(method) for method in methods]
    settings = comparison.settings(asked, images.presets)
    folder = out.with_name(f"{out.stem}-pictures") if number is None else None
    job = Benchmark(comparison, folder=folder)
    items = list(comparison.items(settings, conditions))
    known = {} if overwrite else records.read(beside[0])
    missing = [item for item in items if item.case not in known or _unseen(job, item)]
    if len(missing) < len(items):
        say(f"{len(items) - len(missing)} of {len(items)} are measured already ({beside[0].name})")
    file = records.Appending(beside[0])
    failures = []
    with closing(file):
        for _, found, error in _run(job, missing, "measuring"):
            if error is not None:
                failures.append(error)
            elif found is not None:
                file.add(found.record)
                known[found.record.case] = found.record
    measured = [known[item.case] for item in items if item.case in known]
    if not measured:
        return console.WRONG_USE
    facts = report.Facts(_title(asked, images), _command(), _ran_on(comparison, len(missing)), failures)
    shown = list(_shown(job, items, measured, number))
    _write(out, report.as_html(measured, facts, shown))
    _write(
        beside[1],
        report.as_markdown(
            measured, facts, (*_MAIN, *comparison.learned, *(_FUSED if comparison.fuse_weights else ()))
        ),
    )
    for path in (out, *beside[::-1]):
        say(str(path))
    return console.exit_code(len(measured), len(failures))


_MAIN = ("psnr", "psnr_fitted", "ssim", "rmse_kelvin", "rmse_counts")
_FUSED = ("fused_mi", "fused_scd", "fused_vif", "fused_qabf")


def _number(pictures: str) -> int | None:
    if pictures == "all":
        return None
    if not pictures.isdecimal():
        raise UsageError(f"--pictures {pictures}: expected a number of images for each condition, or all")
    return int(pictures)


def _conditions(images: Images) -> Iterator[Condition]:
    from thermend.evaluation.images import spread

    for condition in _all_conditions(images):
        yield condition._replace(samples=spread(condition.samples, images.count))


def _all_conditions(images: Images) -> Iterator[Condition]:
    from thermend.datasets import LAYOUTS
    from thermend.datasets.samples import samples
    from thermend.evaluation.comparison import Condition

    if images.dataset is not None:
        name, folder = images.dataset
        if name not in LAYOUTS:
            raise UsageError(f"--dataset {name}: expected {' or '.join(LAYOUTS)}")
        if images.clean or images.degraded or images.visible:
            raise UsageError("--dataset brings its own images; leave --clean, --degraded and --visible out")
        if (name == "sober-drunk") != bool(images.presets):
            raise UsageError(
                f"--dataset {name} {'needs --presets' if name == 'sober-drunk' else 'is degraded already'}"
            )
        for condition, chosen in LAYOUTS[name](Path(folder)).items():
            for preset in images.presets or (None,):
                yield Condition(name, " ".join(filter(None, (condition, preset))), preset, chosen)
        return
    if not images.clean:
        raise UsageError("--clean DIR is missing (or --dataset NAME DIR)")
    if not images.presets and not images.degraded:
        raise UsageError(
            "--presets NAME or --degraded DIR says what the methods get; --presets none leaves images as they are"
        )
    if images.degraded and len(images.clean) > 1:
        raise UsageError("--degraded DIR goes with one folder of clean images")
    if images.visible is not None and len(images.clean) > 1:
        raise UsageError("--visible DIR goes with one folder of clean images")
    visible = None if images.visible is None else Path(images.visible)
    folders = _named(images.clean)
    for preset in images.presets:
        for label, clean in folders.items():
            yield Condition(label, preset, preset, samples(clean, None, visible))
    for degraded, place in _named(images.degraded).items():
        for label, clean in folders.items():
            yield Condition(label, degraded, None, samples(clean, place, visible))


def _named(entries: Sequence[str]) -> dict[str, Path]:
    """Folders by the names that were given to them, else by their own; where these are one, as they were typed."""
    found: dict[str, Path] = {}
    parts = [entry.partition("=") if not Path(entry).is_dir() else ("", "", entry) for entry in entries]
    pairs = [(name, Path(folder)) if mark else ("", Path(name or folder)) for name, mark, folder in parts]
    own = [folder.resolve().name for _, folder in pairs]
    for (name, folder), last in zip(pairs, own):
        label = name or (last if own.count(last) == 1 else folder.as_posix())
        if label in found:
            raise UsageError(f"two folders are called {label}")
        found[label] = folder
    return found


def _unseen(job: Benchmark, item: Item) -> bool:
    """Whether a picture that is wanted of a measurement is missing."""
    from thermend.evaluation.report import CLEAN, INPUT
    from thermend.jobs.benchmark import picture_path

    wanted = (CLEAN, INPUT, item.case.method)
    return job.folder is not None and not all(picture_path(job.folder, item.case, v).exists() for v in wanted)


def _run(job: Benchmark, items: Sequence[Item], title: str) -> Iterator[tuple[Item, Found | None, str | None]]:
    """Measurements, as they come, or the line that says why there is none."""
    workers = 1 if len(items) <= 2 else min(cores(), len(items))
    with (
        console.progress(len(items), title) as seen,
        closing(executors.run(job, items, workers, progress=seen)) as running,
    ):
        for item, outcome in running:
            if outcome.error is not None:
                console.complain(outcome.error)
            yield item, outcome.found, outcome.error


def _shown(job: Benchmark, items: Sequence[Item], measured: Sequence[Record], number: int | None) -> Iterator[Picture]:
    """The pictures of the report: made once more where they are no files."""
    from thermend.evaluation.choice import chosen
    from thermend.evaluation.report import CLEAN, INPUT, Picture
    from thermend.jobs.benchmark import picture_path

    there = {record.case for record in measured}
    places = chosen(measured, number)
    wanted: dict[tuple[str, str, str], list[Item]] = {place: [] for place in places}
    for item in items:
        place = (item.case.condition, item.case.images, item.case.image)
        if item.case in there and place in wanted:
            wanted[place].append(item)
    made: dict[tuple[str, str, str], dict[str, bytes | str]] = {place: {} for place in places}
    if job.folder is not None:
        for place, ones in wanted.items():
            paths = {v: picture_path(job.folder, ones[0].case, v) for v in (CLEAN, INPUT)}
            paths |= {item.case.method: picture_path(job.folder, item.case, item.case.method) for item in ones}
            made[place] = {v: quote(path.relative_to(job.folder.parent).as_posix()) for v, path in paths.items()}
    else:
        for item, found, _ in _run(replace(job, shows=True), [i for ones in wanted.values() for i in ones], "pictures"):
            if found is not None:
                made[item.case.condition, item.case.images, item.case.image].update(found.pictures)
    order = {m: n for n, m in enumerate((CLEAN, INPUT, *dict.fromkeys(i.case.method for i in items)))}
    for place, pictures in made.items():
        if pictures:
            yield Picture(*place, {v: pictures[v] for v in sorted(pictures, key=order.__getitem__)})


def _title(methods: Sequence[Asked], images: Images) -> str:
    on = images.dataset[0] if images.dataset else ", ".join(_named(images.clean))
    return f"{', '.join(asked.label for asked in methods)} on {on}"


def _command() -> str:
    return shlex.join(["thermend", *sys.argv[1:]])


def _ran_on(comparison: Comparison, missing: int) -> list[tuple[str, str]]:
    from importlib.metadata import PackageNotFoundError, version

    from thermend.version import __version__

    packages = []
    for name in ("numpy", "opencv-python-headless", "openvino", "onnxruntime", "torch"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    workers = 1 if missing <= 2 else min(cores(), missing)
    timed = f"{workers} processes of one thread each" if workers > 1 else "one process"
    return [
        ("thermend", __version__),
        ("engine, precision", f"{comparison.engine}, {comparison.precision}"),
        ("processor", f"{processor()}, {cores()} cores"),
        ("seconds", f"as measured in {timed}" if missing else "as measured before"),
        ("system", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
        ("packages", ", ".join(packages)),
    ]


def _write(path: Path, text: str) -> None:
    from thermend.io.atomic import whole_file

    try:
        with whole_file(path, overwrite=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except UnicodeEncodeError as error:
        raise InputError(path, f"cannot be written: {error.reason}") from error
