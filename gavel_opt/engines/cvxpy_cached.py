"""cvxpy compiled once for each capacity, not for each program; solved by ECOS.

A compiled problem has room for more groups than the program has; capacities grow in steps, so a run
compiles a handful. Slots without a group earn nothing, use nothing and ask for nothing. Everything
that changes is a vector of parameters, one for each worker type, with products worked out beforehand:
the problem stays within cvxpy's rules for parameters (DPP), and memory and time to compile grow with
the number of groups, not with its square.

In such a problem each number that ECOS sees is a constant or one parameter, or its negative. Which one
is learnt from one compilation with tagged parameters, and checked against a second; from then on
parameters go straight to their places. cvxpy's own substitution takes several times as long as ECOS.
"""

from __future__ import annotations

import time
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import ecos
import numpy as np
from scipy import sparse

from gavel_opt.arrays import Floats, Ints
from gavel_opt.engines.cone_form import Cone
from gavel_opt.engines.cvxpy_rebuild import cp, run, solve_rows
from gavel_opt.engines.ecos_call import run_cone
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Capability, Options
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram, Answer, FinishTimeProgram
from gavel_opt.model.answers import allocation_answer
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.solution import Solution

_SMALLEST = 16
_MOST_KEPT = 24

_BACKEND: str | None = getattr(cp.settings, "COO_CANON_BACKEND", None)
"""How cvxpy compiles: at 1,024 groups 20 ms for the 370 of CPP and SCIPY; its own choice where it has none."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a compiled problem can take."""

    capacity: int
    types: int
    level: bool
    reward: bool


@dataclass(slots=True)
class _Places:
    """Where the parameters go in one vector of numbers: ``constant + sign * value[index]``."""

    constant: Floats
    sign: Floats
    index: Ints

    @classmethod
    def learn(cls, numbers: Floats, tags: Floats) -> _Places:
        """Find each number among the tags, which are unlike any constant of the problem."""
        order = np.argsort(tags, kind="stable")
        size = np.abs(numbers)
        index = order[np.minimum(np.searchsorted(tags, size, sorter=order), tags.size - 1)]
        tagged = tags[index] == size
        return cls(
            np.where(tagged, 0.0, numbers),
            np.where(tagged, np.sign(numbers), 0.0),
            np.where(tagged, index, 0),
        )

    def fill(self, values: Floats) -> Floats:
        """Return the vector of numbers for these values of the parameters."""
        numbers: Floats = self.constant + self.sign * values[self.index]
        return numbers


@dataclass(slots=True)
class _Direct:
    """What cvxpy compiled, as places for the parameters; and the first column of each x."""

    cost: _Places
    matrix: _Places
    right: _Places
    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]
    first: list[int]

    def cone(self, values: Floats) -> Cone:
        """Return the program that ECOS takes."""
        g = sparse.csc_matrix(
            (self.matrix.fill(values), self.indices, self.indptr), shape=self.shape
        )
        return Cone(self.cost.fill(values), g, self.right.fill(values))


@dataclass(slots=True)
class _Compiled:
    """A problem, its parameters in the order of their values, and where its answer is found."""

    problem: Any
    parameters: list[Any]
    x: list[Any]
    rows: tuple[Any, Any, Any]
    direct: _Direct | None = None

    def set(self, values: Floats) -> None:
        """Give all parameters their values."""
        start = 0
        for parameter in self.parameters:
            parameter.value = values[start : start + parameter.size]
            start += parameter.size


