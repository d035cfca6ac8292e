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

from gavel_opt.kernels.isolation import makespan_rows
from gavel_opt.model.allocation_program import AllocationProgram
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.packing import ask_pools, pair_blocks
from gavel_opt.policies.policy import Policy, Programs
from gavel_opt.policies.variants import (
    AsWritten,
    ByVariant,
    Variant,
    blocks_of,
    group_equal,
    own_type,
    require_speed,
    serving,
    speeds,
)

POOLED_FROM = 100
"""Jobs from which pairs of types in place of pairs of jobs cost no more."""


class MinTotalDuration(ByVariant):
    """Minimise the time by which all jobs are done."""

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program, or where jobs are pooled a few, of the jobs that have steps left."""
        return (
            yield from serving(state, state.steps_left > 0.0, lambda part: self._of(part, merge))
        )

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        require_speed(state, self.variant)
        if self.traits.packing and merge and state.job.size >= POOLED_FROM:
            return (yield from self._pooled(state))
        groups = group_equal(merge, state.steps_left, state.key, state.scale_factor)
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
        pooled = yield from ask_pools(state, need, solo, alone, unit)
        return pooled.spread(state)


_is_as_here = AsWritten(MinTotalDuration)


def known_duration(policy: Policy) -> Variant | None:
    """The variant of a policy whose one program is that of this module, exactly; else None.

    As for :func:`gavel_opt.policies.max_min.known_variant`.
    """
    return policy.variant if _is_as_here(policy) else None
