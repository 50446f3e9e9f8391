"""Where the pieces lie that P is taken from."""

from __future__ import annotations

import numpy as np
import pytest

from thermend.methods.hidra.guidance import views


def _numbered(height: int, width: int) -> np.ndarray:
    return np.arange(height * width, dtype=np.float32).reshape(height, width)


@pytest.mark.parametrize(
    ("shape", "tops", "lefts"),
    [
        ((128, 128), [0], [0]),
        ((133, 301), [0], [0, 80, 168]),  # of 0, 5 and 0, 86, 173: downwards to multiples of eight, each once
        ((512, 640), [0, 192, 384], [0, 256, 512]),
    ],
)
def test_pieces_are_spread_and_begin_at_multiples_of_eight(shape, tops, lefts):
    found = views(_numbered(*shape), 128)
    places = [divmod(int(piece[0, 0, 0]), shape[1]) for piece in found]
    assert places == [(top, left) for top in tops for left in lefts]
    top, left = places[-1]
    np.testing.assert_array_equal(found[-1, 0], _numbered(*shape)[top : top + 128, left : left + 128])


def test_a_small_image_is_mirrored_up_to_a_piece():
    image = _numbered(100, 90)
    found = views(image, 128)
    assert found.shape == (1, 1, 128, 128)
    np.testing.assert_array_equal(found[0, 0], np.pad(image, ((0, 28), (0, 38)), mode="symmetric"))
