import numpy as np
import pytest

from thermend.estimation.medians import column_medians, median


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 513])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_column_medians_are_those_of_numpy(rows, dtype):
    values = np.random.default_rng(0).normal(size=(rows, 31)).astype(dtype)
    found = column_medians(values)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.median(values, axis=0))
    assert median(values) == np.median(values)


def test_column_medians_are_of_what_is_not_nan():
    values = np.random.default_rng(0).normal(size=(40, 31)).astype(np.float32)
    values[np.random.default_rng(1).random(values.shape) < 0.4] = np.nan
    values[:, 3] = np.nan
    values[:, 4] = [1.0, *[np.nan] * 39]
    found = column_medians(values)
    assert np.isnan(found[3])
    known = np.arange(31) != 3
    np.testing.assert_array_equal(found[known], np.nanmedian(values[:, known], axis=0))
