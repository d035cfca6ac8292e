"""What all policies with Gavel's interface have in common: dictionaries in, one of ours asked, dictionaries out."""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any, TypeVar, cast

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.driver import Driver
from gavel_opt.engines.registry import known_engines
from gavel_opt.errors import InputError, unknown_name
from gavel_opt.gavel.dictionaries import (
    Columns,
    Jobs,
    Rows,
    equal_rows,
    is_nothing,
    read_jobs,
    require_dictionaries,
    shown,
    worker_types_of_cluster,
)
from gavel_opt.gavel.pairs import Pairs
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.policies import make_policy

Values = Mapping[Any, Any]
Call = TypeVar("Call", bound=Callable[..., Any])

SOLVERS = {"ECOS": "ecos", "SCS": "scs", "CLARABEL": "clarabel", "HIGHS": "highs"}
"""Names that cvxpy has for solvers, which Gavel's drivers hand on, to our engines."""

REFERENCE = "v100"
"""Worker type whose throughput plain policies take for all, as Gavel has it."""


def engine_of(solver: str | None) -> str:
    """Our engine for what Gavel calls a solver: one of ours by name, or cvxpy's name for one of them.

    Raises
    ------
    InputError
        If we have none.
    """
    if solver is None:
        return "auto"
    known = known_engines()
    engine = SOLVERS.get(solver, solver)
    if engine != "auto" and engine not in known:
        raise unknown_name(
            "solver", solver, ["auto", *known, *(n for n in SOLVERS if SOLVERS[n] in known)]
        )
    return engine


def without_collecting(call: Call) -> Call:
    """Let no garbage be looked for during a call: with 100,000 dictionaries a search takes longer than it."""

    @functools.wraps(call)
    def quiet(*arguments: Any, **named: Any) -> Any:
        if not gc.isenabled():
            return call(*arguments, **named)
        gc.disable()
        try:
            return call(*arguments, **named)
        finally:
            gc.enable()

    return cast(Call, quiet)


class GavelPolicy:
    """What all have in common.

    Parameters
    ----------
    policy
        Ours that does the work.
    name
        What Gavel's scheduler compares (``policy.name``).
    solver
        ``"ECOS"`` or another of cvxpy's names: that engine's own optimum, as Gavel takes it (with ECOS the
        same bits). One of our engines, or None for the default: the canonical optimum.
    tie_break
        ``"canonical"``, ``"efficient"`` or ``"none"``, in place of what the solver implies.
    seed
        For FIFO and Gandiva; None is 0.
    num_threads
        Taken and not used: POP's fork has it.
    settings
        Of the policy.
    """

    packs = False
    """Whether throughputs of pairs are read; also where the policy's name says so."""

    solves = True
    """Whether shares are a solver's."""

    empty: dict[Any, Any] | None = None
    """What a call without jobs returns."""

    def __init__(
        self,
        policy: str,
        name: str,
        solver: str | None = None,
        tie_break: str | None = None,
        seed: int | None = None,
        num_threads: int | None = None,
        **settings: Any,
    ) -> None:
        del num_threads  # of POP's fork, for MOSEK
        for what, word in (("solver", solver), ("tie_break", tie_break)):
            if word is not None and not isinstance(word, str):
                raise InputError(f"{what} is {word!r}, expected a text or None")
        self._name = name
        self.packs = self.packs or "packed" in policy
        if tie_break is None:
            tie_break = "none" if solver in SOLVERS else "canonical"
        made = make_policy(policy, 0 if seed is None else seed, **settings)
        self.driver = Driver(made, engine_of(solver), tie_break=tie_break)
        self._plain = policy in ("finish_time_fairness", "min_total_duration")
        self._columns = Columns()
        self._pairs = Pairs()
        self._zeros: dict[tuple[str, ...], NoShares] = {}
        self._types: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As Gavel's scheduler compares it."""
        return self._name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, engine={self.driver.engine.name!r})"

    def _state(
        self, throughputs: Rows, scale_factors: Values | None, cluster_spec: Values, **columns: Any
    ) -> tuple[ClusterState, Jobs]:
        given = {"throughputs": throughputs, "scale_factors": scale_factors, **columns}
        require_dictionaries(cluster_spec=cluster_spec, **given)
        table: ThroughputTable
        if self.packs:
            here = self._columns.numbers("scale_factors", list(scale_factors or ()))
            jobs = self._pairs.read(throughputs, here)
        else:
            keys = list(throughputs)
            number = self._columns.numbers("throughputs", keys)
            jobs = read_jobs(number, keys, list(throughputs.values()))
        n = jobs.number.size
        scale = np.ones(n, dtype=np.int64)
        if scale_factors is not None:
            scale = self._scales(scale_factors, jobs)
        if self.packs:
            key, table = self._pairs.table(jobs, scale)
        else:
            key, alone, _ = equal_rows(jobs.alone, scale)
            table = ThroughputTable(alone)
        if REFERENCE in jobs.types:
            table = replace(table, reference=jobs.types.index(REFERENCE))
        elif self._plain:
            raise InputError(
                f"{self._name} takes the throughput on {REFERENCE!r}, which is not there"
            )
        found = {
            name: self._columns.read(name, values, jobs)
            for name, values in columns.items()
            if values is not None
        }
        state = ClusterState(
            worker_types=jobs.types,
            workers=workers_of(cluster_spec, jobs.types),
            throughputs=table,
            job=jobs.number,
            key=key,
            scale_factor=scale,
            weight=found.get("priority_weights", np.ones(n)),
            steps_left=found.get("num_steps_remaining", np.ones(n)),
            age=found.get("times_since_start", np.zeros(n)),
        )
        self._columns.forget_call()
        if jobs.types != self._types:
            self._rename_types(jobs.types)
        return state, jobs

    def _rename_types(self, types: tuple[str, ...]) -> None:
        """Let jobs that hold a worker type keep it by name; those whose type is gone wait again."""
        policy = self.driver.policy
        memory = policy.snapshot()
        if memory.get("type_of"):
            named = [(job, self._types[kind]) for job, kind in memory["type_of"]]
            held = [[job, types.index(name)] for job, name in named if name in types]
            policy.restore(memory | {"type_of": held})
        self._types = types

    def _scales(self, scale_factors: Values, jobs: Jobs) -> Ints:
        read = self._columns.read("scale_factors", scale_factors, jobs)
        whole = np.abs(read) <= _MOST
        whole[whole] = read[whole] == np.rint(read[whole])
        if not whole.all():
            at = int(np.argmin(whole))
            raise InputError(f"scale_factors of job {jobs.name[at]} is {read[at]}, not whole")
        return read.astype(np.int64)

    def _no_jobs(self, cluster_spec: Values) -> dict[Any, Any] | None:
        """Let the policy see that everybody has left."""
        require_dictionaries(cluster_spec=cluster_spec)
        types = worker_types_of_cluster(cluster_spec)
        none = np.empty(0)
        whole = np.empty(0, dtype=np.int64)
        self._ask(
            ClusterState(
                types,
                workers_of(cluster_spec, types),
                ThroughputTable(np.empty((0, len(types)))),
                whole,
                whole,
                whole,
                none,
                none,
                none,
            )
        )
        return None if self.empty is None else dict(self.empty)

    def _allocate(
        self, throughputs: Rows, scale_factors: Values | None, cluster_spec: Values, **columns: Any
    ) -> dict[Any, Any] | None:
        """Shares, of jobs as Gavel hands them over."""
        if is_nothing(throughputs):
            return self._no_jobs(cluster_spec)
        state, jobs = self._state(throughputs, scale_factors, cluster_spec, **columns)
        return self._written(self._ask(state), jobs, throughputs)

    def _ask(self, state: ClusterState) -> Allocation:
        """Ours for the shares of a call."""
        return self.driver.allocate(state)

    def _written(
        self, found: Allocation, jobs: Jobs, throughputs: Rows | None = None
    ) -> dict[Any, Any]:
        """Shares as Gavel has them, ``{job or pair: {worker type: share}}``."""
        types = jobs.types
        shares = _rows(types, found.x)
        if not (self.packs and throughputs is not None):
            return dict(zip(jobs.name, shares, strict=True))
        # Gandiva may try pairs that the caller has not named
        made = None if self.solves else pair_maker(jobs.name[0])
        called = self._pairs.called(found.pair, made)
        rows = _rows(types, found.pair_x)
        # what a solver leaves on pairs that were not there to choose is nothing
        there = [(key, row) for key, row in zip(called, rows, strict=True) if key is not None]
        keys = [*jobs.name, *(key for key, _ in there)]
        values = itertools.chain(shares, (row for _, row in there))
        return self._pairs.written(keys, values, self._nothing(types))

    def _nothing(self, types: tuple[str, ...]) -> NoShares:
        return self._zeros.setdefault(types, NoShares(types))


