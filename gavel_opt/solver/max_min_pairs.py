"""Max-min fairness with space sharing, from the jobs to their shares and those of their pairs in one compiled call.

By the same functions as the program of :mod:`gavel_opt.policies.max_min` on this solver, and so with the same bits, in a few
tenths of the time that going back and forth takes. What neither of the methods for pairs answers is left to the program.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Floats, Ints, plain_array
from gavel_opt.kernels.groups import group_keys
from gavel_opt.kernels.input_checks import all_finite
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.max_min_rows import fairness_rows
from gavel_opt.kernels.pair_columns import POOLED_FROM, PairColumns, pair_rows
from gavel_opt.kernels.records import by_reference
from gavel_opt.kernels.spreading import spread_over_jobs
from gavel_opt.model.cluster_state import StandingState
from gavel_opt.solver.memory import Memory
from gavel_opt.solver.optimum import CENTRED_UP_TO, PIVOTED_UP_TO
from gavel_opt.solver.pair_simplex.method import solve_contended
from gavel_opt.solver.pair_simplex.start import Kept
from gavel_opt.solver.prices.bottleneck_pairs import Pairs, centre_at_bottleneck
from gavel_opt.solver.prices.cheapest_mix import Given
from gavel_opt.solver.records import Found
from gavel_opt.solver.task import TERMS

FEW_TYPES = 7
"""Worker types up to which numpy adds up a row from the first to the last, as compiled code does."""
TRACE = 1e-10
"""Least share of a job alone, on the type where it is fastest (:func:`gavel_opt.tie_breaking.alone_first`)."""


@by_reference
class PairTask(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    jobs, pairs
        The jobs; they and their pairs get their shares.
    alone, paired, workers
        Throughputs by key, shapes ``(keys, J)`` and ``(keys, keys, 2, J)``, and workers of each type, ``(J,)``.
    terms
        TERMS, one.
    kept
        Where the dual simplex method starts.
    at_vertex
        Whether it is asked first: where it had the last answer, ``(1,)``.
    """

    jobs: JobColumns
    pairs: PairColumns
    alone: Floats
    paired: Floats
    workers: Ints
    terms: np.ndarray
    kept: Kept
    at_vertex: Ints


def pair_task(state: StandingState, widest: int, tolerance: float, memory: Memory) -> PairTask:
    """A task with the jobs that are there when it is carried out; co-located throughputs are known."""
    table = state.throughputs
    assert table.paired is not None
    terms = np.array([(widest, -1, tolerance, False, False)], TERMS)
    kept = memory.room_for_vertices(PIVOTED_UP_TO, state.workers.size)
    flag = np.zeros(1, np.int64)
    alone, paired = plain_array(table.alone), plain_array(table.paired)
    return PairTask(
        state.jobs, state.pairs, alone, paired, plain_array(state.workers), terms, kept, flag
    )


@compiled
def fair_shares_in_pairs(task: PairTask) -> int:
    """Group the jobs, make the program, solve it and hand out the shares of jobs and pairs.

    Returns 0, and has done nothing, unless that gave a proven optimum by one of the methods for pairs, or where the columns
    have no room for it.
    """
    jobs, terms, alone, workers = task.jobs, task.terms[0], task.alone, task.workers
    size, rows = jobs.size[0], alone.shape[0]
    key, scale, weight = jobs.key[:size], jobs.scale_factor[:size], jobs.weight[:size]
    for job in range(size):
        if not (0 <= key[job] < rows and 0 < scale[job] <= terms.widest and weight[job] > 0.0):
            return 0
    of_job, first, count, mark = group_keys(key, scale, weight, rows)
    groups = first.size
    if groups == 0 or groups > CENTRED_UP_TO:
        return 0
    if groups >= POOLED_FROM and _many_used(key, rows) < groups:  # pooled by the policy
        return 0
    rate, use, slope, floor, _ = fairness_rows(
        alone, key, scale, weight, workers, first, count, False
    )
    pairs = _pairs_of(task, key, scale, weight, first, count)
    none, nobody = np.empty(0), np.empty((0, workers.size))
    if pairs.use.size == 0 or not all_finite(rate, nobody, none, none, none, none, none):
        return 0
    total = 0.0
    for m in range(pairs.use.size):
        for j in range(workers.size):
            total += 0.0 * pairs.rate[m, 0, j] + 0.0 * pairs.rate[m, 1, j]
    if total != 0.0:
        return 0
    given = Given(rate, use, count, workers.astype(np.float64), slope, floor, none, none, none)
    many = groups + pairs.use.size
    found = Found(
        np.empty((many, workers.size)), np.empty(groups), np.empty(workers.size), np.empty(6)
    )
    if not _solved(given, pairs, mark, task, found):
        return 0
    jobs.proof[3] = 1.0
    for k in range(3):
        jobs.proof[k] = found.summary[2 + k]
        if not jobs.proof[k] <= terms.tolerance:
            return 0
    return int(_hand_out(task, pairs, of_job, count, found.x))


