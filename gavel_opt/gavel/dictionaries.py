"""Between dictionaries, as Gavel's scheduler hands them over, and arrays.

Jobs are whole numbers, or objects like Gavel's ``JobIdPair``: ``job[0]`` is the number, ``is_pair()`` and
``as_tuple()`` tell pairs. Throughputs are read in passes that stay in C. Jobs with equal rows share a row of
the table, so policies find groups; pairs are kept from call to call and only new ones are read.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.groups import group_rows
from gavel_opt.model.cluster_state import ThroughputTable

Rows = Mapping[Any, Mapping[str, Any]]

_CHECKED = 2048
"""Pairs that each call compares with what is remembered of them."""


@dataclass(slots=True)
class Jobs:
    """The jobs of a call, by number.

    Attributes
    ----------
    number
        Ascending, shape ``(n,)``.
    name
        As the caller calls them, in that order.
    types
        Worker types in alphabetical order.
    alone
        Steps per second, shape ``(n, J)``.
    """

    number: Ints
    name: list[Any]
    types: tuple[str, ...]
    alone: Floats


class Columns:
    """Reads ``{job: value}`` dictionaries; remembers the keys of each by identity."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[list[Any], Ints]] = {}

    def read(self, what: str, values: Mapping[Any, Any], jobs: Jobs) -> Floats:
        """One number for each job, shape ``(n,)``.

        Raises
        ------
        InputError
            Naming a job without a value, or with one that is no number.
        """
        keys = list(values)
        before = self._keys.get(what)
        if before is None or before[0] != keys:
            before = self._keys[what] = keys, numbers(keys)
        number = before[1]
        try:
            column = np.fromiter(values.values(), np.float64, len(keys))
        except (TypeError, ValueError):
            raise _no_number(what, values) from None
        if number.size == jobs.number.size and bool((number == jobs.number).all()):
            return column
        order = np.argsort(number, kind="stable")
        place = np.searchsorted(number, jobs.number, sorter=order)
        missing = place >= number.size
        place[missing] = 0
        found = order[place] if number.size else place
        missing |= number[found] != jobs.number if number.size else True
        if missing.any():
            raise InputError(f"{what} has no job {jobs.name[int(np.flatnonzero(missing)[0])]}")
        return column[found]


def _no_number(what: str, values: Mapping[Any, Any]) -> InputError:
    for job, value in values.items():
        try:
            float(value)
        except (TypeError, ValueError):
            return InputError(f"{what} of job {job} is {value!r}, not a number")
    return InputError(f"{what}: a value is not a number")


def numbers(keys: Sequence[Any]) -> Ints:
    """Number of each job, shape ``(n,)``; of a pair that of its first.

    Raises
    ------
    InputError
        For an identifier that is neither a whole number nor like a ``JobIdPair``.
    """
    try:
        return np.fromiter(keys, np.int64, len(keys))
    except (TypeError, ValueError):
        pass
    try:
        return np.fromiter((key[0] for key in keys), np.int64, len(keys))
    except (TypeError, ValueError, IndexError, KeyError):
        raise InputError(
            f"jobs are whole numbers, or pairs like Gavel's JobIdPair; found {keys[0]!r}"
        ) from None


def read_jobs(keys: Sequence[Any], values: Sequence[Mapping[str, Any]]) -> Jobs:
    """Read the throughputs of single jobs.

    Raises
    ------
    InputError
        Naming a job whose throughputs lack a worker type or are no numbers.
    """
    types = tuple(sorted(values[0]))
    number = numbers(keys)
    alone = _matrix(keys, values, types)
    name = list(keys)
    if number.size > 1 and not bool((np.diff(number) > 0).all()):
        order = np.argsort(number, kind="stable")
        number, alone = number[order], alone[order]
        name = [name[place] for place in order.tolist()]
        if not bool((np.diff(number) > 0).all()):
            twice = int(np.flatnonzero(np.diff(number) == 0)[0])
            raise InputError(f"job {name[twice]} is there twice")
    return Jobs(number, name, types, alone)