def with_pairs(
    written: dict[Any, Any], keys: list[Any], found: Allocation, types: tuple[str, ...]
) -> dict[Any, Any]:
    """Add the shares of pairs under their keys; of those that have none they are left out."""
    rows = zip(keys, _rows(types, found.pair_x), strict=True)
    written.update((key, row) for key, row in rows if key is not None)
    return written


def _rows(types: tuple[str, ...], table: Floats) -> list[dict[str, float]]:
    """Rows of a table as dictionaries by worker type."""
    rows: Iterable[list[float]] = (table + 0.0).tolist()  # no zero with a sign
    if len(types) == 3:  # twice as fast
        a, b, c = types
        return [{a: x, b: y, c: z} for x, y, z in rows]
    return [dict(zip(types, row, strict=True)) for row in rows]


def pair_maker(name: Any) -> Callable[[int, int], Any]:
    """What makes a pair's identifier of two numbers: that of jobs, or a tuple where jobs are plain numbers."""
    return (lambda one, other: (one, other)) if isinstance(name, Integral) else type(name)


class NoShares(dict[str, float]):
    """No share of any type; one object stands for all pairs without one, so it cannot be changed."""

    def __init__(self, types: Iterable[str]) -> None:
        super().__init__(dict.fromkeys(types, 0.0))

    def _fixed(self, *_: Any, **__: Any) -> Any:
        raise TypeError("shares of pairs that have none are one object; copy the allocation first")

    __setitem__ = __delitem__ = update = pop = popitem = clear = setdefault = __ior__ = _fixed

    def __copy__(self) -> dict[str, float]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, float]:
        return dict(self)

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


_MOST = 10**9
"""Workers of one type."""


def _is_whole(count: Any) -> bool:
    return isinstance(count, float | np.floating) and float(count).is_integer()


def workers_of(cluster_spec: Values, types: tuple[str, ...]) -> Ints:
    """Workers of each type, shape ``(J,)``.

    Raises
    ------
    InputError
        If a type is missing, or its count is no whole number.
    """
    try:
        given = [cluster_spec[kind] for kind in types]
    except KeyError as missing:
        raise InputError(f"cluster_spec has no worker type {missing.args[0]!r}") from None
    for kind, count in zip(types, given, strict=True):
        if not isinstance(count, int | np.integer) and not _is_whole(count):
            raise InputError(f"cluster_spec of {kind!r} is {count!r}, not whole")
        if not abs(count) <= _MOST:
            raise InputError(
                f"cluster_spec of {kind!r} is {shown(count)}, expected {_MOST:,} at most"
            )
    return np.array(given, dtype=np.int64)
