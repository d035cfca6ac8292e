r"""Minimum total duration, also called makespan (paper, section 4.2).

The smallest :math:`T` by which all active jobs can be done if the allocation is kept:

.. math::

    \min T \quad\text{s.t.}\quad \text{throughput}(m, x) \ge \frac{\text{steps}_m}{T}
    \quad\text{for all } m .

With :math:`t = T_0 / T` this is one linear program, exact: maximise :math:`t` subject to
:math:`T_0\, \text{throughput}(m, x) / \text{steps}_m \ge t`, where :math:`T_0`, the makespan under
isolation, only brings the numbers near 1. With pairs and many jobs, jobs of one type are pooled
(:mod:`~gavel_opt.model.pools`), exactly, in a few small programs. The reference bisects on :math:`T` to within 5% and takes
the last feasible point. Its plain variant, and ours, uses the V100 column for every worker type.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.model.allocation_program import AllocationProgram, Blocks
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.odd_states import serving
from gavel_opt.model.pools import Pools
from gavel_opt.policies.coefficients import makespan_rows
from gavel_opt.policies.packing import pair_blocks
from gavel_opt.policies.policy import Policy, Programs, Traits
from gavel_opt.policies.views import (
    Variant,
    blocks_of,
    group_alike,
    measured,
    own_type,
    require_speed,
    speeds,
)

POOLED_FROM = 100
"""Jobs from which pairs of types in place of pairs of jobs cost no more."""


class MinTotalDuration(Policy):
    """Minimise the time by which all jobs are done.

    Parameters
    ----------
    name
        The policy's name.
    variant
        ``"plain"`` takes the V100's throughput for every worker type; ``"perf"`` the measured
        ones; ``"packed"`` adds pairs of jobs.
    """

    def __init__(self, name: str, variant: Variant, seed: int = 0) -> None:
        self.name = name
        self.variant = variant
        self.traits = Traits(
            packing=variant == "packed",
            shuffles=variant == "plain",
            needs_reference=variant == "plain",
        )

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program, or where jobs are pooled a few, of the jobs that have steps left."""
        return (
            yield from serving(state, state.steps_left > 0.0, lambda part: self._of(part, merge))
        )

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        require_speed(state, self.variant)
        if self.traits.packing and merge and state.job.size >= POOLED_FROM:
            return (yield from self._pooled(state))
        groups = group_alike(merge, state.steps_left, state.key, state.scale_factor)
        rate, factor, gain = makespan_rows(
            state.throughputs.alone,
            state.key,
            state.scale_factor,
            state.workers,
            groups.first,
            own_type(state, self.variant),
            state.steps_left,
        )
        pairs = pair_blocks(state, groups, factor, merge) if self.traits.packing else None
        answer = yield AllocationProgram(
            blocks_of(state, groups, rate, pairs, by_need=True),
            slope=np.ones(factor.size),
            floor=np.zeros(factor.size),
            gain=gain,
        )
        return groups.spread(state.job, answer, pairs)

    def _pooled(self, state: ClusterState) -> Programs:
        """Pool jobs of one key; those that need all of the time leave their pool."""
        need = state.steps_left
        alone = np.zeros(need.size, dtype=bool)
        _, solo = speeds(state, self.variant, np.arange(need.size))
        unit = float(np.max(need / solo))
        while True:
            pools = Pools.of(state.key, need, alone)
            first = pools.first
            factor = unit / need[first]
            pairs = pair_blocks(state, pools, factor, merge=True)
            blocks = Blocks(
                measured(state, first) * factor[:, None],
                pools.size * state.scale_factor[first],
                np.ones(first.size, dtype=np.int64),
                state.workers.astype(np.float64),
                pairs=pairs,
                key=state.job[first],
            )
            answer = yield AllocationProgram(
                blocks,
                slope=np.ones(first.size),
                floor=np.zeros(first.size),
                gain=pools.size / (solo[first] * factor),
            )
            tight = pools.tight(answer.x, pairs)
            if not tight.any():
                return pools.spread(state.job, answer.x, pairs)
            alone |= tight[pools.of_job] & (pools.part > 0.5)
