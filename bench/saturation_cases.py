"""The combinations of policy, workload and cluster on which the saturation rule is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Case:
    """One combination.

    Attributes
    ----------
    policy, cluster
        As on the command line.
    settings
        Further arguments of :func:`simulator.run`.
    note
        What sets it apart, for its name.
    """

    policy: str
    cluster: str
    settings: dict[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def multi_gpu(self) -> bool:
        """Whether its jobs may need several workers."""
        return bool(self.settings.get("multi_gpu"))

    @property
    def name(self) -> str:
        """Unique name."""
        kind = "multi" if self.multi_gpu else "single"
        return " ".join(filter(None, (self.policy, self.cluster, kind, self.note)))


MULTI = {"multi_gpu": True}


def _cases(policies: str, cluster: str, note: str = "", **settings: Any) -> list[Case]:
    return [Case(policy, cluster, settings, note) for policy in policies.split()]


_PERF = "max_min_fairness_perf"

CASES = (
    # The hard band first: policies that get better as the queue grows.
    *_cases(f"{_PERF} finish_time_fairness_perf", "36:36:36", **MULTI),
    *_cases(f"{_PERF} max_min_fairness fifo_perf gandiva", "36:36:36"),
    *_cases("max_min_fairness fifo_perf gandiva isolated", "36:36:36", **MULTI),
    *_cases(_PERF, "36:36:36", "weights", multi_priority=True, **MULTI),
    *_cases(_PERF, "36:36:36", "1200 s", round_seconds=1200, **MULTI),
    *_cases(_PERF, "40:40:40", "servers of 8", gpus_per_server="v100=8,p100=8,k80=8", **MULTI),
    *_cases(f"{_PERF} fifo_perf gandiva", "12:24:60"),
    *_cases(f"{_PERF} max_min_fairness", "12:24:60", **MULTI),
    *_cases(
        "allox max_min_fairness max_min_fairness_perf max_min_fairness_packed "
        "finish_time_fairness_perf fifo_perf gandiva isolated",
        "6:6:6",
    ),
    *_cases("isolated finish_time_fairness finish_time_fairness_perf", "36:36:36"),
    *_cases("finish_time_fairness max_min_fairness_water_filling_perf", "36:36:36", **MULTI),
    *_cases("max_min_fairness_water_filling_perf", "36:36:36"),
    *_cases(f"{_PERF} fifo_perf isolated gandiva", "0:0:90"),
    *_cases(_PERF, "36:36:36", "weights", multi_priority=True),
    *_cases("finish_time_fairness_perf", "36:36:36", "weights", multi_priority=True, **MULTI),
    *_cases(f"{_PERF} max_min_fairness fifo_perf", "36:36:36", "1200 s", round_seconds=1200),
    *_cases(
        f"{_PERF} fifo_perf max_min_fairness", "40:40:40", "servers of 4",
        gpus_per_server="v100=4,p100=4,k80=4", **MULTI,
    ),
    *_cases("gandiva", "60:0:4", **MULTI),
    *_cases("fifo", "36:36:36"),
    *_cases("fifo", "36:36:36", **MULTI),
    *_cases("allox", "36:36:36"),
    *_cases("max_min_fairness_packed", "36:36:36"),
    *_cases("max_min_fairness_packed", "36:36:36", **MULTI),
)  # fmt: skip
