"""Allocation programs in a model that is kept: every group (or job) has a slot.

A solver loses its basis when rows or columns are deleted, and keeps it when values change. So a slot of
a group that left is switched off (its columns fixed at zero, its level row without a bound) and waits
for the next that comes. Comparing two programs is then comparing a few small tables.
"""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.engines.protocol import DEFAULT_OPTIONS, Options
from gavel_opt.errors import InputError
from gavel_opt.model.allocation_program import AllocationProgram, Answer, FinishTimeProgram
from gavel_opt.model.answers import certificate_of, tables
from gavel_opt.model.linear_program import LinearProgram
from gavel_opt.model.lowering import full_matrix
from gavel_opt.model.solution import Solution, Stats

_NOBODY: Ints = np.empty(0, np.int64)

_MOST_EMPTY = 0.5
_MOST_NEW = 0.3


@dataclass(slots=True)
class Changes:
    """What differs between two programs in one model; positions are those of the model.

    Attributes
    ----------
    entries
        Row, column and new value of entries of the matrix.
    costs
        Column and new objective coefficient.
    uppers
        Column and new upper bound: infinite, or zero for a slot that is off.
    rows
        Row, new lower and new upper bound.
    too_many
        None of these are listed: the whole model is better passed anew.
    """

    entries: list[tuple[int, int, float]] = field(default_factory=list)
    costs: list[tuple[int, float]] = field(default_factory=list)
    uppers: list[tuple[int, float]] = field(default_factory=list)
    rows: list[tuple[int, float, float]] = field(default_factory=list)
    too_many: bool = False


def keys_of(program: AllocationProgram) -> Ints:
    """What tells a program's groups apart: their keys, or their places."""
    blocks = program.blocks
    return np.arange(blocks.groups) if blocks.key is None else blocks.key


@dataclass(slots=True)
class BlockModel:
    """A table of the values that a persistent model has, one line a slot.

    Columns of the model: the level if there is one, then all slots on the first worker type, on the
    second, ... Rows: levels of all slots, capacities, time sums of all slots. Columns of ``table``: the
    rates on each worker type, the use, the slope, the floor, whether the slot is on, the rewards.
    """

    table: Floats
    types: int
    workers: Floats
    has_level: bool
    has_reward: bool
    key: Ints
    keys: Ints
    at: Ints

    @classmethod
    def of(cls, program: AllocationProgram, spare: int) -> BlockModel:
        """Give a program's groups slots in order, with ``spare`` slots left over."""
        blocks = program.blocks
        groups, types = blocks.groups, blocks.types
        has_reward = program.reward is not None
        keys = keys_of(program)
        model = cls(
            table=np.zeros((groups + spare, types + 4 + types * has_reward)),
            types=types,
            workers=blocks.workers,
            has_level=program.has_level,
            has_reward=has_reward,
            key=np.concatenate([keys, np.full(spare, -1)]),
            keys=keys,
            at=np.arange(groups),
        )
        model._take(program)
        return model

    @property
    def slots(self) -> int:
        """How many slots the model has."""
        return int(self.table.shape[0])

    def general(self) -> LinearProgram:
        """The whole model as a general program."""
        slots, types, table = self.slots, self.types, self.table
        level = int(self.has_level)
        use, slope, floor, on = table[:, types : types + 4].T
        reward = table[:, types + 4 :] if self.has_reward else np.zeros((slots, types))
        upper = np.where(np.tile(on > 0.0, types), np.inf, 0.0)
        return LinearProgram(
            c=np.concatenate([np.ones(level), reward.ravel(order="F")]),
            a=full_matrix(table[:, :types], use, slope if level else None),
            row_lower=np.concatenate([floor, np.full(types + slots, -np.inf)]),
            row_upper=np.concatenate([np.full(slots, np.inf), self.workers, np.ones(slots)]),
            col_lower=np.concatenate([np.full(level, -np.inf), np.zeros(types * slots)]),
            col_upper=np.concatenate([np.full(level, np.inf), upper]),
            maximize=True,
        )

    def update(self, program: AllocationProgram, most: int) -> Changes | None:
        """Take a program's values and say what changed; None if a fresh model is better.

        That is so if the program has another form, if too many groups are new for the old answer to be
        a start, if there are too few slots, or if most would stand empty. Where more than ``most``
        values changed, the changes are left out: ``general`` has them all.
        """
        blocks = program.blocks
        slots, types, level = self.slots, self.types, int(self.has_level)
        if (
            blocks.types != types
            or program.has_level != self.has_level
            or (program.reward is not None) != self.has_reward
            or not self._assign_slots(keys_of(program))
        ):
            return None
        old_workers = self.workers
        slot, column, values = self._take(program)
        changes = Changes()
        if slot.size > most:
            return Changes(too_many=True)
        for i, kind, value in zip(slot.tolist(), column.tolist(), values.tolist(), strict=True):
            if kind < types:
                changes.entries.append((i, level + kind * slots + i, value))
            elif kind == types:
                changes.entries += [(slots + j, level + j * slots + i, value) for j in range(types)]
            elif kind == types + 1:
                changes.entries.append((i, 0, -value))
            elif kind == types + 2:
                changes.rows.append((i, value, math.inf))
            elif kind == types + 3:
                upper = math.inf if value else 0.0
                changes.uppers += [(level + j * slots + i, upper) for j in range(types)]
            else:
                changes.costs.append((level + (kind - types - 4) * slots + i, value))
        if not np.array_equal(old_workers, self.workers):
            for j in np.flatnonzero(old_workers != self.workers).tolist():
                changes.rows.append((slots + j, -math.inf, float(self.workers[j])))
        return changes

    def _assign_slots(self, keys: Ints) -> bool:
        """Find a slot for every key; False if that is not possible or not worth it."""
        if keys.size == self.keys.size and (keys == self.keys).all():
            return True
        # Compiled, so it is loaded only where allocation programs are solved.
        from gavel_opt.engines.persistent_slots import assign_slots

        at, came = assign_slots(self.key, keys)
        if came < 0 or came > max(8, _MOST_NEW * keys.size):
            return False
        if keys.size < _MOST_EMPTY * self.key.size:
            return False
        self.key = self.key.copy()
        self.key[at] = keys
        self.at, self.keys = at, keys
        return True

    def _take(self, program: AllocationProgram) -> tuple[Ints, Ints, Floats]:
        """Write the program's values into the table; returns what changed."""
        from gavel_opt.engines.persistent_slots import rewrite

        self.workers = program.blocks.workers
        return rewrite(self.table, self.at, tables(program))


