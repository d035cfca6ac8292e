"""The one program of a policy, told by name: engines that know it go from the jobs to their shares in one step."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from gavel_opt.kernels.job_columns import NO_PAST, PastColumns

Objective: TypeAlias = Literal["max-min", "finish-time", "makespan"]


class OneProgram(NamedTuple):
    """What is asked of the jobs of a state.

    Attributes
    ----------
    objective
        Whose program it is: max-min fairness, finish-time fairness, or minimum total duration.
    plain
        Whether its variant knows no speeds: max-min fairness takes every throughput as 1, the others that on the
        reference type for all types.
    past
        What finish-time fairness remembers, with room for all jobs; gets what it is to remember from now on.
    """

    objective: Objective
    plain: bool
    past: PastColumns = NO_PAST
