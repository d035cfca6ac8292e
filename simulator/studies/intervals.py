"""Student's interval for a mean of a few runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

CONFIDENCE = 0.95


def mean_and_half(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of at least two values, and half the width of its interval at 95 %."""
    from scipy.stats import t

    count = len(values)
    mean = math.fsum(values) / count
    variance = math.fsum((one - mean) ** 2 for one in values) / (count - 1)
    return mean, float(t.ppf(0.5 + CONFIDENCE / 2, count - 1)) * math.sqrt(variance / count)
