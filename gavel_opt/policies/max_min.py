r"""Max-min fairness, also called least attained service (paper, section 4.1).

.. math::

    \max_x \min_m \frac{1}{w_m} \frac{z_m \cdot \text{throughput}(m, x)}
                                  {\text{throughput}(m, x_m^{\text{equal}})}

with weights :math:`w_m`, scale factors :math:`z_m` and the proportional share
:math:`x^{\text{equal}}`. One program a recomputation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from gavel_opt.allocation import AllocationProgram, Blocks, PairBlocks
from gavel_opt.arrays import Floats
from gavel_opt.policies.coefficients import fairness_rates
from gavel_opt.policies.packing import pair_blocks, single_precision
from gavel_opt.policies.policy import Programs, Traits
from gavel_opt.policies.shares import proportional_share
from gavel_opt.policies.views import Variant, blocks_of, group_by_key, measured
from gavel_opt.state import ClusterState
from gavel_opt.symmetry import Groups


class MaxMinFairness:
    """Maximise the smallest normalised throughput.

    Parameters
    ----------
    name
        The policy's name.
    variant
        ``"plain"`` takes every throughput as 1; ``"perf"`` the measured ones; ``"packed"`` adds
        pairs of jobs.
    """

    def __init__(self, name: str, variant: Variant, seed: int = 0) -> None:
        self.name = name
        self.variant = variant
        self.traits = Traits(packing=variant == "packed", shuffles=variant == "plain")

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the one program."""
        groups = group_by_key(state, self.variant, merge)
        blocks = fairness_blocks(state, groups, self.variant, merge)
        answer = yield AllocationProgram(
            blocks,
            slope=np.ones(blocks.groups),
            floor=np.zeros(blocks.groups),
            gain=state.weight[groups.first],
        )
        return groups.spread(state.job, answer, blocks.pairs)

    def snapshot(self) -> dict[str, Any]:
        """Nothing is remembered."""
        return {}

    def restore(self, memory: dict[str, Any]) -> None:
        """Nothing is remembered."""


def fairness_blocks(state: ClusterState, groups: Groups, variant: Variant, merge: bool) -> Blocks:
    """Blocks whose levels are normalised throughputs: of max-min fairness and water filling."""
    first = groups.first
    rate = fairness_rates(
        state.throughputs.alone,
        state.key,
        state.scale_factor,
        state.weight,
        state.workers,
        first,
        variant == "plain",
    )
    pairs: PairBlocks | None = None
    if variant == "packed":
        throughput = measured(state, first)
        proportional = np.sum(
            throughput * proportional_share(state.workers, state.job.size), axis=1
        )
        if not merge:
            return _packed_as_reference(state, groups, throughput, proportional)
        scale = state.scale_factor[first].astype(np.float64)
        pairs = pair_blocks(state, groups, scale / (state.weight[first] * proportional), merge)
    return blocks_of(state, groups, rate, pairs)


def _packed_as_reference(
    state: ClusterState, groups: Groups, throughput: Floats, proportional: Floats
) -> Blocks:
    """Blocks of jobs and pairs with the reference's coefficients, to the last bit."""
    scale = state.scale_factor.astype(np.float64)
    raw = pair_blocks(state, groups, np.ones(scale.size), merge=False)
    member = raw.member
    of_pairs = single_precision(raw.rate, state.weight[member][:, :, None])
    of_pairs = of_pairs * scale[member][:, :, None] / proportional[member][:, :, None]
    alone = single_precision(throughput, state.weight[:, None])
    return blocks_of(
        state, groups, alone * scale[:, None] / proportional[:, None], replace(raw, rate=of_pairs)
    )
