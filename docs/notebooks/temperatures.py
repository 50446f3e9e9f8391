# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Temperatures stay temperatures
#
# A wall with a warm window is damaged as an uncooled camera would, and mended in radiometric mode. Then it is measured in kelvin.

# %%
import cv2
import numpy as np

import thermend

rng = np.random.default_rng(0)
y, x = np.mgrid[0:240, 0:320]
truth = (8 + 0.01 * y + 6 * ((x > 120) & (x < 200) & (y > 80) & (y < 160))).astype(np.float32)  # degrees Celsius
truth[30:33, 250:253] = 34  # a small hot spot
truth = cv2.GaussianBlur(truth, (0, 0), 0.7)  # as a lens draws it; sharp, it would be a cluster of bad pixels
stripes, noise = rng.normal(0, 0.4, 320)[None], rng.normal(0, 0.15, truth.shape)
measured = thermend.ThermalImage((truth + stripes + noise).astype(np.float32), "celsius")
measured

# %%
diagnosis = thermend.diagnose(measured)
f"noise {diagnosis.noise_kelvin:.2f} K, stripes {diagnosis.stripe_kelvin:.2f} K in {diagnosis.stripe_direction}"

# %%
mended = thermend.enhance(measured)  # floats with a unit: radiometric mode
mended

# %% [markdown]
# The error, and what the mode promises: the mean moves by less than 0.05 K, the hot spot stays.

# %%
rmse, shift = thermend.metrics.rmse, thermend.metrics.mean_shift
{
    "RMSE before, K": round(rmse(measured, truth), 3),
    "RMSE after, K": round(rmse(mended, truth), 3),
    "shift of the mean, K": round(shift(mended, measured), 4),
    "hot spot in truth, before and after, °C": [
        round(float(p[31, 251]), 1) for p in (truth, measured.pixels, mended.pixels)
    ],
}

# %%
assert rmse(mended, truth) < 0.3 * rmse(measured, truth)
assert shift(mended, measured) < 0.05
assert abs(mended.pixels[31, 251] - truth[31, 251]) < 0.6

# %% [markdown]
# For the eye the same image may change its contrast; then its numbers are grey levels, and no longer temperatures.

# %%
thermend.enhance(measured, mode="display", contrast="stretch").unit
