"""A built-in policy with a change: max-min fairness where weights grow as deadlines draw near."""

from dataclasses import replace

import numpy as np

from gavel_opt import ClusterState, Programs, Traits
from gavel_opt.policies.max_min import MaxMinFairness


class Urgent(MaxMinFairness):
    """A job that needs all its time until its deadline counts ``most`` times as much."""

    def __init__(self, most: float = 8.0) -> None:
        super().__init__("urgent", "perf")
        self.most, self.traits = most, Traits(needs_deadlines=True)

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the program of max-min fairness with other weights."""
        due = np.full(state.job.size, np.inf) if state.deadline is None else state.deadline
        needs = state.steps_left / state.throughputs.alone[state.key].max(axis=1)
        urgency = np.clip(needs / np.maximum(due, 1.0), 0.0, 1.0)
        weight = state.weight * self.most**urgency
        return (yield from super().programs(replace(state, weight=weight), merge))
