"""The conformance suite for policies, ours and anybody's.

In one call::

    from gavel_opt.testing import run_policy_conformance
    report = run_policy_conformance(MyPolicy)
    report = run_policy_conformance("policies.py:MyPolicy")

Under pytest, one test a case::

    @pytest.mark.parametrize("case", POLICY_CASES, ids=lambda case: case.name)
    def test_my_policy(case):
        skipped = check_policy_case(case, MyPolicy)
        if skipped:
            pytest.skip(skipped)
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.driver import Driver
from gavel_opt.engines.registry import make_engine
from gavel_opt.errors import MissingLibraryError
from gavel_opt.model.allocation_program import Allocation, ProductProgram
from gavel_opt.model.cluster_state import ClusterState, ThroughputTable
from gavel_opt.model.odd_states import subset
from gavel_opt.policies import make_policy
from gavel_opt.policies.policy import Policy, Programs, solves
from gavel_opt.testing.conformance import Report, ask, print_report

MakePolicy = Callable[[], Policy]

_FEASIBLE = 1e-6
_SAME = 1e-7
"""Shares this close are equal."""

_TRACE = 1e-9
"""Shares below are traces, which say where a job goes on workers left over."""


@dataclass(frozen=True, slots=True, eq=False)
class PolicyCase:
    """One thing that is asked of a policy.

    Attributes
    ----------
    name, about
        What it is.
    check
        Raises AssertionError, with the reason, if the policy fails.
    skip
        The reason to leave it out for a policy, or an empty text.
    """

    name: str
    about: str
    check: Callable[[MakePolicy], None]
    skip: Callable[[Policy], str]


def run_policy_conformance(
    policy: str | type[Policy] | MakePolicy,
    cases: Iterable[PolicyCase] | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Report:
    """Ask a policy everything, print a table, and return the report.

    Parameters
    ----------
    policy
        Its name (``"fifo"``, ``"policies.py:Mine"``), its class, or a function that makes it.
    cases
        Some of :data:`POLICY_CASES`; all of them by default.
    quiet
        Print nothing.
    settings
        Handed to the policy.

    Examples
    --------
    >>> run_policy_conformance("max_min_fairness_perf", quiet=True).passed
    True
    """
    make = _maker(policy, settings)
    first = make()
    report = Report(str(first.name), "policy")
    for case in POLICY_CASES if cases is None else cases:
        report.outcomes.append(ask(case.name, case.skip(first), partial(case.check, make)))
    if not quiet:
        print_report(report)
    return report


def check_policy_case(
    case: PolicyCase, policy: str | type[Policy] | MakePolicy, **settings: Any
) -> str:
    """Run one case, for ``pytest.mark.parametrize``; the reason if it was skipped, else empty.

    Raises
    ------
    AssertionError
        If the policy fails.
    """
    make = _maker(policy, settings)
    reason = case.skip(make())
    if not reason:
        case.check(make)
    return reason


def _maker(policy: str | type[Policy] | MakePolicy, settings: dict[str, Any]) -> MakePolicy:
    return lambda: make_policy(policy, seed=7, **settings)


# states ------------------------------------------------------------------------------------------


def policy_states(seed: int = 0, wide: bool = True) -> Iterator[ClusterState]:
    """Yield successive states of one small cluster: idle, crowded, jobs that come and go and make progress.

    Parameters
    ----------
    seed
        Of what is drawn.
    wide
        Whether jobs may take several workers.
    """
    rng = np.random.default_rng(seed)
    table, width = _table(rng, wide)
    workers = np.array([6, 4, 5])
    last, steps = 0, np.empty(0)
    number, kind, age = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    for arrivals in (1, 3, 9, 0, 14, 2, 5):
        leave = rng.random(number.size) < 0.3
        number, kind = number[~leave], kind[~leave]
        steps, age = steps[~leave] * rng.uniform(0.5, 1.0, number.size), age[~leave] + 1920.0
        number = np.concatenate([number, last + np.arange(arrivals)])
        kind = np.concatenate([kind, rng.integers(0, table.alone.shape[0], arrivals)])
        steps = np.concatenate([steps, rng.uniform(1e3, 1e5, arrivals)])
        age = np.concatenate([age, rng.uniform(0.0, 360.0, arrivals)])
        last += arrivals
        yield ClusterState(
            worker_types=("k80", "p100", "v100"),
            workers=workers.copy(),
            throughputs=table,
            job=number.copy(),
            key=kind.copy(),
            scale_factor=width[kind],
            weight=np.where(number % 4 == 3, 5.0, 1.0),
            steps_left=steps.copy(),
            age=age.copy(),
            deadline=np.where(number % 3 == 0, 2e5, np.inf),
            entity=number % 2,
            prices=np.array([0.135, 0.43, 0.74]),
        )


def _table(rng: np.random.Generator, wide: bool) -> tuple[ThroughputTable, Ints]:
    keys = 5
    alone = rng.uniform(0.5, 2.0, (keys, 1)) * np.sort(rng.uniform(0.3, 3.0, (keys, 3)), axis=1)
    alone[1, 0] = 0.0  # one job type does not run on the slowest workers
    width = np.array([1, 1, 2, 1, 4] if wide else [1] * keys)
    alone[width > 1] *= width[width > 1, None]
    paired = np.zeros((keys, keys, 2, 3))
    for a in range(keys):
        for b in range(a, keys):
            if width[a] == width[b]:
                kept = rng.uniform(0.4, 0.9, (2, 3)) * (alone[a] > 0) * (alone[b] > 0)
                if a == b:
                    kept[1] = kept[0]
                paired[a, b] = kept * np.stack([alone[a], alone[b]])
                paired[b, a] = paired[a, b][::-1]
    return ThroughputTable(alone, paired, reference=2), width


def _states(make: MakePolicy, seed: int = 0) -> list[ClusterState]:
    return list(policy_states(seed, wide=not make().traits.single_gpu_only))


def _allocations(
    policy: Policy, states: Iterable[ClusterState], engine: str = "auto"
) -> list[Allocation]:
    driver = Driver(policy, engine)
    return [driver.allocate(state) for state in states]


# cases -------------------------------------------------------------------------------------------


def declares_itself(make: MakePolicy) -> None:
    """It has a name, traits, and everything else that a policy has; two are two objects."""
    one, other = make(), make()
    assert one is not other, "the same object twice: memory would be kept between runs"
    assert isinstance(one.name, str), "name is no text"
    assert one.name, "has an empty name"
    json.dumps(_plain(one.snapshot()))
    assert isinstance(one.traits.packing, bool), "traits are no gavel_opt.Traits"


def feasible_shares(make: MakePolicy) -> None:
    """Shares are not negative, nobody runs more than all the time, no type has more than its workers."""
    for number, state in enumerate(_states(make)):
        _require_feasible(_allocations(make(), [state])[0], state, f"state {number}")


def order_of_jobs_does_not_matter(make: MakePolicy) -> None:
    """Other job numbers for the same jobs: each job has the share that it had."""
    rng = np.random.default_rng(1)
    for number, state in enumerate(_states(make)):
        order = rng.permutation(state.job.size)
        shuffled = replace(subset(state, order), job=state.job)
        before, after = (_allocations(make(), [one])[0] for one in (state, shuffled))
        _require_close(
            _by_job(before, state)[order],
            _by_job(after, shuffled),
            state.job[order],
            f"state {number}",
            _BY_ARRIVAL,
        )


def equal_jobs_get_equal_shares(make: MakePolicy) -> None:
    """Two jobs that agree in everything have the same share."""
    for number, state in enumerate(_states(make)):
        twins = subset(state, np.repeat(np.arange(state.job.size), 2))
        twins = replace(twins, job=np.arange(twins.job.size))
        found = _by_job(_allocations(make(), [twins])[0], twins)
        _require_close(found[::2], found[1::2], twins.job[::2], f"state {number}", _BY_ARRIVAL)


def snapshot_and_restore(make: MakePolicy) -> None:
    """Taken up from a snapshot, a fresh policy goes on with the same bits."""
    states = _states(make)
    whole = _allocations(make(), states)
    half = len(states) // 2
    first = make()
    _allocations(first, states[:half])
    memory = copy.deepcopy(first.snapshot())
    json.dumps(_plain(memory))
    _allocations(first, states[half:])  # what was taken must not change behind our back
    second = make()
    second.restore(memory)
    for number, (one, other) in enumerate(
        zip(whole[half:], _allocations(second, states[half:]), strict=True), half
    ):
        assert _bits(one) == _bits(other), f"state {number}: other shares than without the break"


def nothing_kept_between_runs(make: MakePolicy) -> None:
    """A fresh policy answers the same whatever others were asked before."""
    states = _states(make)
    before = _allocations(make(), states)
    _allocations(make(), _states(make, seed=5))
    for number, (one, other) in enumerate(zip(before, _allocations(make(), states), strict=True)):
        assert _bits(one) == _bits(other), f"state {number}: other shares in a second run"


def every_engine_the_same(make: MakePolicy) -> None:
    """Two engines that have nothing in common give the same shares."""
    for number, state in enumerate(_states(make)):
        one = _allocations(make(), [state], "structured")[0]
        other = _allocations(make(), [state], _other_engine(make(), state))[0]
        _require_close(_by_job(one, state), _by_job(other, state), state.job, f"state {number}")


def _other_engine(policy: Policy, state: ClusterState) -> str:
    """One that takes the policy's programs, too: few take what is not linear."""
    first = next(policy.programs(state, True), None)
    return _OF_PRODUCTS if isinstance(first, ProductProgram) else "highs"


