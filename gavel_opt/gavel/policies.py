"""Policies with the interface of Gavel's own, solved by any of our engines."""

from __future__ import annotations

import functools
import gc
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, TypeVar, cast

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.driver import Driver
from gavel_opt.engines.registry import known_engines
from gavel_opt.errors import InputError, unknown_name
from gavel_opt.gavel.dictionaries import (
    Columns,
    Jobs,
    Pairs,
    Rows,
    column_of,
    equal_rows,
    is_nothing,
    numbers,
    read_job_types,
    read_jobs,
    require_dictionaries,
    worker_types_of_cluster,
)
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.policies import make_policy
from gavel_opt.policies.entities import Entities
from gavel_opt.policies.water_filling import WaterFilling

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
        self._name = name
        self.packs = self.packs or "packed" in policy
        if tie_break is None:
            tie_break = "none" if solver in SOLVERS else "canonical"
        made = make_policy(policy, 0 if seed is None else seed, **settings)
        self.driver = Driver(made, engine_of(solver), tie_break=tie_break)
        self._plain = policy in ("finish_time_fairness", "min_total_duration")
        self._columns = Columns()
        self._pairs = Pairs()
        self._zeros: dict[tuple[str, ...], _Zeros] = {}

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
            workers=_workers(cluster_spec, jobs.types),
            throughputs=table,
            job=jobs.number,
            key=key,
            scale_factor=scale,
            weight=found.get("priority_weights", np.ones(n)),
            steps_left=found.get("num_steps_remaining", np.ones(n)),
            age=found.get("times_since_start", np.zeros(n)),
        )
        self._columns.forget_call()
        return state, jobs

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
        self.driver.allocate(
            ClusterState(
                types,
                _workers(cluster_spec, types),
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
        return self._written(self.driver.allocate(state), jobs, throughputs)

    def _written(
        self, found: Allocation, jobs: Jobs, throughputs: Rows | None = None
    ) -> dict[Any, Any]:
        """Shares as Gavel has them, ``{job or pair: {worker type: share}}``."""
        types = jobs.types
        shares = _rows(types, found.x)
        if not (self.packs and throughputs is not None):
            return dict(zip(jobs.name, shares, strict=True))
        written = self._pairs.blank(self._nothing(types))
        written.update(zip(jobs.name, shares, strict=True))
        return self._with_pairs(written, found, jobs)

    def _nothing(self, types: tuple[str, ...]) -> _Zeros:
        return self._zeros.setdefault(types, _Zeros(types))

    def _with_pairs(self, written: dict[Any, Any], found: Allocation, jobs: Jobs) -> dict[Any, Any]:
        pair_of, called = _pair_maker(jobs.name[0]), self._pairs.called
        keys = [called(one, other, pair_of) for one, other in found.pair.tolist()]
        rows: Iterable[Any] = zip(keys, _rows(jobs.types, found.pair_x), strict=True)
        if self.solves:  # what a solver leaves on pairs that were not there to choose is nothing
            rows = ((key, row) for key, row in rows if key in written)
        written.update(rows)
        return written


def _rows(types: tuple[str, ...], table: Floats) -> list[dict[str, float]]:
    """Rows of a table as dictionaries by worker type."""
    rows: Iterable[list[float]] = (table + 0.0).tolist()  # no zero with a sign
    if len(types) == 3:  # twice as fast
        a, b, c = types
        return [{a: x, b: y, c: z} for x, y, z in rows]
    return [dict(zip(types, row, strict=True)) for row in rows]


def _pair_maker(name: Any) -> Callable[[int, int], Any]:
    """What makes a pair's identifier of two numbers: that of jobs, or a tuple where jobs are plain numbers."""
    return (lambda one, other: (one, other)) if isinstance(name, Integral) else type(name)


class _Zeros(dict[str, float]):
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


def _workers(cluster_spec: Values, types: tuple[str, ...]) -> Ints:
    try:
        given = [cluster_spec[kind] for kind in types]
    except KeyError as missing:
        raise InputError(f"cluster_spec has no worker type {missing.args[0]!r}") from None
    for kind, count in zip(types, given, strict=True):
        if not isinstance(count, int | np.integer) and not _is_whole(count):
            raise InputError(f"cluster_spec of {kind!r} is {count!r}, not whole")
        if not abs(count) <= _MOST:
            raise InputError(f"cluster_spec of {kind!r} is {count!r}, expected {_MOST:,} at most")
    return np.array(given, dtype=np.int64)


class Weighted(GavelPolicy):
    """Max-min fairness: weights, and with packing throughputs by job type as well."""

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        unflattened_priority_weights: Values,
        cluster_spec: Values,
    ) -> dict[Any, Any] | None:
        """Shares by job (or pair) and worker type; None without jobs."""
        return self._allocate(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            priority_weights=unflattened_priority_weights,
        )


class Packed(Weighted):
    """Max-min fairness with pairs."""

    packs = True

    @without_collecting
    def get_allocation_using_job_type_throughputs(
        self,
        unflattened_throughputs: Mapping[Any, Mapping[str, Mapping[Any, Any]]],
        job_id_to_job_type_key: Values,
        scale_factors: Values,
        unflattened_priority_weights: Values,
        cluster_spec: Values,
    ) -> dict[Any, Any] | None:
        """The same from ``{job type: {worker type: {None or other type: steps per second}}}``.

        Shares of all pairs are returned, as Gavel returns them.
        """
        if is_nothing(job_id_to_job_type_key):
            return self._no_jobs(cluster_spec)
        require_dictionaries(
            cluster_spec=cluster_spec,
            throughputs=unflattened_throughputs,
            job_id_to_job_type_key=job_id_to_job_type_key,
            scale_factors=scale_factors or {},
            priority_weights=unflattened_priority_weights or {},
        )
        types = worker_types_of_cluster(cluster_spec)
        kinds, table = read_job_types(unflattened_throughputs, types)
        row = {kind: at for at, kind in enumerate(kinds)}
        names = list(job_id_to_job_type_key)
        number = numbers(names)
        order = np.argsort(number, kind="stable")
        names = [names[at] for at in order.tolist()]
        try:
            key = np.array([row[job_id_to_job_type_key[name]] for name in names], dtype=np.int64)
        except (KeyError, TypeError):
            wrong = next(k for k in job_id_to_job_type_key.values() if k not in kinds)
            raise InputError(f"job type {wrong!r} has no throughputs") from None
        jobs = Jobs(number[order], names, types, table.alone[key])
        state = ClusterState(
            types,
            _workers(cluster_spec, types),
            table,
            jobs.number,
            key,
            self._scales(scale_factors or {}, jobs),
            self._columns.read("priority_weights", unflattened_priority_weights or {}, jobs),
            np.ones(number.size),
            np.zeros(number.size),
        )
        found = self.driver.allocate(state)
        pair_of = _pair_maker(names[0])
        written = self._written(found, jobs)
        nothing = self._nothing(types)
        every = itertools.combinations(jobs.number.tolist(), 2)
        written |= {pair_of(one, other): nothing for one, other in every}
        return self._with_pairs(written, found, jobs)


class WaterFilled(GavelPolicy):
    """Water filling, flat or over entities."""

    def __init__(
        self,
        policy: str,
        name: str,
        priority_reweighting_policies: Mapping[Any, str] | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(policy, name, **rest)
        self._within = priority_reweighting_policies

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        unflattened_priority_weights: Values,
        cluster_spec: Values,
        entity_weights: Mapping[Any, float] | None = None,
        entity_to_job_mapping: Mapping[Any, Any] | None = None,
        verbose: bool = False,
        return_effective_throughputs: bool = False,
    ) -> Any:
        """Shares by job (or pair) and worker type, or normalised throughputs and the jobs; None without jobs.

        Raises
        ------
        InputError
            For an entity without a weight, or a job of none.
        """
        if is_nothing(unflattened_throughputs):
            return self._no_jobs(cluster_spec)
        state, jobs = self._state(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            priority_weights=unflattened_priority_weights,
        )
        policy = self.driver.policy
        assert isinstance(policy, WaterFilling)
        policy.entities = None
        if self._within is not None:
            policy.entities, state.entity = self._entities(
                self._within, entity_weights, entity_to_job_mapping, jobs
            )
        found = self.driver.allocate(state)
        if return_effective_throughputs:
            return _normalised(state, found), jobs.name
        return self._written(found, jobs, unflattened_throughputs)

    def _entities(
        self,
        within: Mapping[Any, str],
        weights: Mapping[Any, float] | None,
        of: Mapping[Any, Any] | None,
        jobs: Jobs,
    ) -> tuple[Entities, Ints]:
        if weights is None or of is None:
            raise InputError(
                "priority_reweighting_policies need entity_weights and entity_to_job_mapping"
            )
        entity = np.full(jobs.number.size, -1)
        parsed: dict[str, Any] = {"weights": {}, "within": {}}
        for at, (name, members) in enumerate(of.items()):
            if name not in weights or name not in within:
                raise InputError(f"entity {name!r} has no weight, or no way to share")
            parsed["weights"][at], parsed["within"][at] = weights[name], within[name]
            theirs = self._columns.of(list(members))
            entity[np.isin(jobs.number, theirs)] = at
        if (entity < 0).any():
            job = jobs.name[int(np.flatnonzero(entity < 0)[0])]
            raise InputError(f"job {job} belongs to no entity")
        return Entities.parse(parsed), entity


def _normalised(state: ClusterState, found: Allocation) -> Floats:
    """Throughput of each job divided by that on its equal share, shape ``(n,)``."""
    table = state.throughputs
    alone = table.alone[state.key]
    speed = (alone * found.x).sum(axis=1)
    if found.pair.size and table.paired is not None:
        first, second = np.searchsorted(state.job, found.pair.T)
        both = table.paired[state.key[first], state.key[second]]
        np.add.at(speed, first, (both[:, 0] * found.pair_x).sum(axis=1))
        np.add.at(speed, second, (both[:, 1] * found.pair_x).sum(axis=1))
    share = state.workers / state.workers.sum()
    normal: Floats = speed / (alone @ share)
    return normal


class FinishTime(GavelPolicy):
    """Finish-time fairness."""

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        unflattened_priority_weights: Values,
        times_since_start: Values,
        num_steps_remaining: Values,
        cluster_spec: Values,
    ) -> dict[Any, Any] | None:
        """Shares by job (or pair) and worker type; None without jobs."""
        return self._allocate(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            priority_weights=unflattened_priority_weights,
            times_since_start=times_since_start,
            num_steps_remaining=num_steps_remaining,
        )


