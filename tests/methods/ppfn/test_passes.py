"""Passes and prompts without torch: what is asked of a network, and when."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from thermend import InputError, UsageError
from thermend.methods.ppfn import passes as running
from thermend.methods.ppfn.passes import DEGRADATIONS, ProgressivePasses


class Dimming:
    """Stands for a network: it finds the damage that it is made with, and takes a tenth off at each pass."""

    fixed_size = None

    def __init__(self, *present: str) -> None:
        self.present = present or DEGRADATIONS
        self.textures: list[np.ndarray] = []

    def tiled(self, image, seen=None, **others):
        assert 0 <= image.min() <= image.max() <= 1
        return image * np.float32(-0.1)

    def outputs(self, batch, texture, **others):
        self.textures.append(texture)
        logits = [5.0 if name in self.present else -5.0 for name in DEGRADATIONS]
        return [batch, np.array([[*logits, 1.0, 2.0, 3.0]], np.float32)]


def made(steps) -> list[list[str]]:
    return [list(step["pass"]) for step in steps]


def test_temperatures_keep_their_contrast_and_what_lies_beyond_the_range():
    image = np.full((40, 50), 0.5, np.float32)
    image[10:13, 20:23] = 1.8
    passes = ProgressivePasses({"chooses": True})
    result, steps = passes(image, "radiometric", Dimming())
    assert made(steps) == [["noise"], ["blur"]]
    assert result[0, 0] == pytest.approx(0.5 * 0.9**2)
    assert result[11, 21] == pytest.approx(0.9**2 + 0.8)
    joint = ProgressivePasses({"chooses": True, "iterations": 1})
    assert made(joint(image, "radiometric", Dimming())[1]) == [["noise", "blur"]]
    shown, steps = passes(image, "display", Dimming())
    assert made(steps) == [["noise"], ["blur"], ["contrast"]]
    assert shown.max() == pytest.approx(0.9**3)


@pytest.mark.parametrize(
    "facts", [{"prompts": "none"}, {"iterations": 1}, {"order": ["contrast", "blur", "noise"], "iterations": 2}]
)
def test_weights_that_cannot_leave_contrast_do_not_touch_temperatures(facts):
    with pytest.raises(UsageError, match="cannot leave contrast"):
        ProgressivePasses(facts)(np.full((40, 50), 0.5, np.float32), "radiometric", Dimming())
    ProgressivePasses(facts)(np.full((40, 50), 0.5, np.float32), "display", Dimming())


def test_an_image_without_damage_is_looked_at_once_and_stays():
    network, image = Dimming("nothing"), np.full((40, 50), 0.5, np.float32)
    result, steps = ProgressivePasses({"chooses": True})(image, "display", network)
    assert steps == []
    assert len(network.textures) == 1
    np.testing.assert_array_equal(result, image)


def test_an_image_that_fills_its_range_has_lost_no_contrast(tmp_path):
    image = np.full((40, 50), 0.2, np.float32)
    passes = ProgressivePasses({"chooses": True})
    image[5:20, 5:20] = 0.8
    assert made(passes(image, "display", Dimming("contrast"))[1]) == [["contrast"]]
    image[5:20, 5:20] = 0.9
    assert made(passes(image, "display", Dimming("contrast"))[1]) == []
    (tmp_path / "p.json").write_text('{"contrast": 1}')
    passes.prompt(tmp_path / "p.json")
    assert made(passes(image, "display", Dimming())[1]) == [["contrast"]]


def test_a_pass_states_what_was_estimated():
    network, image = Dimming("blur"), np.full((40, 50), 0.5, np.float32)
    _, (step,) = ProgressivePasses({"chooses": True})(image, "display", network)
    assert step == {
        "pass": {"blur": 0.993},
        "removed": ["blur"],
        "composite": pytest.approx(0.013, abs=1e-3),
        "severity": {"blur": 2.0},
    }


def test_of_a_large_image_the_estimator_sees_the_middle(monkeypatch):
    monkeypatch.setattr(running, "TEXTURE_AT_MOST", 32)
    image = np.arange(41 * 50, dtype=np.float32).reshape(41, 50) / 2050
    network = Dimming("nothing")
    ProgressivePasses({"chooses": True})(image, "display", network)
    np.testing.assert_array_equal(network.textures[0][0, 0], image[4:36, 9:41])


@pytest.mark.parametrize("shape", [(512, 640), (64, 80), (33, 50), (1, 1), (700, 79)])
def test_a_thumbnail_holds_means_over_areas_that_cover_the_image(shape, rng):
    image = rng.random(shape).astype(np.float32)
    total = cv2.integral(image, sdepth=cv2.CV_64F)
    found = running.thumbnail(image)
    for i, j in ((0, 0), (63, 79), (20, 31)):
        top, bottom = i * shape[0] // 64, -(-(i + 1) * shape[0] // 64)
        left, right = j * shape[1] // 80, -(-(j + 1) * shape[1] // 80)
        area = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
        assert found[i, j] == pytest.approx(area / ((bottom - top) * (right - left)), rel=1e-5)


@pytest.mark.parametrize("text", ["", "[1]", '{"fog": 1}', '{"noise": 2}', '{"noise": 1' + 400 * "0" + "}", "{" * 9999])
def test_a_file_that_holds_no_prompts_is_refused_by_name(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    with pytest.raises(InputError, match=r"p\.json: holds no prompts"):
        ProgressivePasses({}).prompt(tmp_path / "p.json")


@pytest.mark.parametrize("facts", [{"order": "noise"}, {"iterations": 4}, {"multiple": 0}])
def test_weights_that_misdescribe_themselves_are_refused(facts):
    with pytest.raises(ValueError, match="expected"):
        ProgressivePasses(facts)
