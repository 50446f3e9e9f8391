"""The detector of the applications, and its scores."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")
pytest.importorskip("pycocotools")

from thermend import InputError, UsageError  # noqa: E402
from thermend.datasets.coco import Box, boxes_of  # noqa: E402
from thermend.evaluation.comparison import Asked, Comparison  # noqa: E402
from thermend.evaluation.detection.comparison import CLEAN, DAMAGED, answers, scored, table  # noqa: E402
from thermend.evaluation.detection.detectors import CLASSES, Detections, opened  # noqa: E402
from thermend.evaluation.detection.network import STRIDE, CentrePoints, decoded, loss, targets  # noqa: E402
from thermend.evaluation.detection.scores import precision  # noqa: E402
from thermend.evaluation.detection.training import Settings, left_out, train  # noqa: E402


def detections(*boxes: tuple[float, float, float, float], scores=None, classes=None) -> Detections:
    number = len(boxes)
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores or [0.9] * number, np.float32),
        np.array(classes or [0] * number, np.int64),
    )


def test_what_the_network_is_to_say_is_read_back_as_the_boxes():
    boxes = [(0, 10.0, 20.0, 12.0, 30.0), (2, 70.5, 40.25, 9.0, 7.0), (1, 100.0, 5.0, 20.0, 18.0)]
    heat, there = targets(boxes, 3, 96, 128)
    assert heat.shape == (3, 24, 32)
    size, place = torch.zeros(1, 2, 24, 32), torch.zeros(1, 2, 24, 32)
    for _, row, column, width, height, x, y in there.tolist():
        size[0, :, int(row), int(column)] = torch.tensor([width, height])
        place[0, :, int(row), int(column)] = torch.tensor([x, y])
    found, scores, classes = decoded((torch.logit(heat.clamp(1e-4, 1 - 1e-4))[None], size, place), least=0.9)
    assert len(scores) == 3
    back = {int(kind): box for kind, box in zip(classes, found.tolist())}
    for kind, *box in boxes:
        assert back[kind] == pytest.approx(box, abs=1e-3)


def test_what_is_to_be_ignored_is_neither_learned_nor_held_against_it():
    heat, there = targets([(-1, 16, 16, 32, 32)], 2, 64, 64)
    assert there.shape == (0, 7)
    assert (heat[:, 5:11, 5:11] == -1).all()
    made = [torch.full((1, n, 16, 16), -3.0) for n in (2, 2, 2)]
    before = float(loss(tuple(made), heat[None], [there]))
    made[0][:, :, 6:10, 6:10] = 5.0  # says that all of it is an object
    assert float(loss(tuple(made), heat[None], [there])) == before
    made[0][:, :, 0, 0] = 5.0
    assert float(loss(tuple(made), heat[None], [there])) > before + 5


def test_average_precision_is_that_of_a_case_known_by_hand():
    """Two people, of whom one is found, and surer than that something that is none: precision is 1/2 up to a recall of 1/2,
    51 of COCO's 101 places."""
    boxes = {"a.png": [Box("Person", 10, 10, 20, 40), Box("Person", 100, 10, 20, 40)]}
    found = {"a.png": detections((10, 10, 20, 40), (200, 100, 20, 40), scores=[0.5, 0.9])}
    value = precision(found, boxes, {"a.png": (200, 300)}, ("Person", "Car"), draws=10)
    assert value.ap50 == pytest.approx(0.5 * 51 / 101)
    assert value.ap == pytest.approx(value.ap50)  # the box is exact at every threshold
    assert math.isnan(value.by_class["Car"])
    assert value.by_size["small"] == pytest.approx(value.ap50)
    assert value.interval == (pytest.approx(value.ap50),) * 2  # of one image
    nothing = precision({"a.png": detections()}, boxes, {"a.png": (200, 300)}, ("Person",), draws=2)
    assert nothing.ap50 == 0


def test_what_is_found_in_an_ignored_box_is_neither_right_nor_wrong():
    boxes = {"a.png": [Box("Person", 10, 10, 20, 40), Box("DontCare", 100, 50, 60, 60)]}
    found = {"a.png": detections((10, 10, 20, 40), (110, 60, 20, 40), scores=[0.5, 0.9])}
    value = precision(found, boxes, {"a.png": (200, 300)}, ("Person",), draws=0)
    assert value.ap50 == pytest.approx(1)


def test_the_interval_is_that_of_images_drawn_again():
    boxes = {f"{n}.png": [Box("Person", 10, 10, 20, 40)] for n in range(40)}
    found = {f"{n}.png": detections((10, 10, 20, 40)) if n % 2 else detections() for n in range(40)}
    value = precision(found, boxes, dict.fromkeys(boxes, (100, 100)), ("Person",), draws=100)
    assert value.ap50 == pytest.approx(0.5, abs=0.01)
    low, high = value.interval
    assert 0.3 < low < 0.42  # a share of 20 of 40: 1.96 · sqrt(0.25 / 40) = 0.155 to either side
    assert 0.58 < high < 0.7


def test_whole_flights_are_left_out():
    names = [f"{n}_60_30_0_{k:05d}.jpg" for n in range(10) for k in range(n + 1)]
    aside = left_out(names)
    flights = {name.rpartition("_")[0] for name in aside}
    assert len(flights) == 2
    assert all((name in aside) == (name.rpartition("_")[0] in flights) for name in names)


