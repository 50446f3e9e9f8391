"""2D-GAN: dual-decoding generative adversarial network (Y. Yu et al., Scientific Reports 2025).

| module | section of the paper |
| --- | --- |
| `network` | generator with inner and outer skips and cross-level attention; Markovian discriminator |
"""