class Makespan(GavelPolicy):
    """Minimum total duration."""

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        num_steps_remaining: Values,
        cluster_spec: Values,
    ) -> dict[Any, Any] | None:
        """Shares by job (or pair) and worker type; None without jobs."""
        return self._allocate(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            num_steps_remaining=num_steps_remaining,
        )


class Sum(GavelPolicy):
    """Sum of throughputs, per dollar, with deadlines."""

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        cluster_spec: Values,
        instance_costs: Mapping[str, float] | None = None,
        SLOs: Values | None = None,
        num_steps_remaining: Values | None = None,
    ) -> dict[Any, Any] | None:
        """Shares by job (or pair) and worker type; None without jobs.

        ``SLOs`` are seconds from now, of some jobs or of all.
        """
        if is_nothing(unflattened_throughputs):
            return self._no_jobs(cluster_spec)
        state, jobs = self._state(unflattened_throughputs, scale_factors, cluster_spec)
        require_dictionaries(SLOs=SLOs, num_steps_remaining=num_steps_remaining)
        state.prices = _prices(instance_costs, jobs.types)
        if SLOs:
            some, due = self._columns.of(list(SLOs)), column_of("SLOs", SLOs)
            at = np.searchsorted(jobs.number, some)
            known = (at < jobs.number.size) & (
                jobs.number[np.minimum(at, jobs.number.size - 1)] == some
            )
            if not known.all():
                raise InputError(f"SLOs: job {list(SLOs)[int(np.argmin(known))]} is not there")
            if np.isnan(due).any():
                raise InputError(f"SLOs of job {list(SLOs)[int(np.argmax(np.isnan(due)))]} is nan")
            state.deadline = np.full(jobs.number.size, np.inf)
            state.deadline[at] = due
            steps = num_steps_remaining or {}
            try:
                left = {name: steps[name] for name in SLOs}
            except KeyError as missing:
                raise InputError(f"num_steps_remaining has no job {missing.args[0]}") from None
            state.steps_left[at] = column_of("num_steps_remaining", left)
        return self._written(self.driver.allocate(state), jobs, unflattened_throughputs)