_OF_PRODUCTS = "cvxpy-rebuild"


def programs_are_what_counts(make: MakePolicy) -> None:
    """No engine takes a way around ``programs``: the same shares if that is all that can be seen."""
    for number, state in enumerate(_states(make)):
        one = _allocations(make(), [state])[0]
        other = _allocations(_OnlyPrograms(make()), [state])[0]
        assert _bits(one) == _bits(other), f"state {number}: the driver went around programs"


def state_is_not_changed(make: MakePolicy) -> None:
    """The state is as it was, and may be read-only."""
    for state in _states(make):
        columns = _columns_of(state)
        before = {name: column.tobytes() for name, column in columns.items()}
        for column in columns.values():
            column.flags.writeable = False
        _allocations(make(), [state])
        after = {name: column.tobytes() for name, column in _columns_of(state).items()}
        for name in before.keys() | after.keys():
            assert before.get(name) == after.get(name), f"the state's {name} was changed"


def odd_states_are_answered(make: MakePolicy) -> None:
    """No jobs, one job, no steps left, weight 0, a type without workers, a job that runs nowhere."""
    state = _states(make)[4]
    at = np.arange(state.job.size) == 1
    lame = np.concatenate([state.throughputs.alone, np.zeros((1, 3))])
    paired = state.throughputs.paired
    assert paired is not None
    none = np.zeros((lame.shape[0],) * 2 + paired.shape[2:])
    none[:-1, :-1] = paired
    odd = {
        "no jobs": subset(state, at & ~at),
        "one job": subset(state, at),
        "no steps left": replace(state, steps_left=np.where(at, 0.0, state.steps_left)),
        "steps below 0": replace(state, steps_left=np.where(at, -50.0, state.steps_left)),
        "weight 0": replace(state, weight=np.where(at, 0.0, state.weight)),
        "a type without workers": replace(state, workers=np.array([0, 4, 5])),
        "a job that runs nowhere": replace(
            state,
            key=np.where(at, lame.shape[0] - 1, state.key),
            scale_factor=np.where(at, 1, state.scale_factor),
            throughputs=ThroughputTable(lame, none, 2),
        ),
    }
    for what, one in odd.items():
        with np.errstate(all="ignore"):
            found = _allocations(make(), [one])[0]
        _require_feasible(found, one, what)


