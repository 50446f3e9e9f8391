"""A pack of training images for a bare machine, and the training of `auto`'s networks from it.

    python recipes/pack.py make --out pack/pack.zip --images HIT-UAV STILLS --noise RECORDINGS [--mib 8] [--reduce]
    python recipes/pack.py train pack/pack.zip --out OUT --minutes 9 [--device cuda] [--together] [[NAME.]KEY=VALUE ...]

`make` writes one file: so many of the images of the first folder, spread evenly over the names, as fit beside all of the
other folders and the recordings of plain scenes; with `--reduce` the others of them too, at half their size, as far as they
fit. `train` unpacks it, trains `recipes/level.yaml` and then `recipes/detail.yaml`, the first for a quarter of the minutes, or
`--together`, each for all of them, and leaves in OUT after every checkpoint `level-compact.onnx` and `detail-compact.onnx`, in
half precision. Both begin with what ships (`--fresh` draws them, or those that it names). `detail.KEY=VALUE` changes that
recipe, `KEY=VALUE` both. Scenes are rendered on the spot.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2

ROOT = Path(__file__).parent
NETWORKS = {"level": 0.25, "detail": 0.75}
"""Each and its share of the minutes."""
SUFFIXES = (".png", ".jpg", ".jpeg")


def pictures(folder: Path) -> list[Path]:
    found = (Path(place) / name for place, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def make(chosen: argparse.Namespace) -> None:
    first, *others = chosen.images
    fixed = [(p, f"images/{folder.name}/{p.relative_to(folder)}") for folder in others for p in pictures(folder)]
    fixed += [(p, f"noise/{p.relative_to(chosen.noise)}") for p in pictures(chosen.noise)]
    room = chosen.mib * 2**20 - sum(p.stat().st_size + 300 for p, _ in fixed)
    candidates = pictures(first)
    if not candidates:
        sys.exit(f"{first}: no image in this folder")
    weighed = candidates[:: max(1, len(candidates) // 20)]
    whole, half = (sum(len(stored(path, reduce)) + 300 for path in weighed) / len(weighed) for reduce in (False, True))
    if chosen.reduce and half < whole:
        count = min(len(candidates), int(room / half))
        as_they_are = min(count, max(0, int((room - count * half) / (whole - half))))
    else:
        count = as_they_are = min(len(candidates), int(room / whole))
    if count < 1:
        sys.exit(f"{chosen.mib} MiB are too few: the other images take {chosen.mib - room / 2**20:.1f}")
    some = spread(candidates, count)
    kept_whole = set(spread(some, as_they_are))
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    part = chosen.out.with_suffix(".part")
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as pack:  # images are packed already
        for path in some:
            name, reduce = path.relative_to(first), path not in kept_whole
            pack.writestr(f"images/{first.name}/{name.with_suffix('.jpg') if reduce else name}", stored(path, reduce))
        for path, name in fixed:
            pack.write(path, name)
    part.replace(chosen.out)
    size = chosen.out.stat().st_size / 2**20
    print(f"{chosen.out}: {count} of {len(candidates)} images of {first}, {as_they_are} of them as they are,", end=" ")
    print(f"{len(fixed)} other files, {size:.1f} MiB")


def spread(paths: list[Path], count: int) -> list[Path]:
    """So many of them, evenly."""
    return [paths[int(k * len(paths) / count)] for k in range(count)]


def stored(path: Path, reduce: bool) -> bytes:
    """A picture as the pack holds it: reduced by two and stored at a high quality, or as it is."""
    if not reduce:
        return path.read_bytes()
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        sys.exit(f"{path}: is no picture that can be read")
    small = cv2.resize(grey, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def export(name: str, weights: Path, out: Path) -> str:
    """Write the network beside the others; what went wrong, if anything did."""
    command = [
        sys.executable,
        "-m",
        "thermend",
        "export",
        "--method",
        f"{name}/compact",
        "--weights",
        str(weights),
        "--half",
    ]
    command += ["-o", str(out / f"{name}-compact.onnx"), "--overwrite"]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr.strip()


def trained(name: str, minutes: float, folder: Path, chosen: argparse.Namespace) -> str:
    """Train one network, and export it on the way; what went wrong, if anything did."""
    run = chosen.out / "runs" / name  # the same command goes on with what is there
    words = [f"data={sorted(str(p) for p in (folder / 'images').iterdir())}", f"out={run}"]
    words += [f"minutes={minutes}", f"device={chosen.device}"]
    words += [f"noise={folder / 'noise'}"] if name == "detail" else []
    shipped = ROOT.parent / f"src/thermend/weights/files/{name}-compact.onnx"
    words += [f"init_from={shipped}"] if shipped.is_file() and name not in chosen.fresh else []
    for change in chosen.changes:
        network, _, rest = change.partition(".")
        if network not in NETWORKS:
            words.append(change)
        elif network == name:
            words.append(rest)
    command = [sys.executable, "-m", "thermend", "train", str(ROOT / f"{name}.yaml"), *words]
    running = subprocess.Popen(command)
    while True:
        try:
            if done := running.wait(chosen.every):
                return f"{name}: the run ended with {done}"
            break
        except subprocess.TimeoutExpired:
            if (run / "latest.safetensors").is_file():
                export(name, run / "latest.safetensors", chosen.out)
    problem = export(name, run / "weights.safetensors", chosen.out)
    if not problem:
        print(f"{name}: {chosen.out / f'{name}-compact.onnx'}", flush=True)
    return problem


def train(chosen: argparse.Namespace) -> None:
    chosen.out.mkdir(parents=True, exist_ok=True)
    shares = dict.fromkeys(NETWORKS, 1.0) if chosen.together else NETWORKS
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(len(shares) if chosen.together else 1) as side_by_side,
    ):
        with zipfile.ZipFile(chosen.pack) as pack:
            pack.extractall(folder)
        runs = [
            side_by_side.submit(trained, name, share * chosen.minutes, Path(folder), chosen)
            for name, share in shares.items()
        ]
        problems = [run.result() for run in runs]
    if any(problems):
        sys.exit("\n".join(filter(None, problems)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("make")
    first.add_argument("--out", type=Path, required=True)
    first.add_argument("--images", type=Path, nargs="+", required=True)
    first.add_argument("--noise", type=Path, required=True)
    first.add_argument("--mib", type=float, default=8)
    first.add_argument(
        "--reduce", action="store_true", help="what has no room as it is comes at half its size, with less noise"
    )
    first.set_defaults(run=make)
    second = commands.add_parser("train")
    second.add_argument("pack", type=Path)
    second.add_argument("--out", type=Path, required=True)
    second.add_argument("--minutes", type=float, required=True)
    second.add_argument("--device", default="auto")
    second.add_argument("--every", type=float, default=60, help="seconds between two looks at the run")
    second.add_argument("--fresh", nargs="?", const=",".join(NETWORKS), default="", metavar="NAME[,NAME]")
    second.add_argument("--together", action="store_true")
    second.set_defaults(run=train)
    chosen, changes = parser.parse_known_args()
    if wrong := [word for word in changes if "=" not in word or word.startswith("-")]:
        parser.error(f"unrecognized arguments: {' '.join(wrong)}")
    chosen.changes = changes
    chosen.fresh = getattr(chosen, "fresh", "").split(",")
    chosen.run(chosen)


if __name__ == "__main__":
    main()
