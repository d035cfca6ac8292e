"""States that real callers hand over: each has a meaning, and an error names the job.

=====================================  =============================================================
state                                  meaning
=====================================  =============================================================
no jobs                                an empty allocation; policies that remember see that all left
steps left of 0 or below               the job is done: where steps matter (makespan, finish-time
                                       fairness, deadlines) it asks for nothing and gets no share
weight of 0                            the job is entitled to nothing: where weights matter it gets no
                                       share and does not lower anybody else's
a job that runs nowhere                no throughput, or a scale factor above the number of workers, on
                                       every type: as if it were not there; no share
a type without workers                 as if it were not there; nobody has a share of it
negative or not a number               refused, naming the job
=====================================  =============================================================

Whoever has no share may still run on workers that are left over; that is up to the mechanism.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.input_checks import all_run, are_ordinary
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, StandingState, ThroughputTable

_PER_JOB = ("key", "scale_factor", "weight", "steps_left", "age")


@dataclass(slots=True)
class Glance:
    """A quick look at each state, which knows the throughputs of the one before."""

    _widest: int = -1
    _table: ThroughputTable | None = None
    _workers: bytes = field(default=b"")

    def widest(self, state: ClusterState | StandingState) -> int:
        """The largest scale factor that is nothing odd in a state; -1 where the table or a type is."""
        workers = state.workers.tobytes()
        if state.throughputs is not self._table or workers != self._workers:
            self._table, self._workers = state.throughputs, workers
            least = int(state.workers.min()) if state.workers.size else 0
            good = least > 0 and _types_fit(state)
            good = good and state.throughputs.alone.dtype.isnative and state.workers.dtype.isnative
            good = good and all_run(np.asarray(state.throughputs.alone, np.float64))
            good = good and _pairs_fit(state.throughputs) and _are_speeds(state.throughputs.paired)
            self._widest = least if good else -1
        return self._widest

    def odd(self, state: ClusterState) -> bool:
        """Whether anything of a state may be odd, or refused by :func:`screen_state`; False if not."""
        columns = (state.job, *columns_of(state))
        shape = np.shape(state.job)
        for column, dtype in zip(columns, _COMPILED_FOR, strict=True):
            if type(column) is not np.ndarray or column.dtype is not dtype:
                return True
            if column.shape != shape or not column.flags.carray:
                return True
        widest = self.widest(state)
        if len(shape) != 1 or not shape[0] or widest < 0:
            return True
        for some in (state.deadline, state.entity):
            if some is not None and np.shape(some) != shape:
                return True
        if state.deadline is not None and np.isnan(state.deadline).any():
            return True
        return not are_ordinary(columns[0], columns[1:], (len(state.throughputs.alone), widest))


_WHOLE, _REAL = np.dtype(np.int64), np.dtype(np.float64)
_COMPILED_FOR = _WHOLE, _WHOLE, _WHOLE, _REAL, _REAL, _REAL


def columns_of(state: ClusterState) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """What is known of each job besides its number."""
    return state.key, state.scale_factor, state.weight, state.steps_left, state.age


def _types_fit(state: ClusterState | StandingState) -> bool:
    """Whether workers, their names and the columns of throughputs are as many."""
    table, types = state.throughputs, state.workers.size
    named = types if isinstance(state, StandingState) else len(state.worker_types)
    alone = table.alone
    if not isinstance(alone, np.ndarray) or alone.shape[1:] != (types,):
        return False
    return named == types and 0 <= table.reference < types


def _pairs_fit(table: ThroughputTable) -> bool:
    """Whether co-located throughputs, if there are any, are those of the keys and types of the others."""
    paired = table.paired
    if paired is None:
        return True
    if not isinstance(paired, np.ndarray) or paired.dtype.kind not in "iuf":
        return False
    keys, types = table.alone.shape
    return paired.shape == (keys, keys, 2, types) and paired.dtype.isnative


def _are_speeds(values: Floats | None) -> bool:
    """Whether none is negative, infinite or no number."""
    if values is None or not values.size:
        return True
    return bool(values.min() >= 0.0 and values.max() < np.inf)


def require_columns(state: ClusterState) -> None:
    """Refuse a state whose jobs are not in columns, or not in order of their numbers.

    Raises
    ------
    InputError
        Naming the column.
    """
    for name in ("job", *_PER_JOB, "deadline", "entity"):
        column = getattr(state, name)
        if column is None and name in ("deadline", "entity"):
            continue
        whole = name in ("job", "key", "scale_factor", "entity")
        kinds = "iu" if whole else "iufb"
        if not isinstance(column, np.ndarray) or column.dtype.kind not in kinds:
            is_one = isinstance(column, np.ndarray)
            found = f"an array of {column.dtype}" if is_one else f"a {type(column).__name__}"
            numbers = "whole numbers" if whole else "numbers"
            raise InputError(f"{name!r} of the state is {found}, expected an array of {numbers}")
        require_plain(name, column)
        if column.ndim != 1:
            raise InputError(
                f"{name!r} of the state has shape {column.shape}, expected one dimension"
            )
        if column.size != state.job.size:
            raise InputError(
                f"the state has {state.job.size} jobs, but {column.size} values in {name!r}"
            )
    wrong = np.flatnonzero(state.job[1:] <= state.job[:-1])
    if wrong.size:
        before, after = state.job[wrong[0]], state.job[wrong[0] + 1]
        raise InputError(f"job {after} stands after job {before}; expected ascending numbers")


def require_plain(name: str, values: np.ndarray) -> None:
    """Refuse bytes in another order than this machine's, as files of others have them: no compiled code takes them.

    Raises
    ------
    InputError
        Naming it.
    """
    if not values.dtype.isnative:
        plain = "float" if values.dtype.kind == "f" else "int"
        raise InputError(
            f"{name!r} of the state is an array of {values.dtype.str}, expected bytes in the order of this machine: "
            f".astype({plain})"
        )


def screen_state(state: ClusterState) -> None:
    """Refuse a state whose jobs are in no table or have values that mean nothing.

    Raises
    ------
    InputError
        Naming the job and what is wrong with it.
    """
    require_columns(state)
    if not _types_fit(state):
        table = state.throughputs
        raise InputError(
            f"the state has {state.workers.size} worker types with {len(state.worker_types)} names, and as "
            f"throughputs a {type(table.alone).__name__} of shape {np.shape(table.alone)}, column "
            f"{table.reference} the reference; expected an array with a column for each type"
        )
    tables = {
        "throughputs.alone": state.throughputs.alone,
        "throughputs.paired": state.throughputs.paired,
    }
    for name, values in ({"workers": state.workers} | tables).items():
        if isinstance(values, np.ndarray):
            require_plain(name, values)
    if not _pairs_fit(state.throughputs):
        keys, types = state.throughputs.alone.shape
        paired: object = state.throughputs.paired
        raise InputError(
            f"the state has co-located throughputs that are a {type(paired).__name__} of shape {np.shape(np.asarray(paired))}"
            f"; expected an array of numbers of shape {(keys, keys, 2, types)}, as there are {keys} keys"
        )
    n, rows = state.job.size, state.throughputs.alone.shape[0]
    if n and not (state.key.min() >= 0 and state.key.max() < rows):
        at = _first((state.key < 0) | (state.key >= rows))
        raise InputError(
            f"job {state.job[at]} has key {state.key[at]}, but the table of throughputs has"
            f" {rows} rows; keys count from 0"
        )
    if not n:
        return
    _require(state, "scale_factor", state.scale_factor >= 1, "at least 1")
    _require(state, "weight", (state.weight >= 0.0) & (state.weight < np.inf), "0 or more")
    _require(state, "steps_left", np.isfinite(state.steps_left), "a number")
    _require(state, "age", np.isfinite(state.age), "a number")
    if state.deadline is not None:
        _require(state, "deadline", ~np.isnan(state.deadline), "a number, or infinity without one")
    if state.workers.min() < 0:
        at = _first(state.workers < 0)
        raise InputError(
            f"worker type {state.worker_types[at]!r} has {state.workers[at]} workers, expected 0 or more"
        )
    alone = state.throughputs.alone
    if not _are_speeds(alone):
        good: Bools = np.array(np.isfinite(alone) & (alone >= 0.0))
        bad = np.flatnonzero(np.any(~good[state.key], axis=1))
        if bad.size:
            row = int(state.key[bad[0]])
            kind = int(np.argmin(good[row]))
            raise InputError(
                f"job {state.job[bad[0]]} has a throughput of {alone[row, kind]} on"
                f" {state.worker_types[kind]!r}, expected 0 or more"
            )
    _screen_pairs(state)


def _screen_pairs(state: ClusterState) -> None:
    """Refuse throughputs of pairs that mean nothing.

    Raises
    ------
    InputError
        Naming the jobs.
    """
    paired = state.throughputs.paired
    if paired is None or _are_speeds(paired):
        return
    keys, at = np.unique(state.key, return_index=True)
    of_jobs = paired[np.ix_(keys, keys)]
    wrong = np.argwhere(~(np.isfinite(of_jobs) & (of_jobs >= 0.0)))
    if wrong.size:
        one, two, side, kind = wrong[0].tolist()
        jobs = state.job[at[[one, two]]]
        who, beside = jobs[::-1] if side else jobs
        raise InputError(
            f"a job like job {who} beside one like job {beside} has a throughput of "
            f"{of_jobs[one, two, side, kind]} on {state.worker_types[kind]!r}, expected 0 or more"
        )


def _require(state: ClusterState, name: str, good: Bools, expected: str) -> None:
    if not good.all():
        at = _first(~good)
        value = getattr(state, name)[at]
        raise InputError(f"job {state.job[at]} has {name} {value}, expected {expected}")


def _first(wrong: Bools) -> int:
    return int(np.flatnonzero(wrong)[0])


def proper_part(state: ClusterState, needs_reference: bool) -> tuple[ClusterState, Ints]:
    """Leave out the jobs that run nowhere and the types without workers.

    Parameters
    ----------
    state
        Any state that was screened.
    needs_reference
        Whether the throughput on the reference counts, be it without workers: then it stays.

    Returns
    -------
    part, types
        The state of the rest, ``state`` itself where all are left, and where its worker types are in
        ``state``.
    """
    table = state.throughputs
    runs = (table.alone[state.key] > 0.0) & (state.scale_factor[:, None] <= state.workers)
    served: Bools = np.any(runs & (state.workers > 0), axis=1)
    types = np.flatnonzero(state.workers > 0)
    if served.all() and types.size == state.workers.size:
        return state, types
    part = subset(state, served)
    if types.size < state.workers.size and types.size:
        if needs_reference and table.reference not in types:
            types = np.sort(np.append(types, table.reference))
        part = replace(
            part,
            worker_types=tuple(state.worker_types[kind] for kind in types),
            workers=state.workers[types],
            throughputs=ThroughputTable(
                table.alone[:, types],
                None if table.paired is None else table.paired[..., types],
                int(np.searchsorted(types, table.reference)) if table.reference in types else 0,
            ),
            prices=None if state.prices is None else state.prices[types],
        )
    return part, types


def subset(state: ClusterState, jobs: Ints | Bools) -> ClusterState:
    """The state of some of its jobs."""
    return replace(
        state,
        job=state.job[jobs],
        **{name: getattr(state, name)[jobs] for name in _PER_JOB},
        deadline=None if state.deadline is None else state.deadline[jobs],
        entity=None if state.entity is None else state.entity[jobs],
    )


def widened(allocation: Allocation, state: ClusterState, types: Ints | None = None) -> Allocation:
    """Write an allocation of some jobs, and some types, as one of all: nothing for the others."""
    all_types = state.workers.size
    kinds = np.arange(all_types) if types is None else types
    x = np.zeros((state.job.size, all_types))
    x[np.ix_(np.searchsorted(state.job, allocation.job), kinds)] = allocation.x
    pair_x = np.zeros((allocation.pair.shape[0], all_types))
    if allocation.pair.size:
        pair_x[:, kinds] = allocation.pair_x
    return replace(allocation, job=state.job, x=x, pair_x=pair_x)