def _matrix(
    keys: Sequence[Any], values: Sequence[Mapping[str, Any]], types: Sequence[str]
) -> Floats:
    width = len(types)
    if not width:
        raise InputError("the throughputs name no worker type")
    pick = _pick(types)
    try:
        flat = np.fromiter(
            itertools.chain.from_iterable(map(pick, values)), np.float64, len(values) * width
        )
    except (KeyError, TypeError, ValueError):
        raise _wrong_row(keys, values, types) from None
    return flat.reshape(-1, width)


def _pick(types: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(types) == 1:
        only = types[0]
        return lambda row: (row[only],)
    return operator.itemgetter(*types)


def _wrong_row(
    keys: Sequence[Any], values: Sequence[Mapping[str, Any]], types: Sequence[str]
) -> InputError:
    for key, row in zip(keys, values, strict=True):
        for kind in types:
            if kind not in row:
                return InputError(f"throughputs of job {key} have no worker type {kind!r}")
            if not isinstance(row[kind], int | float | np.number):
                return InputError(
                    f"throughput of job {key} on {kind!r} is {row[kind]!r}, not a number"
                )
    return InputError("throughputs: a value is not a number")


def equal_rows(alone: Floats, scale: Ints) -> tuple[Ints, Floats, Ints]:
    """Row in a table for each job, jobs of equal rows and scale factors the same; and the table.

    Returns
    -------
    key, table, scale
        Shapes ``(n,)``, ``(K, J)``, ``(K,)``.
    """
    told = np.concatenate([alone, scale[:, None]], axis=1)
    key, first, _, _ = group_rows(told)
    return key, alone[first], scale[first]


@dataclass(slots=True)
class _Entries:
    """Throughputs in the caller's order: where single jobs and pairs stand, and what pairs say.

    Attributes
    ----------
    single, pair
        Places of single jobs and of pairs, shapes ``(n,)`` and ``(P,)``.
    number
        Of the single jobs, shape ``(n,)``.
    members
        Numbers of the jobs of each pair, the smaller first, shape ``(P, 2)``.
    rate
        Steps per second of each side, shape ``(P, 2, J)``.
    """

    single: Ints
    number: Ints
    pair: Ints
    members: Ints
    rate: Floats


class Pairs:
    """Reads throughputs of single jobs and of pairs, and remembers those of pairs.

    A pair's dictionary that is the object of the last call, or equal to it, is not read again. One that
    was changed in place is noticed when its turn comes to be compared (each call compares some); then
    all are read anew, at this call and at every later one.
    """

    def __init__(self) -> None:
        self._keys: list[Any] = []
        self._values: list[Any] = []
        self._types: tuple[str, ...] = ()
        self._entries = _parsed([], [], ())
        self._kinds = _Kinds()
        self._turn = 0
        self._template: dict[Any, Any] | None = None
        self._called: dict[tuple[int, int], Any] = {}
        self.trusts = True

    def read(self, rows: Rows, here: Ints) -> tuple[Jobs, Ints, Floats]:
        """Read a call's throughputs.

        Parameters
        ----------
        rows
            Of single jobs and of pairs.
        here
            Numbers of the jobs that are there.

        Returns
        -------
        jobs, members, rate
            The single jobs; each pair's, shapes ``(P, 2)`` and ``(P, 2, J)``.
        """
        keys, values = list(rows), list(rows.values())
        follows = self._follows(keys, values, here)
        if not follows or len(keys) != len(self._keys) or keys != self._keys:
            self._template = None
        if not follows:
            first = next((v for k, v in zip(keys, values, strict=True) if not _is_pair(k)), {})
            self._types = tuple(sorted(first))
            self._entries = _parsed(keys, values, self._types)
            self._kinds = _Kinds()
        self._keys, self._values = keys, values
        entries = self._entries
        single = entries.single.tolist()
        if not single:
            raise InputError("throughputs: pairs without single jobs")
        jobs = read_jobs([keys[at] for at in single], [values[at] for at in single])
        return jobs, entries.members, entries.rate

    def blank(self, rows: Rows, nothing: Any) -> dict[Any, Any]:
        """A dictionary with every job and pair of ``rows``, the throughputs read last, and no shares."""
        if self._template is None:
            self._template = dict.fromkeys(rows, nothing)
            if len(self._called) > 4 * len(rows):
                self._called.clear()
        return self._template.copy()

    def called(self, one: int, other: int, pair_of: Callable[[int, int], Any]) -> Any:
        """What the caller calls a pair."""
        found = self._called.get((one, other))
        if found is None:
            found = self._called[one, other] = pair_of(one, other)
        return found

    def table(self, jobs: Jobs, scale: Ints) -> tuple[Ints, ThroughputTable]:
        """Key of each job and the table that keys point into; alike jobs share a row of it."""
        entries = self._entries
        return self._kinds.table(jobs, scale, entries.members, entries.rate)

    def _follows(self, keys: list[Any], values: list[Any], here: Ints) -> bool:
        """Whether a call is the last one without the jobs that left and with new ones at its end."""
        if not (self._keys and self._still_true()):
            return False
        old = self._entries
        stays = np.isin(old.number, here)
        kept = np.ones(old.members.shape[0], dtype=bool)
        old_keys, old_values = self._keys, self._values
        alive = np.ones(len(old_keys), dtype=bool)
        if not stays.all():
            gone = np.isin(old.members, old.number[~stays])
            kept = ~(gone[:, 0] | gone[:, 1])
            alive[old.single[~stays]] = False
            alive[old.pair[~kept]] = False
            flags = alive.tolist()
            old_keys = list(itertools.compress(old_keys, flags))
            old_values = list(itertools.compress(old_values, flags))
        count = len(old_keys)
        if len(keys) == count:
            new_keys, new_values = keys, values
        else:
            new_keys, new_values = keys[:count], values[:count]
        if not self._equal(new_values, old_values) or new_keys != old_keys:
            return False
        if len(keys) == count and kept.all():
            return True
        new = _parsed(keys[count:], values[count:], self._types)
        now_at = np.cumsum(alive) - 1
        self._entries = _Entries(
            np.concatenate([now_at[old.single[stays]], new.single + count]),
            np.concatenate([old.number[stays], new.number]),
            np.concatenate([now_at[old.pair[kept]], new.pair + count]),
            np.concatenate([old.members[kept], new.members]),
            np.concatenate([old.rate[kept], new.rate]),
        )
        self._kinds.keep(int(kept.sum()))
        return True

    def _equal(self, now: list[Any], before: list[Any]) -> bool:
        """Whether pairs say what they said; single jobs are read anew in any case."""
        if now == before:
            return True
        if len(now) != len(before):
            return False
        differ = [at for at, (a, b) in enumerate(zip(now, before, strict=True)) if a != b]
        return bool(np.isin(differ, self._entries.single).all()) and len(now) == len(self._keys)

    def _still_true(self) -> bool:
        """Compare some remembered pairs with what their dictionaries say now."""
        entries = self._entries
        pairs = entries.pair.size
        if not self.trusts:
            return False
        if not pairs:
            return True
        first = self._turn if self._turn < pairs else 0
        chosen = slice(first, first + _CHECKED)
        self._turn = first + _CHECKED
        values = self._values
        now = _pair_rates([values[at] for at in entries.pair[chosen].tolist()], self._types)
        self.trusts = now is not None and bool(np.array_equal(now, entries.rate[chosen]))
        return self.trusts


def _is_pair(key: Any) -> bool:
    return not isinstance(key, int | np.integer) and bool(key.is_pair())


def _parsed(keys: list[Any], values: list[Any], types: tuple[str, ...]) -> _Entries:
    pair = np.fromiter(map(_is_pair, keys), bool, len(keys))
    at = np.flatnonzero(pair)
    places = at.tolist()
    members = np.array([keys[place].as_tuple() for place in places], np.int64).reshape(-1, 2)
    rate = _pair_rates([values[place] for place in places], types)
    if rate is None:
        raise _wrong_pair(
            [keys[place] for place in places], [values[place] for place in places], types
        )
    single = np.flatnonzero(~pair)
    number = numbers([keys[place] for place in single.tolist()])
    return _Entries(single, number, at, np.sort(members, axis=1), rate)


def _pair_rates(values: list[Any], types: tuple[str, ...]) -> Floats | None:
    """Steps per second of both sides, shape ``(P, 2, J)``; None if a value is not what it should be."""
    if not values:
        return np.empty((0, 2, len(types)))
    flat = itertools.chain.from_iterable
    size = len(values) * len(types) * 2
    try:
        rates = np.fromiter(flat(flat(map(_pick(types), values))), np.float64, size)
    except (KeyError, TypeError, ValueError):
        return None
    return np.ascontiguousarray(rates.reshape(-1, len(types), 2).transpose(0, 2, 1))


def _wrong_pair(keys: list[Any], values: list[Any], types: tuple[str, ...]) -> InputError:
    for key, row in zip(keys, values, strict=True):
        for kind in types:
            if kind not in row:
                return InputError(f"throughputs of jobs {key} have no worker type {kind!r}")
            if not isinstance(row[kind], list | tuple | np.ndarray) or len(row[kind]) != 2:
                return InputError(
                    f"throughput of jobs {key} on {kind!r} is {row[kind]!r}, not one for each"
                )
    return InputError("throughputs of pairs: a value is not a number")


class _Kinds:
    """Finds jobs that are alike, alone and beside others, and keeps what each kind does beside each.

    Attributes
    ----------
    apart
        Whether jobs that are equal alone turned out to differ beside others: each is a kind of its own.
    """

    def __init__(self) -> None:
        self.apart = False
        self._id: dict[bytes, int] = {}
        self._of: dict[int, int] = {}
        self._paired = np.zeros((0, 0, 2, 0))
        self._known: Bools = np.zeros((0, 0), dtype=bool)
        self._checked = 0

    def keep(self, pairs: int) -> None:
        """So many of the pairs of before are left, at the front."""
        self._checked = min(self._checked, pairs)

    def table(
        self, jobs: Jobs, scale: Ints, members: Ints, rate: Floats
    ) -> tuple[Ints, ThroughputTable]:
        """Key of each job, and the table."""
        key, alone, width = equal_rows(jobs.alone, scale)
        if not self.apart:
            told = np.concatenate([alone, width[:, None]], axis=1)
            kind = np.array([self._id.setdefault(row.tobytes(), len(self._id)) for row in told])
            if self._match(kind[key], jobs, members, rate):
                return key, ThroughputTable(alone, self._paired[np.ix_(kind, kind)])
            self.apart = True
        each = np.arange(jobs.number.size)
        paired = np.zeros((each.size, each.size, 2, alone.shape[1]))
        first, second = np.searchsorted(jobs.number, members.T)
        paired[first, second] = rate
        paired[second, first] = rate[:, ::-1]
        return each, ThroughputTable(jobs.alone, paired)

    def _match(self, kind: Ints, jobs: Jobs, members: Ints, rate: Floats) -> bool:
        """Take in the pairs that were not seen yet; whether they do as their kinds do."""
        of = dict(zip(jobs.number.tolist(), kind.tolist(), strict=True))
        if any(self._of.get(job, one) != one for job, one in of.items()):
            self._checked = 0  # a job runs at another speed now
            self._known[:] = False
        self._of = of
        self._grow(len(self._id), rate.shape[2])
        fresh = members[self._checked :]
        if not fresh.size:
            return True
        rates = rate[self._checked :]
        first, second = kind[np.searchsorted(jobs.number, fresh.T)]
        new = ~self._known[first, second]
        if new.any():
            a, b = first[new], second[new]
            self._paired[a, b] = rates[new]
            self._known[a, b] = True
            other = ~self._known[b, a]
            self._paired[b[other], a[other]] = self._paired[a[other], b[other]][:, ::-1]
        self._checked = members.shape[0]
        return bool(np.array_equal(self._paired[first, second], rates))

    def _grow(self, kinds: int, types: int) -> None:
        have = self._known.shape[0]
        if kinds <= have:
            return
        size = max(2 * have, kinds)
        paired = np.zeros((size, size, 2, types))
        known = np.zeros((size, size), dtype=bool)
        if have:
            paired[:have, :have], known[:have, :have] = self._paired, self._known
        self._paired, self._known = paired, known
