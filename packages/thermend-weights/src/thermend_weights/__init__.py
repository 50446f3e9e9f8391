"""The weights of DEAL, 2D-GAN, PPFN and HiDRA for thermend, each with its card. Data only: `thermend` finds them."""
