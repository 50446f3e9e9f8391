"""A backbone with prompts (PPFN, Fig. 3), and the passes that undo composite damage."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from thermend.methods.ppfn.backbones.backbone import Backbone, Modulate
from thermend.methods.ppfn.estimator import PromptEstimator
from thermend.methods.ppfn.passes import (
    DEGRADATIONS,
    PASSES,
    PERCENTILES,
    SCENARIOS,
    THUMBNAIL,
    WORTH_A_PASS,
    Told,
    may_lack_contrast,
)
from thermend.methods.ppfn.prompts import Encoded, Film, PromptFusion, drawn_prompts
from thermend.methods.ppfn.recipe import FusionKind
from thermend.methods.ppfn.whole import Whole, whole_of


class PromptedNetwork(nn.Module):
    """A backbone whose stages are modulated by fused prompts.

    Stages of equal width share an encoder and a fusion; each has a modulation of its own.

    Parameters
    ----------
    stages : sequence of str or None
        of the backbone, that are modulated; None takes all
    kind, nonlinear : FusionKind, bool
        as in :class:`PromptFusion`
    prompts : tuple
        degradation prompts, (3, 128, 128), and scenario prompts, (2, 64); None draws them
    """

    degradation_prompts: torch.Tensor
    scenario_prompts: torch.Tensor

    def __init__(
        self,
        backbone: Backbone,
        stages: Sequence[str] | None = None,
        kind: FusionKind = "concatenate",
        nonlinear: bool = True,
        prompts: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> None:
        super().__init__()
        unknown = [stage for stage in stages or () if stage not in backbone.stages]
        if unknown:
            raise ValueError(f"stage {unknown[0]!r} is not known; known are {', '.join(backbone.stages)}")
        self.backbone = backbone
        widths = {stage: width for stage, width in backbone.stages.items() if stages is None or stage in stages}
        order = list(dict.fromkeys(widths.values()))
        self.fusions = nn.ModuleList(PromptFusion(kind, nonlinear) for _ in order)
        self.fusion_of = {stage: order.index(width) for stage, width in widths.items()}
        self.films = nn.ModuleDict({stage: Film(width) for stage, width in widths.items()})
        degradation, scenario = drawn_prompts() if prompts is None else prompts
        self.register_buffer("degradation_prompts", degradation)
        self.register_buffer("scenario_prompts", scenario)

    def forward(
        self,
        image: torch.Tensor,
        degradation: torch.Tensor,
        scenario: torch.Tensor,
        whole: Whole | None = None,
        encoded: Sequence[Encoded] | None = None,
    ) -> torch.Tensor:
        """One pass: (B, 1, H, W) in [0, 1] to the same, unclipped.

        Parameters
        ----------
        degradation : (B, 3)
            how much of each degradation's prompt, in the order of :data:`DEGRADATIONS`
        scenario : (B, 2)
            likewise of :data:`SCENARIOS`
        whole : Whole or None
            of the whole image where this is a piece; None takes the image for it
        encoded : sequence of Encoded or None
            what :meth:`encode` gives; None asks it
        """
        return image + self.change(image, degradation, scenario, whole, encoded)

    def change(
        self,
        image: torch.Tensor,
        degradation: torch.Tensor,
        scenario: torch.Tensor,
        whole: Whole | None = None,
        encoded: Sequence[Encoded] | None = None,
    ) -> torch.Tensor:
        """What :meth:`forward` adds to the image; computed at less precision it spoils the sum less than the image would."""
        if whole is None and self.backbone.needs_whole:
            whole = whole_of(image)
        modulate = self._modulation(degradation, scenario, encoded)
        if not self.backbone.has_surface:
            return self._after_surface(image, modulate, whole)
        assert whole is not None
        shift = on_pixels(self.backbone.surface(modulate, whole), image, whole.places)
        return shift + self._after_surface(image + shift, modulate, whole)

    def in_parts(
        self, image: torch.Tensor, degradation: torch.Tensor, scenario: torch.Tensor, whole: Whole
    ) -> tuple[torch.Tensor, ...]:
        """What is added to an image to which the surface has been added; and the surface, (B, 1, h, w), where there is one."""
        modulate = self._modulation(degradation, scenario, None)
        change = self._after_surface(image, modulate, whole)
        return (change, self.backbone.surface(modulate, whole)) if self.backbone.has_surface else (change,)

    def _modulation(
        self, degradation: torch.Tensor, scenario: torch.Tensor, encoded: Sequence[Encoded] | None
    ) -> Modulate:
        features = self.encode() if encoded is None else encoded
        vectors = [fusion(degradation, scenario, own) for fusion, own in zip(self.fusions, features)]

        def modulate(stage: str, features: torch.Tensor) -> torch.Tensor:
            if stage not in self.fusion_of:
                return features
            result: torch.Tensor = self.films[stage](features, vectors[self.fusion_of[stage]])
            return result

        return modulate

    def _after_surface(self, image: torch.Tensor, modulate: Modulate, whole: Whole | None) -> torch.Tensor:
        height, width = image.shape[2:]
        down, right = -height % self.backbone.multiple, -width % self.backbone.multiple
        if down or right:
            image = functional.pad(image, (0, right, 0, down), "replicate")
        result: torch.Tensor = self.backbone(image, modulate, whole)[..., :height, :width]
        return result

    def encode(self) -> list[Encoded]:
        """Features of the prompts, of each fusion; the same for every image."""
        return [fusion.encode(self.prompts) for fusion in self.fusions]

    @property
    def prompts(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Of degradations and of scenarios."""
        return self.degradation_prompts, self.scenario_prompts

    def fold(self) -> PromptedNetwork:
        """Make the prompts constants, and do without their encoders; for use, not for training."""
        self.fusions = nn.ModuleList(f.folded(self.prompts) if isinstance(f, PromptFusion) else f for f in self.fusions)
        return self

    def one(self, image: torch.Tensor, degradation: str, scenario: str) -> torch.Tensor:
        """One pass with prompts given by their names."""
        return self(image, named((degradation,), DEGRADATIONS, image), named((scenario,), SCENARIOS, image))

    def progressive(self, image: torch.Tensor, passes: Sequence[Sequence[str]] = PASSES) -> list[torch.Tensor]:
        """Composite damage undone step by step, clamped between; the result of each pass."""
        return SelfPrompted(self, None, passes).undone(image)


