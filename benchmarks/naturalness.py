"""The statistics of clean thermal images that `metrics.niqe_thermal` measures from.

python benchmarks/naturalness.py --data DIR [DIR ...] [--out src/thermend/metrics/naturalness.npz]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from networks import images

from thermend.io import read
from thermend.metrics.naturalness import STATISTICS, fit
from thermend.rendering import rendered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, default=STATISTICS)
    chosen = parser.parse_args()
    files = [path for folder in chosen.data for path in images(folder)]
    mean, covariance = fit(rendered(read(path)) for path in files)
    np.savez(chosen.out, mean=mean.astype(np.float32), covariance=covariance.astype(np.float32))
    print(f"{len(files)} images: {chosen.out}")


if __name__ == "__main__":
    main()
