from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from simulator.runs.saturation.rules import Series
from simulator.world.units import HOUR


@dataclass
class Recipe:
    """A cluster in a few numbers: jobs arrive evenly and leave evenly, one key, one pace."""

    hours: float = 200.0
    arrivals: float = 6.0
    """Per hour."""
    completions: float = 6.0
    """Per hour, until nothing is left."""
    utilization: float = 1.0
    window: tuple[int, int] = (10_000, 11_000)
    jct: list[float] = field(default_factory=lambda: [HOUR])
    """Completion times, repeated as needed, in order of arrival."""

    def series(self) -> Series:
        time = np.arange(0.0, self.hours * HOUR, 360.0)
        hours = time / HOUR
        arrived = np.floor(hours * self.arrivals).astype(np.int64) + 1
        completed = np.minimum(np.floor(hours * self.completions), arrived).astype(np.int64)
        n, gone = int(arrived[-1]), int(completed[-1])
        arrival = np.arange(n) / self.arrivals * HOUR
        jct = np.resize(np.asarray(self.jct), n).astype(np.float64)
        finish = arrival + jct
        finish[gone:] = np.nan
        return Series(
            time=time,
            active=arrived - completed,
            arrived=arrived,
            completed=completed,
            utilization=np.full(time.size, self.utilization),
            arrival=arrival,
            finish=finish,
            arrival_rate=self.arrivals / HOUR,
            window=self.window,
        )


@pytest.fixture
def recipe() -> type[Recipe]:
    return Recipe
