"""The page in a browser: dropped files are mended, compared, measured, coloured, cancelled and downloaded."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the server extra")
api = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives a browser")

import thermend  # noqa: E402

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from command import thermend as run_command  # noqa: E402
from serving import running, scene_file  # noqa: E402

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZES = {"desk": {"width": 1400, "height": 850}, "phone": {"width": 390, "height": 844}}
_DROP = """([data, names]) => {
  const transfer = new DataTransfer();
  data.forEach((text, i) => transfer.items.add(new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], names[i])));
  for (const kind of ['dragenter', 'dragover', 'drop'])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def chromium():
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"needs a browser: none of {', '.join(BROWSERS)} is installed")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"] * (os.getuid() == 0))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with running(tmp_path_factory.mktemp("served")) as (address, _):
        yield address


@pytest.fixture(params=SIZES)
def page(chromium, address, request):
    """The page at a size; nothing that goes wrong in it goes unseen, and it asks no other host for anything."""
    context = chromium.new_context(
        viewport=SIZES[request.param], has_touch=request.param == "phone", accept_downloads=True
    )
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    made.on("request", lambda asked: wrong.append(asked.url) if not asked.url.startswith((address, "blob:")) else None)
    made.goto(address)
    made.wait_for_selector("#method option[value='classical.chain']", state="attached")
    yield made
    context.close()
    assert wrong == []


def dropped(page, *paths: Path) -> None:
    page.evaluate(
        _DROP, [[base64.b64encode(path.read_bytes()).decode() for path in paths], [path.name for path in paths]]
    )


def state_of(page, name: str):
    return page.locator("#queue li", has=page.get_by_role("button", name=name, exact=True)).locator(".state")


def opened(page, name: str) -> None:
    page.locator("#queue").get_by_role("button", name=name, exact=True).click()
    api.expect(page.locator("#name")).to_have_text(name)
    api.expect(page.locator("#empty")).to_be_hidden()


def pointed_at(page, x: int, y: int, shape: tuple[int, int]) -> dict[str, float]:
    """Move the pointer to a pixel of the open picture, which fits the stage; what is read out."""
    page.get_by_role("button", name="Fit").click()
    page.locator("#picture").scroll_into_view_if_needed()
    box = page.locator("#picture").bounding_box()
    zoom = min(box["width"] / shape[1], box["height"] / shape[0])
    left = box["x"] + (box["width"] - zoom * shape[1]) / 2
    top = box["y"] + (box["height"] - zoom * shape[0]) / 2
    page.mouse.move(left + (x + 0.5) * zoom, top + (y + 0.5) * zoom)
    api.expect(page.locator("#readout")).to_contain_text(f"x {x}, y {y}:")
    return page.locator("#readout").evaluate(
        "output => ({before: +output.dataset.before, after: +output.dataset.after})"
    )


def downloaded(page, locator: str, folder: Path) -> Path:
    with page.expect_download() as found:
        page.locator(locator).click()
    path = folder / "downloads" / found.value.suggested_filename
    found.value.save_as(path)
    return path


def test_from_a_drop_to_a_download(page, tmp_path, scene):
    counts = scene_file(tmp_path / "roof.tif", scene)
    picture = scene_file(tmp_path / "street.png", scene, kind="picture")
    np.save(
        tmp_path / "flight.npy", np.stack([(20000 + 2000 * np.roll(scene, k, 1)).astype(np.uint16) for k in range(4)])
    )
    bad = tmp_path / "notes.tif"
    bad.write_text("these are words")
    dropped(page, counts, picture, tmp_path / "flight.npy", bad)
    for name in ("roof.tif", "street.png", "flight.npy"):
        api.expect(state_of(page, name)).to_have_text("done", timeout=120_000)
    api.expect(state_of(page, "notes.tif")).to_contain_text("notes.tif: is not an image that thermend reads")
    api.expect(page.locator("#summary")).to_have_text("3 of 4 done, 1 failed")

    opened(page, "roof.tif")
    read = thermend.read(counts)
    for x, y in ((0, 0), (100, 50), (239, 191)):
        assert pointed_at(page, x, y, read.shape)["before"] == pytest.approx(float(read.pixels[y, x]), abs=1e-3)
    api.expect(page.locator("#words")).to_contain_text("noise")
    result = downloaded(page, "#download", tmp_path)
    assert result.name == "roof.tif"
    assert run_command("enhance", counts, "-o", tmp_path / "out").returncode == 0
    assert result.read_bytes() == (tmp_path / "out/roof.tif").read_bytes()
    mended = thermend.read(result).pixels[50, 100]
    assert abs(pointed_at(page, 100, 50, read.shape)["after"] - mended) <= 0.5  # the file is rounded to counts

    archive = zipfile.ZipFile(downloaded(page, "#download-all", tmp_path))
    assert archive.namelist() == ["roof.tif", "street.png", "flight.npy"]
    assert archive.read("roof.tif") == result.read_bytes()

    opened(page, "flight.npy")
    page.locator("#frame").fill("3")
    api.expect(page.locator("#frame-number")).to_have_text("4")
    last = np.load(tmp_path / "flight.npy")[3]
    api.expect(page.locator("#film")).to_be_visible()
    page.wait_for_timeout(500)
    assert pointed_at(page, 30, 40, last.shape)["before"] == last[40, 30]


