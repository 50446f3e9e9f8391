"""Kill the command at random moments: nothing is half, and the next run makes the same bytes.

    python fuzz/kills.py --kills 20 [--target folder recording server training] [--seed N] [--record FILE.json] [--page FILE.md]

Killed is the whole process group: two runs in three by SIGKILL, every third is asked to end by SIGTERM or Ctrl-C. After each
kill every file that is there under its own name is what a whole run makes; then the command runs to its end (a recording with
`--resume`), and all files are. Training goes on from its last checkpoint, to the same weights.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
from run import commit_of, write_page

import thermend
from thermend.datasets.scenes import scene_picture

COMMAND = [sys.executable, "-c", "from thermend.app.cli.begin import run; run()"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="of each target")
    parser.add_argument("--target", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    record = json.loads(given.record.read_text()) if given.record and given.record.exists() else []
    for target in given.target:
        rng = np.random.default_rng([given.seed, list(TARGETS).index(target)])
        with tempfile.TemporaryDirectory() as folder:
            findings = TARGETS[target](Path(folder), given.kills, rng)
        run = {"target": f"kills: {target}", "cases": given.kills, "seed": given.seed, "commit": commit_of()}
        record.append({**run, "findings": findings})
        print(target, given.kills, findings, flush=True)
    if given.record:
        given.record.write_text(json.dumps(record, indent=1) + "\n")
    if given.page:
        write_page(given.page, record)


def inputs(folder: Path) -> Path:
    """A few noisy scenes, of 16 bits."""
    folder.mkdir()
    for number in range(6):
        scene = scene_picture(0, number)[::2, ::2]
        noisy = 20000 + 4000 * scene + np.random.default_rng(number).normal(0, 60, scene.shape)
        thermend.write(thermend.ThermalImage.from_array(noisy.astype(np.uint16)), folder / f"{number}.tif")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that stands under its own name: not what is being written, nor what marks it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if ".partial" not in path.name}


def killed(words: list[str], after: float, by: signal.Signals = signal.SIGKILL) -> bool:
    """Run a command and kill it, with all of its processes; False where it had ended before."""
    process = subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, by)
        process.wait()
        return True
    return False


def chosen(rng: np.random.Generator) -> signal.Signals:
    """What a run is killed by."""
    return (signal.SIGKILL, signal.SIGKILL, (signal.SIGTERM, signal.SIGINT)[int(rng.integers(2))])[int(rng.integers(3))]


def interrupted(folder: Path, source: Path, more: list[str], kills: int, rng: np.random.Generator) -> list[str]:
    """What went wrong when a command over some inputs was killed so many times."""
    whole = folder / "whole"
    begun = time.monotonic()
    subprocess.run([*COMMAND, "enhance", str(source), "-o", str(whole), *more], check=True, capture_output=True)
    seconds = time.monotonic() - begun
    wanted, findings = contents(whole), []
    done = 0
    while done < kills:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        words = ["enhance", str(source), "-o", str(out), *more]
        for _ in range(int(rng.integers(1, 4))):  # some runs are killed again while they go on
            after = float(rng.uniform(0.1, 1.05 * seconds))
            done += killed(words, after, chosen(rng))
            for name, data in contents(out).items() if out.exists() else ():
                if wanted.get(name) != data:
                    findings.append(f"after {after:.2f} s: {name} is not what a whole run makes")
        again = subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)
        if again.returncode or contents(out) != wanted:
            findings.append(f"the run after it: exit code {again.returncode}, {again.stderr[-200:]}")
    return findings


def folders(folder: Path, kills: int, rng: np.random.Generator) -> list[str]:
    return interrupted(folder, inputs(folder / "in"), [], kills, rng)


def recordings(folder: Path, kills: int, rng: np.random.Generator) -> list[str]:
    scene = scene_picture(0, 0)[::3, ::3]
    noise = np.random.default_rng(0)
    frames = [20000 + 4000 * np.roll(scene, k, 1) + noise.normal(0, 60, scene.shape) for k in range(40)]
    np.save(folder / "flight.npy", np.stack(frames).astype(np.uint16))
    return interrupted(folder, folder / "flight.npy", ["--resume"], kills, rng)


def trainings(folder: Path, kills: int, rng: np.random.Generator) -> list[str]:
    """A run that is killed as often as it takes ends with the weights of one that was not."""
    source, findings = inputs(folder / "in"), []
    recipe = str(Path(__file__).parents[1] / "recipes/deal.yaml")
    asked = ["train", recipe, f"data={source}", "steps=24", "batch_size=1", "patch_size=64", "checkpoint_every=4"]
    asked += ["device=cpu", "workers=0", "warmup_steps=2", "least_spread=0", "max_images=6", "precision=float32"]

    def weights(out: Path) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in out.glob("*.safetensors")} if out.exists() else {}

    begun = time.monotonic()
    subprocess.run([*COMMAND, *asked, f"out={folder / 'whole'}"], check=True, capture_output=True)
    seconds, wanted = time.monotonic() - begun, weights(folder / "whole")
    done = 0
    while done < kills:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(int(rng.integers(1, 5))):
            done += killed([*asked, f"out={out}"], float(rng.uniform(0.3 * seconds, 0.9 * seconds)), chosen(rng))
        again = subprocess.run([*COMMAND, *asked, f"out={out}"], capture_output=True, text=True, check=False)
        if again.returncode or not wanted or weights(out) != wanted:
            findings.append(f"the run after it: exit code {again.returncode}, {again.stderr[-200:]}")
    return findings


def servers(folder: Path, kills: int, rng: np.random.Generator) -> list[str]:
    """Jobs of a killed server are gone, and so are their files, when the next has begun."""
    source, findings = inputs(folder / "in"), []
    place = folder / "place"
    place.mkdir()
    for _ in range(kills):
        words = [*COMMAND, "serve", "--port", "0"]
        environment = {**os.environ, "TMPDIR": str(place)}
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True)
        assert process.stdout is not None
        address = process.stdout.readline().split()[1]
        if len(list(place.glob("thermend-serve-*/tmp*"))) != 1:
            findings.append("a killed server's folder is still there")
        with httpx.Client(base_url=address, timeout=30) as client:
            for path in sorted(source.iterdir())[: int(rng.integers(1, 4))]:
                client.post("/api/v1/jobs", files={"file": (path.name, path.read_bytes())})
        time.sleep(float(rng.uniform(0, 1.5)))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    return findings


TARGETS: dict[str, Callable[[Path, int, np.random.Generator], list[str]]] = {
    "folder": folders,
    "recording": recordings,
    "server": servers,
    "training": trainings,
}

if __name__ == "__main__":
    main()
