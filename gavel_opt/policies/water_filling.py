r"""Water filling: lexicographic max-min fairness, flat or over entities (paper, sections 4.3, 4.4).

Max-min fairness fixes the smallest normalised throughput and leaves the others to chance. Water
filling raises all levels together; jobs that cannot rise any more are fixed, and the others go on:

.. math::

    \max\ t \quad\text{s.t.}\quad
    \frac{z_m\, \text{throughput}(m, x)}{w_m\, \text{throughput}(m, x_m^{\text{equal}})}
    \ge \text{level}_m + s_m (t - t_0)

with :math:`\text{level}_m` the height reached so far, :math:`t_0` the smallest
:math:`\text{level}_m / s_m`, and :math:`s_m` the speed of rising: 1 without entities, 0 for fixed jobs.
So :math:`t` is as large as the levels are; the rise alone may be a thousandth of them, and certificates,
relative to :math:`t`, would ask for digits that are not there. With entities of weight :math:`W_e`, the
jobs of one that are not fixed yet split its weight (fairness: :math:`s_m = W_e / \sum w`, summed over
them) or the first of them in order of arrival has it all (FIFO: :math:`s_m = W_e / w_m`, and 0 for the
jobs behind it).

Which jobs are stuck is read from the program's multipliers: where that of a job's row is positive, the
row is tight in every optimum (complementary slackness), so the job cannot rise. Some multiplier always
is, since they sum to 1 with the slopes; jobs that are stuck with a multiplier of 0 are found in a later
program, in which nothing rises. A job that runs all the time where it is fastest is stuck too. Linear
programs only, one for each set of jobs that gets stuck together and one to close. The reference asks a
mixed-integer program instead, with a slack of one in 10,000.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats
from gavel_opt.errors import SolveFailed
from gavel_opt.model.allocation_program import Answer
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.odd_states import serving
from gavel_opt.policies.entities import Entities
from gavel_opt.policies.max_min import fairness_program
from gavel_opt.policies.policy import Policy, Programs, Traits
from gavel_opt.policies.views import (
    Variant,
    best_rates,
    group_alike,
    group_by_key,
    kind_of,
    reached,
)

_SLACK = 1e-12
"""Part of a reached level that may be missing later: rounding, no more. A wider margin would be an
interior too thin for interior point methods and too wide for a tight row."""

_ROUNDING = 1e-9
"""Part of a reached level that an answer may miss by rounding. What misses more is an engine's
tolerance, which would add up from program to program; such an engine also takes a floor that is out of
reach by as much."""

_MARKED = 1e-4
"""Multipliers above this part of the largest one are positive; smaller ones wait for a later turn."""


class WaterFilling(Policy):
    """Lexicographic max-min fairness.

    Parameters
    ----------
    name
        The policy's name.
    variant
        ``"plain"`` takes every throughput as 1; ``"perf"`` the measured ones; ``"packed"`` adds
        pairs of jobs.
    entities
        Weights of entities and how jobs share within each (:mod:`~gavel_opt.policies.entities`);
        None lets all jobs share as one.
    """

    def __init__(
        self,
        name: str,
        variant: Variant,
        entities: Mapping[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.name = name
        self.variant = variant
        self.traits = Traits(packing=variant == "packed", shuffles=variant == "plain")
        self.entities = None if entities is None else Entities.parse(entities)

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        """Yield one program for each set of jobs that gets stuck together, and one to close."""
        return (yield from serving(state, state.weight > 0.0, lambda part: self._of(part, merge)))

    def _of(self, state: ClusterState, merge: bool) -> Programs:
        entities, entity = self.entities, state.entity
        if entities is None or entity is None:
            entities, entity = None, np.zeros(state.job.size, dtype=np.int64)
            place = entity
            groups = group_by_key(state, self.variant, merge)
        else:
            place = entities.place_in_line(entity)
            columns = (kind_of(state, self.variant), state.scale_factor, state.weight, entity)
            groups = group_alike(merge, place.astype(np.float64), *columns)
        first, count = groups.first, groups.count
        program = fairness_program(state, groups, self.variant, merge)
        blocks = program.blocks
        top = best_rates(blocks)
        level = np.zeros(blocks.groups)
        done = np.zeros(blocks.groups, dtype=bool)
        while True:
            if entities is None:
                slope = np.where(done, 0.0, 1.0)
            else:
                slope = entities.slopes(
                    entity[first], place[first], state.weight[first], count, done
                )
            rises = slope > 0.0
            start = float(np.min(level[rises] / slope[rises]))
            floor = np.where(rises, np.maximum(level - slope * start, 0.0), level * (1.0 - _SLACK))
            program = replace(program, slope=slope, floor=floor, probe=True)
            answer = yield program
            risen = np.where(rises, floor + slope * max(answer.level, start), level)
            # levels of one point, so that there is one: floors kept from an earlier answer, and only
            # nearly kept by this one, may be out of reach beside its levels
            joint = np.minimum(risen, reached(blocks, answer.x))
            level = np.where(joint < level * (1.0 - _ROUNDING), level, joint)
            done = done | _stuck(slope, answer) | (level >= top * (1.0 - _SLACK))
            if done.all():
                break
        answer = yield replace(program, probe=False)
        return groups.spread(state.job, answer, blocks.pairs)


def _stuck(slope: Floats, answer: Answer) -> Bools:
    """Groups that cannot rise, at least one of those that should."""
    push = slope * answer.level_dual
    most = float(push.max())
    if not most > 0.0:
        raise SolveFailed(
            "water filling reads duals, which this engine does not give; choose another"
        )
    stuck: Bools = push > _MARKED * most
    return stuck
