"""2D-GAN's recipe: what a training follows from. Read before torch is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from thermend.methods.dual_decoder.names import WIDTHS, AttentionKind, Augmentation, CriticNorm
from thermend.training.recipe import PresetName, Recipe, Section


class Losses(Section):
    """Weights of the joint loss (Eq. 8); 0 leaves a term out, as the rows of Table 6 do.

    The paper gives none. The released file has 0.5, 0.1, 0.3 and 0.2 (`recipes/dual-decoder/paper.yaml`); these are ours.

    Attributes
    ----------
    adversarial : float
        of L_G (Eq. 4)
    mse : float
        λ1 (Eq. 5), on images in [−1, 1]
    vgg : float
        λ2 (Eq. 6); ``vgg_file`` holds VGG-19's weights, None gets them as :func:`thermend.training.features.features` does
    efficientnet : float
        λ3 (Eq. 7), likewise
    vgg_features, efficientnet_features : {'vgg19', 'lite0'}, {'efficientnet-b0', 'lite0'}
        ``lite0`` takes EfficientNet-Lite0 (the first eleven blocks of it for VGG-19), where the weights of those are not to be
        had: other features, and another loss
    """

    adversarial: float = Field(1.0, ge=0)
    mse: float = Field(100.0, ge=0)
    vgg: float = Field(5.0, ge=0)
    efficientnet: float = Field(5.0, ge=0)
    vgg_features: Literal["vgg19", "lite0"] = "vgg19"
    efficientnet_features: Literal["efficientnet-b0", "lite0"] = "efficientnet-b0"
    vgg_file: Path | None = None
    efficientnet_file: Path | None = None

    @model_validator(mode="after")
    def _something_is_left(self) -> Losses:
        if not any((self.adversarial, self.mse, self.vgg, self.efficientnet)):
            raise ValueError("every term is left out")
        return self


class Critic(Section):
    """The discriminator.

    Attributes
    ----------
    loss : {'wgan-gp', 'logistic'}
        ``wgan-gp`` (Eq. 4), or ``logistic`` (Eq. 1; the generator's part as −log D(G(x)), which does not saturate)
    norm : CriticNorm
        ``batch`` is the paper's; it couples samples, of which a gradient penalty wants each judged alone
    penalty : float
        λ of WGAN-GP's gradient penalty; 10 in its paper
    steps : int
        of it to one of the generator
    """

    loss: Literal["wgan-gp", "logistic"] = "wgan-gp"
    norm: CriticNorm = "instance"
    penalty: float = Field(10.0, ge=0)
    steps: int = Field(1, ge=1)


class DualDecoderRecipe(Recipe):
    """A training of 2D-GAN.

    Attributes
    ----------
    dual, inner, outer, attention : bool
        as in :class:`thermend.methods.dual_decoder.network.DualDecodingGenerator`
    widths : tuple of int or None
        channels of the levels; None takes the variant's
    channels : int
        of the image that both networks see: 1, as the released file states, or 3, a grey image thrice, as the weights that ship
        have it
    augmentations : tuple of Augmentation
        of the clean pieces, before they are spoilt, as in :mod:`thermend.methods.dual_decoder.augmentation`
    preset : str
        what spoils the images
    losses, critic : Losses, Critic
        weights of the joint loss; the discriminator
    """

    batch_size: int = Field(8, ge=2)
    patch_size: int = Field(128, ge=32)
    learning_rate: float = Field(3e-4, gt=0)
    dual: bool = True
    inner: bool = True
    outer: bool = True
    attention: AttentionKind = "cross-level"
    widths: tuple[int, ...] | None = None
    channels: Literal[1, 3] = 3
    augmentations: tuple[Augmentation, ...] = ()
    preset: PresetName = "dual-decoder"
    losses: Losses = Losses()
    critic: Critic = Critic()

    @field_validator("method")
    @classmethod
    def _known(cls, method: str) -> str:
        name, _, variant = method.partition("/")
        if name != "dual-decoder" or variant not in WIDTHS:
            raise ValueError(f"{method!r}: expected {' or '.join(f'dual-decoder/{known}' for known in WIDTHS)}")
        return method

    @model_validator(mode="after")
    def _can_be(self) -> DualDecoderRecipe:
        import torch

        from thermend.methods.dual_decoder.checkpoints import built

        with torch.device("meta"):
            built(self.described)
        return self

    @property
    def described(self) -> dict[str, Any]:
        """What is kept beside the weights, of which the generator is built again."""
        facts = self.model_dump(mode="json", include={"dual", "inner", "outer", "attention", "channels"})
        return facts | {"widths": list(self.widths or WIDTHS[self.method.partition("/")[2]])}
