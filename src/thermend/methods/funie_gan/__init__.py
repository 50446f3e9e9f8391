"""FUnIE-GAN (M. J. Islam, Y. Xia, J. Sattar, Fast underwater image enhancement for improved visual perception, IEEE RA-L 2020).

Made for pictures under water; 2D-GAN's paper has it among its rivals (Table 3), and so it is here: trained on the same
thermal images. Widths, norms, losses and their weights are those of the released code.

| module | what |
| --- | --- |
| `network` | the U-Net and the conditional discriminator |
| `recipe` | keys of a training; without torch |
| `training` | least-squares adversarial loss, absolute differences, features |
| `method` | the U-Net in use |
| `checkpoints` | weights |
"""

from __future__ import annotations

from thermend.methods.info import MethodInfo

METHODS = (
    MethodInfo(
        "funie-gan",
        None,
        ("display",),
        "U-Net with a conditional discriminator (FUnIE-GAN), a rival of 2D-GAN",
        "thermend.methods.funie_gan.method:FunieGAN",
        parameters=7_016_513,
        macs=17_154_703_360,
        network="thermend.methods.funie_gan.checkpoints:load_network",
        recipe="thermend.methods.funie_gan.recipe:FunieGANRecipe",
        training="thermend.methods.funie_gan.training:FunieGANTraining",
    ),
)