def _prices(costs: Any, types: tuple[str, ...]) -> Floats:
    """Dollars per hour of each worker type, shape ``(J,)``; 1 where the caller has no costs."""
    if costs is None:
        return np.ones(len(types))
    if not isinstance(costs, Mapping):
        raise InputError(
            f"instance_costs is a {type(costs).__name__}, expected a dictionary by worker type"
        )
    for kind in types:
        if kind not in costs:
            raise InputError(f"instance_costs has no worker type {kind!r}")
        if not isinstance(costs[kind], Real):
            raise InputError(f"instance_costs of {kind!r} is {costs[kind]!r}, not a number")
    try:
        return np.array([float(costs[kind]) for kind in types])
    except OverflowError:
        raise InputError("instance_costs: a value is beyond what a float can be") from None


class Shared(GavelPolicy):
    """Policies without a program: FIFO, Gandiva, isolated."""

    @without_collecting
    def get_allocation(
        self, throughputs: Rows, scale_factors: Values, cluster_spec: Values
    ) -> dict[Any, Any] | None:
        """Shares by job (or pair) and worker type; without jobs None, or for FIFO nothing."""
        return self._allocate(throughputs, scale_factors, cluster_spec)


class FirstCome(Shared):
    """First in, first out."""

    empty: dict[Any, Any] | None = {}  # noqa: RUF012