class CvxpyCached:
    """cvxpy and ECOS, compiled problems kept."""

    name = "cvxpy-cached"
    capability = Capability(reuse=True, allocation=True, pairs=False, precision=1e-7)

    def __init__(self) -> None:
        self._compiled: OrderedDict[_Kind, _Compiled] = OrderedDict()

    def version(self) -> str:
        """Solver and version."""
        return f"ECOS {ecos.__version__} through cvxpy {version('cvxpy')}, compiled once"

    def solve(self, program: LinearProgram, options: Options = DEFAULT_OPTIONS) -> Solution:
        """Solve a general program; these are not kept, but written as rows each time."""
        return solve_rows(program, options)

    def solve_blocks(
        self, program: AllocationProgram | FinishTimeProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program without pairs on a persistent problem.

        Raises
        ------
        InputError
            For pairs and finish-time programs, which its capability rules out.
        """
        blocks = program.blocks
        if isinstance(program, FinishTimeProgram) or blocks.pairs is not None:
            raise InputError("engine 'cvxpy-cached' takes allocation programs without pairs only")
        started = time.perf_counter()
        groups, types = blocks.groups, blocks.types
        kind = _Kind(capacity_for(groups), types, program.has_level, program.reward is not None)
        compiled = self._compiled.get(kind)
        reused = compiled is not None
        values = _values(program, kind)
        if compiled is None:
            compiled = self._compiled[kind] = _compile(kind)
            compiled.direct = _learn(compiled, values)
            if len(self._compiled) > _MOST_KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(kind)
        direct = compiled.direct
        if direct is not None:
            status, raw, stats = run_cone(direct.cone(values), options, started)
        else:
            compiled.set(values)
            status, raw, stats = run(compiled.problem, options, started)
        stats.reused = reused
        if not reused:
            stats.detail += f"; compiled for {kind.capacity} groups"
        if not status.has_answer:
            return Solution(status, stats=stats), None
        started = time.perf_counter()
        if direct is not None:
            point, z = np.array(raw["x"]), np.array(raw["z"])
            x = np.stack([point[first : first + groups] for first in direct.first], axis=1)
            prices = z[(1 + types) * kind.capacity :]
            level, capacity, spent = z[:groups], prices[:types], prices[types : types + groups]
        else:
            x = np.stack([np.asarray(column.value)[:groups] for column in compiled.x], axis=1)
            level, capacity, spent = (np.asarray(row.dual_value) for row in compiled.rows)
        stats.read += time.perf_counter() - started
        level_dual = np.where(_asked(program), level[:groups], 0.0)
        answer, certificate = allocation_answer(program, x, level_dual, capacity, spent[:groups])
        return Solution(status, answer.objective, certificate=certificate, stats=stats), answer


def capacity_for(groups: int) -> int:
    """Room that a compiled problem for ``groups`` has: 16, 20, 24, 28, 32, 40, 48, 56, 64, ..."""
    octave = max(_SMALLEST, (1 << groups.bit_length()) // 2)
    step = octave // 4
    return max(_SMALLEST, -(-groups // step) * step)


def _compile(kind: _Kind) -> _Compiled:
    """Write the problem; cvxpy compiles it when it is first asked for its data."""
    capacity, types = kind.capacity, kind.types
    x = [cp.Variable(capacity) for _ in range(types)]
    rate = [cp.Parameter(capacity) for _ in range(types)]
    reward = [cp.Parameter(capacity) for _ in range(types if kind.reward else 0)]
    use, workers = cp.Parameter(capacity), cp.Parameter(types)
    floor, slope = cp.Parameter(capacity), cp.Parameter(capacity)
    parameters = [*rate, *reward, use, workers, floor]
    asked = floor
    objective: Any = 0
    if kind.level:
        t = cp.Variable()
        asked = floor + slope * t
        objective = t
        parameters.append(slope)
    for worth, column in zip(reward, x, strict=False):
        objective = objective + worth @ column
    earned = sum(cp.multiply(a, column) for a, column in zip(rate, x, strict=True))
    rows = (
        earned >= asked,
        cp.hstack([use @ column for column in x]) <= workers,
        sum(x) <= 1,
    )
    bounds = [column >= 0 for column in x]
    problem = cp.Problem(cp.Maximize(objective), [rows[0], *bounds, *rows[1:]])
    return _Compiled(problem, parameters, x, rows)


def _values(program: AllocationProgram, kind: _Kind) -> Floats:
    """All parameters in order; slots without a group ask for less than nothing, which they have."""
    blocks = program.blocks
    groups, room, types = blocks.groups, kind.capacity, kind.types
    columns = types * (1 + kind.reward)
    values = np.zeros(columns * room + room + types + room * (1 + kind.level))
    table = values[: columns * room].reshape((columns, room))
    table[:types, :groups] = blocks.rate.T
    if program.reward is not None:
        table[types:, :groups] = program.reward.T * blocks.count
    rest = values[columns * room :]
    rest[:groups] = blocks.use
    rest[room : room + types] = blocks.workers
    floor = rest[room + types : 2 * room + types]
    floor[:] = -1.0
    floor[:groups] = np.where(_asked(program), program.floor, -1.0)
    if kind.level:
        rest[2 * room + types :][:groups] = program.slope
    return values


def _asked(program: AllocationProgram) -> np.ndarray:
    """Which groups have a level row."""
    return (program.slope > 0.0) | (program.floor > -np.inf)


def _learn(compiled: _Compiled, values: Floats) -> _Direct | None:
    """Learn the places of the parameters, or None if cvxpy compiled something else."""
    tags = 2.0 + np.arange(values.size) / values.size
    tagged = _data(compiled, tags)
    if tagged["A"] is not None or tagged["dims"].soc or tagged["dims"].exp:
        return None
    g = sparse.csc_matrix(tagged["G"])
    columns = tagged["param_prob"].var_id_to_col
    direct = _Direct(
        _Places.learn(tagged["c"], tags),
        _Places.learn(g.data, tags),
        _Places.learn(tagged["h"], tags),
        g.indices,
        g.indptr,
        g.shape,
        [int(columns[column.id]) for column in compiled.x],
    )
    data, cone = _data(compiled, values), direct.cone(values)
    same = (
        np.array_equal(data["c"], cone.c)
        and np.array_equal(data["h"], cone.h)
        and (sparse.csc_matrix(data["G"]) != cone.g).nnz == 0
    )
    return direct if same else None


def _data(compiled: _Compiled, values: Floats) -> dict[str, Any]:
    compiled.set(values)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # advice on how to write problems, not for users
        data: dict[str, Any] = compiled.problem.get_problem_data(cp.ECOS, canon_backend=_BACKEND)[0]
    return data
