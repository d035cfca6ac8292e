"""ECOS without cvxpy, on arrays laid out as cvxpy lays them out.

The reference's bits at the cost of the solver alone. Layout of max-min fairness: variables minus t,
then x column by column; rows: levels, all x >= 0, capacities, time sums. Finish-time fairness puts
the inverse levels after x and one cone of size three a job, ``level * q >= 1``, after the rows.
"""

from __future__ import annotations

import time
from dataclasses import replace

import ecos
import numpy as np
from scipy import sparse

from gavel_opt.arrays import Floats, Ints
from gavel_opt.engines.cone_form import Cone, Rows
from gavel_opt.engines.ecos_call import run_cone
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.model.allocation_program import AllocationProgram, Answer, FinishTimeProgram
from gavel_opt.model.answers import allocation_answer, finish_time_answer
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import lower, rated_groups
from gavel_opt.model.solution import Solution, Status

_TIGHT = 1e-9


class EcosDirect:
    """ECOS called on arrays."""

    name = "ecos"
    capability = Capability(allocation=True, finish_time=True, grouping=False, precision=1e-7)

    def version(self) -> str:
        """Solver and version."""
        return f"ECOS {ecos.__version__}"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program: ranged rows are split, equalities stand apart."""
        started = time.perf_counter()
        rows = Rows.of(program)
        cone = rows.cone(program)
        tolerance = options.tolerance or _TIGHT
        status, raw, stats = run_cone(cone, options, started, tolerance)
        if status is Status.UNBOUNDED:
            # ECOS says so of programs without any point, too.
            anywhere = replace(cone, c=np.zeros_like(cone.c))
            if run_cone(anywhere, options, time.perf_counter(), tolerance)[0] is Status.INFEASIBLE:
                status = Status.INFEASIBLE
        if not status.has_answer:
            return Solution(status, stats=stats)
        started = time.perf_counter()
        x = np.array(raw["x"])[: program.shape[1]]
        y = np.array(raw["y"]) if cone.a is not None else np.empty(0)
        row_dual = rows.duals(np.array(raw["z"]), y, -1.0 if program.maximize else 1.0)
        stats.read = time.perf_counter() - started
        return Solution(status, program.objective(x), x, row_dual, stats=stats)

    def solve_blocks(
        self, program: AllocationProgram | FinishTimeProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program in cvxpy's layout."""
        blocks = program.blocks
        started = time.perf_counter()
        cone = _finish_time(program) if isinstance(program, FinishTimeProgram) else _level(program)
        status, raw, stats = run_cone(cone, options, started)
        if not status.has_answer:
            return Solution(status, stats=stats), None
        started = time.perf_counter()
        level = int(isinstance(program, FinishTimeProgram) or program.has_level)
        size = blocks.combinations * blocks.types
        x = np.array(raw["x"])[level : level + size]
        x = x.reshape((blocks.combinations, blocks.types), order="F")
        z = np.array(raw["z"])
        stats.read = time.perf_counter() - started
        dual = np.zeros(blocks.groups)
        if isinstance(program, FinishTimeProgram):
            ratios = 0 if _is_alone(program) else blocks.groups
            dual[:ratios] = z[:ratios]
            rest = z[ratios + size :]
        else:
            rated = rated_groups(program)
            dual[rated] = z[: rated.size]
            rest = z[rated.size + size :]
        capacity = rest[: blocks.types]
        spent = rest[blocks.types : blocks.types + blocks.groups]
        if isinstance(program, FinishTimeProgram):
            answer, certificate = finish_time_answer(program, x, dual, capacity, spent)
        else:
            answer, certificate = allocation_answer(program, x, dual, capacity, spent)
        return Solution(status, answer.objective, certificate=certificate, stats=stats), answer


def _level(program: AllocationProgram) -> Cone:
    """Any allocation program; its first variable is minus t."""
    blocks = program.blocks
    general = lower(program)
    level = int(program.has_level)
    rated, size = int(rated_groups(program).size), blocks.combinations * blocks.types
    a = general.a
    column = np.repeat(np.arange(a.shape[1]), np.diff(a.indptr))
    in_level = a.indices < rated
    value = np.where(in_level & (column >= level), -a.data, a.data)
    row = np.where(in_level, a.indices, a.indices + size)
    at = np.arange(size)
    g = _matrix(
        np.concatenate([value, np.full(size, -1.0)]),
        np.concatenate([row, rated + at]),
        np.concatenate([column, level + at]),
        (rated + size + blocks.types + blocks.groups, level + size),
    )
    c = -general.c
    c[:level] = 1.0
    h = np.concatenate([-general.row_lower[:rated], np.zeros(size), general.row_upper[rated:]])
    return Cone(c, g, h)


def _finish_time(program: FinishTimeProgram) -> Cone:
    """Rows ``steps q + age <= rho`` in units of the isolated time; cones ``level * q >= 1``."""
    blocks = program.blocks
    groups, types = blocks.groups, blocks.types
    level = lower(AllocationProgram(blocks, slope=np.zeros(groups), floor=np.zeros(groups)))
    a, size = level.a, blocks.combinations * types
    column = 1 + np.repeat(np.arange(size), np.diff(a.indptr))
    in_level = a.indices < groups
    first_cone = groups + size + types + groups
    group, at = np.arange(groups), np.arange(size)
    cone = first_cone + 3 * a.indices[in_level]
    q = 1 + size + group
    rows = [group, group, groups + at, (a.indices + size)[~in_level], cone, cone + 1]
    columns = [np.zeros(groups, np.int64), q, 1 + at, column[~in_level]]
    columns += [column[in_level], column[in_level]]
    inverse = 1.0 / program.isolated  # cvxpy multiplies by it: a division gives other bits
    values = [np.full(groups, -1.0), program.steps * inverse, np.full(size, -1.0)]
    values += [a.data[~in_level], -a.data[in_level], -a.data[in_level]]
    rows += [first_cone + 3 * group, first_cone + 3 * group + 1]
    columns += [q, q]
    values += [np.full(groups, -1.0), np.ones(groups)]
    g = _matrix(
        np.concatenate(values),
        np.concatenate(rows),
        np.concatenate(columns),
        (first_cone + 3 * groups, 1 + size + groups),
    )
    h = np.zeros(first_cone + 3 * groups)
    h[:groups] = -(program.age * inverse)
    h[groups + size : first_cone] = level.row_upper[groups:]
    h[first_cone + 2 :: 3] = 2.0
    c = np.zeros(1 + size + groups)
    c[0] = 1.0
    if _is_alone(program):
        # cvxpy then minimises the ratio itself: no epigraph, q first.
        order = np.concatenate([[1 + size], 1 + at])
        c = np.zeros(1 + size)
        c[0] = float(program.steps[0] * inverse[0])
        return Cone(c, g[1:, order], h[1:], cones=1)
    return Cone(c, g, h, cones=groups)


def _is_alone(program: FinishTimeProgram) -> bool:
    return program.blocks.combinations == 1


def _matrix(value: Floats, row: Ints, column: Ints, shape: tuple[int, int]) -> sparse.csc_matrix:
    """A matrix as cvxpy hands it on: without explicit zeros, rows of a column ascending."""
    kept = value != 0.0
    if not kept.all():
        value, row, column = value[kept], row[kept], column[kept]
    matrix = sparse.coo_matrix((value, (row, column)), shape=shape).tocsc()
    matrix.sort_indices()
    return matrix