class _OnlyPrograms:
    """Shows a policy's programs and hides whose they are."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.name = policy.name
        self.traits = policy.traits
        self.snapshot = policy.snapshot
        self.restore = policy.restore
        self.shares = policy.shares

    def programs(self, state: ClusterState, merge: bool) -> Programs:
        return (yield from self._policy.programs(state, merge))


def _require_feasible(found: Allocation, state: ClusterState, where: str) -> None:
    _require_shape(found, state, where)
    if not found.job.size:
        return
    time = found.x.sum(axis=1)
    used = state.scale_factor @ found.x
    if found.pair.size:
        sides = np.searchsorted(state.job, found.pair)
        shared = found.pair_x.sum(axis=1)
        for side in (0, 1):
            np.add.at(time, sides[:, side], shared)
        used = used + state.scale_factor[sides[:, 0]] @ found.pair_x
    at = int(time.argmax())
    assert time[at] <= 1.0 + _FEASIBLE, (
        f"{where}: job {state.job[at]} runs {time[at]:.6f} of the time"
    )
    over = int((used - state.workers).argmax())
    assert used[over] <= state.workers[over] * (1.0 + _FEASIBLE) + _FEASIBLE, (
        f"{where}: {used[over]:.6f} of {state.workers[over]} workers of type "
        f"{state.worker_types[over]!r} are handed out"
    )


def _require_shape(found: Allocation, state: ClusterState, where: str) -> None:
    expected = (state.job.size, state.workers.size)
    assert np.array_equal(found.job, state.job), f"{where}: not the jobs of the state, in order"
    assert found.x.shape == expected, f"{where}: shares of shape {found.x.shape}, not {expected}"
    assert np.isfinite(found.x).all(), f"{where}: a share is not a number"
    assert found.x.min(initial=0.0) >= -_FEASIBLE, f"{where}: a share is below 0"
    if not found.pair.size:
        return
    assert np.isin(found.pair, state.job).all(), f"{where}: a pair has a job that is not there"
    assert (found.pair[:, 0] < found.pair[:, 1]).all(), f"{where}: a pair is not in order"
    assert np.isfinite(found.pair_x).all(), f"{where}: a share of a pair is not a number"
    assert found.pair_x.min() >= -_FEASIBLE, f"{where}: a share of a pair is below 0"


def _by_job(found: Allocation, state: ClusterState) -> Floats:
    """Time of each job by worker type, alone and in pairs side by side, traces left out."""
    shared = np.zeros(found.x.shape)
    if found.pair.size:
        sides = np.searchsorted(state.job, found.pair)
        for side in (0, 1):
            np.add.at(shared, sides[:, side], found.pair_x)
    both = np.concatenate([found.x, shared], axis=1)
    both[both < _TRACE] = 0.0
    return both


_BY_ARRIVAL = "; a queue, where who came first goes first, says so: traits = gavel_opt.Traits(by_arrival=True)"


def _require_close(one: Floats, other: Floats, job: Ints, where: str, unless: str = "") -> None:
    wrong: Bools = np.any(np.abs(one - other) > _SAME, axis=1)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise AssertionError(
            f"{where}: job {job[at]} has the shares {one[at].tolist()}, then "
            f"{other[at].tolist()}{unless}"
        )


def _bits(found: Allocation) -> tuple[bytes, ...]:
    return found.x.tobytes(), found.pair.tobytes(), found.pair_x.tobytes()


def _plain(memory: Any) -> Any:
    """A snapshot with lists in place of arrays, as a checkpoint has it."""
    if isinstance(memory, np.ndarray):
        return memory.tolist()
    if isinstance(memory, dict):
        if not all(isinstance(name, str) for name in memory):
            raise AssertionError("snapshot: keys must be text, as in JSON")
        return {name: _plain(value) for name, value in memory.items()}
    if isinstance(memory, list | tuple):
        return [_plain(value) for value in memory]
    return memory


def _columns_of(state: ClusterState) -> dict[str, NDArray[Any]]:
    """Every array of a state, by name."""
    return {
        field.name: value
        for part in (state, state.throughputs)
        for field in fields(part)
        if isinstance(value := getattr(part, field.name), np.ndarray)
    }


def _never(policy: Policy) -> str:
    return ""


def _in_order(policy: Policy) -> str:
    return "declared: jobs are served by arrival" if policy.traits.by_arrival else ""


def _no_programs(policy: Policy) -> str:
    return "" if solves(policy) else "yields no programs"


def _no_other_engine(policy: Policy) -> str:
    """Why there are no two engines to compare: one needs a library that later versions of Python have no wheel of."""
    if not solves(policy):
        return _no_programs(policy)
    try:
        make_engine(_OF_PRODUCTS)
    except MissingLibraryError as missing:
        with contextlib.suppress(Exception):  # one that fails is told of by its cases
            if _other_engine(policy, _states(lambda: policy)[0]) == _OF_PRODUCTS:
                return str(missing)
    return ""


def _case(
    check: Callable[[MakePolicy], None], skip: Callable[[Policy], str] = _never
) -> PolicyCase:
    return PolicyCase(check.__name__, (check.__doc__ or "").splitlines()[0], check, skip)


POLICY_CASES: list[PolicyCase] = [
    _case(declares_itself),
    _case(feasible_shares),
    _case(order_of_jobs_does_not_matter, _in_order),
    _case(equal_jobs_get_equal_shares, _in_order),
    _case(snapshot_and_restore),
    _case(nothing_kept_between_runs),
    _case(every_engine_the_same, _no_other_engine),
    _case(programs_are_what_counts),
    _case(state_is_not_changed),
    _case(odd_states_are_answered),
]
"""Everything that is asked of a policy, for ``pytest.mark.parametrize``."""

__all__ = [
    "POLICY_CASES",
    "PolicyCase",
    "check_policy_case",
    "policy_states",
    "run_policy_conformance",
]
