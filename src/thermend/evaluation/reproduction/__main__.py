"""Fill the tables of a system's page.

python -m thermend.evaluation.reproduction hidra --data DIR --fuse-weights FILE [--scale small] [--page PAGE] [--only PLACE ...]

Tables of recipes train them first, below ``--runs``; what was interrupted goes on there.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from thermend.errors import UsageError
from thermend.evaluation.reproduction import training
from thermend.evaluation.reproduction.experiments import SCALES, SYSTEMS, TrainedTable, experiments
from thermend.evaluation.reproduction.page import put
from thermend.evaluation.reproduction.tables import Given, lines, measured
from thermend.evaluation.scripts import exit_code, told


def main() -> int:
    """Carry out the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="thermend.evaluation.reproduction", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("system", choices=SYSTEMS)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the folder that the sets lie below")
    parser.add_argument(
        "--scale", choices=SCALES, default="small",
        help="smoke: whether everything runs, it claims nothing; small: what the page shows; paper: all images",
    )  # fmt: skip
    parser.add_argument("--page", type=Path, help="to write into; by default the tables are printed")
    parser.add_argument("--only", nargs="+", metavar="PLACE", help="of the tables")
    parser.add_argument("--records", type=Path, metavar="FILE.jsonl", help="measured already, and added to")
    parser.add_argument(
        "--weights", nargs="+", default=[], metavar="NAME=FILE", help="files that tables ask for by name"
    )
    parser.add_argument("--fuse-weights", metavar="FILE", help="of ReCo, for fused images")
    parser.add_argument("--engine", default="auto", help="as of `thermend evaluate`")
    parser.add_argument(
        "--precision", help="of networks, float32 or bf16; by default that in which a table was measured"
    )
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("runs"),
        metavar="DIR",
        help="of the trainings, a folder below it for each scale",
    )
    parser.add_argument("--processes", type=int, default=1, metavar="N", help="trainings at a time, a core each")
    parser.add_argument(
        "--as-they-are", action="store_true", help="take runs that have ended without a look at their recipe"
    )
    chosen = parser.parse_args()
    weights = dict(entry.split("=", 1) for entry in chosen.weights if "=" in entry)
    given = Given(chosen.data, chosen.scale, weights, chosen.fuse_weights, chosen.runs, chosen.engine, chosen.precision)
    if chosen.scale == "smoke" and chosen.page is not None:
        parser.error("--scale smoke claims nothing, and fills no page")
    return exit_code(lambda: _fill(chosen, given))


def _fill(chosen: argparse.Namespace, given: Given) -> None:
    every = experiments(chosen.system).tables
    if unknown := set(chosen.only or ()) - {table.place for table in every}:
        raise UsageError(f"--only {min(unknown)}: the tables are {', '.join(table.place for table in every)}")
    trainings = training.Trainings(max(1, chosen.processes), chosen.as_they_are)
    for table in every:
        if chosen.only is not None and table.place not in chosen.only:
            continue
        if isinstance(table, TrainedTable):
            found, missing = training.measured(table, given, trainings, chosen.records, told)
            made = training.lines(table, found, missing, given)
        else:
            found, missing = measured(table, given, chosen.records, told)
            made = lines(table, found, missing, chosen.scale)
        if chosen.page is None:
            print(f"## {table.place}\n", *made, "", sep="\n")
        else:
            put(chosen.page, table.place, made)


if __name__ == "__main__":
    sys.exit(main())
