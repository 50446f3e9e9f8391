"""Draw the picture of the page: a server, a browser, and the samples (needs playwright and Chromium)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

ROOT = Path(__file__).parent.parent
SAMPLES = ("street.tif", "facade.tif", "rescue.png", "harbour.png", "switchyard.png")
COMMAND = "from thermend.app.cli.main import run; run()"


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        address = server.stdout.readline().split()[1]
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(address)
            page.set_input_files("#files", [ROOT / "samples" / name for name in SAMPLES])
            expect(page.locator("#queue .state.done")).to_have_count(len(SAMPLES), timeout=120_000)
            page.locator("#queue").get_by_role("button", name=SAMPLES[0], exact=True).click()
            page.wait_for_timeout(1000)
            stage = page.locator("#stage").bounding_box()
            assert stage is not None

            def at(x: float, y: float) -> tuple[float, float]:
                return stage["x"] + x * stage["width"], stage["y"] + y * stage["height"]

            for tool, places in {
                "line": ((0.2, 0.3), (0.8, 0.42)),
                "box": ((0.58, 0.5), (0.72, 0.65)),
                "spot": ((0.3, 0.6),),
            }.items():
                page.locator(f"[data-tool={tool}]").click()
                page.mouse.move(*at(*places[0]))
                page.mouse.down()
                page.mouse.move(*at(*places[-1]))
                page.mouse.up()
            page.mouse.move(*at(0.62, 0.3))
            page.wait_for_timeout(300)
            page.screenshot(path=ROOT / "docs/images/page.png")
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
