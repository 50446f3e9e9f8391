"""Fill the tables of a system's page.

python -m thermend.evaluation.reproduction hidra --data DIR --fuse-weights FILE [--scale small] [--page PAGE] [--only PLACE ...]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from thermend.evaluation.reproduction.experiments import SCALES, SYSTEMS, experiments
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
    chosen = parser.parse_args()
    weights = dict(entry.split("=", 1) for entry in chosen.weights if "=" in entry)
    given = Given(chosen.data, chosen.scale, weights, chosen.fuse_weights)
    if chosen.scale == "smoke" and chosen.page is not None:
        parser.error("--scale smoke claims nothing, and fills no page")
    return exit_code(lambda: _fill(chosen, given))


def _fill(chosen: argparse.Namespace, given: Given) -> None:
    for table in experiments(chosen.system).tables:
        if chosen.only is not None and table.place not in chosen.only:
            continue
        found, missing = measured(table, given, chosen.records, told)
        made = lines(table, found, missing, chosen.scale)
        if chosen.page is None:
            print(f"## {table.place}\n", *made, "", sep="\n")
        else:
            put(chosen.page, table.place, made)


if __name__ == "__main__":
    sys.exit(main())
