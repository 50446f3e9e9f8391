"""What computes a network fastest: milliseconds, peak memory and agreement of every engine and precision, beside eager torch.

    python benchmarks/engines.py deal/cascade-2 --on DIR [--weights FILE] [--preset deal-composite] [--page PAGE --place PLACE]

The first image of the folder, spoilt by the preset, is restored. Every engine runs in a process of its own, one after another
and again in turn, and the best of its times counts: read the ratios, not the milliseconds. Six images tell what the precision
costs.
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
from networks import images, pair
from pages import put, table

from thermend import metrics
from thermend.methods import find

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
from thermend.methods.options import Options
from thermend.methods import find

job = json.loads(sys.argv[1])
images = [np.load(path) for path in job["images"]]
method = find(job["method"])
if job["engine"] == "eager":  # of DEAL, whose exports and restoring networks take the mean over the time steps first
    import torch
    from thermend.methods.deal.checkpoints import load_network
    from thermend.methods.deal.levels import preparation
    from thermend.weights.checkpoints import read_metadata
    path = method.weights_file(job["weights"], ".safetensors")
    network, prepare = load_network(path), preparation(read_metadata(path))
    def function(pixels):
        prepared = pixels if prepare is None else prepare(pixels)
        with torch.inference_mode():
            return network(torch.from_numpy(prepared)[None, None])[0, 0].numpy()
else:
    opened = method.open(Options(weights=job["weights"], engine=job["engine"], precision=job["precision"]))
    def function(pixels):
        return opened.run(pixels, "display")[0]
function(images[0])
times, results = [], []
for image in [images[0]] * job["times"] + images:
    start = time.perf_counter()
    results.append(function(image))
    times.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
np.save(job["out"], results[job["times"]:])
print(json.dumps({"seconds": min(times[:job["times"]]), "peak": peak / 1024}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("--weights")
    parser.add_argument("--on", metavar="DIR", type=Path, required=True)
    parser.add_argument("--preset", default="deal-composite")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--page", type=Path)
    parser.add_argument("--place", default="engines")
    chosen = parser.parse_args()
    clean, spoilt = zip(*(pair(path, chosen.preset) for path in images(chosen.on)[:6]))
    runs = [run for run in RUNS if run[1] != "eager" or find(chosen.method).name == "deal"]
    best: dict[tuple[str, str], dict] = {}
    psnr, error = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for k, image in enumerate(spoilt):
            files.append(f"{folder}/image-{k}.npy")
            np.save(files[-1], image.astype(np.float32) / np.float32(255))
        out = f"{folder}/out.npy"
        reference = None
        for turn in range(chosen.rounds):
            for label, engine, precision in runs:
                job = {"method": chosen.method, "weights": chosen.weights, "engine": engine, "precision": precision}
                job |= {"images": files, "times": 3, "out": out}
                done = subprocess.run([sys.executable, "-c", CHILD, json.dumps(job)], capture_output=True, text=True)
                key = (label, precision)
                if done.returncode:
                    print(f"{label} {precision}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                kept = best.setdefault(key, found)
                kept["seconds"] = min(kept["seconds"], found["seconds"])
                if turn == 0:
                    results = np.load(out)
                    reference = results if reference is None else reference
                    error[key] = np.abs(results - reference)
                    shown = np.rint(np.clip(results, 0, 1) * 255).astype(np.uint8)
                    psnr[key] = float(np.mean([metrics.psnr(*two) for two in zip(shown, clean)]))
                print(*key, found, psnr.get(key), flush=True)
    first = next(iter(best.values()))
    rows = [
        (
            *key,
            f"{1000 * found['seconds']:.0f}",
            f"{first['seconds'] / found['seconds']:.1f}",
            f"{found['peak']:.0f}",
            f"{100 * np.mean(error[key] < 5e-4):.2f} %",
            f"{error[key].max():.1e}",
            f"{psnr[key]:.2f}",
        )
        for key, found in best.items()
    ]
    size = " × ".join(map(str, reversed(clean[0].shape)))
    lines = [
        f"`{chosen.method}` under `{chosen.preset}`, {size}, {os.cpu_count()} cores, Python {platform.python_version()}:",
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
