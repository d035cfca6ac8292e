r"""Strategy-proof fairness: nobody gains by lying about its throughputs (paper, section 4.4).

The partial allocation mechanism: jobs get the allocation with the largest product of throughputs,

.. math:: x^* = \arg\max_x \prod_m \text{throughput}(m, x),

and each keeps only the part of its own that the others lose nothing by its presence for:

.. math::

    x_m = f_m\, x^*_m, \qquad
    f_m = \prod_{i \ne m} \frac{\text{throughput}(i, x^*)}{\text{throughput}(i, x^*_{-m})} \le 1

where :math:`x^*_{-m}` is the allocation without job :math:`m`. One program and one more for each group of
identical jobs; not linear, so the engine must take a product of levels (``structured``, ``cvxpy-rebuild``).
The reference has it outside of its list of policies and solves one program a job. In simulations all of it is one
compiled call (:mod:`gavel_opt.solver.strategy_proof`), with the same bits.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Ints
from gavel_opt.model.allocation_program import Allocation, Blocks, ProductProgram
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.policy import Policy, Programs, Traits
from gavel_opt.policies.variants import AsWritten, group_by_type, serving


class StrategyProof(Policy):
    """Largest product of throughputs, with a fee that makes it pay to tell the truth.

    Parameters
    ----------
    name
        The policy's name.

    Attributes
    ----------
    kept
        What part of its allocation each job kept when programs were last made for it, by job number.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self.kept: dict[int, float] = {}
        self.traits = Traits()

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the program of all jobs with a weight, then one without a job of each group."""
        return (yield from serving(state, state.weight > 0.0, lambda part: self._of(part, merge)))

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        from gavel_opt.solver.strategy_proof import kept_part, levels_of  # with all of its solver

        groups = group_by_type(state, merge)
        blocks = fairness_program(state, groups, "perf", merge).blocks
        together = yield ProductProgram(blocks)
        level = levels_of(blocks.rate, together.x)
        kept = np.ones(blocks.groups)
        for group in range(blocks.groups):
            count = blocks.count.copy()
            count[group] -= 1
            rest = np.flatnonzero(count)
            if rest.size:
                near = together.x[rest], together.capacity_dual
                without = _part(blocks, rest, count)
                answer = yield ProductProgram(without, near)
                kept[group] = kept_part(count[rest], level[rest], levels_of(without.rate, answer.x))
        x = np.clip(together.x * kept[:, None], 0.0, 1.0)
        of_job = np.arange(state.job.size) if groups.of_job is None else groups.of_job
        self.kept = dict(zip(state.job.tolist(), kept[of_job].tolist(), strict=True))
        return Allocation(state.job, x[of_job])


_is_as_here = AsWritten(StrategyProof)


def is_known(policy: Policy) -> bool:
    """Whether the programs of a policy are those of this module, exactly.

    As for :func:`gavel_opt.policies.max_min.known_variant`.
    """
    return _is_as_here(policy)


def _part(blocks: Blocks, rest: Ints, count: Ints) -> Blocks:
    """The blocks with other counts, of the groups that are left."""
    use = blocks.use / blocks.count * count
    return Blocks(blocks.rate[rest], use[rest], count[rest], blocks.workers)
