"""Recordings: what one frame cannot tell, many can.

| module | what |
| --- | --- |
| `session` | one frame in, one out |
| `scene` | scene and fixed pattern told apart over time |
| `defects` | bad pixels, confirmed over time |
| `carry` | what a method did to one frame, carried on to those after it |
| `choice` | whether the method is better given the estimate or the frame |
| `gain` | a camera's automatic gain control, followed |
| `witness` | what a frame shows for certain, given back |
| `promises` | temperatures, kept |
| `coarse` | what is smooth in a frame |
| `calm` | places that the method has not seen yet |
| `pattern` | a camera's pattern as a file, for its stills |
| `ahead` | that pattern, learned before the first frame is mended |
| `memory`, `state` | all that a session knows, saved |
"""

from __future__ import annotations

from thermend.restoration.session.pattern import CameraPattern
from thermend.restoration.session.session import Session

__all__ = ["CameraPattern", "Session"]