def test_the_divider_follows_pointer_and_keys(page, tmp_path, scene):
    dropped(page, scene_file(tmp_path / "roof.tif", scene))
    api.expect(state_of(page, "roof.tif")).to_have_text("done", timeout=120_000)
    api.expect(page.locator("#empty")).to_be_hidden()
    divider = page.get_by_role("slider", name="Divider between before and after")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 60, steps=4)
    page.mouse.up()
    api.expect(divider).to_have_attribute("aria-valuenow", "20")
    divider.focus()
    page.keyboard.press("ArrowRight")
    api.expect(divider).to_have_attribute("aria-valuenow", "21")
    page.keyboard.press("End")
    api.expect(divider).to_have_attribute("aria-valuenow", "100")
    page.keyboard.press("Home")
    api.expect(divider).to_have_attribute("aria-valuenow", "0")


def test_marks_are_measured_by_keys_alone(page, tmp_path, scene):
    source = scene_file(tmp_path / "roof.tif", scene)
    dropped(page, source)
    api.expect(state_of(page, "roof.tif")).to_have_text("done", timeout=120_000)
    api.expect(page.locator("#empty")).to_be_hidden()
    pixels = thermend.read(source).pixels
    page.get_by_role("radio", name="Compare").focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")  # to the box
    api.expect(page.get_by_role("radio", name="Box")).to_have_attribute("aria-checked", "true")
    page.locator("#picture").focus()
    page.keyboard.press("ArrowRight")  # the cursor appears in the middle
    page.keyboard.press("Enter")
    for key in ("Shift+ArrowRight", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    cells = page.locator("#measured tbody tr").first.locator("td").all_inner_texts()
    assert cells[0] == "1 box (120, 96 – 131, 98)"
    box = pixels[96:99, 120:132]
    assert cells[1].split("\n") == [f"min {box.min():.1f}", f"max {box.max():.1f}", f"mean {box.mean(dtype=float):.1f}"]
    page.get_by_role("radio", name="Line").click()
    page.locator("#picture").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Enter")
    api.expect(page.locator("#profile")).to_be_visible()
    page.get_by_role("button", name="Remove box 1").click()
    api.expect(page.locator("#measured tbody tr")).to_have_count(1)


def test_colours_follow_palette_range_and_isotherm(page, tmp_path, scene):
    source = scene_file(tmp_path / "roof.tif", scene)
    dropped(page, source)
    api.expect(state_of(page, "roof.tif")).to_have_text("done", timeout=120_000)
    api.expect(page.locator("#empty")).to_be_hidden()
    colour = """() => { const c = document.getElementById('picture'), b = document.getElementById('stage');
      return [...c.getContext('2d').getImageData(c.width / 2 - 20, c.height / 2, 1, 1).data]; }"""

    def seen() -> list[int]:
        page.wait_for_timeout(200)
        return page.evaluate(colour)

    page.locator("#palette").select_option("white-hot")
    red, green, blue, _ = seen()
    assert red == green == blue
    page.locator("#low-number").fill("20000")
    page.locator("#high-number").fill("20001")
    assert seen()[:3] == [255, 255, 255]  # all is hotter
    page.locator("#palette").select_option("black-hot")
    assert seen()[:3] == [0, 0, 0]
    page.locator("#isotherm").select_option("above")
    page.locator("#isotherm-low").fill("19000")
    page.locator("#isotherm-colour").fill("#ff00ff")
    assert seen()[:3] == [255, 0, 255]
    page.locator("#isotherm").select_option("")
    page.get_by_role("button", name="Auto").click()
    assert float(page.locator("#low-number").input_value()) > 20000


def test_what_is_cancelled_ends_and_can_be_removed(page, tmp_path, scene):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "long.npy", rng.integers(0, 999, (300, 120, 160), np.uint16))
    dropped(page, tmp_path / "long.npy", scene_file(tmp_path / "roof.tif", scene))
    api.expect(state_of(page, "long.npy")).to_contain_text("frame", timeout=60_000)
    page.get_by_role("button", name="Cancel long.npy").click()
    api.expect(state_of(page, "long.npy")).to_have_text("cancelled")
    api.expect(state_of(page, "roof.tif")).to_have_text("done", timeout=120_000)
    page.get_by_role("button", name="Remove long.npy").click()
    api.expect(page.locator("#queue li")).to_have_count(1)


def test_temperatures_of_a_camera_s_file(page, cases, tmp_path):
    source = cases / "data/radiometric/IR_2412.jpg"
    page.locator("#trust").check()
    dropped(page, source)
    api.expect(state_of(page, source.name)).to_have_text("done", timeout=120_000)
    opened(page, source.name)
    read = thermend.read(source)
    found = pointed_at(page, 320, 200, read.shape)
    assert found["before"] == pytest.approx(float(read.pixels[200, 320]), abs=1e-5)
    api.expect(page.locator("#readout")).to_contain_text("°C")
    result = downloaded(page, "#download", tmp_path)
    assert found["after"] == pytest.approx(float(thermend.read(result).pixels[200, 320]), abs=1e-5)
    api.expect(page.locator("#overlay")).to_be_enabled()


def test_a_browser_shows_the_token_once(chromium, tmp_path):
    with running(tmp_path, token="open sesame") as (address, _):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(address)
        api.expect(page.locator("#main")).to_be_hidden()
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Enter").click()
        api.expect(page.locator("#login-problem")).to_have_text("the token is wrong")
        page.get_by_label("Token").fill("open sesame")
        page.get_by_role("button", name="Enter").click()
        api.expect(page.locator("#main")).to_be_visible()
        assert page.evaluate("document.cookie") == ""
        assert "sesame" not in page.url
        page.reload()
        api.expect(page.locator("#main")).to_be_visible()
        context.close()