class PersistentBlocks(ABC):
    """An engine that solves allocation programs without pairs in a model that it keeps.

    Attributes
    ----------
    spare
        Slots that a fresh model has left over, as a part of its groups.
    """

    name: str
    spare: float

    def __init__(self) -> None:
        self._model: BlockModel | None = None
        self._apart = _NOBODY
        """Keys of groups that were in no pool lastly (:mod:`~gavel_opt.engines.proportional_jobs`)."""

    def forget(self) -> None:
        """Keep no model: the next program is solved from scratch."""
        self._model = None

    @abstractmethod
    def _most_changes(self, slots: int) -> int:
        """Changed values from which on the whole model is passed anew."""

    @abstractmethod
    def _solve_fresh(self, program: LinearProgram, options: Options) -> Solution:
        """Solve a model from scratch, and keep it."""

    @abstractmethod
    def _solve_changed(
        self, model: BlockModel, changes: Changes, options: Options, started: float
    ) -> Solution | None:
        """Change the persistent model and solve it; None if it has to be built afresh."""

    def solve_blocks(
        self, program: AllocationProgram | FinishTimeProgram, options: Options = DEFAULT_OPTIONS
    ) -> tuple[Solution, Answer | None]:
        """Solve an allocation program without pairs, each group in a slot of the persistent model.

        Raises
        ------
        InputError
            For pairs and finish-time programs, which its capability rules out.
        """
        if isinstance(program, FinishTimeProgram) or program.blocks.pairs is not None:
            raise InputError(
                f"engine {self.name!r} takes blocks without pairs, or general programs"
            )
        if program.blocks.kind is None:
            return self._solve_model(program, options)
        # Compiled, so it is loaded only where allocation programs are solved.
        from gavel_opt.engines.proportional_jobs import ProportionalGroups

        deadline = time.perf_counter() + options.time_limit
        apart = np.isin(keys_of(program), self._apart)
        stats = Stats(programs=0)
        while True:
            pools = ProportionalGroups.of(program, apart)
            if pools is None:
                return self._solve_model(program, options)
            solution, pooled = self._solve_model(pools.program, options)
            stats.add(solution.stats)
            solution.stats = stats
            if pooled is None:
                return solution, None
            answer, solution.certificate = pools.spread(program, pooled)
            leave = pools.limited(pooled)
            if not leave.any():
                self._apart = keys_of(program)[apart & (answer.x.sum(axis=1) > 0.5)]
                solution.objective = answer.objective
                return solution, answer
            apart |= leave
            if math.isfinite(deadline):
                options = replace(options, time_limit=deadline - time.perf_counter())

    def _solve_model(
        self, program: AllocationProgram, options: Options
    ) -> tuple[Solution, Answer | None]:
        """Solve a program on the persistent model, or on a fresh one."""
        # Compiled, so it is loaded only where allocation programs are solved.
        from gavel_opt.engines.persistent_slots import read

        started = time.perf_counter()
        model = self._model
        solution: Solution | None = None
        if model is not None:
            changes = model.update(program, self._most_changes(model.slots))
            if changes is not None:
                solution = self._solve_changed(model, changes, options, started)
        if model is None or solution is None:
            spare = int(np.ceil(self.spare * program.blocks.groups))
            model = BlockModel.of(program, spare)
            solution = self._solve_fresh(model.general(), options)
            self._model = model
        if solution.x is None or solution.row_dual is None:
            self._model = None
            return solution, None
        x, level_dual, price, proof = read(
            solution.x, solution.row_dual, model.at, model.slots, tables(program)
        )
        answer = Answer(x, proof[1], proof[0], level_dual, price)
        solution.objective, solution.certificate = answer.objective, certificate_of(proof)
        return solution, answer