@compiled
def _many_used(key: Ints, rows: int) -> int:
    used = np.zeros(rows, np.int64)
    for job in range(key.size):
        used[key[job]] = 1
    return int(used.sum())


@compiled
def _pairs_of(
    task: PairTask, key: Ints, scale: Ints, weight: Floats, first: Ints, count: Ints
) -> Pairs:
    """Pairs of groups; what turns steps per second into levels is what :mod:`gavel_opt.policies.max_min` has."""
    alone, workers, groups = task.alone, task.workers, first.size
    share, total = np.empty(workers.size), 0.0
    for j in range(workers.size):
        share[j] = workers[j] / key.size
        total += share[j]
    size, factor = np.empty(groups), np.empty(groups)
    of_group, scale_of_group = np.empty(groups, np.int64), np.empty(groups, np.int64)
    for g in range(groups):
        job = first[g]
        equal = 0.0
        for j in range(workers.size):
            equal += alone[key[job], j] * (share[j] / total)
        of_group[g], scale_of_group[g], size[g] = key[job], scale[job], count[g]
        factor[g] = scale[job] / (weight[job] * equal)
    member, rate, part, use = pair_rows(
        alone, task.paired, of_group, scale_of_group, size, factor, True
    )
    return Pairs(member, rate, part, use)


@compiled
def _solved(given: Given, pairs: Pairs, key: Ints, task: PairTask, found: Found) -> bool:
    """Solve by one of the methods for pairs, as :func:`gavel_opt.solver.optimum.optimum` does."""
    pivots = given.use.size <= PIVOTED_UP_TO
    vertex_first = pivots and task.at_vertex[0] == 1
    if vertex_first:
        if solve_contended(given, pairs, key, task.kept, found):
            return True
        task.at_vertex[0] = 0
    ray = np.zeros(2 * given.use.size + 2 + given.workers.size)
    if centre_at_bottleneck(given, pairs, ray, found):
        return True
    if pivots and not vertex_first and solve_contended(given, pairs, key, task.kept, found):
        task.at_vertex[0] = 1
        return True
    return False


@compiled
def _hand_out(task: PairTask, pairs: Pairs, of_job: Ints, count: Ints, x: Floats) -> int:
    """Give each job its group's shares, and traces of them, and each pair of jobs its part; 0 where there is no room."""
    jobs, types, groups = task.jobs, task.workers.size, count.size
    y = np.empty((pairs.use.size, types))
    for m in range(pairs.use.size):
        for j in range(types):
            y[m, j] = max(x[groups + m, j], 0.0)
    pair, shares = spread_over_jobs(of_job, count, pairs.member, y)
    many = pair.shape[0]
    if many > task.pairs.job.shape[0]:
        return 0
    for row in range(many):
        for side in range(2):
            task.pairs.job[row, side] = jobs.job[pair[row, side]]
        for j in range(types):
            task.pairs.shares[row, j] = shares[row, j]
    task.pairs.size[0] = many
    for job in range(of_job.size):
        fastest = 0.0
        for j in range(types):
            fastest = max(fastest, task.alone[jobs.key[job], j])
        for j in range(types):
            trace = TRACE * task.alone[jobs.key[job], j] / fastest
            share = min(max(x[of_job[job], j], 0.0), 1.0)
            jobs.shares[job, j] = max(share, trace)
    return 1
