"""Networks that prompts are plugged into.

A backbone is a module whose ``forward(image, modulate)`` calls ``modulate(stage, features)`` after the blocks of each stage
that ``stages`` names, and which restores (B, 1, H, W) to the same for any sides that are multiples of ``multiple``. A new one
is a module here.
"""
