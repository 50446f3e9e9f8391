"""What a core install weighs, part by part, and what OpenVINO gives for its share.

    python -m venv CORE; CORE/bin/pip install .
    python benchmarks/footprint.py CORE/bin/python [--page docs/budgets.md]

Sizes are of the files in `site-packages` (pip itself aside). The times are of the default, warm, by each
engine in a process of its own, alternating, on the machine that runs this.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from pathlib import Path

from pages import put, table

SAMPLES = Path(__file__).parents[1] / "samples"
GROUPS = {
    "scipy": ("scipy", "scipy.libs"),
    "opencv-python-headless": ("cv2", "opencv_python_headless.libs"),
    "openvino": ("openvino", "openvino_telemetry"),
    "onnxruntime": ("onnxruntime",),
    "numpy": ("numpy", "numpy.libs"),
    "scikit-image, with networkx, imageio": ("skimage", "networkx", "imageio", "lazy_loader"),
    "pillow, tifffile, PyWavelets, flyr": ("PIL", "pillow.libs", "tifffile", "pywt", "flyr"),
    "thermend": ("thermend",),
}
CHILD = """
import json, sys, time
import thermend
import numpy as np
image = np.tile(thermend.read(sys.argv[2]).pixels, (3, 3))[:512, :640].astype('uint8')
restorer = thermend.load('auto', engine=sys.argv[1])
restorer(image)
times = []
for _ in range(7):
    start = time.perf_counter(); restorer(image); times.append(time.perf_counter() - start)
print(json.dumps(sorted(times)[3]))
"""


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(os.lstat(path).st_size for path in folder.rglob("*") if not path.is_dir())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path, help="of an environment with the core install alone")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    ask = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    place = Path(subprocess.run([chosen.python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    parts = {path.name: size_of(path) if path.is_dir() else path.stat().st_size for path in place.iterdir()}
    parts = {name: size for name, size in parts.items() if not name.startswith(("pip", "setuptools", "_distutils"))}
    rows, left = [], dict(parts)
    for group, names in GROUPS.items():
        rows.append((group, sum(left.pop(name, 0) for name in names)))
    rows.append(("the rest", sum(left.values())))
    rows.append(("all", sum(parts.values())))
    lines = table(("part", "MB"), [(name, f"{size / 1e6:.0f}") for name, size in rows])
    times: dict[str, list[float]] = {"openvino": [], "onnxruntime": []}
    for _ in range(chosen.rounds):
        for engine, own in times.items():
            words = [chosen.python, "-c", CHILD, engine, str(SAMPLES / "rescue.png")]
            own.append(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
    seconds = {engine: sorted(own)[len(own) // 2] for engine, own in times.items()}
    ratio = seconds["onnxruntime"] / seconds["openvino"]
    lines += [
        f"The default, warm, on `samples/rescue.png` repeated to 640 × 512: {seconds['openvino']:.2f} s on OpenVINO,"
        f" {seconds['onnxruntime']:.2f} s on ONNX Runtime, {ratio:.1f} times as long.",
    ]
    print("\n".join(lines))
    if chosen.page:
        put(chosen.page, "footprint", lines)


if __name__ == "__main__":
    main()
