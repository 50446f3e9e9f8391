"""PPFN: progressive prompt fusion network (Z. Chen et al., Enhancing infrared vision, NeurIPS 2025).

| module | section of the paper |
| --- | --- |
| `prompts` | dual prompts, their encoders, fusion, modulation |
| `backbones` | what they are plugged into |
| `network` | a backbone with prompts, its passes |
| `checkpoints` | the authors' weights and prompts |
"""
