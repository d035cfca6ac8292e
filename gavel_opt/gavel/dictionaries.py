"""Between dictionaries, as Gavel's scheduler hands them over, and arrays.

Jobs are whole numbers, names (without pairs), or objects like Gavel's ``JobIdPair``: ``job[0]`` is the number,
``is_pair()`` and ``as_tuple()`` tell pairs. Throughputs are read in passes that stay in C. Jobs with equal rows share a row of
the table, so policies find groups; pairs are kept from call to call and only new ones are read.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.gavel.entries import same_entries
from gavel_opt.kernels.groups import group_rows
from gavel_opt.model.cluster_state import ThroughputTable

Rows = Mapping[Any, Mapping[str, Any]]

_CHECKED = 1024
"""Pairs that each call compares with what is remembered of them."""

_NOBODY: tuple[list[Any], Ints] = [], np.empty(0, dtype=np.int64)


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
    """Reads ``{job: value}`` dictionaries; remembers the jobs of each by identity."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[list[Any], Ints]] = {}
        self._samples: dict[str, list[tuple[int, Any]]] = {}
        self._last: tuple[list[Any], Ints] = _NOBODY
        self._named: dict[str, int] = {}
        self._next = 0

    def numbers(self, what: str, keys: list[Any]) -> Ints:
        """Number of each job, shape ``(n,)``, remembered where the jobs are the objects of before.

        The dictionaries of a call mostly have the same jobs, so those of the one read last count, too.
        """
        for before in (self._last, self._keys.get(what)):
            if before is not None and _same_objects(keys, before[0]):
                self._last = before
                return before[1]
        self._last = keys, self.of(keys)
        if self._come_again(what, *self._last):
            self._keys[what] = self._last
        else:
            self._keys.pop(what, None)
        return self._last[1]

    def forget_call(self) -> None:
        """Forget what was read in a call, but for what is remembered to the next one."""
        self._last = _NOBODY

    def _come_again(self, what: str, keys: list[Any], number: Ints) -> bool:
        """Whether some of these objects were there in the call before.

        Copies made for one call do not come again; kept, they would be freed inside the next call, which
        takes as long as reading them.
        """
        again = any(
            keys[at] is key
            for job, key in self._samples.get(what, ())
            for at in np.flatnonzero(number == job).tolist()
        )
        places = {0, len(keys) // 2, len(keys) - 1} if keys else ()
        self._samples[what] = [(int(number[at]), keys[at]) for at in places]
        return again

    def of(self, keys: list[Any]) -> Ints:
        """Number of each job, shape ``(n,)``; those of names are given in the order in which they come."""
        if not (keys and all(isinstance(key, str) for key in keys)):
            return numbers(keys)
        if len(self._named) > 4 * len(keys) + 64:
            here = set(keys)
            self._named = {name: number for name, number in self._named.items() if name in here}
        for key in keys:
            if key not in self._named:
                self._named[key], self._next = self._next, self._next + 1
        return np.fromiter(map(self._named.__getitem__, keys), np.int64, len(keys))

    def read(self, what: str, values: Mapping[Any, Any], jobs: Jobs) -> Floats:
        """One number for each job, shape ``(n,)``.

        Raises
        ------
        InputError
            Naming a job without a value, or with one that is no number.
        """
        keys = list(values)
        number = self.numbers(what, keys)
        column = column_of(what, values)
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


def _same_objects(now: list[Any], before: list[Any]) -> bool:
    """Whether two lists hold the same jobs; copies may count as others, since comparing them is slow."""
    n = len(now)
    if n != len(before) or any(now[at] is not before[at] for at in {0, n // 2, n - 1} if n):
        return False
    return now == before


def column_of(what: str, values: Mapping[Any, Any]) -> Floats:
    """The numbers of a dictionary, in its order, shape ``(len(values),)``.

    Raises
    ------
    InputError
        Naming a job whose value is no number.
    """
    try:
        return np.fromiter(values.values(), np.float64, len(values))
    except (TypeError, ValueError, OverflowError):
        raise _no_number(what, values) from None


def shown(value: Any) -> str:
    """A value for a message: in short, and also where Python does not write out so many digits."""
    try:
        return reprlib.repr(value)
    except ValueError:
        return f"a whole number of {value.bit_length()} bits"


def is_nothing(rows: Any) -> bool:
    """Whether a call has no jobs; what is no dictionary is something, and refused as what it is."""
    return rows is None or (isinstance(rows, Sized) and len(rows) == 0)


def _no_number(what: str, values: Mapping[Any, Any]) -> InputError:
    for job, value in values.items():
        try:
            float(value)
        except OverflowError:
            return InputError(f"{what} of job {job} is beyond what a float can be")
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
    for of in (keys, map(operator.itemgetter(0), keys)):
        try:
            given = list(of)
            found = np.fromiter(given, np.int64, len(given))
            if found.tolist() == given:  # 1.5 and "1" are not job 1
                return found
        except OverflowError:
            raise _too_large(keys) from None
        except (TypeError, ValueError, IndexError, KeyError):
            pass
    raise InputError(
        f"jobs are whole numbers, or pairs like Gavel's JobIdPair, or all are names and none a pair; "
        f"found {keys[0]!r}"
    )


def _too_large(keys: Sequence[Any]) -> InputError:
    whole = (key for key in keys if isinstance(key, int))
    wide = next((key for key in whole if not -(2**63) <= key < 2**63), keys[0])
    return InputError(
        f"job {shown(wide)}: numbers of jobs go up to 2^63 - 1; give this one a name (a str)"
    )


def read_jobs(number: Ints, keys: Sequence[Any], values: Sequence[Mapping[str, Any]]) -> Jobs:
    """Read the throughputs of single jobs, whose numbers are known.

    Raises
    ------
    InputError
        Naming a job whose throughputs lack a worker type or are no numbers.
    """
    types = worker_types_of(keys[0], values[0])
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


def worker_types_of(job: Any, row: Any) -> tuple[str, ...]:
    """Worker types that a job's throughputs name, in alphabetical order.

    Raises
    ------
    InputError
        If they are no dictionary by name.
    """
    if isinstance(row, Mapping):
        with contextlib.suppress(TypeError):  # names that have no order
            return tuple(sorted(row))
    raise _no_row(job, row)


def _no_row(job: Any, row: Any) -> InputError:
    return InputError(
        f"throughputs of job {job} are {row!r}, expected steps per second by name of worker type"
    )


def worker_types_of_cluster(cluster_spec: Mapping[Any, Any]) -> tuple[str, ...]:
    """Worker types of a cluster, in alphabetical order.

    Raises
    ------
    InputError
        If a name is none.
    """
    if not all(isinstance(kind, str) for kind in cluster_spec):
        raise InputError(
            f"cluster_spec is {cluster_spec!r}, expected workers by name of their type"
        )
    return tuple(sorted(cluster_spec))


def read_job_types(
    speeds: Mapping[Any, Any], types: Sequence[str]
) -> tuple[list[Any], ThroughputTable]:
    """Job types in order, and their table, of ``{job type: {worker type: {None or other: steps per second}}}``.

    Raises
    ------
    InputError
        Naming the job type whose throughputs lack something or are no numbers of 0 or more.
    """
    if not types:
        raise InputError("cluster_spec names no worker type")
    try:
        kinds = sorted(speeds)
        scale = [kind[1] for kind in kinds]
    except (TypeError, LookupError):
        raise InputError(
            f"job types are pairs of a name and a scale factor, found {list(speeds)!r}"
        ) from None
    alone = np.zeros((len(kinds), len(types)))
    paired = np.zeros((len(kinds), len(kinds), 2, len(types)))
    for a, kind in enumerate(kinds):
        others = [b for b in range(len(kinds)) if scale[b] == scale[a]]
        for j, worker in enumerate(types):
            try:
                row = speeds[kind][worker]
                alone[a, j] = row[None]
                paired[a, others, 0, j] = [row[kinds[b]] for b in others]
            except (LookupError, TypeError, ValueError, OverflowError):
                raise InputError(
                    f"throughputs of job type {kind!r} on {worker!r} are not steps per second by None (alone) "
                    "and by every job type of its scale factor"
                ) from None
    if not all(
        bool((speed >= 0.0).all() and np.isfinite(speed).all()) for speed in (alone, paired)
    ):
        raise InputError("throughputs of job types are not all 0 or more")
    paired[:, :, 1] = paired[:, :, 0].transpose(1, 0, 2)
    return kinds, ThroughputTable(alone, paired)


_NEEDED = ("cluster_spec", "throughputs")


_KEYS = {"cluster_spec": "worker type", "priority_reweighting_policies": "entity"}


def require_dictionaries(**given: Any) -> None:
    """Check that what stands for jobs or worker types is a dictionary, or is left out as None.

    Raises
    ------
    InputError
        Naming the argument.
    """
    for what, values in given.items():
        if not isinstance(values, Mapping) and (values is not None or what in _NEEDED):
            kind = type(values).__name__
            if values is None:
                raise InputError(f"{what} is missing")
            by = _KEYS.get(what, "job")
            raise InputError(f"{what} is a {kind}, expected a dictionary by {by}")


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
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
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
        if not isinstance(row, Mapping):
            return _no_row(key, row)
        for kind in types:
            if kind not in row:
                return InputError(f"throughputs of job {key} have no worker type {kind!r}")
            if not isinstance(row[kind], int | float | np.number):
                return InputError(
                    f"throughput of job {key} on {kind!r} is {row[kind]!r}, not a number"
                )
            if isinstance(row[kind], int) and abs(row[kind]) > 2**1023:
                return InputError(
                    f"throughput of job {key} on {kind!r} is beyond what a float can be"
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


class Pairs:
    """Reads throughputs of single jobs and of pairs, and remembers those of pairs.

    Each pair has a slot, which holds what its dictionary said when it was read. A call whose dictionaries
    are the objects of the last call, or equal to them, but for jobs that left and others that came at the
    end, reads the pairs of those that came. A dictionary that was changed in place is noticed when its
    turn comes to be compared (each call compares some); then all are read anew, at this call and at every
    later one.

    Attributes
    ----------
    trusts
        False once a dictionary was found to have changed in place.
    """

    def __init__(self) -> None:
        self.trusts = True
        self._turn = 0
        self._forget(())

    def _forget(self, types: tuple[str, ...]) -> None:
        self._types = types
        self._seen: dict[Any, Any] = {}
        self._copy: tuple[Any, Any] | None = None
        self._blank: dict[Any, Any] | None = None
        self._unwritten: list[Any] = []
        self._single: dict[int, Any] = {}
        self._slot: dict[tuple[int, ...], int] = {}
        self._key: list[Any] = []
        self._free: list[int] = []
        self._members: Ints = np.full((0, 2), -1)
        self._rate: Floats = np.zeros((0, 2, len(types)))
        self._fresh: list[int] = []
        self._kinds = _Kinds()

    def read(self, rows: Rows, here: Ints) -> Jobs:
        """Read a call's throughputs: the single jobs are returned, pairs are kept.

        Parameters
        ----------
        rows
            Of single jobs and of pairs.
        here
            Numbers of the jobs that are there.
        """
        try:
            return self._jobs(rows, here)
        except InputError:
            self._forget(())  # half of the call may have been taken in
            raise

    def _jobs(self, rows: Rows, here: Ints) -> Jobs:
        if not (self._seen and self.trusts and self._follows(rows, here) and self._hold(rows)):
            first = next((one for one in rows.items() if not _is_pair(one[0])), None)
            if first is None:
                raise InputError("throughputs: pairs without single jobs")
            self._forget(worker_types_of(*first))
            self._add(list(rows), rows)
            self._seen = dict(rows)
        keys = list(self._single.values())
        number = np.fromiter(self._single, np.int64, len(keys))
        return read_jobs(number, keys, [rows[key] for key in keys])

    def blank(self, nothing: Any) -> dict[Any, Any]:
        """A dictionary with every job and pair read last, and no shares."""
        if self._blank is None:
            self._blank = dict.fromkeys(self._seen, nothing)
        for key in self._unwritten:
            self._blank[key] = nothing
        self._unwritten = []
        return self._blank.copy()

    def called(
        self, pairs: Iterable[Iterable[int]], made: Callable[[int, int], Any] | None = None
    ) -> list[Any]:
        """What the caller calls pairs of two numbers; those that it did not name are made, or None."""
        slots = map(self._slot.get, map(tuple, pairs))
        keys = [None if slot is None else self._key[slot] for slot in slots]
        if made is None:
            return keys
        return [made(*pair) if key is None else key for key, pair in zip(keys, pairs, strict=True)]

    def table(self, jobs: Jobs, scale: Ints) -> tuple[Ints, ThroughputTable]:
        """Key of each job and the table that keys point into; alike jobs share a row of it."""
        fresh = np.array(self._fresh, dtype=np.int64)
        fresh = fresh[self._members[fresh, 0] >= 0]
        self._fresh = []
        return self._kinds.table(jobs, scale, fresh, self._members, self._rate)

    def _follows(self, rows: Rows, here: Ints) -> bool:
        """Whether a call is the last one without the jobs that left and with new ones at its end."""
        staying = set(here.tolist())
        gone = [number for number in self._single if number not in staying]
        if gone:
            self._remove(gone)
        seen, new = self._seen, []
        for key in reversed(rows) if isinstance(rows, dict) else reversed(list(rows)):
            if key in seen:
                break
            new.append(key)
        new.reverse()
        seen.update((key, rows[key]) for key in new)
        seen.update((key, rows.get(key)) for key in self._single.values())  # read anew in any case
        try:
            same = same_entries(seen, rows) or bool(seen == rows)  # type: ignore[arg-type]  # whatever it is
        except ValueError:  # arrays do not say whether they are equal
            return False
        if same:
            self._add(new, rows)
        return same

    def _hold(self, rows: Rows) -> bool:
        """Compare some remembered pairs with what their dictionaries say now."""
        first = self._turn if self._turn < len(self._key) else 0
        self._turn = first + _CHECKED
        slots = first + np.flatnonzero(self._members[first : self._turn, 0] >= 0)
        keys = [self._key[slot] for slot in slots.tolist()]
        now = _pair_rates([rows[key] for key in keys], self._types)
        self.trusts = now is not None and bool(np.array_equal(now, self._rate[slots]))
        if keys and rows[keys[0]] is not self._seen[keys[0]]:
            key, row = self._copy or (None, None)
            if self._copy and rows.get(key) is row:
                # others took their place, and come again: let those be the objects of before
                self._seen, self._copy = dict(rows), None
            else:  # copies made for one call do not, and whoever made them frees them
                self._copy = keys[0], rows[keys[0]]
        return self.trusts

    def _add(self, keys: list[Any], rows: Rows) -> None:
        """Take in single jobs and pairs."""
        pairs = list(map(_is_pair, keys))
        paired = list(itertools.compress(keys, pairs))
        single = list(itertools.compress(keys, map(operator.not_, pairs)))
        for number, key in zip(numbers(single).tolist(), single, strict=True):
            if number in self._single:
                raise InputError(f"job {key} is there twice")
            self._single[number] = key
        self._unwritten += keys
        rate = _pair_rates([rows[key] for key in paired], self._types)
        if rate is None:
            raise _wrong_pair(paired, [rows[key] for key in paired], self._types)
        slots = self._slots(len(paired))
        for slot, key in zip(slots, paired, strict=True):
            self._key[slot] = key
        members = np.array([_members(key) for key in paired], np.int64).reshape(-1, 2)
        for wrong, why in (
            (~(rate >= 0.0).all(axis=(1, 2)), "are not all 0 or more"),
            (~np.isin(members, list(self._single)).all(axis=1), "have a job without its own"),
            (members[:, 0] == members[:, 1], "pair a job with itself"),
        ):
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                raise InputError(f"throughputs of jobs {paired[at]} {why}: {rows[paired[at]]}")
        turned = members[:, 0] > members[:, 1]
        members[turned], rate[turned] = members[turned, ::-1], rate[turned, ::-1]
        if turned.any() and len(np.unique(members, axis=0)) < len(members):
            raise InputError("throughputs: a pair of jobs is there twice, once turned round")
        self._slot.update(zip(map(tuple, members.tolist()), slots, strict=True))
        self._members[slots] = members
        self._rate[slots] = rate
        self._fresh += slots

    def _slots(self, count: int) -> list[int]:
        """So many slots that are free."""
        more = count - len(self._free)
        if more > 0:
            have = len(self._key)
            more = max(more, have // 2)
            self._key += [None] * more
            self._free += range(have + more - 1, have - 1, -1)
            self._members = np.concatenate([self._members, np.full((more, 2), -1)])
            empty = np.zeros((more, *self._rate.shape[1:]))
            self._rate = np.concatenate([self._rate, empty])
        return [self._free.pop() for _ in range(count)]

    def _remove(self, gone: list[int]) -> None:
        """Forget jobs and the pairs that they were in."""
        keys, slots = [], []
        for number in gone:
            keys.append(self._single.pop(number))
            beside = ((min(number, other), max(number, other)) for other in self._single)
            slots += [self._slot.pop(pair) for pair in beside if pair in self._slot]
        keys += [self._key[slot] for slot in slots]
        for key in keys:
            self._seen.pop(key, None)
            if self._blank is not None:
                self._blank.pop(key, None)
        for slot in slots:
            self._key[slot] = None
        self._members[slots] = -1
        self._free += slots


def _is_pair(key: Any) -> bool:
    if isinstance(key, int | np.integer):
        return False
    if isinstance(key, tuple) and len(key) == 2 and isinstance(key[0], int | np.integer):
        return isinstance(key[1], int | np.integer)
    try:
        return bool(key.is_pair())
    except AttributeError:
        raise InputError(
            "jobs of a policy with pairs are whole numbers, with tuples of two for pairs, or like Gavel's "
            f"JobIdPair; found {key!r}"
        ) from None


def _members(pair: Any) -> Any:
    return pair if isinstance(pair, tuple) else pair.as_tuple()


def _pair_rates(values: list[Any], types: tuple[str, ...]) -> Floats | None:
    """Steps per second of both sides, shape ``(P, 2, J)``; None if a value is not what it should be."""
    if not values:
        return np.empty((0, 2, len(types)))
    flat = itertools.chain.from_iterable
    size = len(values) * len(types) * 2
    try:
        if set(map(len, flat(map(_pick(types), values)))) != {2}:
            return None
        rates = np.fromiter(flat(flat(map(_pick(types), values))), np.float64, size)
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    return np.ascontiguousarray(rates.reshape(-1, len(types), 2).transpose(0, 2, 1))


def _wrong_pair(keys: list[Any], values: list[Any], types: tuple[str, ...]) -> InputError:
    for key, row in zip(keys, values, strict=True):
        if not isinstance(row, Mapping):
            return _no_row(key, row)
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
        self._uneven = False
        self._id: dict[bytes, int] = {}
        self._of: dict[int, int] = {}
        self._paired = np.zeros((0, 0, 2, 0))
        self._known: Bools = np.zeros((0, 0), dtype=bool)

    def table(
        self, jobs: Jobs, scale: Ints, fresh: Ints, members: Ints, rate: Floats
    ) -> tuple[Ints, ThroughputTable]:
        """Key of each job, and the table.

        Parameters
        ----------
        jobs, scale
            The jobs of the call and their scale factors.
        fresh
            Slots of the pairs that were not seen yet.
        members, rate
            Of each slot, shapes ``(S, 2)``, -1 where it is free, and ``(S, 2, J)``.
        """
        key, alone, width = equal_rows(jobs.alone, scale)
        if not self.apart:
            told = np.concatenate([alone, width[:, None]], axis=1)
            kind = np.array([self._id.setdefault(row.tobytes(), len(self._id)) for row in told])
            of_job = kind[key]
            if self._match(of_job, scale, jobs, fresh, members, rate):
                paired = self._paired[np.ix_(kind, kind)]
                given = self._given(key, width, jobs, members)
                if given is None:
                    return key, ThroughputTable(alone, paired)
                if given.size:
                    return key, ThroughputTable(alone, paired * given[:, :, None, None])
            self.apart = True
        each = np.arange(jobs.number.size)
        paired = np.zeros((each.size, each.size, 2, alone.shape[1]))
        taken = np.flatnonzero(members[:, 0] >= 0)
        first, second = np.searchsorted(jobs.number, members[taken].T)
        paired[first, second] = rate[taken]
        paired[second, first] = rate[taken][:, ::-1]
        return each, ThroughputTable(jobs.alone, paired)

    def _match(
        self, kind: Ints, scale: Ints, jobs: Jobs, fresh: Ints, members: Ints, rate: Floats
    ) -> bool:
        """Take in the pairs that were not seen yet; whether they do as their kinds do."""
        of = dict(zip(jobs.number.tolist(), kind.tolist(), strict=True))
        if any(self._of.get(job, one) != one for job, one in of.items()):
            fresh = np.flatnonzero(members[:, 0] >= 0)  # a job runs at another speed now
            self._known[:] = False
            self._uneven = False
        self._of = of
        self._grow(len(self._id), rate.shape[2])
        if not fresh.size:
            return True
        place = np.searchsorted(jobs.number, members[fresh].T)
        self._uneven |= bool((scale[place[0]] != scale[place[1]]).any())
        rates = rate[fresh]
        first, second = kind[place]
        # Both ways round a pair of kinds is one: of two that disagree neither may be lost.
        turned = first > second
        first, second = np.minimum(first, second), np.maximum(first, second)
        rates[turned] = rates[turned][:, ::-1]
        new = ~self._known[first, second]
        if new.any():
            a, b = first[new], second[new]
            self._paired[a, b] = rates[new]
            self._paired[b, a] = self._paired[a, b][:, ::-1]
            self._known[a, b] = self._known[b, a] = True
        return bool(np.array_equal(self._paired[first, second], rates))

    def _given(self, key: Ints, width: Ints, jobs: Jobs, members: Ints) -> Bools | None:
        """Which kinds the caller has pairs of, shape ``(K, K)``: None is all, and nothing that kinds cannot tell.

        A pair that the caller leaves out gets no share, so of two kinds there must be all pairs or none.
        """
        taken = members[:, 0] >= 0
        _, of_scale = np.unique(width[key], return_counts=True)
        if (
            not self._uneven
            and np.count_nonzero(taken) == int((of_scale * (of_scale - 1)).sum()) // 2
        ):
            return None
        first, second = np.sort(key[np.searchsorted(jobs.number, members[taken].T)], axis=0)
        kinds = width.size
        found = np.bincount(first * kinds + second, minlength=kinds * kinds).reshape(kinds, kinds)
        count = np.bincount(key, minlength=kinds)
        every = np.triu(np.outer(count, count), 1) + np.diag(count * (count - 1) // 2)
        if ((found > 0) & (found < every)).any():
            return np.zeros((0, 0), dtype=bool)
        given: Bools = found > 0
        return given | given.T

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
