"""How long `auto` takes against another version of thermend, on one machine in one run.

    python benchmarks/against.py --other PYTHON --image IMAGE [IMAGE ...] [--rounds 15] [--named WORDS] [--page PAGE]

PYTHON is the interpreter of an environment with the other version (`git worktree add`, then `pip install .` without extras,
the way a user installs it; give this script such an interpreter of this version too: --own). Each version runs in a process of
its own, opened once; the two take turns, so that what else the machine does falls on both. Prints the median of each, and the
median of the ratios; writes them to a page as what --named says against this version.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from budgets import processor
from pages import put, table

WORKER = """
import sys, time
import thermend
restorer = thermend.load("auto")
images = {path: thermend.read(path) for path in sys.argv[1:]}
for image in images.values():
    restorer.restore(image)
print(thermend.__version__, flush=True)
for line in sys.stdin:
    image = images[line.rstrip("\\n")]
    began = time.perf_counter()
    restorer.restore(image)
    print(time.perf_counter() - began, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--own", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--other", required=True, metavar="PYTHON")
    parser.add_argument("--image", required=True, type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--named", default="the other version", help="what the other version is")
    parser.add_argument("--page", type=Path)
    chosen = parser.parse_args()
    paths = [str(path) for path in chosen.image]
    workers = {}
    for name, python in (("own", chosen.own), ("other", chosen.other)):
        command = [python, "-c", WORKER, *paths]
        workers[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        assert workers[name].stdout is not None
        print(f"{name}: thermend {workers[name].stdout.readline().strip()}, {python}")  # type: ignore[union-attr]
    rows = []
    for path in paths:
        seconds: dict[str, list[float]] = {name: [] for name in workers}
        for _ in range(chosen.rounds):
            for name, worker in workers.items():
                assert worker.stdin is not None
                assert worker.stdout is not None
                worker.stdin.write(path + "\n")
                worker.stdin.flush()
                seconds[name].append(float(worker.stdout.readline()))
        own, other = (statistics.median(seconds[name]) for name in ("own", "other"))
        ratios = [a / b for a, b in zip(seconds["own"], seconds["other"])]
        rows.append((Path(path).stem, f"{1000 * own:.0f}", f"{1000 * other:.0f}", f"{statistics.median(ratios):.2f}"))
        print(f"{path}: {own:.3f} s against {other:.3f} s, {statistics.median(ratios):.2f} times as long")
    for worker in workers.values():
        worker.terminate()
    if chosen.page:
        head = ("picture", "ms", f"{chosen.named}, ms", "times as long")
        put(chosen.page, "against", [f"On {os.cpu_count()} cores, {processor()}:", "", *table(head, rows)])


if __name__ == "__main__":
    main()
