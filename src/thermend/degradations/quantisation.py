"""What storing an image costs: few grey levels, and JPEG."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from thermend.degradations.severity import GREY_LEVELS, Severity, per_sample


def posterisation(image: torch.Tensor, bits: Severity = 5.0) -> torch.Tensor:
    """Round down to 2^bits levels; gradients reach the image as if nothing were rounded, and none the bits.

    Parameters
    ----------
    image : (B, 1, H, W)
        in [0, 1]
    bits : Severity
        1 to 8; need not be whole
    """
    levels = 2 ** per_sample(bits, image).detach()
    stepped = (torch.floor(image.detach() * levels * (1 - 1e-6)) / (levels - 1)).clamp(0, 1)
    return image + (stepped - image).detach()


def jpeg(image: torch.Tensor, quality: Severity = 80.0) -> torch.Tensor:
    """Through a JPEG file and back; gradients reach the image as if it were lossless, and none the quality.

    Parameters
    ----------
    quality : Severity
        1 to 100
    """
    qualities = torch.as_tensor(quality).detach().reshape(-1).expand(image.shape[0]).tolist()
    stored = (image.detach().clamp(0, 1) * GREY_LEVELS).round().to("cpu", torch.uint8).numpy()
    loaded = np.empty(stored.shape, np.float32)
    for index, value in enumerate(qualities):
        data = cv2.imencode(".jpg", stored[index, 0], [cv2.IMWRITE_JPEG_QUALITY, round(value)])[1]
        loaded[index, 0] = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    result = torch.from_numpy(loaded / np.float32(GREY_LEVELS)).to(image)
    return image + (result - image).detach()
