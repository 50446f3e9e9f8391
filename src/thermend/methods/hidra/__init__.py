"""HiDRA: hierarchical degradation representation and adaptation (Z. Chen et al., CVPR 2026).

| module | section of the paper |
| --- | --- |
| `backbone`, `prior_files` | one-step diffusion, on any Stable Diffusion or on the embedded prior; where those come from |
| `estimator` | degradation estimation module: DINOv2, mutual interaction attention, the vector P |
| `lora` | degradation-guided LoRA, W + U Σ(P) V |
| `network` | the three together |
| `released` | the authors' forms of DEM, Σ and LoRA, and their files of weights |
| `pipeline` | what spoils the images of D_tr and D_val |
| `solver` | the first-order hyper-gradient |
| `training`, `critic` | bi-level training and its losses |
| `recipe` | what a training follows from |
| `guidance` | inference: one vector for all tiles |
| `method` | the network in use |
| `probe` | how well the vector tells types and levels apart |
| `lessons` | not in the paper: what DEM is taught first, where its DINOv2 is no pretrained one |
| `prior_training`, `identity` | not in the paper: the embedded prior's own training, and where it begins |
| `checkpoints` | weights |

Needs the extra `hidra`.
"""

from __future__ import annotations

from functools import partial

from thermend.methods.info import RESEARCH_ONLY, MethodInfo

_variant = partial(
    MethodInfo,
    "hidra",
    modes=("display",),
    opener="thermend.methods.hidra.method:Diffusion",
    forms=(".safetensors",),
)
_guided = partial(
    _variant,
    opener="thermend.methods.hidra.method:GuidedDiffusion",
    network="thermend.methods.hidra.checkpoints:load_for_running",
    recipe="thermend.methods.hidra.recipe:HidraRecipe",
    training="thermend.methods.hidra.training:HidraTraining",
    generative=True,
)

METHODS = (
    # parameters of all that runs; multiply-accumulates without the estimator, whose pieces are as many whatever the image
    _guided(
        "tiny",
        title="one diffusion step, steered by the degradation (HiDRA), on a small prior of our own",
        weights="hidra-tiny",
        licence=RESEARCH_ONLY,
        parameters=11_560_882,
        macs=76_699_926_528,
    ),
    _guided(
        "sd-turbo",
        title="HiDRA as its authors released it, on SD-Turbo",
        parameters=1_073_070_492,
        macs=2_885_793_435_648,
    ),
    _variant(
        "autoencoder",
        part=True,
        title="the autoencoder of HiDRA's prior, there and back",
        weights="hidra-autoencoder",
        licence=RESEARCH_ONLY,
        network="thermend.methods.hidra.checkpoints:load_reconstruction",
        recipe="thermend.methods.hidra.prior_recipe:AutoencoderRecipe",
        training="thermend.methods.hidra.prior_training:AutoencoderTraining",
        parameters=1_236_320,
        macs=25_223_495_680,
    ),
    _variant(
        "unet",
        part=True,
        title="HiDRA's prior without LoRA",
        weights="hidra-unet",
        licence=RESEARCH_ONLY,
        generative=True,
        opener="thermend.methods.hidra.method:Prior",
        network="thermend.methods.hidra.checkpoints:load_prior",
        recipe="thermend.methods.hidra.prior_recipe:UnetRecipe",
        training="thermend.methods.hidra.prior_training:UnetTraining",
        parameters=8_578_224,
        macs=65_297_321_984,
    ),
)
