"""What computes a network fastest: milliseconds, peak memory and agreement of every engine and precision, beside eager torch.

    python benchmarks/engines.py deal/cascade-2 [--weights FILE] [--size 640x512] [--on DIR] [--page PAGE --place PLACE]

Every engine runs in a process of its own, one after another and again in turn, and the best of its times counts: read the
ratios, not the milliseconds. With `--on`, restored images of a folder (under `deal-composite`) tell what the precision costs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from pages import put, table

RUNS = (
    ("torch, eager, all time steps", "eager", "float32"),
    ("torch", "torch", "float32"),
    ("torch", "torch", "bf16"),
    ("onnxruntime", "onnxruntime", "float32"),
    ("openvino", "openvino", "float32"),
    ("openvino", "openvino", "bf16"),
)
CHILD = """
import json, resource, sys, time
import numpy as np
import thermend
from thermend.restoration.network import open_network
from thermend.methods import find

job = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
image = np.clip(0.5 + 0.2 * np.sin(np.arange(job["width"]) / 37) + rng.normal(0, 0.05, (job["height"], job["width"])), 0, 1)
image = image.astype(np.float32)
method = find(job["method"])
if job["engine"] == "eager":
    import torch
    from thermend.methods.deal.checkpoints import load_network
    from thermend.weights.checkpoints import read_metadata
    path = method.weights_file(job["weights"], ".safetensors")
    network, prepare = load_network(path), method.load_preparation(read_metadata(path))
    def function(pixels):
        prepared = pixels if prepare is None else prepare(pixels)
        with torch.inference_mode():
            return network(torch.from_numpy(prepared)[None, None])[0, 0].numpy()
else:
    function = open_network(method, job["weights"], job["engine"], precision=job["precision"])[0]
function(image)
times = []
for _ in range(job["times"]):
    start = time.perf_counter()
    result = function(image)
    times.append(time.perf_counter() - start)
np.save(job["out"], result)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
psnr = None
if job["on"]:
    from thermend import metrics
    from thermend.degradations import degrade
    from thermend.io.folders import image_files
    from thermend.evaluation.images import grey
    from pathlib import Path
    values = []
    for path in image_files(Path(job["on"]))[:6]:
        clean = grey(path)
        spoilt = degrade(clean, "deal-composite", 0, path.name).astype(np.float32) / np.float32(255)
        values.append(metrics.psnr(np.rint(np.clip(function(spoilt), 0, 1) * 255).astype(np.uint8), clean))
    psnr = float(np.mean(values))
print(json.dumps({"seconds": min(times), "peak": peak / 1024, "psnr": psnr}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("--weights")
    parser.add_argument("--size", default="640x512", metavar="WxH")
    parser.add_argument("--on", metavar="DIR")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="engines")
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    best: dict[int, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(chosen.rounds):
            for k, (label, engine, precision) in enumerate(RUNS):
                job = {
                    "method": chosen.method, "weights": chosen.weights, "engine": engine, "precision": precision,
                    "width": width, "height": height, "times": 3, "out": f"{folder}/{k}.npy",
                    "on": chosen.on if turn == 0 else None,
                }  # fmt: skip
                done = subprocess.run([sys.executable, "-c", CHILD, json.dumps(job)], capture_output=True, text=True)
                if done.returncode:
                    print(f"{label} {precision}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                kept = best.setdefault(k, found)
                kept["seconds"] = min(kept["seconds"], found["seconds"])
                print(label, precision, found, flush=True)
        reference = np.load(f"{folder}/0.npy")
        rows = []
        for k, (label, _, precision) in enumerate(RUNS):
            if k not in best:
                continue
            error = np.abs(np.load(f"{folder}/{k}.npy") - reference)
            rows.append(
                (
                    label,
                    precision,
                    f"{1000 * best[k]['seconds']:.0f}",
                    f"{best[0]['seconds'] / best[k]['seconds']:.1f}",
                    f"{best[k]['peak']:.0f}",
                    f"{100 * np.mean(error < 5e-4):.2f} %",
                    f"{error.max():.1e}",
                    "" if best[k]["psnr"] is None else f"{best[k]['psnr']:.2f}",
                )
            )
    lines = [
        f"`{chosen.method}`, {width} × {height}, {os.cpu_count()} cores, Python {platform.python_version()}:",
        "",
        *table(
            ("engine", "precision", "ms", "times as fast", "peak MiB", "within 5e-4", "largest error", "PSNR, dB"), rows
        ),
    ]
    print("\n".join(lines))
    if chosen.page:
        put(chosen.page, chosen.place, lines)


if __name__ == "__main__":
    main()
