"""Twelve runs that must end alike on every engine.

Every family of policies that solves linear programs, in its plain, performance-aware or packed kind;
static, continuous and trace workloads; single-GPU and multi-GPU jobs; priorities, deadlines, prices and
servers of several GPUs. Each stands in two sizes: one for every change, one for ``pytest -m slow``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from simulator.world.job_types import DISTRIBUTED, JOB_TYPES

TRACE = "{trace}"
"""Stands for the path of a trace of :func:`write_trace` in the words of a configuration."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One run.

    Attributes
    ----------
    policy
        Its name.
    words
        Flags of ``gavel-sim`` that both sizes share.
    small, full
        Workload and cluster of each size.
    """

    policy: str
    words: str
    small: str
    full: str

    def command(self, size: str, trace: Path) -> list[str]:
        """Flags of the run in one of its sizes, ``small`` or ``full``."""
        sized = self.small if size == "small" else self.full
        text = f"--policy {self.policy} {self.words} {sized}"
        return [str(trace) if word == TRACE else word for word in text.split()]


CONFIGURATIONS = (
    Configuration(
        "max_min_fairness",
        "--multi-gpu --multi-priority",
        "--cluster 8:4:2 --interarrival 12000 --window 3:9",
        "--cluster 8:8:8 --interarrival 8000 --window 20:40",
    ),
    Configuration(
        "max_min_fairness_perf",
        "--multi-gpu --gpus-per-server 4:4:4",
        "--cluster 8:8:8 --jobs 14",
        "--cluster 16:16:16 --jobs 60",
    ),
    Configuration(
        "max_min_fairness_packed",
        "",
        "--cluster 2:2:2 --interarrival 14000 --window 3:8",
        "--cluster 6:6:6 --interarrival 5400 --window 15:30",
    ),
    Configuration(
        "max_min_fairness_water_filling_perf",
        f"--trace {TRACE}",
        "--cluster 4:4:4 --window 0:10",
        "--cluster 8:4:12",
    ),
    Configuration(
        "max_min_fairness_water_filling_packed",
        "--multi-gpu",
        "--cluster 8:2:2 --jobs 7",
        "--cluster 8:8:8 --jobs 16",
    ),
    Configuration(
        "finish_time_fairness",
        "--multi-gpu",
        "--cluster 8:8:8 --jobs 12",
        "--cluster 8:8:8 --jobs 40",
    ),
    Configuration(
        "finish_time_fairness_perf",
        "--multi-priority",
        "--cluster 2:2:2 --interarrival 12000 --window 3:9",
        "--cluster 6:6:6 --interarrival 5400 --window 20:40",
    ),
    Configuration(
        "finish_time_fairness_packed",
        "",
        "--cluster 2:2:2 --interarrival 14000 --window 2:6",
        "--cluster 4:4:4 --interarrival 7200 --window 8:20",
    ),
    Configuration(
        "min_total_duration_perf",
        f"--trace {TRACE}",
        "--cluster 4:4:4 --window 0:10",
        "--cluster 8:4:12",
    ),
    Configuration(
        "min_total_duration_packed",
        "",
        "--cluster 2:2:2 --jobs 7",
        "--cluster 4:4:4 --jobs 16",
    ),
    Configuration(
        "max_sum_throughput_perf",
        "--multi-gpu",
        "--cluster 8:0:2 --jobs 8",
        "--cluster 8:8:8 --jobs 30",
    ),
    Configuration(
        "max_sum_throughput_normalized_by_cost_perf_SLOs",
        f"--trace {TRACE}",
        "--cluster 4:4:4 --window 0:10",
        "--cluster 8:4:12",
    ),
)


def write_trace(path: Path, jobs: int = 30) -> Path:
    """Write a trace in Gavel's layout: jobs of 1 to 4 GPUs, priorities, some deadlines."""
    draw = random.Random(7)
    arrival = 0.0
    lines = []
    for _ in range(jobs):
        scale = draw.choice((1, 1, 1, 2, 4))
        fits = [n for n, some in zip(JOB_TYPES, DISTRIBUTED, strict=True) if some or scale == 1]
        steps = int(10 ** draw.uniform(4.0, 5.5))
        slo = draw.choice((-1.0, -1.0, 4.0, 12.0))
        weight = draw.choice((1, 1, 1, 5))
        fields = [draw.choice(fits), "run", "here", "-n", 1, steps, scale, weight, slo, arrival]
        lines.append("\t".join(map(str, fields)))
        arrival += draw.expovariate(1.0 / 3000.0)
    path.write_text("\n".join(lines) + "\n")
    return path
