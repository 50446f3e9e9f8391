"""Random thermal scenes in degrees Celsius: streets, land from the air, sky, water, walls, rooms; clean, and without end.

    field = scene(seed=0, number=17)          # (512, 640) float32, degrees Celsius
    picture = scene_picture(seed=0, number=17)  # the same as a camera without faults would show it, 0 to 1

The same seed and number give the same scene. Nothing of it was photographed: it is drawn, so that whoever trains on it owes
nobody anything.

| module | what |
| --- | --- |
| `canvas` | a field of temperatures to draw on; textures |
| `climate` | how warm things are on that day |
| `landscape` | sky, ground, roads, skylines, shadows |
| `objects` | vehicles, people, trees, buildings, poles |
| `views` | what a camera looks at: a street, land from the air, ... |
| `tone` | from temperatures to a picture |
"""

from __future__ import annotations

from thermend.datasets.scenes.tone import picture
from thermend.datasets.scenes.views import VIEWS, scene, scene_picture

__all__ = ["VIEWS", "picture", "scene", "scene_picture"]
