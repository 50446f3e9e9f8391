"""Filters: an array in, an array out, and no opinion of what is wrong with it. Arrays are (H, W) float32.

| module | what |
| --- | --- |
| `smoothing` | Gaussian, box, guided and median filters |
| `dct` | thresholded sliding-window cosine transform |
| `deconvolution` | Wiener deconvolution, and what bounds it |
| `inpainting`, `replacement`, `neighbours` | pixels without a number, bad pixels and columns |
| `resampling` | more pixels |
| `tone` | tone curves |
| `total_variation` | what variational methods share |
| `unclipping` | what clipping took, made up for |
"""
