"""The picture of an archive's report in README and docs: an archive of rendered scenes, mended on a cluster of this machine.

python docs/archive_picture.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from thermend.datasets.scenes import scene_picture

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from thermend.app.cli.begin import run; run()"]


def flights(folder: Path, number: int = 160) -> Path:
    """Scenes of three flights with more and less noise, stripes and shading; a few files that are none."""
    for n in range(number):
        rng = np.random.default_rng(n)
        scene = scene_picture(0, n % 40)[:240, :320]
        noisy = 40 + 170 * scene + rng.normal(0, rng.gamma(2, 2), scene.shape)
        noisy += rng.normal(0, rng.gamma(1.5, 2), (1, scene.shape[1]))
        path = folder / f"flight-{n % 3 + 1}" / f"{n:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.rint(noisy.clip(0, 255)).astype(np.uint8)).save(path)
        if n % 40 == 7:
            path.write_bytes(path.read_bytes()[:2000])
    (folder / "flight-1/empty.tif").write_bytes(b"")
    return folder


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        source, out, page = (
            flights(Path(place) / "flights"),
            Path(place) / "flights-mended",
            Path(place) / "report.html",
        )
        words = ["enhance", "flights", "-o", "flights-mended", "--method", "classical.chain", "--on", "ray"]
        subprocess.run([*COMMAND, *words], cwd=place, check=False)
        subprocess.run([*COMMAND, "archive", "report", out.name, "-o", str(page)], cwd=place, check=True)
        page.write_text(page.read_text().replace(str(source.parent), "/data"))
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            tab = chromium.new_page(viewport={"width": 1100, "height": 1180}, color_scheme="light")
            tab.goto(page.as_uri())
            tab.screenshot(path=ROOT / "docs/images/archive-report.png")
            chromium.close()


if __name__ == "__main__":
    main()