class Paired(Shared):
    """Gandiva, which pairs jobs before it sees how fast they are."""

    packs = True
    solves = False


class Proportional(GavelPolicy):
    """Time on each type in proportion to its workers."""

    @without_collecting
    def get_allocation(
        self, unflattened_throughputs: Rows, cluster_spec: Values
    ) -> dict[Any, Any] | None:
        """Shares by job and worker type; None without jobs."""
        return self._allocate(unflattened_throughputs, None, cluster_spec)


class Assigned(GavelPolicy):
    """AlloX."""

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        times_since_start: Values,
        num_steps_remaining: Values,
        *rest: Values,
        **named: Values,
    ) -> dict[Any, Any] | None:
        """All of one worker's time or nothing, by job and worker type; None without jobs.

        ``rest`` is ``cluster_spec``; Shockwave's fork has its ``per_round_schedule`` before it, which plays
        no part there either.
        """
        cluster_spec = named.get("cluster_spec") or (rest[-1] if rest else None)
        if cluster_spec is None:
            raise InputError(
                "allox: cluster_spec is missing: workers by type, after num_steps_remaining"
            )
        return self._allocate(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            times_since_start=times_since_start,
            num_steps_remaining=num_steps_remaining,
        )


class StrategyProof(Weighted):
    """Strategy-proof fairness: shares, and what part of its own each job keeps."""

    @without_collecting
    def get_allocation(  # type: ignore[override]
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        unflattened_priority_weights: Values,
        cluster_spec: Values,
        recurse_deeper: bool = True,
    ) -> tuple[dict[Any, Any], Floats] | None:
        """Shares by job and worker type, and the part that each keeps, shape ``(n,)``; None without jobs."""
        if is_nothing(unflattened_throughputs):
            self._no_jobs(cluster_spec)
            return None
        state, jobs = self._state(
            unflattened_throughputs,
            scale_factors,
            cluster_spec,
            priority_weights=unflattened_priority_weights,
        )
        found = self.driver.allocate(state)
        kept: Any = getattr(self.driver.policy, "kept", {})
        return self._written(found, jobs), np.array(
            [kept.get(job, 0.0) for job in state.job.tolist()]
        )


Make = Callable[..., GavelPolicy]
