"""The bi-level solver's first-order approximation (HiDRA, key design 4).

Upper: min_ω Ψ(W*(ω), ω). Lower: W*(ω) = argmin_W Φ(W, ω). With the Gauss-Newton form of the authors' earlier bi-level work, the
term through W* becomes a ratio of first-order gradients:

    G = ∂Ψ/∂ω − (⟨∂Ψ/∂W, ∂Φ/∂W⟩ / ⟨∂Φ/∂W, ∂Φ/∂W⟩) ∂Φ/∂ω

It is exact where Φ = ½ r(W, ω)² has a residual r of one number, as Φ = ½ (αW + βω)² does. Elsewhere it is an approximation: of
a general quadratic it sees the direction ∂Φ/∂W alone. Of one of four by three numbers it is 22° off, and 0.86 times as long as
the truth (`tests/methods/hidra/test_solver.py`).

The authors' published code has the same formula, but takes the inner product before Ψ is back-propagated, against gradients
that were just set to zero: its ratio is 0, which is the alternating scheme (``solver.kind: alternating``). The paper's form
stays ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

Gradients = Sequence[torch.Tensor]


def ratio(upper: Gradients, lower: Gradients, floor: float = 1e-12, most: float = 10.0) -> torch.Tensor:
    """⟨∂Ψ/∂W, ∂Φ/∂W⟩ / ⟨∂Φ/∂W, ∂Φ/∂W⟩, ().

    Parameters
    ----------
    upper, lower : Gradients
        ∂Ψ/∂W and ∂Φ/∂W, a tensor a parameter
    floor : float
        that the denominator does not fall below: at the lower level's optimum both vanish
    most : float
        that the ratio's size does not exceed

    Raises
    ------
    ValueError
        they are not of the same parameters
    """
    if len(upper) != len(lower):
        raise ValueError(f"{len(upper)} gradients against {len(lower)}")
    across = torch.stack([(u.double() * low.double()).sum() for u, low in zip(upper, lower, strict=True)]).sum()
    along = torch.stack([low.double().square().sum() for low in lower]).sum()
    return (across / along.clamp_min(floor)).clamp(-most, most)


def hypergradient(direct: Gradients, nested: Gradients, share: torch.Tensor) -> list[torch.Tensor]:
    """G, a tensor a parameter of ω.

    Parameters
    ----------
    direct : Gradients
        ∂Ψ/∂ω
    nested : Gradients
        ∂Φ/∂ω
    share : torch.Tensor
        :func:`ratio`
    """
    return [d - share.to(d.dtype) * n for d, n in zip(direct, nested, strict=True)]
