"""Measures, as pure functions on (H, W) arrays, in grey levels of 255 unless they say otherwise.

| module | what |
| --- | --- |
| `fidelity` | against the clean image: PSNR, PSNR after gain and offset, SSIM, MSE |
| `no_reference` | contrast and detail of one image: AG, IE, EME, SF, SD, CEI |
| `naturalness` | NIQE, by the statistics of clean thermal images |
| `nonuniformity` | noise, roughness, residual stripe energy |
| `fusion` | of a fused image: MI, SCD, VIF, Qabf, CC |
| `temperatures` | of temperatures and counts in their unit: RMSE, shifts of mean and smooth component |
| `learned` | NIQE, LPIPS, DISTS, FID, MUSIQ, MANIQA, NIMA, by pyiqa |
"""

from __future__ import annotations

from thermend.metrics.fidelity import mse, psnr, psnr_fitted, ssim
from thermend.metrics.fusion import (
    correlation,
    edge_preservation,
    mutual_information,
    sum_of_correlated_differences,
    visual_information_fidelity,
)
from thermend.metrics.learned import fid, learned
from thermend.metrics.naturalness import niqe_thermal
from thermend.metrics.no_reference import (
    average_gradient,
    average_gradient_fusion,
    contrast_enhancement_index,
    eme,
    entropy,
    local_contrast,
    spatial_frequency,
    standard_deviation,
    standard_deviation_uint8,
)
from thermend.metrics.nonuniformity import noise, roughness, stripe_energy
from thermend.metrics.temperatures import mean_shift, rmse, smooth_shift

__all__ = [
    "average_gradient",
    "average_gradient_fusion",
    "contrast_enhancement_index",
    "correlation",
    "edge_preservation",
    "eme",
    "entropy",
    "fid",
    "learned",
    "local_contrast",
    "mean_shift",
    "mse",
    "mutual_information",
    "niqe_thermal",
    "noise",
    "psnr",
    "psnr_fitted",
    "rmse",
    "roughness",
    "smooth_shift",
    "spatial_frequency",
    "ssim",
    "standard_deviation",
    "standard_deviation_uint8",
    "stripe_energy",
    "sum_of_correlated_differences",
    "visual_information_fidelity",
]
