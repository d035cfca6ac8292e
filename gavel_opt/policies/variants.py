"""What the variants of a policy see of the state: groups, throughputs, names of groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeGuard, TypeVar

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.groups import all_differ, group_keys
from gavel_opt.kernels.isolation import isolated_speeds
from gavel_opt.model.allocation_program import Allocation, Blocks, PairBlocks
from gavel_opt.model.cluster_state import ClusterState
from gavel_opt.model.groups import Groups, group_jobs
from gavel_opt.model.odd_states import subset, widened
from gavel_opt.policies.policy import Policy, Programs, Traits

Variant: TypeAlias = Literal["plain", "perf", "packed"]
"""Not aware of performance; aware; aware, and with pairs of jobs."""


class ByVariant(Policy):
    """A policy in three variants.

    Parameters
    ----------
    name
        The policy's name.
    variant
        ``"plain"`` takes the V100's throughput for every worker type, or where :attr:`plain_reads` is false
        every throughput as 1; ``"perf"`` the measured ones; ``"packed"`` adds pairs of jobs.
    """

    plain_reads: ClassVar[bool] = True
    """Whether throughputs enter a plain program."""

    def __init__(self, name: str, variant: Variant, seed: int = 0) -> None:
        self.name = name
        self.variant = variant
        self.traits = Traits(
            packing=variant == "packed",
            many_pairs=variant == "packed",
            shuffles=variant == "plain",
            needs_reference=variant == "plain" and self.plain_reads,
        )


P = TypeVar("P", bound=Policy)


class AsWritten(Generic[P]):
    """Tells policies of a class, exactly, which make their programs as it did at first: nothing of that was replaced.

    Parameters
    ----------
    kind
        A class whose programs are made by ``programs`` and ``_of``.
    """

    _METHODS = frozenset(("programs", "_of"))

    def __init__(self, kind: Callable[..., P]) -> None:
        self._kind: Callable[..., P] = kind
        made_by: Any = kind
        self._programs, self._of = made_by.programs, made_by._of

    def __call__(self, policy: Policy) -> TypeGuard[P]:
        """Whether it is one of these."""
        if type(policy) is not self._kind:
            return False
        kind: Any = self._kind
        of_class = kind.programs is self._programs and kind._of is self._of
        return of_class and self._METHODS.isdisjoint(vars(policy))


def serving(
    state: ClusterState,
    served: Bools,
    programs: Callable[[ClusterState], Programs],
) -> Programs:
    """Yield the programs of the jobs that are served; the others get nothing."""
    if served.all():
        return (yield from programs(state))
    if not served.any():
        return Allocation(state.job, np.zeros((state.job.size, state.workers.size)))
    return widened((yield from programs(subset(state, served))), state)


def kind_of(state: ClusterState, variant: Variant) -> Ints:
    """What tells jobs of one scale factor and weight apart in a variant of max-min fairness.

    Throughputs do not enter a plain program, so there jobs of all types are alike.
    """
    return state.scale_factor if variant == "plain" else state.key


def group_by_key(state: ClusterState, variant: Variant, merge: bool) -> Groups:
    """Group jobs of equal kind, scale factor and weight, in ascending order of these."""
    kind = kind_of(state, variant)
    if not merge:
        return group_jobs(False, kind)
    rows = int(kind.max()) + 1 if variant == "plain" else state.throughputs.alone.shape[0]
    of_job, first, count, mark = group_keys(kind, state.scale_factor, state.weight, rows)
    if not first.size:
        return group_jobs(True, kind, state.scale_factor, state.weight)
    return Groups(first, count, of_job, mark if mark.size else None)


def group_equal(merge: bool, telling: Floats, *columns: np.ndarray) -> Groups:
    """Group jobs that agree in all columns; jobs in order where no two of them do.

    ``telling`` is the column in which jobs are likeliest to differ.
    """
    # -0.0 becomes 0.0
    if not merge or all_differ((telling + 0.0).view(np.uint64)):
        return group_jobs(False, telling)
    groups = group_jobs(True, *columns, telling)
    if groups.first.size == telling.size:
        return group_jobs(False, telling)
    return groups


def in_own_order(state: ClusterState, groups: Groups, *columns: np.ndarray) -> Groups:
    """Put groups in ascending order of their throughputs alone, of the jobs' ``columns``, and of throughputs beside each other.

    That is the same order however jobs, and rows of the table, are numbered, but for groups that are told apart by which group
    they are beside alone: for answers that hang on it.
    """
    if groups.of_job is None:
        return groups
    first = groups.first
    keys = [*state.throughputs.alone[state.key[first]].T, *(column[first] for column in columns)]
    order = np.lexsort(keys[::-1])
    sorted_keys = np.stack(keys)[:, order]
    same = (sorted_keys[:, 1:] == sorted_keys[:, :-1]).all(axis=0)
    if same.any():
        tied = order[np.append(same, False) | np.append(False, same)]
        beside = np.zeros(first.size)
        beside[tied] = _by_what_is_beside(state, first, tied)
        order = np.lexsort([beside, *keys[::-1]])
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    mark = None if groups.mark is None else groups.mark[order]
    return Groups(first[order], groups.count[order], rank[groups.of_job], mark)


def _by_what_is_beside(state: ClusterState, first: Ints, tied: Ints) -> Ints:
    """Places of some groups, of which ``first`` are jobs, by throughputs beside all groups, theirs and the others', from the least up."""
    paired = state.throughputs.paired
    if paired is None:
        return np.zeros(tied.size, dtype=np.int64)
    key = state.key[first]
    here = paired[np.ix_(key[tied], key)]
    in_order = np.sort(here.reshape(tied.size, first.size, -1), axis=1)
    place: Ints = np.unique(in_order.reshape(tied.size, -1), axis=0, return_inverse=True)[1]
    return place.ravel()


