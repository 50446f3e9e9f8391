"""The hyper-gradient against the true one, where that is known."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the train extra")

from thermend.methods.hidra.solver import hypergradient, ratio  # noqa: E402


def _gradient(psi, phi, w, omega, **limits):
    of_psi = torch.autograd.grad(psi(w, omega), (omega, w), allow_unused=True)
    of_phi = torch.autograd.grad(phi(w, omega), (omega, w))
    direct = torch.zeros_like(omega) if of_psi[0] is None else of_psi[0]
    share = ratio([of_psi[1]], [of_phi[1]], **limits)
    return hypergradient([direct], [of_phi[0]], share)[0]


@pytest.mark.parametrize(("alpha", "beta", "start"), [(2.0, 3.0, 0.3), (-0.5, 1.5, -2.0), (1.0, -4.0, 5.0)])
def test_it_is_exact_for_a_residual_of_one_number(alpha, beta, start):
    """Φ = ½ (αW + βω)² has W* = −βω/α, so that dΨ(W*, ω)/dω = ∂Ψ/∂ω − (β/α) ∂Ψ/∂W."""
    omega = torch.tensor([0.7], dtype=torch.float64, requires_grad=True)
    w = torch.tensor([start], dtype=torch.float64, requires_grad=True)
    found = _gradient(
        lambda w, o: ((w - 1) ** 2 + 0.5 * o**2 + w * o).sum(),
        lambda w, o: (0.5 * (alpha * w + beta * o) ** 2).sum(),
        w, omega, most=1e9,
    )  # fmt: skip
    of_w, of_omega = 2 * (w - 1) + omega, omega + w
    torch.testing.assert_close(found, of_omega - beta / alpha * of_w)


def test_of_a_general_quadratic_it_sees_the_direction_of_the_lower_gradient_alone():
    """Φ = ½ ‖AW + Bω‖² has dW*/dω = −A⁻¹B. Of dΨ/dW the part along ∂Φ/∂W counts, and the curvature along it: the departure that
    the module's docstring gives in numbers."""
    generator = torch.Generator().manual_seed(3)
    a = torch.randn(4, 4, generator=generator, dtype=torch.float64) * 0.2 + torch.eye(4, dtype=torch.float64)
    b = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    omega = torch.randn(3, generator=generator, dtype=torch.float64).requires_grad_()
    w = torch.randn(4, generator=generator, dtype=torch.float64).requires_grad_()
    target = torch.randn(4, generator=generator, dtype=torch.float64)
    found = _gradient(
        lambda w, o: 0.5 * (w - target).square().sum(), lambda w, o: 0.5 * (a @ w + b @ o).square().sum(), w, omega
    )
    of_w, residual = (w - target).detach(), (a @ w + b @ omega).detach()
    truth = -(torch.linalg.solve(a, b)).T @ of_w
    along = a.T @ residual
    torch.testing.assert_close(found, -(of_w @ along) / (along @ along) * (b.T @ residual))
    assert float(torch.cosine_similarity(found, truth, 0)) == pytest.approx(0.93, abs=0.005)
    assert float(found.norm() / truth.norm()) == pytest.approx(0.86, abs=0.005)


def test_at_the_optimum_the_ratio_stays_finite():
    zero = torch.zeros(3)
    assert float(ratio([torch.ones(3)], [zero])) == 0
    tiny = torch.full((3,), 1e-9)
    assert float(ratio([torch.ones(3)], [tiny])) == pytest.approx(10.0)  # clipped
    assert float(ratio([-torch.ones(3)], [tiny], most=2.0)) == pytest.approx(-2.0)
    assert float(ratio([torch.ones(3)], [tiny], floor=1.0)) == pytest.approx(3e-9)  # floored


def test_gradients_of_different_parameters_are_refused():
    with pytest.raises(ValueError, match="1 gradients against 2"):
        ratio([torch.ones(1)], [torch.ones(1)] * 2)


def test_the_authors_toy_problem(cases):
    """Their step, in which the ratio is 0, is the alternating one; the Gauss-Newton form is ours."""
    stored = {name: torch.from_numpy(value) for name, value in np.load(cases / "parity/hidra/solver.npz").items()}
    share = ratio([stored["psi_by_w"]], [stored["phi_by_w"]], most=1e9)
    torch.testing.assert_close(share, stored["ratio"], rtol=1e-5, atol=0)
    (found,) = hypergradient([stored["psi_by_omega"]], [stored["phi_by_omega"]], share)
    torch.testing.assert_close(found, stored["gauss_newton"], rtol=1e-5, atol=1e-9)
    assert float(stored["as_coded_inner"]) == 0
    torch.testing.assert_close(stored["as_coded"], stored["psi_by_omega"], rtol=1e-5, atol=1e-9)