class SelfPrompted(nn.Module):
    """A prompted network, and the estimator that chooses its prompts and passes.

    Parameters
    ----------
    estimator : PromptEstimator or None
        None leaves nothing to choose: all damage is taken for composite, and every pass is made
    dual : bool
        whether scenario prompts are used
    told : Told
        of which whole image a pass is told: of the one as it is then, or of the one as it came (``first``)
    """

    def __init__(
        self,
        restorer: PromptedNetwork,
        estimator: PromptEstimator | None,
        passes: Sequence[Sequence[str]] = PASSES,
        dual: bool = True,
        told: Told = "each",
    ) -> None:
        super().__init__()
        self.restorer, self.estimator, self.dual, self.told = restorer, estimator, dual, told
        self.passes = tuple(tuple(names) for names in passes)

    def forward(self, image: torch.Tensor, whole: Whole | None = None) -> torch.Tensor:
        """(B, 1, H, W) in [0, 1] to the same: all passes that are worth it, prompted as is estimated.

        Parameters
        ----------
        whole : Whole or None
            of the whole images where these are pieces; None takes them for it, anew before each pass
        """
        return self.undone(image, whole)[-1]

    def undone(self, image: torch.Tensor, whole: Whole | None = None) -> list[torch.Tensor]:
        """As :meth:`forward`; what the image is after each pass, made or not."""
        results, scenario = [], named(("composite",), SCENARIOS, image)
        first: Whole | None = None
        for k, names in enumerate(self.passes):
            asked = named(names, DEGRADATIONS, image)
            told = whole_of(image) if whole is None and self._asks else whole
            first = first if k else told
            if self.estimator is not None and told is not None:
                estimate = self.estimator(image, told)
                asked = asked * estimate.degradation
                if whole is None:
                    asked = asked * self._can_be_lost(image)
                scenario = scenario if k else estimate.scenario  # of the image as it came
            worth = asked.amax(1) >= WORTH_A_PASS
            if bool(worth.any()):
                of_image = told if self.told == "each" else first
                passed = self.restorer(image, asked, scenario * self.dual, of_image).clamp(0, 1)
                image = torch.where(worth[:, None, None, None], passed, image)
            results.append(image)
        return results

    @staticmethod
    def _can_be_lost(images: torch.Tensor) -> torch.Tensor:
        """(B, 3): contrast, where whole images may lack it; everything else always."""
        result = torch.ones(len(images), len(DEGRADATIONS), device=images.device)
        lost = [may_lack_contrast(image) for image in images[:, 0].detach().float().cpu().numpy()]
        result[:, DEGRADATIONS.index("contrast")] = torch.tensor(lost).to(result)
        return result

    @property
    def _asks(self) -> bool:
        return self.estimator is not None or self.restorer.backbone.needs_whole


