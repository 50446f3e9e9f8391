"""Draw the pictures of the README and of docs/ from the samples: `make pictures`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

import thermend
from thermend import ThermalImage
from thermend.datasets.scenes import scene_picture
from thermend.degradations import degrade
from thermend.evaluation.recordings.simulation import PRESETS, recorded
from thermend.io import palettes

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / "docs/images"
GAP, ZOOM = 6, 3
UNSEEN = 1000
"""Seed of scenes that no network was trained on."""

Box = tuple[int, int, int, int]  # top, left, height, width


def grey(image: ThermalImage, low: float, high: float) -> np.ndarray:
    """(H, W) uint8, `low` black and `high` white."""
    return np.clip((image.pixels - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def panel(pixels: np.ndarray, palette: str, box: Box, label: str) -> np.ndarray:
    """(H, W, 3): a picture with its label, a frame around one detail, and beneath it the detail enlarged."""
    colour = palettes.table(palette)[pixels]
    top, left, height, width = box
    zoom = pixels.shape[1] / width
    detail = colour[top : top + height, left : left + width]
    detail = cv2.resize(detail, (pixels.shape[1], round(height * zoom)), interpolation=cv2.INTER_NEAREST)
    framed = np.ascontiguousarray(colour)
    cv2.rectangle(framed, (left - 1, top - 1), (left + width, top + height), (255, 255, 255), 1)
    gap = np.full((GAP, pixels.shape[1], 3), 255, np.uint8)
    picture = Image.fromarray(np.concatenate([framed, gap, detail]))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    draw.rectangle((0, 0, draw.textlength(label, font) + 12, 24), fill=(0, 0, 0))
    draw.text((6, 3), label, (255, 255, 255), font)
    return np.asarray(picture)


def beside(*panels: np.ndarray) -> Image.Image:
    gap = np.full((panels[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for p in panels for part in (gap, p)][1:]
    return Image.fromarray(np.concatenate(parts, axis=1))


def save(picture: Image.Image, name: str) -> None:
    picture.quantize(256, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
    print(f"docs/images/{name}")


def before_after(sample: str, palette: str, box: Box, name: str) -> None:
    before = thermend.read(ROOT / "samples" / sample)
    after = thermend.enhance(before)
    low, high = (0.0, 255.0) if before.unit == "display" else after.extent
    span = "" if before.unit == "display" else f" ({low:.0f} to {high:.0f} °C)"
    panels = [
        panel(grey(image, low, high), palette, box, label)
        for image, label in ((before, f"as the camera gave it{span}"), (after, "thermend enhance"))
    ]
    save(beside(*panels), name)


def two_modes(sample: str, box: Box, name: str) -> None:
    counts = thermend.read(ROOT / "samples" / sample)
    low, high = counts.extent
    panels = [
        panel(grey(counts, low, high), "white-hot", box, "input, stretched to be seen"),
        panel(grey(thermend.enhance(counts), low, high), "white-hot", box, "--mode radiometric, stretched alike"),
        panel(thermend.enhance(counts, mode="display").pixels.astype(np.uint8), "white-hot", box, "--mode display"),
    ]
    save(beside(*panels), name)


def destripers(sample: str, box: Box, name: str) -> None:
    image = thermend.read(ROOT / "samples" / sample)
    low, high = image.extent
    methods = ("gf-destripe", "wfaf", "utv", "lrsid", "mire", "seid", "column-median")
    results = {"input": image} | {m: thermend.enhance(image, method=f"classical.{m}") for m in methods}
    top, left, height, width = box
    rows = []
    panels = []
    for label, result in results.items():
        crop = grey(result, low, high)[top : top + height, left : left + width]
        crop = cv2.resize(crop, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST)
        picture = Image.fromarray(palettes.table("white-hot")[crop])
        draw = ImageDraw.Draw(picture)
        font = ImageFont.load_default(14)
        draw.rectangle((0, 0, draw.textlength(label, font) + 10, 20), fill=(0, 0, 0))
        draw.text((5, 2), label, (255, 255, 255), font)
        panels.append(np.asarray(picture))
    for start in range(0, len(panels), 4):
        rows.append(np.asarray(beside(*panels[start : start + 4])))
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    save(Image.fromarray(np.concatenate([rows[0], gap, rows[1]])), name)


def network(method: str, sample: str, preset: str, damage: str, box: Box, name: str) -> None:
    """A mended sample, damaged as the papers do it, and what a network makes of it."""
    mended = thermend.enhance(thermend.read(ROOT / "samples" / sample), mode="display").pixels
    clean = np.rint(mended * (255 / mended.max())).astype(np.uint8)
    damaged = degrade(clean, preset, 0, sample)
    result = thermend.load(method, precision="float32").restore(damaged, mode="display").pixels
    images = {damage: damaged, f"--method {method}": np.rint(result).astype(np.uint8), "before the damage": clean}
    save(beside(*(panel(image, "white-hot", box, label) for label, image in images.items())), name)


def recording(number: int, preset: str, shown: tuple[int, ...], box: Box, name: str) -> None:
    """Frames of a simulated recording as they came, mended one by one, and in a session; beneath them one row over time."""
    scene = (255 * scene_picture(UNSEEN, number)).astype(np.float32)
    wanted = dataclasses.replace(PRESETS[preset], frames=max(shown) + 1)
    restorer = thermend.load("auto")
    session = restorer.session(contrast="keep")
    columns: list[list[np.ndarray]] = [[], [], []]
    rows: list[list[np.ndarray]] = [[], [], []]
    for count, frame in enumerate(recorded(scene, wanted, 0)):
        image = ThermalImage(frame.given, "display", "uint8")
        made = session(image)
        of_row = (image.pixels, restorer(image, contrast="keep").pixels, made.pixels)
        for kept, pixels in zip(rows, of_row, strict=True):
            kept.append(pixels[box[0]])
        if count in shown:
            labels = (f"frame {count}", "one by one", "session")
            for kept, pixels, label in zip(columns, of_row, labels, strict=True):
                kept.append(panel(np.clip(pixels, 0, 255).astype(np.uint8), "white-hot", box, label))
    slices = [np.clip(np.array(kept), 0, 255).astype(np.uint8) for kept in rows]
    slices = [
        palettes.table("white-hot")[cv2.resize(part, None, fx=1, fy=2, interpolation=cv2.INTER_NEAREST)]
        for part in slices
    ]
    gap = np.full((GAP, slices[0].shape[1], 3), 255, np.uint8)
    save(
        beside(
            *[np.concatenate([x for p in (*kept, part) for x in (gap, p)][1:]) for kept, part in zip(columns, slices)]
        ),
        name,
    )


def default(number: int, preset: str, damage: str, box: Box, name: str) -> None:
    """A scene that was rendered, and that nothing was trained on, damaged as a paper does it, and what `auto` makes of it."""
    clean = np.rint(255 * scene_picture(UNSEEN, number)).astype(np.uint8)
    damaged = degrade(clean, preset, 0, f"scene-{number}")
    result = np.rint(thermend.enhance(damaged).pixels).astype(np.uint8)
    images = {damage: damaged, "thermend enhance": result, "before the damage": clean}
    save(beside(*(panel(image, "white-hot", box, label) for label, image in images.items())), name)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    default(6, "hm-tir-normal", "hazy, vignetted, blurred, striped, noisy", (150, 200, 102, 220), "default.png")
    before_after("street.tif", "iron", (225, 300, 62, 150), "street.png")
    before_after("rescue.png", "white-hot", (60, 330, 62, 150), "rescue.png")
    before_after("harbour.png", "white-hot", (255, 120, 62, 150), "harbour.png")
    two_modes("facade.tif", (150, 120, 62, 150), "modes.png")
    network(
        "deal/cascade-2",
        "street.tif",
        "deal-composite",
        "dull, half the resolution, striped",
        (225, 300, 62, 150),
        "deal.png",
    )
    network(
        "ppfn/compact",
        "rescue.png",
        "dual-decoder",
        "dull, dark, blurred, noisy",
        (60, 330, 62, 150),
        "ppfn.png",
    )
    network(
        "dual-decoder/compact",
        "street.tif",
        "dual-decoder",
        "dull, dark, blurred, noisy",
        (225, 300, 62, 150),
        "dual-decoder.png",
    )
    network(
        "hidra/tiny",
        "rescue.png",
        "hidra-moderate",
        "dull, blurred, striped, noisy",
        (60, 330, 62, 150),
        "hidra.png",
    )
    destripers("rescue.png", (60, 330, 110, 110), "destripers.png")
    recording(6, "pattern", (3, 110), (100, 120, 70, 90), "recording.png")
