"""The classical methods, each a function from an (H, W) float32 array in [0, 1] to one, in a module of its own.

A new method is a module here and a line in :data:`METHODS`.
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo

_BOTH = ("radiometric", "display")
_DISPLAY = ("display",)


def _classical(
    variant: str, function: str, title: str, adapter: str = "Filter", modes: tuple[str, ...] = _BOTH
) -> MethodInfo:
    return MethodInfo(
        f"classical.{variant}", None, modes, title, f"{__name__}.adapters:{adapter}", f"{__name__}.{function}"
    )


METHODS: tuple[MethodInfo, ...] = (
    _classical("he", "histogram:equalise", "histogram equalisation (HE)", modes=_DISPLAY),
    _classical("clahe", "histogram:clahe", "contrast-limited adaptive histogram equalisation (CLAHE)", modes=_DISPLAY),
    _classical("plateau", "histogram:plateau_equalise", "plateau equalisation", modes=_DISPLAY),
    _classical("stretch", "histogram:stretch", "linear stretch between percentiles", modes=_DISPLAY),
    _classical("ssr", "retinex:single_scale", "single-scale retinex (SSR)", modes=_DISPLAY),
    _classical("msr", "retinex:multi_scale", "multi-scale retinex (MSR)", modes=_DISPLAY),
    _classical("gf-detail", "guided_detail:enhance_detail", "guided-filter detail enhancement (GF)", modes=_DISPLAY),
    _classical("gf-destripe", "guided_destripe:remove_stripes", "1-D guided filter (GF)", "Destriper"),
    _classical("wfaf", "wavelet_fourier:remove_stripes", "combined wavelet-Fourier filter (WFAF)", "Destriper"),
    _classical("utv", "unidirectional_tv:remove_stripes", "unidirectional total variation (UTV)", "Destriper"),
    _classical("lrsid", "low_rank:remove_stripes", "low-rank decomposition (LRSID)", "Destriper"),
    _classical("mire", "midway:remove_stripes", "midway equalisation (MIRE)", "Destriper"),
    _classical("seid", "seid:destripe_and_denoise", "simultaneous destriping and denoising by EM (SEID)", "Destriper"),
    _classical("column-median", "column_median:remove_column_offsets", "medians of column differences", "Destriper"),
    _classical("dead-columns", "dead_pixels:replace_dead_columns", "dead columns replaced", "Destriper"),
    _classical("dead-pixels", "dead_pixels:replace_dead_pixels", "dead pixels replaced"),
    _classical("fixed-pattern", "fixed_pattern:correct_fixed_pattern", "per-pixel fixed pattern shrunk (local Wiener)"),
    _classical("surface", "surface:remove_surface", "low-order non-uniformity removed", "VignettingRemover"),
    _classical("nlm", "nonlocal_means:denoise_nlm", "non-local means (NLM)"),
    _classical("dct", "dct_denoise:denoise_dct", "sliding-window DCT denoising"),
    _classical("unsharp", "deblur:unsharp", "unsharp masking", "Sharpener"),
    _classical("wiener", "deblur:wiener", "Wiener deconvolution", "Sharpener"),
    _classical("bicubic", "resample:bicubic", "bicubic upsampling", "Upsampler"),
    _classical("lanczos", "resample:lanczos", "Lanczos upsampling", "Upsampler"),
)
