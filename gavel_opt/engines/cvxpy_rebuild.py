"""The baseline: a cvxpy problem written afresh at each call, solved by ECOS.

From blocks it writes the problem as the reference's policies do (a matrix variable, element-wise
products, the smallest row sum as objective, inverse positions for finish-time fairness), so that its
cost and its bits are the reference's. General programs go in as rows.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any, TypeAlias

import ecos
import numpy as np
from scipy import sparse

from gavel_opt.arrays import Floats, Ints
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.engines.time_limit import run_with_limit
from gavel_opt.model.allocation_program import (
    AllocationProgram,
    Answer,
    Blocks,
    FinishTimeProgram,
    ProductProgram,
)
from gavel_opt.model.answers import (
    allocation_answer,
    finish_time_answer,
    product_answer,
)
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution, Stats, Status


def _is_of_use(record: logging.LogRecord) -> bool:
    return "unexpected exception importing solver" not in record.getMessage()


# A release of cvxpy knows the releases of OR-Tools up to its own day. Beside a later one it warns while it is
# read, and up to 1.6 prints an exception for each of its solvers to standard output, amid an answer.
logging.getLogger("__cvxpy__").addFilter(_is_of_use)
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="Unrecognized version of")
    import cvxpy

cp: Any = cvxpy
"""Untyped: the names of its atoms are not in its types."""

Expression: TypeAlias = Any
Problem: TypeAlias = Any

STATUS = {
    cp.OPTIMAL: Status.OPTIMAL,
    cp.OPTIMAL_INACCURATE: Status.IMPRECISE,
    cp.INFEASIBLE: Status.INFEASIBLE,
    cp.INFEASIBLE_INACCURATE: Status.INFEASIBLE,
    cp.UNBOUNDED: Status.UNBOUNDED,
    cp.UNBOUNDED_INACCURATE: Status.UNBOUNDED,
    cp.settings.INFEASIBLE_OR_UNBOUNDED: Status.INFEASIBLE_OR_UNBOUNDED,
    cp.settings.USER_LIMIT: Status.ITERATION_LIMIT,
}
"""Every other word of cvxpy, and every exception, is a numerical error."""

_TIGHT = 1e-9


@dataclass(slots=True)
class _Written:
    """A problem for blocks, and where its answer is found."""

    problem: Problem
    x: Expression
    capacity: Expression
    time: Expression
    level: list[tuple[Ints, Expression]]


class CvxpyRebuild:
    """cvxpy and ECOS, nothing kept."""

    name = "cvxpy-rebuild"
    capability = Capability(
        allocation=True, finish_time=True, product=True, grouping=False, precision=1e-7
    )

    def version(self) -> str:
        """Solver and version."""
        return f"ECOS {ecos.__version__} through cvxpy {version('cvxpy')}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program, written as rows."""
        return solve_rows(program, options)

    def solve_blocks(
        self, program: AllocationProgram | FinishTimeProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program as the reference writes it."""
        started = time.perf_counter()
        if isinstance(program, FinishTimeProgram):
            written = _finish_time(program)
        else:
            written = _allocation(program)
        status, raw, stats = run(written.problem, options, started)
        if not status.has_answer:
            return Solution(status, stats=stats), None
        started = time.perf_counter()
        x = np.asarray(written.x.value)
        stats.read += time.perf_counter() - started
        groups = program.blocks.groups
        dual = np.zeros(groups)
        dual[:groups] = raw["z"][:groups]
        prices = _dual(written.capacity), _dual(written.time)
        if isinstance(program, FinishTimeProgram):
            answer, certificate = finish_time_answer(program, x, dual, *prices)
        else:
            if written.level:
                dual[:] = 0.0
                for which, constraint in written.level:
                    dual[which] = _dual(constraint)
            elif not program.has_level:
                dual[:] = 0.0
            answer, certificate = allocation_answer(program, x, dual, *prices)
        return Solution(status, answer.objective, certificate=certificate, stats=stats), answer

    def solve_product(
        self, program: ProductProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Maximise the geometric mean of the levels, of one job each."""
        started = time.perf_counter()
        blocks = program.blocks
        x = cp.Variable((blocks.groups, blocks.types))
        base, capacity, spent = _base_constraints(blocks, x)
        # Counts of jobs are exact whatever the limit, which is on their denominators: parts of their
        # sum, completed to powers of two.
        limit = max(1024, int(blocks.count.sum()) ** 2)
        mean = cp.geo_mean(_levels(blocks, x), p=blocks.count.tolist(), max_denom=limit)
        status, _, stats = run(
            cp.Problem(cp.Maximize(mean), base), options, started, _tight(options)
        )
        if not status.has_answer:
            return Solution(status, stats=stats), None
        prices = _dual(capacity), _dual(spent)
        answer, certificate = product_answer(program, np.asarray(x.value), *prices)
        return Solution(status, answer.objective, certificate=certificate, stats=stats), answer


def solve_rows(program: LinearProgram, options: Options) -> Solution:
    """Write a general program as rows and solve it."""
    started = time.perf_counter()
    problem, x, read_duals = _rows(program, program.c)
    status, _, stats = run(problem, options, started, _tight(options))
    if status is Status.UNBOUNDED:
        # ECOS says so of programs without any point, too.
        feasibility, _, _ = _rows(program, np.zeros_like(program.c))
        if run(feasibility, options, time.perf_counter())[0] is Status.INFEASIBLE:
            status = Status.INFEASIBLE
    if not status.has_answer:
        return Solution(status, stats=stats)
    started = time.perf_counter()
    value = np.asarray(x.value, dtype=np.float64).reshape(program.shape[1])
    row_dual = read_duals()
    stats.read += time.perf_counter() - started
    return Solution(status, program.objective(value), value, row_dual, stats=stats)


def run(
    problem: Problem,
    options: Options,
    started: float,
    settings: dict[str, float] | None = None,
    data: Any = None,
) -> tuple[Status, dict[str, Any], Stats]:
    """Compile and solve a problem with ECOS: status, what ECOS returned, and the times."""
    stats = Stats()
    settings = settings or {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on how to write problems, not for users
        try:
            data, chain, inverse = problem.get_problem_data(cp.ECOS)
            compiled = time.perf_counter()
            stats.translate = compiled - started

            def solve() -> dict[str, Any]:
                raw: dict[str, Any] = chain.solve_via_data(problem, data, solver_opts=settings)
                return raw

            raw = run_with_limit(solve, started + options.time_limit - compiled)
            solved = time.perf_counter()
            stats.solve = solved - compiled
            if raw is None:
                return Status.TIME_LIMIT, {}, stats
            problem.unpack_results(raw, chain, inverse)
            stats.read = time.perf_counter() - solved
        except (cp.SolverError, ValueError, ArithmeticError) as error:
            stats.detail = str(error).splitlines()[0] if str(error) else type(error).__name__
            return Status.NUMERICAL_ERROR, {}, stats
    stats.iterations = int(raw["info"]["iter"])
    stats.detail = str(raw["info"]["infostring"])
    return STATUS.get(problem.status, Status.NUMERICAL_ERROR), raw, stats


def _tight(options: Options) -> dict[str, float]:
    """Tolerances for general programs; blocks are solved with the reference's, ECOS's own."""
    tolerance = options.tolerance or _TIGHT
    return {"abstol": tolerance, "reltol": tolerance, "feastol": tolerance}


def _dual(constraint: Expression) -> Floats:
    return np.atleast_1d(np.asarray(constraint.dual_value, dtype=np.float64)).ravel()


def _allocation(program: AllocationProgram) -> _Written:
    blocks = program.blocks
    x = cp.Variable((blocks.combinations, blocks.types))
    base, capacity, spent = _base_constraints(blocks, x)
    slope, floor = program.slope, program.floor
    needs = np.flatnonzero((slope == 0.0) & (floor > -np.inf))
    if program.reward is None and (slope == 1.0).all() and (floor == 0.0).all():
        problem = cp.Problem(cp.Maximize(cp.min(_levels(blocks, x))), base)
        return _Written(problem, x, capacity, spent, [])
    rows: list[tuple[Ints, Expression]] = []
    terms: list[Expression] = []
    if program.reward is not None:
        reward = program.reward.copy()
        reward[: blocks.groups] *= blocks.count[:, None]
        terms.append(cp.sum(cp.sum(cp.multiply(reward, x), axis=1)))
    level: Expression = _levels(blocks, x) if needs.size or program.has_level else None
    if program.has_level:
        t = cp.Variable()
        terms.append(t)
        sloped = np.flatnonzero(slope > 0.0)
        rows.append((sloped, level[sloped] >= floor[sloped] + slope[sloped] * t))
    if needs.size:
        rows.append((needs, level[needs] >= floor[needs]))
    objective = cp.Maximize(sum(terms)) if terms else cp.Maximize(0)
    problem = cp.Problem(objective, [*base, *(row for _, row in rows)])
    return _Written(problem, x, capacity, spent, rows)


def _finish_time(program: FinishTimeProgram) -> _Written:
    blocks = program.blocks
    x = cp.Variable((blocks.combinations, blocks.types))
    ratios = []
    for group, (index, rate) in enumerate(_combinations_of(blocks)):
        level = cp.sum(cp.multiply(rate, x[index]))
        finish = program.age[group] + program.steps[group] * cp.inv_pos(level)
        ratios.append(finish / program.isolated[group])
    worst = ratios[0] if len(ratios) == 1 else cp.maximum(*ratios)
    base, capacity, spent = _base_constraints(blocks, x)
    return _Written(cp.Problem(cp.Minimize(worst), base), x, capacity, spent, [])


def _levels(blocks: Blocks, x: Expression) -> Expression:
    """Row sums of rates times time."""
    if blocks.pairs is None:
        return cp.sum(cp.multiply(blocks.rate, x), axis=1)
    found = _combinations_of(blocks)
    index = np.concatenate([which for which, _ in found])
    rate = np.vstack([rates for _, rates in found])
    sizes = [which.size for which, _ in found]
    groups = blocks.groups
    if len(set(sizes)) == 1:
        earned = cp.multiply(sparse.csc_matrix(rate), x[index])
        table = cp.reshape(earned, (groups, sizes[0] * blocks.types), order="C")
        return cp.sum(table, axis=1)
    owner = np.repeat(np.arange(groups), sizes)
    gather = sparse.csr_matrix((np.ones(owner.size), (owner, np.arange(owner.size))))
    return gather @ cp.sum(cp.multiply(rate, x[index]), axis=1)


def _base_constraints(
    blocks: Blocks, x: Expression
) -> tuple[list[Expression], Expression, Expression]:
    """No negative time, no worker twice, no job above its time."""
    use = blocks.use
    if blocks.pairs is not None:
        use = np.concatenate([use, blocks.pairs.use])
    table = np.repeat(use[:, None], blocks.types, axis=1)
    capacity = cp.sum(cp.multiply(table, x), axis=0) <= blocks.workers
    spent = _time_sums(blocks, x) <= 1
    return [x >= 0, capacity, spent], capacity, spent


def _time_sums(blocks: Blocks, x: Expression) -> Expression:
    if blocks.pairs is None:
        return cp.sum(x, axis=1)
    found = _combinations_of(blocks)
    index = np.concatenate([which for which, _ in found])
    sizes = [which.size for which, _ in found]
    groups = blocks.groups
    if len(set(sizes)) == 1 and (blocks.pairs.share == 1.0).all():
        table = cp.reshape(x[index], (groups, sizes[0] * blocks.types), order="C")
        return cp.sum(table, axis=1)
    owner = np.repeat(np.arange(groups), sizes)
    share = np.concatenate(_shares_of(blocks))
    gather = sparse.csr_matrix((share, (owner, index)), shape=(groups, blocks.combinations))
    return gather @ cp.sum(x, axis=1)


def _sides_of(blocks: Blocks) -> list[tuple[Ints, Ints]]:
    """For each group the pairs that it is in, ascending, and its side of each."""
    pairs = blocks.pairs
    assert pairs is not None
    member = pairs.member.ravel()
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(blocks.groups + 1))
    return [(order[begin:end] // 2, order[begin:end] % 2) for begin, end in pairwise(starts)]


def _combinations_of(blocks: Blocks) -> list[tuple[Any, Floats]]:
    """For each group the rows of ``x`` that it runs in, and what a unit of each adds to its level."""
    if blocks.pairs is None:
        return [(group, blocks.rate[group]) for group in range(blocks.groups)]
    pairs = blocks.pairs
    return [
        (
            np.concatenate([[group], blocks.groups + pair]),
            np.vstack([blocks.rate[group], pairs.share[pair, side, None] * pairs.rate[pair, side]]),
        )
        for group, (pair, side) in enumerate(_sides_of(blocks))
    ]


def _shares_of(blocks: Blocks) -> list[Floats]:
    assert blocks.pairs is not None
    share = blocks.pairs.share
    return [np.concatenate([[1.0], share[pair, side]]) for pair, side in _sides_of(blocks)]


def _rows(program: LinearProgram, c: Floats) -> tuple[Problem, Expression, Callable[[], Floats]]:
    """A general program as rows; the last return value reads the duals after a solve."""
    a = sparse.csr_matrix(program.a)
    a.eliminate_zeros()
    lower, upper = program.row_lower, program.row_upper
    # Rows without an entry say nothing (those that cannot hold never get here), and ECOS crashes on
    # matrices without any.
    used = np.diff(a.indptr) > 0
    equal = np.flatnonzero((lower == upper) & used)
    above = np.flatnonzero(np.isfinite(lower) & (lower != upper) & used)
    below = np.flatnonzero(np.isfinite(upper) & (lower != upper) & used)
    x = cp.Variable(program.shape[1])
    sign = -1.0 if program.maximize else 1.0
    rows: list[tuple[Ints, float, Expression]] = []
    if equal.size:
        rows.append((equal, -sign, a[equal] @ x == lower[equal]))
    if above.size:
        rows.append((above, sign, a[above] @ x >= lower[above]))
    if below.size:
        rows.append((below, -sign, a[below] @ x <= upper[below]))
    low, high = np.isfinite(program.col_lower), np.isfinite(program.col_upper)
    fixed = np.flatnonzero(low & (program.col_lower == program.col_upper))
    low[fixed] = high[fixed] = False
    bounds: list[Expression] = []
    if fixed.size:
        bounds.append(x[fixed] == program.col_lower[fixed])
    if low.any():
        bounds.append(x[np.flatnonzero(low)] >= program.col_lower[low])
    if high.any():
        bounds.append(x[np.flatnonzero(high)] <= program.col_upper[high])
    worth: Expression = c @ x
    if not (above.size or below.size or bounds[fixed.size > 0 :]):
        # Nothing but equalities: ECOS wants a cone, so one variable more has it.
        extra = cp.Variable()
        bounds.append(extra >= 0)
        worth = worth - extra if program.maximize else worth + extra
    objective = cp.Maximize(worth) if program.maximize else cp.Minimize(worth)
    problem = cp.Problem(objective, [*(row for _, _, row in rows), *bounds])

    def read_duals() -> Floats:
        row_dual = np.zeros(program.shape[0])
        for which, factor, row in rows:
            row_dual[which] += factor * _dual(row)
        return row_dual

    return problem, x, read_duals