class OnePass(nn.Module):
    """What is exported of a :class:`SelfPrompted`: one pass and one estimate, side by side, each for images of its own size.

    Whichever is not wanted is given the smallest image.
    """

    def __init__(self, network: SelfPrompted) -> None:
        super().__init__()
        self.restorer, self.estimator = network.restorer.fold(), network.estimator
        self.multiple = self.restorer.backbone.multiple

    def forward(
        self,
        image: torch.Tensor,
        degradation: torch.Tensor,
        scenario: torch.Tensor,
        thumbnail: torch.Tensor,
        percentiles: torch.Tensor,
        texture: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """What is added to the image, (B, 1, H, W), after the surface, (B, 1, h, w), was; logits of presence beside severities,
        (B, 6)."""
        whole = Whole(thumbnail, percentiles)
        change, *surface = self.restorer.in_parts(image, degradation, scenario, whole)
        estimate = [] if self.estimator is None else [torch.cat(self.estimator(texture, whole), 1)]
        return (change, *estimate, *surface)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Of an export."""
        estimate = [] if self.estimator is None else ["estimate"]
        return ("change", *estimate, *(["surface"] if self.restorer.backbone.has_surface else []))

    def example_inputs(self) -> dict[str, tuple[torch.Tensor, dict[int, str]]]:
        """Of an export: tensors by name, and which of their sides are free."""
        free = {0: "batch", 2: "height", 3: "width"}
        return {
            "image": (torch.zeros(1, 1, 2 * self.multiple, 3 * self.multiple), free),
            "degradation": (torch.zeros(1, len(DEGRADATIONS)), {0: "batch"}),
            "scenario": (torch.zeros(1, len(SCENARIOS)), {0: "batch"}),
            "thumbnail": (torch.zeros(1, 1, *THUMBNAIL), {0: "batch"}),
            "percentiles": (torch.zeros(1, len(PERCENTILES)), {0: "batch"}),
            "texture": (
                torch.zeros(1, 1, 24, 32), {0: "batch", 2: "texture_height", 3: "texture_width"}
            ),
        }  # fmt: skip


def on_pixels(surface: torch.Tensor, image: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
    """A coarse map of whole images, (B, 1, h, w), where the pixels of the images are: (B, 1, H, W), bicubic.

    Parameters
    ----------
    places : torch.Tensor or None
        as :class:`Whole` has them; None where the images are whole
    """
    if places is None:
        return functional.interpolate(surface.float(), image.shape[2:], mode="bicubic", align_corners=False)
    grid = places.permute(0, 2, 3, 1)
    return functional.grid_sample(surface.float(), grid, "bicubic", "border", align_corners=False)


def named(chosen: Sequence[str], names: Sequence[str], image: torch.Tensor) -> torch.Tensor:
    """(B, N) that is 1 for what is chosen of the names.

    Raises
    ------
    ValueError
        something is not among them
    """
    for name in chosen:
        if name not in names:
            raise ValueError(f"{name!r} is not known; known are {', '.join(names)}")
    row = torch.tensor([float(n in chosen) for n in names], device=image.device)
    return row.expand(len(image), -1)
