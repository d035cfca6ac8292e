r"""Max-min fairness, also called least attained service (paper, section 4.1).

.. math::

    \max_x \min_m \frac{1}{w_m} \frac{z_m \cdot \text{throughput}(m, x)}
                                  {\text{throughput}(m, x_m^{\text{equal}})}

with weights :math:`w_m`, scale factors :math:`z_m` and the proportional share
:math:`x^{\text{equal}}`. One program a recomputation.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from gavel_opt.kernels.max_min_rows import fairness_rows
from gavel_opt.kernels.pair_columns import POOLED_FROM
from gavel_opt.model.allocation_program import (
    Allocation,
    AllocationProgram,
    Answer,
    Blocks,
    PairBlocks,
)
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import Groups
from gavel_opt.policies.packing import ask_pools, kinds_of, pair_blocks, unmerged_rates
from gavel_opt.policies.policy import Policy, Programs
from gavel_opt.policies.shares import proportional_share
from gavel_opt.policies.variants import (
    AsWritten,
    ByVariant,
    Variant,
    group_by_key,
    measured,
    serving,
)


class MaxMinFairness(ByVariant):
    """Maximise the smallest normalised throughput."""

    plain_reads = False

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program, of the jobs that have a weight."""
        return (yield from serving(state, state.weight > 0.0, lambda part: self._of(part, merge)))

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        groups = group_by_key(state, self.variant, merge)
        many = self.variant == "packed" and merge and groups.first.size >= POOLED_FROM
        if many and np.unique(kinds_of(state, groups.first)).size < groups.first.size:
            return (yield from _pooled(state))
        program = fairness_program(state, groups, self.variant, merge)
        answer = yield program
        return groups.spread(state.job, answer, program.blocks.pairs)


def _pooled(state: ClusterState) -> Generator[AllocationProgram, Answer, Allocation]:
    """Pool jobs of one type, which differ in their weights: a level of 1 takes in proportion to these."""
    every = np.arange(state.job.size)
    equal = np.sum(measured(state, every) * proportional_share(state.workers, every.size), axis=1)
    solo = equal / state.scale_factor
    need, apart = state.weight * solo, np.zeros(every.size, dtype=bool)
    return (yield from ask_pools(state, need, solo, apart)).spread(state)


_is_as_here = AsWritten(MaxMinFairness)


def known_variant(policy: Policy) -> Variant | None:
    """The variant of a policy whose one program is that of this module, exactly; else None.

    Engines that make this program themselves (:class:`gavel_opt.engines.protocol.OneStepEngine`) need
    not be handed it. Any other policy is asked for its programs: a subclass, one that passes calls on to
    a policy of this module, and one whose ``programs`` was replaced.
    """
    return policy.variant if _is_as_here(policy) else None


def fairness_program(
    state: ClusterState, groups: Groups, variant: Variant, merge: bool
) -> AllocationProgram:
    """The program of max-min fairness, which water filling starts from.

    Its levels are normalised throughputs, and all rise alike.
    """
    first, count = groups.first, groups.count
    rate, use, slope, floor, gain = fairness_rows(
        state.throughputs.alone,
        state.key,
        state.scale_factor,
        state.weight,
        state.workers,
        first,
        count,
        variant == "plain",
    )
    pairs: PairBlocks | None = None
    if variant == "packed":
        throughput, scale = measured(state, first), state.scale_factor[first].astype(np.float64)
        equal = np.sum(throughput * proportional_share(state.workers, state.job.size), axis=1)
        if merge:
            pairs = pair_blocks(state, groups, scale / (state.weight[first] * equal), merge)
        else:
            rate, pairs = unmerged_rates(state, groups, throughput, scale, equal)
    blocks = Blocks(
        rate,
        use,
        count,
        state.workers.astype(np.float64),
        pairs=pairs,
        of_job=groups.of_job,
        key=groups.keys(state.job),
    )
    return AllocationProgram(blocks, slope, floor, gain=gain)
