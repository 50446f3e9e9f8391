"""The same targets, guided by coverage: Atheris keeps what reaches new lines of the readers, and goes on from there.

    python fuzz/guided.py --minutes 1 [--target tiff ...] [--record docs/robustness.json] [--page docs/robustness.md]

Needs the extra `fuzz`. A case that raises what is not ours, takes over five seconds or over 2 GB ends its target; its bytes
stay in `fuzz/findings/`. What was kept of one run (`fuzz/corpus/`) is where the next begins.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
INNER = "--inner"


def main() -> None:
    from run import FINDINGS, TARGETS, commit_of, write_page

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1, help="of each target")
    parser.add_argument("--target", nargs="+", choices=list(TARGETS), default=[t for t in TARGETS if t != "onnx"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    FINDINGS.mkdir(exist_ok=True)
    record = json.loads(given.record.read_text()) if given.record and given.record.exists() else []
    for target in given.target:
        kept = HERE / "corpus" / target.split(",")[0]
        kept.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(TARGETS[target][0]()):
            (kept / f"seed-{number}").write_bytes(data)
        limits = [
            f"-max_total_time={60 * given.minutes:.0f}",
            "-timeout=5",
            "-rss_limit_mb=2048",
            f"-seed={given.seed}",
        ]
        words = [sys.executable, __file__, INNER, target, *limits, "-max_len=20000", "-print_final_stats=1"]
        done = subprocess.run(
            [*words, f"-artifact_prefix={FINDINGS}/guided-{target.split(',')[0]}-", str(kept)],
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        cases = max(map(int, re.findall(r"number_of_executed_units: (\d+)", done.stderr)), default=0)
        said = [
            line
            for line in (done.stdout + done.stderr).splitlines()
            if re.match(r"\s*\w*(Error|Exception)\b|==.*ERROR", line)
        ]
        findings = said[-1:] if done.returncode else []
        print(f"{target:12} {cases:8,} cases, {findings}", flush=True)
        record.append(
            {
                "target": f"guided: {target}",
                "cases": cases,
                "seed": given.seed,
                "commit": commit_of(),
                "findings": findings,
            }
        )
    if given.record:
        given.record.write_text(json.dumps(record, indent=1) + "\n")
    if given.page:
        write_page(given.page, record)


def inner(target: str, words: list[str]) -> None:
    """One target, in a process that libFuzzer takes over."""
    import atheris

    with atheris.instrument_imports(include=["thermend.io", "thermend.weights", "thermend.training", "thermend.jobs"]):
        from run import TARGETS

        from thermend.errors import ThermendError
        from thermend.io import palettes
        from thermend.jobs import executors
    executors.quieten_libraries()
    palettes.recognise(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))  # its tables are made once
    read = TARGETS[target][1]
    place = tempfile.TemporaryDirectory()

    def one(data: bytes) -> None:
        with contextlib.suppress(ThermendError):
            read(data, Path(place.name))

    atheris.Setup([sys.argv[0], *words], one)
    atheris.Fuzz()


if __name__ == "__main__":
    if sys.argv[1:2] == [INNER]:
        inner(sys.argv[2], sys.argv[3:])
    else:
        main()
