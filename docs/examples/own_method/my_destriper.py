"""A method of one's own: columns brought to the median of their neighbourhood."""

import numpy as np
from scipy.ndimage import median_filter

from thermend.methods import MethodInfo
from thermend.methods.protocol import Restored, StepRecord


class NeighbourMedian:
    """Each column's median is brought to that of the columns around it."""

    reads_diagnosis = True  # the diagnosis is made before the pixels are touched

    def __init__(self, info, options):
        options.refuse_all(info)  # it has no weights, and needs no engine
        self.info = info

    def restore(self, image, task):
        """Mend one prepared image: (H, W) float32 in [0, 1], the method's to change."""
        turned = image.diagnosis.stripe_direction == "rows"
        pixels = image.pixels.T if turned else image.pixels
        task.watch.at(0, 1)  # tells a caller how far it is, and lets it end the work
        medians = np.median(pixels, axis=0)
        offsets = medians - median_filter(medians, 31, mode="nearest")
        mended = (pixels - offsets).astype(np.float32)
        step = StepRecord(self.info.full_name, {"strongest": round(255 * float(np.ptp(offsets)), 2)}, ("stripes",))
        return Restored(np.ascontiguousarray(mended.T if turned else mended), [step])


INFO = MethodInfo(
    "mine.neighbour-median",
    None,
    ("radiometric", "display"),
    "columns to the median of their neighbourhood",
    NeighbourMedian,
    licence="MIT",
)
