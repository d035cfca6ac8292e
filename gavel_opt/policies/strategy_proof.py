r"""Strategy-proof fairness: nobody gains by lying about its throughputs (paper, section 4.4).

The partial allocation mechanism: jobs get the allocation with the largest product of throughputs,

.. math:: x^* = \arg\max_x \prod_m \text{throughput}(m, x),

and each keeps only the part of its own that the others lose nothing by its presence for:

.. math::

    x_m = f_m\, x^*_m, \qquad
    f_m = \prod_{i \ne m} \frac{\text{throughput}(i, x^*)}{\text{throughput}(i, x^*_{-m})} \le 1

where :math:`x^*_{-m}` is the allocation without job :math:`m`. One program and one more for each group of
identical jobs; not linear, so the engine must take a product of levels (``cvxpy-rebuild``). The
reference has it outside of its list of policies and solves one program a job.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.model.allocation_program import Allocation, Blocks, ProductProgram
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import group_jobs
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.policy import Policy, Programs, Traits
from gavel_opt.policies.variants import serving


class StrategyProof(Policy):
    """Largest product of throughputs, with a fee that makes it pay to tell the truth.

    Parameters
    ----------
    name
        The policy's name.

    Attributes
    ----------
    kept
        What part of its allocation each job kept at the last recomputation, by job number.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name = name
        self.kept: dict[int, float] = {}
        self.traits = Traits()

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield the program of all jobs with a weight, then one without a job of each group."""
        return (yield from serving(state, state.weight > 0.0, lambda part: self._of(part, merge)))

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        groups = group_jobs(True, state.key, state.scale_factor)
        blocks = fairness_program(state, groups, "perf", merge).blocks
        together = yield ProductProgram(blocks)
        level = _levels(blocks, together.x)
        kept = np.ones(blocks.groups)
        for group in range(blocks.groups):
            count = blocks.count.copy()
            count[group] -= 1
            rest = np.flatnonzero(count)
            if rest.size:
                without = _part(blocks, rest, count)
                answer = yield ProductProgram(without)
                ratio = level[rest] / _levels(without, answer.x)
                kept[group] = min(1.0, float(np.exp(count[rest] @ np.log(ratio))))
        x = np.clip(together.x * kept[:, None], 0.0, 1.0)
        assert groups.of_job is not None
        self.kept = dict(zip(state.job.tolist(), kept[groups.of_job].tolist(), strict=True))
        return Allocation(state.job, x[groups.of_job])


def _levels(blocks: Blocks, x: Floats) -> Floats:
    level: Floats = (blocks.rate * x).sum(axis=1)
    return level


def _part(blocks: Blocks, rest: Ints, count: Ints) -> Blocks:
    """The blocks with other counts, of the groups that are left."""
    use = blocks.use / blocks.count * count
    return Blocks(blocks.rate[rest], use[rest], count[rest], blocks.workers)