@pytest.fixture(scope="module")
def flights(tmp_path_factory) -> Path:
    """Images of bright bars (people) and squares (cars) on an even ground, and their boxes."""
    root = tmp_path_factory.mktemp("flights")
    (root / "images").mkdir()
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for n in range(16):
        picture = rng.normal(90, 3, (96, 128))
        for kind, (height, width) in ((0, (18, 8)), (1, (16, 20))):
            y, x = int(rng.integers(2, 90 - height)), int(rng.integers(60 * kind, 60 * kind + 40))
            picture[y : y + height, x : x + width] += 100
            annotations.append(
                {"id": len(annotations), "image_id": n, "category_id": kind, "bbox": [x, y, width, height]}
            )
        name = f"{n % 5}_60_30_0_{n:05d}.png"
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(root / "images" / name)
        images.append({"id": n, "file_name": name})
    categories = [{"id": n, "name": name} for n, name in enumerate((*CLASSES, "DontCare"))]
    (root / "boxes.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    return root


@pytest.mark.slow
def test_it_learns_goes_on_and_is_told_apart(flights, tmp_path):
    settings = Settings(steps=120, batch_size=4, patch_size=96, ema_decay=0.9, checkpoint_every=60)
    said: list[str] = []

    def stop(line: str) -> None:
        said.append(line)
        if line.startswith("step 60"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(flights / "images", flights / "boxes.json", tmp_path, settings, stop)
    with pytest.raises(InputError, match="other settings"):
        train(flights / "images", flights / "boxes.json", tmp_path, replace(settings, steps=121), said.append)
    path = train(flights / "images", flights / "boxes.json", tmp_path, settings, said.append)
    assert "goes on after step 60 of 120" in said
    detector = opened(str(path))

    boxes = boxes_of(flights / "boxes.json")
    files = [flights / "images" / name for name in left_out(list(boxes))]
    assert files
    found = answers(
        detector,
        files,
        ["deal-stripe-heavy"],
        [Asked.of("classical.seid")],
        Comparison(),
        tmp_path / "a.jsonl",
        said.append,
    )
    values = scored(found, boxes, {f.name: (96, 128) for f in files}, CLASSES)
    assert values[CLEAN, CLEAN].ap50 > 0.6
    lines = table(values, CLASSES, len(files))
    assert "says nothing" not in lines[0]
    assert [each[1] for each in values] == [CLEAN, DAMAGED, "classical.seid"]
    count = len((tmp_path / "a.jsonl").read_text().splitlines())
    again = answers(
        detector,
        files,
        ["deal-stripe-heavy"],
        [Asked.of("classical.seid")],
        Comparison(),
        tmp_path / "a.jsonl",
        said.append,
    )
    assert (again, count) == (found, len((tmp_path / "a.jsonl").read_text().splitlines()))


class _Three(torch.nn.Module):
    """As torchvision writes a detector: the brightest quarter of the picture, as left, top, right, bottom."""

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        high, wide = image.shape[2] // 2, image.shape[3] // 2
        found = image.mean((1, 2, 3), keepdim=True).reshape(1, 1) * 0
        box = torch.cat([found, found, found + wide, found + high], 1)
        return box, torch.ones(1, dtype=torch.int64), image.amax().reshape(1)


class _One(torch.nn.Module):
    """As YOLOv8 writes one: twice nearly the same box, of the second class."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        rows = torch.tensor([[20.0, 21.0], [30.0, 30.0], [10.0, 10.0], [16.0, 16.0], [0.1, 0.1], [0.8, 0.7]])
        return rows[None] + 0 * image.mean()


@pytest.mark.parametrize(("network", "size"), [(_Three(), (64, 80)), (_One(), (64, 80))])
def test_detectors_of_others_run_as_onnx(tmp_path, network, size):
    path = tmp_path / "d.onnx"
    torch.onnx.export(network, (torch.zeros(1, 3, *size),), path, dynamo=False)
    detector = opened(str(path), ("Person", "Car"))
    found = detector(np.full((128, 160), 200, np.uint8))  # twice the size that it takes
    assert len(found.boxes) == 1
    wanted = (0, 0, 80, 64) if isinstance(network, _Three) else (30, 44, 20, 32)
    assert found.boxes[0].tolist() == pytest.approx(wanted)
    assert found.classes.tolist() == [1]


def test_what_is_no_detector_gets_a_line(tmp_path):
    with pytest.raises(UsageError, match="expected a detector"):
        opened("x.pt")
    (tmp_path / "x.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be opened"):
        opened(str(tmp_path / "x.onnx"))
    assert CentrePoints(3)(torch.zeros(1, 1, 32, 48))[0].shape == (1, 3, 32 // STRIDE, 48 // STRIDE)


@pytest.mark.slow
def test_the_command_says_what_is_wrong(tmp_path):
    command = [sys.executable, "-m", "thermend.evaluation.detection", "train"]
    done = subprocess.run(
        [*command, "--images", str(tmp_path), "--boxes", str(tmp_path / "no.json"), "-o", str(tmp_path / "out")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be read" in done.stderr
