"""Spoil small files in many ways and read them: nothing but our own errors comes out, in little time and memory.

    python fuzz/run.py --minutes 10 [--target tiff ...] [--seed N] [--record docs/robustness.json] [--page docs/robustness.md]

Cases run in processes that are watched: one that takes over five seconds, grows by over a gigabyte, dies, or raises what is not
ours, is a finding; its bytes are kept in `fuzz/findings/`. A case is found again by target, seed and number. Every run adds to
the record, so that several days add up.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corpus
import numpy as np

import thermend
from thermend.app.server import uploads as _uploads  # noqa: F401 (loaded once, before processes are made)
from thermend.engines import onnxruntime as _runtime  # noqa: F401
from thermend.evaluation.reproduction import page as pages
from thermend.io import palettes
from thermend.jobs import executors
from thermend.methods.deal import checkpoints as _deal  # noqa: F401
from thermend.methods.ppfn import checkpoints as _ppfn  # noqa: F401
from thermend.training import recipe as _recipe  # noqa: F401

SECONDS, BYTES = 5.0, 2**30
BATCH = 1000
FINDINGS = Path(__file__).parent / "findings"
_INTERESTING = (0, 1, 0x7F, 0x80, 0xFF)


def spoilt(data: bytes, rng: np.random.Generator) -> bytes:
    """A file with bytes changed, taken out, doubled, or with numbers at their limits."""
    made = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if not made:
            break
        at = int(rng.integers(len(made))) if rng.random() < 0.5 else int(min(len(made) - 1, rng.exponential(60)))
        kind = int(rng.integers(8))
        if kind == 0:
            made[at] = int(rng.integers(256))
        elif kind == 1:
            made[at] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            made[at] = int(rng.choice(_INTERESTING))
        elif kind == 3:
            width = int(rng.choice((2, 4, 8)))
            value = int(rng.choice((0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1), 2**16, 10**6 % 2 ** (8 * width))))
            made[at : at + width] = (value % 2 ** (8 * width)).to_bytes(width, str(rng.choice(("little", "big"))))  # type: ignore[arg-type]
        elif kind == 4:
            del made[at : at + int(rng.integers(1, 40))]
        elif kind == 5:
            made[at:at] = made[at : at + int(rng.integers(1, 40))]
        elif kind == 6:
            made = made[:at]
        else:
            other = int(rng.integers(len(made)))
            made[at : at + 4] = made[other : other + 4]
    return bytes(made)


def read_image(suffix: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        from thermend import io

        path = folder / f"a{suffix}"
        path.write_bytes(data)
        io.count_pages(path)
        for image in io.read_pages(path):
            assert image.pixels.ndim == 2

    return read


def read_weights(suffix: str) -> Callable[[bytes, Path], None]:
    def read(data: bytes, folder: Path) -> None:
        from thermend.methods.deal.checkpoints import load_network

        path = folder / f"a{suffix}"
        path.write_bytes(data)
        load_network(path)

    return read


def read_prompts(data: bytes, folder: Path) -> None:
    from thermend.methods.ppfn import checkpoints

    (folder / "a.npz").write_bytes(data)
    checkpoints.read_prompts(folder / "a.npz")


def read_recipe(data: bytes, folder: Path) -> None:
    from thermend.training.recipe import Recipe, check
    from thermend.training.recipe import read_recipe as read

    (folder / "a.yaml").write_bytes(data)
    check(Recipe, read(folder / "a.yaml", ["data=a"]), folder / "a.yaml")


def open_network(data: bytes, folder: Path) -> None:
    from thermend.engines import open_onnx

    (folder / "a.onnx").write_bytes(data)
    open_onnx(folder / "a.onnx", "onnxruntime", threads=1)


def receive_form(data: bytes, folder: Path) -> None:
    from starlette.requests import Request

    from thermend.app.server.uploads import RefusedError, received

    pieces = [data[:50], data[50:]]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    scope = {"type": "http", "headers": [(b"content-type", b"multipart/form-data; boundary=x")]}
    for left in folder.iterdir():
        left.unlink()
    with contextlib.suppress(RefusedError):
        upload = asyncio.run(received(Request(scope, receive), folder, 10**6))
        assert upload.path.parent == folder


def read_state(data: bytes, folder: Path) -> None:
    from thermend.restoration.session import state

    (folder / "a.state").write_bytes(data)
    state.facts_of(folder / "a.state")
    state.load(thermend.load("classical.chain").session(), folder / "a.state")


def read_manifest(data: bytes, folder: Path) -> None:
    from thermend.jobs.archive.manifest import Ledger

    place = folder / "thermend-manifest"
    place.mkdir(exist_ok=True)
    (place / "part-a.parquet").write_bytes(data)
    ledger = Ledger(str(folder))
    for number in range(5):
        ledger.get(f"s3://a/{number}.tif")


TARGETS: dict[str, tuple[Callable[[], list[bytes]], Callable[[bytes, Path], None]]] = {
    "tiff": (corpus.tiffs, read_image(".tif")),
    "png": (corpus.pngs, read_image(".png")),
    "jpeg": (corpus.jpegs, read_image(".jpg")),
    "fff": (corpus.fffs, read_image(".fff")),
    "npy": (corpus.npys, read_image(".npy")),
    "bmp, webp": (corpus.bmps_and_webps, read_image(".bmp")),
    "npz": (corpus.npzs, read_prompts),
    "yaml": (corpus.recipes, read_recipe),
    "safetensors": (corpus.safetensors, read_weights(".safetensors")),
    "pt": (corpus.checkpoints, read_weights(".pt")),
    "onnx": (corpus.onnx_files, open_network),
    "request": (corpus.forms, receive_form),
    "seq": (corpus.seqs, read_image(".seq")),
    "video": (corpus.videos, read_image(".mkv")),
    "session": (corpus.states, read_state),
    "manifest": (corpus.manifests, read_manifest),
}
MENDED = {"png": corpus.crc_mended}


def case(target: str, seed: int, number: int, seeds: list[bytes]) -> bytes:
    """The bytes of a case."""
    rng = np.random.default_rng([seed, list(TARGETS).index(target), number])
    data = spoilt(seeds[int(rng.integers(len(seeds)))], rng)
    return MENDED[target](data) if target in MENDED and rng.random() < 0.7 else data


def work(target: str, seed: int, first: int, current: Any, found: Any) -> None:
    """Read so many cases; what is not ours goes into the queue."""
    from thermend.errors import ThermendError

    executors.quieten_libraries()
    warnings.simplefilter("ignore")
    seeds, read = TARGETS[target][0](), TARGETS[target][1]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + BATCH):
            data = case(target, seed, number, seeds)
            current[0], current[1] = number, time.monotonic()
            try:
                read(data, Path(folder))
            except ThermendError as error:
                if "\n" in str(error) or "please report this" in str(error):
                    found.put((number, f"a line that is none: {str(error)[:200]}"))
            except BaseException:
                found.put((number, traceback.format_exc(limit=-3)[-600:]))
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            if grown * 1024 > BYTES:
                found.put((number, f"took {grown / 2**20:.1f} GB"))
                before += grown
    current[0] = -1


def watched(target: str, seed: int, first: int, context: Any) -> tuple[int, list[tuple[int, str]]]:
    """A batch in a process of its own: how many cases were read, and what was found."""
    current, found = context.Array("d", [first, time.monotonic()], lock=False), context.Queue()
    process = context.Process(target=work, args=(target, seed, first, current, found), daemon=True)
    process.start()
    findings: list[tuple[int, str]] = []
    while process.is_alive():
        process.join(0.2)
        if (
            process.is_alive()
            and current[0] >= 0
            and time.monotonic() - current[1] > SECONDS + 15 * (current[0] == first)
        ):
            findings.append((int(current[0]), f"took over {SECONDS:.0f} s"))
            process.kill()
            process.join()
    if current[0] >= 0 and not findings:
        findings.append((int(current[0]), f"ended its process ({process.exitcode})"))
    while not found.empty():
        findings.append(found.get())
    done = BATCH if current[0] < 0 else int(current[0]) - first + 1
    return done, findings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--target", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--seed", type=int)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--page", type=Path)
    parser.add_argument(
        "--coverage", type=int, metavar="CASES", help="instead, how much of the readers so many cases reach"
    )
    given = parser.parse_args()
    if given.coverage:
        reached(given.target, given.coverage, given.page)
        return
    record: list[dict[str, Any]] = (
        json.loads(given.record.read_text()) if given.record and given.record.exists() else []
    )
    seed = given.seed if given.seed is not None else 1 + max((run["seed"] for run in record), default=0)
    palettes.recognise(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))  # its tables are made once
    context = multiprocessing.get_context("fork")
    counts = dict.fromkeys(given.target, 0)
    findings: dict[str, list[str]] = {target: [] for target in given.target}
    until = time.monotonic() + 60 * given.minutes
    while time.monotonic() < until:
        for target in given.target:
            if time.monotonic() > until:
                break
            done, found = watched(target, seed, counts[target], context)
            for number, what in found:
                FINDINGS.mkdir(exist_ok=True)
                name = f"{target.split(',')[0]}-{seed}-{number}"
                (FINDINGS / name).write_bytes(case(target, seed, number, TARGETS[target][0]()))
                findings[target].append(f"{number}: {what.strip().splitlines()[-1][:160]}")
                print(f"{name}: {what}", flush=True)
            counts[target] += done
    for target in given.target:
        record.append(
            {
                "target": target,
                "cases": counts[target],
                "seed": seed,
                "commit": commit_of(),
                "findings": findings[target],
            }
        )
        print(f"{target:12} {counts[target]:8,} cases, {len(findings[target])} findings")
    if given.record:
        given.record.write_text(json.dumps(record, indent=1) + "\n")
    if given.page:
        write_page(given.page, record)


READERS = ("io", "weights", "training/recipe.py", "training/yaml_text.py", "engines/trial.py", "app/server/uploads.py")
"""Of the package, what files and requests of strangers go through."""


def reached(targets: list[str], cases: int, page: Path | None) -> None:
    """Which share of the readers' lines the cases run, all of them in this process; those that write are among them."""
    import coverage

    from thermend.errors import ThermendError

    root = Path(thermend.__file__).parent
    executors.quieten_libraries()
    watch = coverage.Coverage(
        data_file=None, include=[f"{root}/{part}{'' if '.' in part else '/*'}" for part in READERS]
    )
    for name in [
        name for name in sys.modules if name.startswith(("thermend.io", "thermend.weights", "thermend.training"))
    ]:
        del sys.modules[name]  # what runs at import counts too
    watch.start()
    for target in targets:
        seeds, read = TARGETS[target][0](), TARGETS[target][1]
        with tempfile.TemporaryDirectory() as folder:
            for number in range(cases):
                data = case(target, 0, number, seeds) if number >= len(seeds) else seeds[number]
                with contextlib.suppress(ThermendError):
                    read(data, Path(folder))
    watch.stop()
    rows, lines = [], [0, 0]
    for path in sorted(watch.get_data().measured_files()):
        _, statements, _, missing, _ = watch.analysis2(path)
        done = len(statements) - len(missing)
        lines[0] += done
        lines[1] += len(statements)
        rows.append(
            f"| {Path(path).relative_to(root)} | {len(statements)} | {100 * done / max(1, len(statements)):.0f} % |"
        )
    table = [
        f"{cases:,} cases of each target, in one process.",
        "",
        "| module | lines | reached |",
        "| --- | ---: | ---: |",
    ]
    table += [*rows, f"| **all** | {lines[1]} | {100 * lines[0] / lines[1]:.0f} % |"]
    print("\n".join(table))
    if page:
        pages.put(page, "reached", table)


def commit_of() -> str:
    """The commit that is tried."""
    told = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return told.stdout.strip()


def write_page(page: Path, record: list[dict[str, Any]]) -> None:
    lines = ["| target | cases | findings |", "| --- | ---: | ---: |"]
    for target in dict.fromkeys((*TARGETS, *(run["target"] for run in record))):
        runs = [run for run in record if run["target"] == target]
        lines.append(
            f"| {target} | {sum(run['cases'] for run in runs):,} | {sum(len(run['findings']) for run in runs)} |"
        )
    for title, some in (
        ("all cases", [run for run in record if not run["target"].startswith("kills")]),
        ("all kills", [run for run in record if run["target"].startswith("kills")]),
    ):
        number = sum(len(run["findings"]) for run in some)
        lines.append(f"| **{title}** | {sum(run['cases'] for run in some):,} | {number} |")
    pages.put(page, "fuzz", lines)


if __name__ == "__main__":
    main()
