"""Jobs to groups and back in compiled passes: equal rows found and put in order, shares handed out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.jit import compiled, compiled_apart

MANY = 64
"""Groups with one key beyond which they are found by hashing rows instead."""
RUN = 8
"""Rows that are sorted by insertion before runs are merged."""


@compiled_apart
def group_rows(table: Floats) -> tuple[Ints, Ints, Ints, Ints]:
    """Group equal rows of ``table`` (one row a job), in ascending order of their values.

    Parameters
    ----------
    table
        Shape ``(jobs, values)``.

    Returns
    -------
    of_job, first, count
        Group of each job; first job and number of jobs of each group.
    mark
        28 bits mixed from each group's values; empty in the rare case that two groups have the
        same.
    """
    jobs, values = table.shape
    size = 16
    while size < 2 * jobs:
        size *= 2
    mask = np.uint64(size - 1)
    slot = np.full(size, -1, np.int64)
    of_job = np.empty(jobs, np.int64)
    first, count = np.empty(jobs, np.int64), np.zeros(jobs, np.int64)
    mark = np.empty(jobs, np.int64)
    bits = (table + 0.0).view(np.uint64)  # -0.0 becomes 0.0
    groups = 0
    for job in range(jobs):
        mixed = np.uint64(0)
        for i in range(values):
            word = bits[job, i]
            mixed = (mixed ^ word ^ (word >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        at = mixed & mask
        while True:
            group = slot[at]
            if group < 0:
                slot[at] = group = groups
                first[group] = job
                mark[group] = np.int64(mixed & np.uint64((1 << 28) - 1))
                groups += 1
                break
            same = True
            for i in range(values):
                if bits[job, i] != bits[first[group], i]:
                    same = False
                    break
            if same:
                break
            at = (at + np.uint64(1)) & mask
        of_job[job] = group
        count[group] += 1

    rows = np.empty((groups, values))
    for group in range(groups):
        for i in range(values):
            rows[group, i] = table[first[group], i]
    order = sorted_rows(rows)
    rank = np.empty(groups, np.int64)
    for i in range(groups):
        rank[order[i]] = i
    for job in range(jobs):
        of_job[job] = rank[of_job[job]]

    marks = mark[order]
    if not all_differ(marks.view(np.uint64)):
        marks = np.empty(0, np.int64)
    return of_job, first[order], count[order], marks


@compiled
def sorted_rows(rows: Floats | Ints) -> Ints:
    """Put rows in ascending order: merge sort, from short runs that are sorted by insertion."""
    count, values = rows.shape
    order, spare = np.arange(count), np.empty(count, np.int64)
    for begin in range(0, count, RUN):
        for i in range(begin + 1, min(begin + RUN, count)):
            row, at = order[i], i
            while at > begin and _before(rows, row, order[at - 1], values):
                order[at] = order[at - 1]
                at -= 1
            order[at] = row
    width = RUN
    while width < count:
        for begin in range(0, count, 2 * width):
            middle, end = min(begin + width, count), min(begin + 2 * width, count)
            a, b = begin, middle
            for at in range(begin, end):
                if b >= end or (a < middle and not _before(rows, order[b], order[a], values)):
                    spare[at] = order[a]
                    a += 1
                else:
                    spare[at] = order[b]
                    b += 1
        order, spare = spare, order
        width *= 2
    return order


@compiled
def _before(rows: Floats | Ints, one: int, other: int, values: int) -> bool:
    for i in range(values):
        if rows[one, i] != rows[other, i]:
            return bool(rows[one, i] < rows[other, i])
    return False


@compiled
def all_differ(words: NDArray[np.uint64]) -> bool:
    """Whether no two of ``words``, shape ``(n,)``, are equal; quick to say no."""
    size = 16
    while size < 2 * words.size:
        size *= 2
    slot = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for i in range(words.size):
        at = (words[i] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32) & mask
        while slot[at] >= 0:
            if words[slot[at]] == words[i]:
                return False
            at = (at + np.uint64(1)) & mask
        slot[at] = i
    return True


@compiled_apart
def group_keys(key: Ints, scale: Ints, weight: Floats, keys: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Group jobs of equal key, scale factor and weight, in ascending order of these.

    What :func:`group_rows` gives for a table of the three columns, several times as fast: ``key`` is
    a row of a table, so groups are looked up by it. All arrays are empty where so many groups have
    one key that this does not pay.

    Parameters
    ----------
    key, scale, weight
        Of each job, shape ``(jobs,)``.
    keys
        Every key is below.

    Returns
    -------
    of_job, first, count, mark
        As :func:`group_rows`, with other marks.
    """
    jobs = key.size
    newest = np.full(keys, -1, np.int64)
    of_job = np.empty(jobs, np.int64)
    first, count = np.empty(jobs, np.int64), np.zeros(jobs, np.int64)
    older = np.empty(jobs, np.int64)
    groups = 0
    for job in range(jobs):
        group = newest[key[job]]
        looks = 0
        while group >= 0:
            one = first[group]
            if scale[one] == scale[job] and weight[one] == weight[job]:
                break
            group = older[group]
            looks += 1
        if looks > MANY:
            none = np.empty(0, np.int64)
            return none, none, none, none
        if group < 0:
            group = groups
            first[group] = job
            older[group] = newest[key[job]]
            newest[key[job]] = group
            groups += 1
        of_job[job] = group
        count[group] += 1

    order, rank = np.empty(groups, np.int64), np.empty(groups, np.int64)
    mark, heavy = np.empty(groups, np.int64), np.empty(groups)
    found = 0
    for row in range(keys):
        begin, group = found, newest[row]
        while group >= 0:
            one, at = first[group], found
            while at > begin:
                other = first[order[at - 1]]
                if scale[other] < scale[one] or (
                    scale[other] == scale[one] and weight[other] < weight[one]
                ):
                    break
                order[at] = order[at - 1]
                at -= 1
            order[at] = group
            found += 1
            group = older[group]
    for i in range(groups):
        rank[order[i]] = i
        heavy[i] = weight[first[order[i]]] + 0.0
    bits = heavy.view(np.uint64)
    for i in range(groups):
        one = first[order[i]]
        mixed = np.uint64(key[one]) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(scale[one])
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= bits[i]
        mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
        mark[i] = np.int64(mixed >> np.uint64(36))
    for job in range(jobs):
        of_job[job] = rank[of_job[job]]
    if not all_differ(mark.view(np.uint64)):
        mark = np.empty(0, np.int64)
    return of_job, first[order], count[order], mark


@compiled
def clipped_shares(x: Floats, of_job: Ints) -> Floats:
    """Each job's row of ``x``, shape ``(G, J)``, within [0, 1]."""
    types = x.shape[1]
    shares = np.empty((of_job.size, types))
    for job in range(of_job.size):
        for j in range(types):
            shares[job, j] = min(max(x[of_job[job], j], 0.0), 1.0)
    return shares