def group_by_type(state: ClusterState, merge: bool) -> Groups:
    """Group jobs of equal key and scale factor, in ascending order of these; jobs in order where no two are alike."""
    jobs, rows = state.key.size, len(state.throughputs.alone)
    if merge:
        one = np.ones(jobs)
        of_job, first, count, mark = group_keys(state.key, state.scale_factor, one, rows)
        if jobs and not first.size:
            return group_equal(True, state.key.astype(np.float64), state.scale_factor)
        if first.size < jobs:
            return Groups(first, count, of_job, mark if mark.size else None)
    return group_jobs(False, state.key)


def blocks_of(
    state: ClusterState,
    groups: Groups,
    rate: Floats,
    pairs: PairBlocks | None = None,
    by_need: bool = False,
) -> Blocks:
    """Blocks of groups whose levels have the coefficients ``rate``, shape ``(G, J)``.

    With ``by_need`` groups are jobs of one type with the same need, which is another one in the next
    program, so what they keep is their first job; and what they have in common with others is
    their type.
    """
    use = state.scale_factor
    if groups.merged:
        use = groups.count * use[groups.first]
    return Blocks(
        rate,
        use.astype(np.float64),
        groups.count,
        state.workers.astype(np.float64),
        pairs=pairs,
        of_job=groups.of_job,
        key=state.job[groups.first] if by_need else groups.keys(state.job),
        kind=state.key[groups.first] if by_need else None,
    )


def measured(state: ClusterState, index: Ints) -> Floats:
    """Steps per second of the jobs at ``index``, shape ``(G, J)``."""
    rate: Floats = state.throughputs.alone[state.key[index]]
    return rate


def speeds(state: ClusterState, variant: Variant, index: Ints) -> tuple[Floats, Floats]:
    """Steps per second by worker type as a variant sees them, and on the isolated share.

    Shapes ``(G, J)`` and ``(G,)``, of the jobs at ``index``.
    """
    return isolated_speeds(
        state.throughputs.alone,
        state.key,
        state.scale_factor,
        state.workers,
        index,
        own_type(state, variant),
    )


def own_type(state: ClusterState, variant: Variant) -> int:
    """The worker type whose column stands for all in a variant; -1 for every type's own."""
    return state.throughputs.reference if variant == "plain" else -1


def require_speed(state: ClusterState, variant: Variant) -> None:
    """Refuse a job that does not run on the type whose throughput the plain variant takes for all.

    Raises
    ------
    InputError
        Naming the job.
    """
    kind = own_type(state, variant)
    if kind < 0:
        return
    stuck = np.flatnonzero(state.throughputs.alone[state.key, kind] <= 0.0)
    if stuck.size:
        raise InputError(
            f"job {state.job[stuck[0]]} has no throughput on {state.worker_types[kind]!r}, which the "
            "plain variant takes for every worker type; choose the '_perf' variant"
        )


def reached(blocks: Blocks, x: Floats) -> Floats:
    """Levels that an answer really reaches: of its nearest point on the way to 0 that is feasible.

    Engines may overstep a limit by their tolerance; what a next program asks for must not.
    """
    x = np.maximum(x, 0.0)
    used, time = blocks.demand(x)
    full = blocks.workers > 0
    over = float(np.max(used[full] / blocks.workers[full], initial=1.0))
    level: Floats = blocks.levels(x) / max(over, float(time.max(initial=1.0)))
    return level
