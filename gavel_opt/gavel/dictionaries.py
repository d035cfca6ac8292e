"""Between dictionaries, as Gavel's scheduler hands them over, and arrays.

Jobs are whole numbers, names (without pairs), or objects like Gavel's ``JobIdPair``: ``job[0]`` is the number,
``is_pair()`` and ``as_tuple()`` tell pairs. Throughputs are read in passes that stay in C. Jobs with equal rows share a row of
the table, so policies find groups.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import reprlib
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.kernels.groups import group_rows
from gavel_opt.model.cluster_state import ThroughputTable

Rows = Mapping[Any, Mapping[str, Any]]

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
        kept = self._keys.get(what, _NOBODY)
        for before in (self._last, kept):
            if _same_objects(keys, before[0]):
                self._last = before
                return before[1]
        self._last = keys, self._numbers(keys, *kept)
        if self._come_again(what, *self._last):
            self._keys[what] = self._last
        else:
            self._keys.pop(what, None)
        return self._last[1]

    def _numbers(self, keys: list[Any], before: list[Any], number: Ints) -> Ints:
        """Number of each job, where most may be objects whose numbers are known: those are not looked at."""
        known = dict(zip(map(id, before), number.tolist(), strict=True))
        found = list(map(known.get, map(id, keys)))
        if isinstance(next(iter(keys), ""), str) or found.count(None) == len(keys):
            return self.of(keys)
        new = [key for key, one in zip(keys, found, strict=True) if one is None]
        missing = iter(numbers(new).tolist())
        return np.array([next(missing) if one is None else one for one in found], np.int64)

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
    raise no_row(job, row)


def no_row(job: Any, row: Any) -> InputError:
    """What is wrong with throughputs that are no dictionary."""
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
    picked = pick(types)
    try:
        flat = np.fromiter(
            itertools.chain.from_iterable(map(picked, values)), np.float64, len(values) * width
        )
    except (KeyError, IndexError, TypeError, ValueError, OverflowError):
        raise _wrong_row(keys, values, types) from None
    return flat.reshape(-1, width)


def pick(types: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """What takes the values of some worker types out of a row."""
    if len(types) == 1:
        only = types[0]
        return lambda row: (row[only],)
    return operator.itemgetter(*types)


def _wrong_row(
    keys: Sequence[Any], values: Sequence[Mapping[str, Any]], types: Sequence[str]
) -> InputError:
    for key, row in zip(keys, values, strict=True):
        if not isinstance(row, Mapping):
            return no_row(key, row)
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
