"""Images that were enlarged: found by the period of their pixels, left as they are; blur is something else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.estimation.diagnosis import diagnose
from thermend.estimation.interpolation import is_interpolated
from thermend.estimation.noise import noise_sigma
from thermend.methods.classical.deblur import wiener

KERNELS = {"bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}


@pytest.fixture(params=(1, 5))
def clean(request):
    rng = np.random.default_rng(request.param)
    texture = sum(cv2.GaussianBlur(rng.normal(size=(512, 640)), (0, 0), sigma) * sigma for sigma in (1, 2, 4, 8))
    image = 0.1 + 0.7 * scene_picture(3, request.param) + 0.06 * texture
    return (image + rng.normal(0, 1 / 255, image.shape)).astype(np.float32)


def eight_bits(image):
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.float32) / 255


def enlarged(image, factor, kernel):
    small = cv2.resize(image, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, image.shape[::-1], interpolation=KERNELS[kernel])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_enlarged_images_are_told_and_left(clean, factor, kernel):
    image = eight_bits(enlarged(clean, factor, kernel))
    assert is_interpolated(image, noise_sigma(image))
    kelvin = thermend.ThermalImage.from_array(15 + 20 * image, unit="celsius")
    kelvin = thermend.enhance(kelvin, method="classical.chain").pixels
    assert np.abs(kelvin - (15 + 20 * image)).max() <= 0.03 * 20 * np.ptp(image)
    levels = thermend.enhance(np.rint(255 * image).astype(np.uint8), method="classical.chain", contrast="keep").pixels
    assert np.abs(levels - 255 * image).max() <= 0.03 * 255 * np.ptp(image)


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.0, 3.0])
def test_optical_blur_is_no_interpolation(clean, sigma):
    image = eight_bits(cv2.GaussianBlur(clean, (0, 0), sigma) if sigma else clean)
    assert not is_interpolated(image, noise_sigma(image))


def test_a_jpeg_of_a_blurred_image_has_a_period_of_its_own(clean):
    blurred = np.rint(255 * np.clip(cv2.GaussianBlur(clean, (0, 0), 2.0), 0, 1)).astype(np.uint8)
    image = cv2.imdecode(cv2.imencode(".jpg", blurred)[1], cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    assert not is_interpolated(image, noise_sigma(image))


def test_temperatures_without_any_noise_were_smoothed():
    scene = 15 + 20 * cv2.GaussianBlur(scene_picture(3, 1), (0, 0), 2.0)
    noisy = scene + np.random.default_rng(0).normal(0, 0.05, scene.shape).astype(np.float32)
    assert diagnose(thermend.ThermalImage.from_array(scene, unit="celsius")).interpolated
    assert not diagnose(thermend.ThermalImage.from_array(noisy, unit="celsius")).interpolated


def test_verification_sees_what_a_filter_drew_around_interpolated_edges(clean):
    image = eight_bits(enlarged(cv2.GaussianBlur(clean, (0, 0), 2), 4, "bicubic"))
    assert thermend.verify(image, image).suspect == 0
    assert thermend.verify(image, wiener(image, 3.5)).suspect > 0.0005
