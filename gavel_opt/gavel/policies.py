"""Policies with the interface of Gavel's own, one class for each signature of ``get_allocation``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.gavel.dictionaries import (
    Jobs,
    Rows,
    column_of,
    is_nothing,
    numbers,
    read_job_types,
    require_dictionaries,
    worker_types_of_cluster,
)
from gavel_opt.gavel.policy import (
    GavelPolicy,
    Values,
    pair_maker,
    with_pairs,
    without_collecting,
    workers_of,
)
from gavel_opt.model.allocation_program import Allocation
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.policies.entities import Entities
from gavel_opt.policies.water_filling import WaterFilling


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
            workers_of(cluster_spec, types),
            table,
            jobs.number,
            key,
            self._scales(scale_factors or {}, jobs),
            self._columns.read("priority_weights", unflattened_priority_weights or {}, jobs),
            np.ones(number.size),
            np.zeros(number.size),
        )
        found = self.driver.allocate(state)
        pair_of = pair_maker(names[0])
        written = self._written(found, jobs)
        nothing = self._nothing(types)
        every = itertools.combinations(jobs.number.tolist(), 2)
        written |= {pair_of(one, other): nothing for one, other in every}
        return with_pairs(written, [pair_of(*pair) for pair in found.pair.tolist()], found, types)


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
        require_dictionaries(priority_reweighting_policies=priority_reweighting_policies)
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
        for what, values in (("entity_weights", weights), ("entity_to_job_mapping", of)):
            if not isinstance(values, Mapping):
                raise InputError(
                    f"{what} is a {type(values).__name__}, expected a dictionary by entity"
                )
        called = list(of)
        entity = np.full(jobs.number.size, -1)
        parsed: dict[str, Any] = {"weights": {}, "within": {}}
        for at, (name, members) in enumerate(of.items()):
            if name not in weights or name not in within:
                raise InputError(f"entity {name!r} has no weight, or no way to share")
            parsed["weights"][at], parsed["within"][at] = weights[name], within[name]
            if isinstance(members, str) or not isinstance(members, Iterable):
                raise InputError(f"jobs of entity {name!r} are {members!r}, expected a list")
            mine = np.isin(jobs.number, self._columns.of(list(members)))
            twice = np.flatnonzero(mine & (entity >= 0))
            if twice.size:
                first = called[entity[twice[0]]]
                raise InputError(
                    f"job {jobs.name[twice[0]]} belongs to two entities, {first!r} and {name!r}"
                )
            entity[mine] = at
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


_PAST = ("job", "steps", "alone", "time")
"""What finish-time fairness remembers: see :class:`gavel_opt.policies.finish_time.IsolatedTime`."""


class FinishTime(GavelPolicy):
    """Finish-time fairness, which goes on counting a job's isolated time when it leaves and comes back."""

    def __init__(self, *given: Any, **rest: Any) -> None:
        super().__init__(*given, **rest)
        self._here: Ints = np.empty(0, dtype=np.int64)
        self._left: dict[int, float] = {}

    def _ask(self, state: ClusterState) -> Allocation:
        """Give jobs that come back the time that they had when they left; ours forgets who is gone."""
        if np.array_equal(self._here, state.job):
            return super()._ask(state)
        gone = np.setdiff1d(self._here, state.job)
        came = np.setdiff1d(state.job, self._here)
        back = [job for job in came.tolist() if job in self._left]
        if gone.size or back:
            policy = self.driver.policy
            memory = policy.snapshot()
            time = dict(zip(memory["job"], memory["time"], strict=True))
            self._left |= {job: time[job] for job in gone.tolist() if job in time}
            if back:
                at = np.searchsorted(state.job, back)
                rows = {row[0]: row for row in zip(*(memory[name] for name in _PAST), strict=True)}
                for job, steps in zip(back, state.steps_left[at].tolist(), strict=True):
                    rows[job] = (job, steps, 1.0, self._left.pop(job))
                columns = zip(*(rows[job] for job in sorted(rows)), strict=True)
                policy.restore(dict(zip(_PAST, map(list, columns), strict=True)))
        self._here = state.job.copy()
        return super()._ask(state)

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
    """AlloX, which as the reference's remembers where jobs ran over a call without any."""

    def _ask(self, state: ClusterState) -> Allocation:
        """Let only calls with jobs be seen."""
        if not state.job.size:
            return Allocation(state.job, np.zeros((0, state.workers.size)))
        return super()._ask(state)

    @without_collecting
    def get_allocation(
        self,
        unflattened_throughputs: Rows,
        scale_factors: Values,
        times_since_start: Values,
        num_steps_remaining: Values,
        *rest: Values,
        per_round_schedule: Any = None,
        cluster_spec: Values | None = None,
    ) -> dict[Any, Any] | None:
        """All of one worker's time or nothing, by job and worker type; None without jobs.

        ``rest`` is ``cluster_spec``; Shockwave's fork has its ``per_round_schedule`` before it, which plays
        no part there either.
        """
        if len(rest) + (per_round_schedule is not None) + (cluster_spec is not None) > 2:
            raise TypeError("get_allocation takes no more than per_round_schedule and cluster_spec")
        if cluster_spec is None and rest:
            *_, cluster_spec = rest
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
