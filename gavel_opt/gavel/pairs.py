"""Throughputs of pairs of jobs, as Gavel's scheduler hands them over: kept from call to call, and only new ones are read."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError
from gavel_opt.gavel.dictionaries import (
    Jobs,
    Rows,
    equal_rows,
    no_row,
    numbers,
    pick,
    read_jobs,
    worker_types_of,
)
from gavel_opt.gavel.entries import same_entries
from gavel_opt.gavel.lent import Written, drop
from gavel_opt.gavel.slots import Slots
from gavel_opt.model.cluster_state import ThroughputTable

_CHECKED = 1024
"""Pairs that each call compares with what is remembered of them."""


_BLOCK = 1 << 13
"""Pairs that are compared with others of their kinds at once."""
_OF_KINDS, _FEW_KINDS = 4, 64
"""So many kinds for each that is there, and a few, are remembered: a table has a row and a column for each."""


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
        self._same_objects = False
        self._copy: tuple[Any, Any] | None = None
        self._written = Written()
        self._single: dict[int, Any] = {}
        self._alone: dict[int, Any] = {}
        self._slots = Slots()
        self._key: list[Any] = []
        self._row: list[Any] = []
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
            self._add(list(rows), list(rows.values()))
            self._seen = dict(rows)
        number = np.fromiter(self._single, np.int64, len(self._single))
        return read_jobs(number, list(self._single.values()), list(self._alone.values()))

    def written(self, keys: list[Any], values: Iterable[Any], nothing: Any) -> dict[Any, Any]:
        """A dictionary of every job and pair read last, with these values, and nothing elsewhere."""
        return self._written.write(self._seen, keys, values, nothing)

    def called(self, pairs: Ints, made: Callable[[int, int], Any] | None = None) -> list[Any]:
        """What the caller calls pairs of two numbers; those that it did not name are made, or None."""
        slots = self._slots.of(pairs).tolist()
        keys = [None if slot < 0 else self._key[slot] for slot in slots]
        if made is None:
            return keys
        pairs_made = zip(keys, pairs.tolist(), strict=True)
        return [made(*pair) if key is None else key for key, pair in pairs_made]

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
        left = self._remove(gone) if gone else []
        seen = self._seen
        if isinstance(rows, dict):
            backwards = reversed(rows.items())
        else:
            backwards = reversed(list(rows.items()))
        # from one dictionary to another no key is asked for its hash again
        last = list(itertools.islice(backwards, max(0, len(rows) - len(seen))))
        new = dict(reversed(last))
        seen.update(new)
        self._same_objects = same = same_entries(seen, rows)  # type: ignore[arg-type]  # whatever it is
        if not same:
            single = list(self._single.values())
            alone = list(map(rows.get, single))  # read anew in any case
            seen.update(zip(single, alone, strict=True))
            self._alone = dict(zip(self._single, alone, strict=True))
            try:
                same = bool(seen == rows)
            except ValueError:  # arrays do not say whether they are equal
                return False
        if same:
            self._written.note(left, new)
            self._add(list(new), list(new.values()))
        return same

    def _hold(self, rows: Rows) -> bool:
        """Compare some remembered pairs with what their dictionaries say now."""
        first = self._turn if self._turn < len(self._key) else 0
        self._turn = first + _CHECKED
        slots = first + np.flatnonzero(self._members[first : self._turn, 0] >= 0)
        if self._same_objects:
            found = list(map(self._row.__getitem__, slots.tolist()))
        else:
            keys = list(map(self._key.__getitem__, slots.tolist()))
            found = list(map(rows.__getitem__, keys))
            if keys and found[0] is not self._seen[keys[0]] and self._come_again(keys[0], rows):
                return False  # let these be the objects of before
        now = _pair_rates(found, self._types)
        self.trusts = now is not None and bool(np.array_equal(now, self._rate[slots]))
        return self.trusts

    def _come_again(self, key: Any, rows: Rows) -> bool:
        """Whether the dictionaries of a call, which are others than before, have come a second time.

        Copies made for one call do not, and whoever made them frees them.
        """
        again = self._copy is not None and rows.get(self._copy[0]) is self._copy[1]
        self._copy = key, rows[key]
        return again

    def _add(self, keys: list[Any], values: list[Any]) -> None:
        """Take in single jobs and pairs."""
        if not keys:
            return
        are_pairs = _are_pairs(keys)
        are_single = list(map(operator.not_, are_pairs))
        single = list(itertools.compress(keys, are_single))
        number = numbers(single).tolist()
        for one, key in zip(number, single, strict=True):
            if one in self._single:
                raise InputError(f"job {key} is there twice")
            self._single[one] = key
        self._slots.join(number)
        self._alone.update(zip(number, itertools.compress(values, are_single), strict=True))
        self._add_pairs(
            list(itertools.compress(keys, are_pairs)), list(itertools.compress(values, are_pairs))
        )

    def _add_pairs(self, keys: list[Any], values: list[Any]) -> None:
        rate = _pair_rates(values, self._types)
        if rate is None:
            raise _wrong_pair(keys, values, self._types)
        members = np.array(list(map(_members, keys)), np.int64).reshape(-1, 2)
        places = self._slots.places(members)
        for wrong, why in (
            (~(rate >= 0.0).all(axis=(1, 2)), "are not all 0 or more"),
            ((places < 0).any(axis=1), "have a job without its own"),
            (members[:, 0] == members[:, 1], "pair a job with itself"),
        ):
            if wrong.any():
                at = int(np.flatnonzero(wrong)[0])
                raise InputError(f"throughputs of jobs {keys[at]} {why}: {values[at]}")
        turned = members[:, 0] > members[:, 1]
        members[turned], rate[turned] = members[turned, ::-1], rate[turned, ::-1]
        slots = self._free_slots(len(keys))
        if not self._slots.take(places, slots):
            raise InputError("throughputs: a pair of jobs is there twice, once turned round")
        for slot, key, row in zip(slots, keys, values, strict=True):
            self._key[slot], self._row[slot] = key, row
        self._members[slots] = members
        self._rate[slots] = rate
        self._fresh += slots

    def _free_slots(self, count: int) -> list[int]:
        """So many slots that are free."""
        more = count - len(self._free)
        if more > 0:
            have = len(self._key)
            more = max(more, have // 2)
            self._key += [None] * more
            self._row += [None] * more
            self._free += range(have + more - 1, have - 1, -1)
            self._members = np.concatenate([self._members, np.full((more, 2), -1)])
            empty = np.zeros((more, *self._rate.shape[1:]))
            self._rate = np.concatenate([self._rate, empty])
        return [self._free.pop() for _ in range(count)]

    def _remove(self, gone: list[int]) -> list[Any]:
        """Forget jobs and the pairs that they were in; returns all their keys."""
        slots = self._slots.leave(gone)
        keys = [self._single.pop(number) for number in gone]
        drop(self._alone, gone)
        keys += map(self._key.__getitem__, slots.tolist())
        drop(self._seen, keys)
        self._members[slots] = -1
        self._free += slots.tolist()
        for slot in slots.tolist():
            self._key[slot] = self._row[slot] = None
        return keys


def _are_pairs(keys: list[Any]) -> list[bool]:
    """Whether each is a pair; at once where all are objects of one kind that says so."""
    kind = type(keys[0]) if keys else int
    if hasattr(kind, "is_pair") and set(map(type, keys)) == {kind}:
        return [bool(key.is_pair()) for key in keys]
    return list(map(_is_pair, keys))


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
        if set(map(len, flat(map(pick(types), values)))) != {2}:
            return None
        rates = np.fromiter(flat(flat(map(pick(types), values))), np.float64, size)
    except (LookupError, TypeError, ValueError, OverflowError):
        return None
    return np.ascontiguousarray(rates.reshape(-1, len(types), 2).transpose(0, 2, 1))


def _wrong_pair(keys: list[Any], values: list[Any], types: tuple[str, ...]) -> InputError:
    for key, row in zip(keys, values, strict=True):
        if not isinstance(row, Mapping):
            return no_row(key, row)
        for kind in types:
            if kind not in row:
                return InputError(f"throughputs of jobs {key} have no worker type {kind!r}")
            if not isinstance(row[kind], list | tuple | np.ndarray) or len(row[kind]) != 2:
                return InputError(
                    f"throughput of jobs {key} on {kind!r} is {row[kind]!r}, not one for each"
                )
    return InputError("throughputs of pairs: a value is not a number")


def _by_number(jobs: Jobs, kind: Ints) -> dict[int, int]:
    """Kind of each job, by its number."""
    return dict(zip(jobs.number.tolist(), kind.tolist(), strict=True))


class _Kinds:
    """Finds jobs that are alike, alone and beside others, and keeps what each kind does beside each.

    Attributes
    ----------
    apart
        Whether jobs that are equal alone differ beside others, so that each is a kind of its own. Looked at anew
        once jobs or pairs have come or left: what is answered depends on those that are there.
    """

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
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
        if len(self._id) > _OF_KINDS * width.size + _FEW_KINDS:
            self._forget()
        told = np.concatenate([alone, width[:, None]], axis=1)
        kind = np.array([self._id.setdefault(row.tobytes(), len(self._id)) for row in told])
        of_job = kind[key]
        if self.apart and (fresh.size or self._of != _by_number(jobs, of_job)):
            self.apart, self._of = False, {}  # so all pairs are taken in again
        if not self.apart:
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
        of = _by_number(jobs, kind)
        if not self._of or any(self._of.get(job, one) != one for job, one in of.items()):
            fresh = np.flatnonzero(members[:, 0] >= 0)  # a job runs at another speed now
            self._known[:] = False
            self._uneven = False
        self._of = of
        self._grow(len(self._id), rate.shape[2])
        # where all pairs differ the first few say so
        blocks = (fresh[at : at + _BLOCK] for at in range(0, fresh.size, _BLOCK))
        return all(self._take(slots, kind, scale, jobs, members, rate) for slots in blocks)

    def _take(
        self, fresh: Ints, kind: Ints, scale: Ints, jobs: Jobs, members: Ints, rate: Floats
    ) -> bool:
        """Take in some pairs; whether they do as their kinds do."""
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
