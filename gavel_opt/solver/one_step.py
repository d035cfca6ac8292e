"""From the jobs to their shares in one compiled call: what all programs that are solved so have in common.

The jobs are the columns of a state. A simulation has a :class:`Task` made of the columns in which its own compiled code
keeps its jobs, and has it carried out from there again and again (:class:`gavel_opt.kernels.arguments.Call`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.kernels.job_columns import NO_PAST, JobColumns, PastColumns
from gavel_opt.model.cluster_state import ClusterState, StandingState
from gavel_opt.model.one_program import OneProgram
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.prices.shortcuts import BOTTLENECK, PRICED, solve_direct
from gavel_opt.solver.records import Found
from gavel_opt.solver.settings import MANY_TYPES
from gavel_opt.solver.task import TERMS, Into, Task

Terms = tuple[int, int, float, bool, bool]
"""Values of TERMS."""

JobDetails = tuple[Ints, Ints, Ints, Floats, Floats, Floats]
"""Number, key, scale factor, weight, age and steps left of each job."""

WHOLE, REAL = np.dtype(np.int64), np.dtype(np.float64)
"""Elements of columns that kernels take as they are."""

KINDS = {3: (WHOLE, WHOLE, REAL, REAL, WHOLE), 6: (*(WHOLE,) * 3, *(REAL,) * 4, WHOLE)}
"""The same of three columns of jobs, and of six, with throughputs and workers."""
_MAY_BE = {WHOLE: "iu", REAL: "iuf"}

_elements = operator.attrgetter("dtype")


def max_min_terms(widest: int, plain: bool, tie_break: str, tolerance: float) -> Terms:
    """Terms of max-min fairness."""
    return widest, -1, tolerance, plain, tie_break == "efficient"


def columns_of(state: ClusterState) -> tuple[np.ndarray[Any, Any], ...]:
    """Number, key, scale factor, weight, age and steps left of each job."""
    return (
        *(state.job, state.key, state.scale_factor),
        *(state.weight, state.age, state.steps_left),
    )


@compiled
def columns_in_use(jobs: JobColumns) -> JobDetails:
    """The same of jobs that come and go."""
    size = jobs.size[0]
    return (
        jobs.job[:size],
        jobs.key[:size],
        jobs.scale_factor[:size],
        jobs.weight[:size],
        jobs.age[:size],
        jobs.steps_left[:size],
    )


def standing_task(state: StandingState, past: PastColumns, terms: Terms, memory: Memory) -> Task:
    """A task with the jobs that are there when it is carried out."""
    alone, workers = plain_array(state.throughputs.alone), plain_array(state.workers)
    start = memory.for_types(workers.size)
    return Task(state.jobs, alone, workers, np.array([terms], TERMS), start, past)


def carry_out(
    kernel: Callable[..., int],
    program: OneProgram,
    state: ClusterState,
    terms: Terms,
    memory: Memory,
) -> tuple[Floats, Certificate] | None:
    """Have a kernel make a program of the jobs, solve it and hand out the shares.

    Parameters
    ----------
    kernel
        Takes columns of the jobs (key, scale factor and weight for max-min fairness, else those of ``columns_of``),
        throughputs and workers, terms, where to start, where the shares go, and the past if there is one. What the
        policy remembers is brought up to date.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``, and what proves them; None where the program must be made for that.
    """
    types = state.workers.size
    if types > MANY_TYPES:
        return None  # which method they take is known once there are groups
    few = program.objective == "max-min"
    columns = (state.key, state.scale_factor, state.weight) if few else columns_of(state)
    given = *columns, state.throughputs.alone, state.workers
    kinds = KINDS[len(columns)]
    if tuple(map(_elements, given)) != kinds:
        pairs = zip(given, kinds, strict=True)
        if any(column.dtype.kind not in _MAY_BE[kind] for column, kind in pairs):
            return None
        given = tuple(map(np.asarray, given, kinds))
    if terms != memory.terms:
        memory.terms, memory.kept_terms = terms, np.array([terms], TERMS)
    into = Into(np.empty((state.key.size, types)), np.empty(4))
    start = memory.for_types(types)
    past = () if program.past is NO_PAST else (program.past,)
    if not kernel(given[:-2], given[-2:], memory.kept_terms, start, into, *past):
        return None
    return into.shares, Certificate(*into.proof.tolist()[:3])


@compiled_apart
def solve_and_hand_out(
    program: Given, of_job: Ints, given: np.ndarray[Any, Any], start: Floats, into: Into
) -> int:
    """Solve a program and give each job its row of the answer, within [0, 1]; 0 if that is not what is wanted.

    Parameters
    ----------
    program, start
        As for :func:`~gavel_opt.solver.prices.shortcuts.solve_direct`.
    of_job
        Row of each job.
    given
        TERMS, one.
    """
    groups, types = program.rate.shape
    x, level_dual, price = np.empty((groups, types)), np.empty(groups), np.empty(types)
    summary = np.empty(6)
    outcome = solve_direct(program, start, Found(x, level_dual, price, summary))
    terms = given[0]
    # the efficient optimum of a program whose level one job decides is found from its blocks
    if outcome != PRICED and (outcome != BOTTLENECK or terms.efficient):
        return 0
    into.proof[3] = 1.0
    for k in range(3):
        into.proof[k] = summary[2 + k]
        if not into.proof[k] <= terms.tolerance:
            return 0
    for job in range(of_job.size):
        for j in range(types):
            into.shares[job, j] = min(max(x[of_job[job], j], 0.0), 1.0)
    return 1
