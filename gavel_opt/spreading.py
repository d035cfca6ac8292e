"""Sparse, deterministic spreads of a pair of groups' time over pairs of jobs.

All jobs of a group must get the same total, and few pairs of jobs should be in play. Both constructions
are exact: shares are multiples of ``1 / (m n)`` or ``1 / m`` of the total.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints


def between(first: int, second: int) -> tuple[Ints, Ints, Floats]:
    """Spread over a group of ``first`` jobs and another of ``second``.

    Two rulers of equal length, one with ``first`` divisions, one with ``second``, laid side by side:
    each piece between two marks is a pair. At most ``first + second - 1`` pairs.

    Returns
    -------
    i, k
        Place of each pair's jobs in their groups.
    part
        Part of the total time; sums to ``1 / first`` for each ``i``, to ``1 / second`` for each ``k``.
    """
    marks = np.union1d(np.arange(first + 1) * second, np.arange(second + 1) * first)
    start = marks[:-1]
    return start // second, start // first, np.diff(marks) / (first * second)


def between_each(first: Ints, second: Ints) -> tuple[Ints, Ints, Ints, Floats]:
    """Spread over many pairs of groups at once: :func:`between` of each, one after the other.

    Parameters
    ----------
    first, second
        Sizes of the two groups, shape ``(P,)``.

    Returns
    -------
    which
        Pair of groups that each entry belongs to, ascending.
    i, k, part
        As :func:`between` gives them.
    """
    # Marks of the first ruler, 0 to first - 1, then those of the second that are not on the first.
    which_a, i = _counted(first)
    which_b, k = _counted(second)
    at_b = k * first[which_b]
    new = at_b % second[which_b] != 0
    which = np.concatenate([which_a, which_b[new]])
    start = np.concatenate([i * second[which_a], at_b[new]])
    order = np.lexsort((start, which))
    which, start = which[order], start[order]
    whole = (first * second)[which]
    end = np.empty_like(start)
    end[:-1], end[-1:] = start[1:], whole[-1:]
    last = np.flatnonzero(which[1:] != which[:-1])
    end[last] = whole[last]
    return which, start // second[which], start // first[which], (end - start) / whole


def _counted(size: Ints) -> tuple[Ints, Ints]:
    """Places 0 to size - 1 of each, one after the other: whose they are, and the places."""
    which = np.repeat(np.arange(size.size), size)
    return which, np.arange(which.size) - np.repeat(np.cumsum(size) - size, size)


def within(jobs: int) -> tuple[Ints, Ints, Floats]:
    """Spread over pairs of different jobs of one group of at least two.

    Neighbours are pairs; with an odd number the last three are paired in a triangle. Every job has
    the same total, ``2 / jobs``.

    Returns
    -------
    i, k
        Place of each pair's jobs in the group, the smaller first.
    part
        Part of the total time, sums to 1.
    """
    couples = jobs // 2 if jobs % 2 == 0 else (jobs - 3) // 2
    i = 2 * np.arange(couples)
    k = i + 1
    part = np.full(couples, 2.0 / jobs)
    if jobs % 2:
        last = jobs - 3
        i = np.concatenate([i, [last, last, last + 1]])
        k = np.concatenate([k, [last + 1, last + 2, last + 2]])
        part = np.concatenate([part, np.full(3, 1.0 / jobs)])
    return i, k, part
