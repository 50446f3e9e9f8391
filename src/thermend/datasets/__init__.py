"""Data sets: folders and published layouts, their samples and their splits; and scenes that are rendered.

| module | what |
| --- | --- |
| `samples` | clean images of a folder, each with its degraded and its visible version |
| `hm_tir`, `sober_drunk` | published layouts, as they are downloaded |
| `coco` | boxes in COCO's layout, as HIT-UAV has them |
| `lazy` | many images of which few are held |
| `splits` | training and test images by name |
| `scenes` | random thermal scenes in degrees Celsius |

Nothing is read before it is asked for, and no value is rounded on the way. A new layout is a module here, with
``test_samples``, and a line in :data:`LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from thermend.datasets import hm_tir, sober_drunk
from thermend.datasets.samples import Sample

LAYOUTS: dict[str, Callable[[Path], dict[str, list[Sample]]]] = {
    "hm-tir": hm_tir.test_samples,
    "sober-drunk": sober_drunk.test_samples,
}
"""Data sets by the names that `--dataset` takes: from a folder to conditions, and the samples of each."""
