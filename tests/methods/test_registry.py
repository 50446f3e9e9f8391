"""Methods of other packages: found by their entry points, used like ours, and no harm where they are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.slow

MODULE = '''
import numpy as np
from thermend.methods import MethodInfo
from thermend.methods.protocol import Restored, StepRecord

class Inverted:
    """Black-hot."""
    def __init__(self, info):
        self.info = info
    def restore(self, image, task):
        step = StepRecord(self.info.full_name, {"noise": image.diagnosis.noise_sigma})
        return Restored(np.ascontiguousarray(1 - image.pixels), [step])

def opened(info, options):
    options.refuse_all(info)
    return Inverted(info)

INVERTED = MethodInfo("example.inverted", None, ("display",), "black-hot", opened, licence="MIT")
TAKEN = MethodInfo("classical.he", None, ("display",), "not ours", opened)
'''


@pytest.fixture
def package(tmp_path: Path):
    """A folder to put on the path, with a package that brings what is asked for."""

    def make(attribute: str) -> Path:
        folder = tmp_path / "site"
        info = folder / "thermend_example-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / "thermend_example.py").write_text(MODULE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thermend-example\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[thermend.methods]\nexample = thermend_example:{attribute}\n")
        return folder

    return make


def _thermend(folder: Path, *words: object) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "thermend", *map(str, words)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def test_a_method_of_another_package_is_listed_and_used(package, tmp_path, scene):
    folder = package("INVERTED")
    listed = json.loads(_thermend(folder, "methods", "--json").stdout)
    assert [row["licence"] for row in listed if row["name"] == "example.inverted"] == ["MIT"]
    grey = np.rint(scene * 255).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    done = _thermend(folder, "enhance", tmp_path / "a.png", "-o", tmp_path / "out", "--method", "example.inverted")
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out/a.png")), 255 - grey)


def test_the_method_of_the_docs_does_what_they_say(tmp_path, scene, rng):
    folder = Path(__file__).parents[2] / "docs/examples/own_method"
    info = tmp_path / "site/my_destriper-1.0.dist-info"
    info.mkdir(parents=True)
    (tmp_path / "site/my_destriper.py").write_text((folder / "my_destriper.py").read_text())
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-destriper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[thermend.methods]\nmine = my_destriper:INFO\n")
    assert 'mine = "my_destriper:INFO"' in (folder / "pyproject.toml").read_text()
    striped = np.rint(120 + 100 * scene + rng.normal(0, 8, scene.shape[1])[None]).clip(0, 255).astype(np.uint8)
    Image.fromarray(striped).save(tmp_path / "a.png")
    words = ("enhance", tmp_path / "a.png", "-o", tmp_path / "out", "--method", "mine.neighbour-median")
    done = _thermend(tmp_path / "site", *words)
    assert done.returncode == 0, done.stderr
    result = np.asarray(Image.open(tmp_path / "out/a.png")).astype(float)
    truth = 120 + 100 * scene
    assert np.abs(result - truth).mean() < 0.5 * np.abs(striped - truth).mean()


@pytest.mark.parametrize(
    ("attribute", "why"), [("TAKEN", "is taken"), ("MISSING", "MISSING"), ("MODULE", "cannot be used")]
)
def test_a_broken_package_is_passed_over_with_a_line(package, attribute, why):
    done = _thermend(package(attribute), "methods", "--json")
    assert done.returncode == 0
    assert why in done.stderr
    names = [row["name"] for row in json.loads(done.stdout)]
    assert names.count("classical.he") == 1
    assert "example.inverted" not in names
