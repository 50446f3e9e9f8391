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
# # First steps
#
# A thermal image is read, judged, mended and looked at. Everything here runs on the core install, without torch.

# %%
from pathlib import Path

import thermend

here = next(p for p in (Path.cwd(), *Path.cwd().parents) if (p / "samples").is_dir())
image = thermend.read(here / "samples/rescue.png")
image

# %% [markdown]
# What is wrong with it? Levels are grey levels of 255, blur is in pixels.

# %%
thermend.diagnose(image)

# %% [markdown]
# Mended, by default. In a notebook an image is a picture.

# %%
better = thermend.enhance(image)
better

# %% [markdown]
# What was done, in order, with the numbers it was done with, stands in the result's provenance, and in the file that is written.

# %%
better.metadata.provenance["steps"]

# %% [markdown]
# Was something drawn that no detector saw? `verify` puts the result through the degradation that it claims to have undone, and
# compares it with the input in units of the input's noise.

# %%
found = thermend.verify(image, better)
f"{found.suspect:.1%} of the result is not supported by the measurement; as a whole it {'is' if found.supported else 'is not'}"

# %% [markdown]
# A restorer is loaded once and used often: on images, (N, H, W) arrays or tensors, from several threads.

# %%
import numpy as np

restorer = thermend.load("classical.column-median")
stack = np.stack([image.pixels] * 3).astype(np.uint8)
restorer(stack).shape
