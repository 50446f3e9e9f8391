"""N_G, the degradation generator (DEAL, section 2.1, Eq. 3)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.degradations import Step
from thermend.degradations.severity import rounded, uniform
from thermend.methods.deal.names import STAGES, Strategy

_CHANNELS = (16, 32, 64, 128, 128)


class MixtureClassifier(nn.Module):
    """From an image to the logits of the mixtures: (B, 1, H, W), seen at 256 × 256, to (B, stages, N)."""

    def __init__(self, degradations: int, stages: int = STAGES) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for channels in _CHANNELS:
            layers += [nn.Conv2d(inputs, channels, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
            if len(layers) < 3 * len(_CHANNELS) - 1:
                layers.append(nn.InstanceNorm2d(channels, affine=True))
            inputs = channels
        self.features = nn.Sequential(*layers, nn.Dropout(0.5))
        self.head = nn.Conv2d(inputs, stages * degradations, 8)
        self.stages = stages

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        if image.shape[2:] != (256, 256):
            image = functional.interpolate(image, (256, 256), mode="bilinear", antialias=True)
        return self.head(self.features(image)).reshape(len(image), self.stages, -1)


class DegradationGenerator(nn.Module):
    """x̂^{i+1} = Σ_j a_ij D_j(x̂^i), x̂^0 = x, over the stages i and any degradations D_j of the laboratory.

    Parameters
    ----------
    degradations : sequence of Step or None
        D_j with their severities, which are drawn for each sample; ``None`` is doing nothing
    stages : int
        5 in the paper
    strategy : Strategy
        where the weights a come from. ``adversarial``: the classifier, softmax over j. ``random``: equal logits and the noise.
        ``average``: all 1/N. ``all``: one degradation a sample, drawn, and one stage (the paper's "random selection"; assumed).
        The last three learn nothing: Table 7's rivals.
    noise : float
        Gumbel noise added to the logits of ``adversarial`` and ``random``, so that mixtures vary from sample to sample; 0 in
        the paper
    gate : float
        chance of a stage to be applied to a sample; 1 in the paper. With less, single and undamaged samples occur too.
    """

    def __init__(
        self,
        degradations: Sequence[Step | None],
        stages: int = STAGES,
        strategy: Strategy = "adversarial",
        noise: float = 0.0,
        gate: float = 1.0,
    ) -> None:
        super().__init__()
        if not degradations:
            raise ValueError("no degradations: expected at least one")
        self.degradations = tuple(degradations)
        self.stages, self.strategy, self.noise, self.gate = stages, strategy, noise, gate
        self.classifier = MixtureClassifier(len(self.degradations), stages) if strategy == "adversarial" else None

    def forward(
        self,
        clean: torch.Tensor,
        generator: torch.Generator,
        whole: torch.Tensor | None = None,
        mean: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Degraded images, in [0, 1] and rounded to 8 bits; gradients reach the classifier.

        Parameters
        ----------
        clean : (B, 1, H, W)
            in [0, 1]
        generator : torch.Generator
            on the CPU; draws severities, noise and gates
        whole : torch.Tensor or None
            what the classifier sees where ``clean`` are pieces: (B, 1, h, w)
        mean : (B,) or None
            then, of the whole images: contrast is lost about it (at every stage about that of x̂^0)
        """
        weights, passes = self.mixture(clean if whole is None else whole, generator)
        return self.mix(clean, weights, passes, generator, mean)

    def mix(
        self,
        clean: torch.Tensor,
        weights: torch.Tensor,
        passes: torch.Tensor,
        generator: torch.Generator,
        mean: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Eq. 3 with weights and passes as :meth:`mixture` gives them; the rest as in :meth:`forward`."""
        degraded = clean
        for stage in range(self.stages):
            through = passes[:, stage]
            if not bool(through.any()) and not torch.is_grad_enabled():
                continue  # (with gradients the graph has to reach the classifier, whatever the gates say)
            mixed = torch.zeros_like(degraded)
            for j, degradation in enumerate(self.degradations):
                image = degraded if degradation is None else degradation(degraded, generator, mean)
                mixed = mixed + weights[:, stage, j].view(-1, 1, 1, 1) * image
            degraded = mixed if bool(through.all()) else torch.where(through.view(-1, 1, 1, 1), mixed, degraded)
        return rounded(degraded)

    def mixture(self, whole: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """The weights a, (B, stages, N), and which stages are applied to which sample, (B, stages) bool."""
        batch, count = len(whole), len(self.degradations)
        shape = (batch, self.stages, count)
        if self.strategy == "all":
            chosen = torch.randint(count, (batch, self.stages), generator=generator).to(whole.device)
            first = torch.arange(self.stages, device=whole.device) == 0
            drawn = uniform((batch, 1), generator, whole) < self.gate
            return functional.one_hot(chosen, count).to(whole.dtype), first & drawn
        logits = whole.new_zeros(shape) if self.classifier is None else self.classifier(whole)
        if self.noise and self.strategy != "average":
            logits = logits - self.noise * torch.log(-torch.log(uniform(shape, generator, whole).clamp(1e-6, 1 - 1e-6)))
        drawn = uniform((batch, self.stages), generator, whole)
        return logits.softmax(2), drawn < self.gate
