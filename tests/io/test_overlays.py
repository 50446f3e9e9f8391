"""Pictures with text, scale and logo burnt in: the palette that is named is obeyed, and the rest is no data."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import tifffile

import thermend
from thermend.datasets.scenes import scene_picture
from thermend.errors import InputError
from thermend.io import palettes


@pytest.fixture(params=["rainbow", "iron"])
def screenshot(request, tmp_path):
    """A picture with text and a logo; its grey levels; where what was burnt in lies."""
    grey = np.rint(255 * cv2.resize(scene_picture(5, 1), (320, 256), interpolation=cv2.INTER_AREA)).astype(np.uint8)
    burnt = np.zeros(grey.shape, np.uint8)
    burnt[:30] = 1
    cv2.putText(burnt, "36.5 C", (20, 160), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 1, 4)
    picture = np.where(burnt[..., None] == 1, np.uint8([120, 160, 125]), palettes.colour(grey, request.param))
    cv2.imwrite(str(tmp_path / "a.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
    return tmp_path / "a.jpg", request.param, grey, burnt == 1


def test_what_is_no_colour_of_the_palette_is_no_data(screenshot):
    path, name, grey, burnt = screenshot
    image = thermend.read(path, palette=name)
    assert image.nodata is not None
    assert image.nodata[burnt].mean() > 0.97
    beside = cv2.dilate(burnt.astype(np.uint8), np.ones((13, 13), np.uint8)) > 0
    assert image.nodata[~beside].mean() < 0.03
    seen = ~beside & ~image.nodata
    assert np.quantile(np.abs(image.pixels - grey)[seen], 0.95) < 12
    result = thermend.enhance(image, method="classical.chain")
    np.testing.assert_array_equal(result.nodata, image.nodata)


def test_in_tiff_too(screenshot, tmp_path):
    path, name, _, _ = screenshot
    tifffile.imwrite(tmp_path / "a.tif", cv2.imread(str(path))[..., ::-1], photometric="rgb")
    expected, image = thermend.read(path, palette=name), thermend.read(tmp_path / "a.tif", palette=name)
    np.testing.assert_array_equal(image.nodata, expected.nodata)
    thermend.write(image, tmp_path / "again.tif")
    np.testing.assert_array_equal(thermend.read(tmp_path / "again.tif").nodata, expected.nodata)


def test_another_palette_is_refused(screenshot):
    path, _, _, _ = screenshot
    other = "green-hot"
    with pytest.raises(InputError, match=f"is not in the palette {other}: .*% of its colours"):
        thermend.read(path, palette=other)
