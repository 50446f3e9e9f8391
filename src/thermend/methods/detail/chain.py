"""What the classical chain does before the network, for batches and on any device: training sees what use will give it.

The same numbers as `thermend.estimation.stripes` and `noise_level` give, image by image (a test holds the two
against each other); in use those do it.
"""

from __future__ import annotations

import torch

_CLIP = 3.0
_EDGES_ASIDE = 0.6
_QUIET, _QUIET_SHORTFALL, _BLOCK = 0.3, 0.835, 16
_LEAST_STRIPES = 0.3 / 255


def median(values: torch.Tensor, dim: int) -> torch.Tensor:
    """The median along one axis; of an even number the mean of the middle two, as numpy has it."""
    return (values.median(dim).values - (-values).median(dim).values) / 2


def noise_sigma(images: torch.Tensor) -> torch.Tensor:
    """(B, 1, H, W) to (B,): see :func:`thermend.estimation.noise.noise_sigma`."""
    response = images[..., 2:] - 2 * images[..., 1:-1] + images[..., :-2]
    response = response[:, :, 2:] - 2 * response[:, :, 1:-1] + response[:, :, :-2]
    rows, columns = (n // _BLOCK for n in response.shape[2:])
    blocks = response[:, 0, : rows * _BLOCK, : columns * _BLOCK].reshape(-1, rows, _BLOCK, columns, _BLOCK)
    variances = (blocks**2).mean((2, 4)).flatten(1).sort(1).values / 36
    quiet = variances[:, : max(1, round(_QUIET * variances.shape[1]))]
    return (quiet.mean(1) / _QUIET_SHORTFALL).sqrt()


def _clipped(differences: torch.Tensor) -> torch.Tensor:
    centred = differences - median(differences, 1)[:, None]
    limit = _CLIP * (1.4826 * median(centred.abs(), 1)).clamp_min(1e-7)[:, None]
    return centred.clamp(-limit, limit)


def column_offsets(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The columns' offsets, (B, W) of mean 0, and the spreads of the stripes and of the scene's steps, (B,) each.

    The tridiagonal system of :func:`thermend.estimation.stripes.column_offsets` is that of a path: the cosine
    transform of type II makes it diagonal.
    """
    rows = images[:, 0, :: max(1, images.shape[2] // 1024)]
    differences = median(rows[..., 1:] - rows[..., :-1], 1).double()
    clipped = _clipped(differences)
    variance = (clipped**2).mean(1)
    spread = (-(clipped[:, 1:] * clipped[:, :-1]).mean(1)).clamp_min(0).sqrt()
    steps = torch.maximum(variance - 2 * spread**2, 1e-2 * variance).clamp_min(1e-14).sqrt()
    limit = 6 * (2 * spread**2 + steps**2).sqrt()[:, None]
    power = torch.fft.rfft(clipped - clipped.mean(1, keepdim=True))[:, 1:].abs() ** 2
    frequencies = torch.arange(1, power.shape[1] + 1, device=power.device, dtype=power.dtype) / differences.shape[1]
    stripes = 4 * torch.sin(torch.pi * frequencies) ** 2
    ratios = 10.0 ** torch.arange(-5, 1.01, 0.25, device=power.device, dtype=power.dtype)
    shapes = stripes + ratios[:, None]
    costs = power.shape[1] * (power[:, None] / shapes).mean(2).add(1e-30).log() + shapes.log().sum(1)
    ratio = _EDGES_ASIDE * ratios[costs.argmin(1)]
    differences = differences.clamp(-limit, limit)
    width = images.shape[3]
    right = torch.nn.functional.pad(differences, (1, 0)) - torch.nn.functional.pad(differences, (0, 1))
    places = torch.arange(width, device=power.device, dtype=power.dtype)
    cosines = torch.cos(torch.pi / width * (places + 0.5) * places[:, None]) * (2 / width) ** 0.5
    cosines[0] /= 2**0.5
    eigenvalues = 2 - 2 * torch.cos(torch.pi * places / width) + ratio[:, None]
    offsets = (right @ cosines.T / eigenvalues) @ cosines
    offsets = offsets - offsets.mean(1, keepdim=True)
    return torch.where(spread[:, None] > 0, offsets, 0).to(images.dtype), spread, steps


def destriped(images: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Square images without their stripes, (B, 1, N, N), and the standard deviation of those that were found, (B,).

    As the diagnosis has it: the direction of the stronger stripes first, the other after it, each where it is more than the
    scene's own steps.
    """
    by_noise = 1.05 * noise.double() ** 2 / min(images.shape[2], 1024)
    offsets, spreads = [], []
    for batch in (images, images.transpose(2, 3)):
        own, spread, steps = column_offsets(batch)
        sigma = (spread**2 - by_noise).clamp_min(0).sqrt()
        offsets.append(own)
        spreads.append(torch.where(sigma > 0.25 * steps, sigma, 0))
    rows_first = (spreads[1] > spreads[0])[:, None, None, None]
    turned = torch.where(rows_first, images.transpose(2, 3), images)
    first = torch.where(rows_first[:, :, 0, 0], offsets[1], offsets[0])
    strong, weak = torch.maximum(*spreads), torch.minimum(*spreads)
    turned = turned - _worth(first, strong)
    turned = turned - _worth(column_offsets(turned.transpose(2, 3))[0], weak).transpose(2, 3)
    found = torch.where(strong > _LEAST_STRIPES, strong, 0).to(noise)
    return torch.where(rows_first, turned.transpose(2, 3), turned), found


def _worth(offsets: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return torch.where(sigma[:, None] > _LEAST_STRIPES, offsets, 0)[:, None, None, :]
