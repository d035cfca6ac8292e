"""Equal rows of a table, found in one compiled pass and put in order."""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.compiled import compiled


@compiled
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

    # merge sort of the groups by their values
    order, spare = np.arange(groups), np.empty(groups, np.int64)
    width = 1
    while width < groups:
        for begin in range(0, groups, 2 * width):
            middle, end = min(begin + width, groups), min(begin + 2 * width, groups)
            a, b = begin, middle
            for at_ in range(begin, end):
                take_left = b >= end
                if not take_left and a < middle:
                    left, right = first[order[a]], first[order[b]]
                    take_left = True
                    for i in range(values):
                        if table[left, i] != table[right, i]:
                            take_left = table[left, i] < table[right, i]
                            break
                if take_left:
                    spare[at_] = order[a]
                    a += 1
                else:
                    spare[at_] = order[b]
                    b += 1
        order, spare = spare, order
        width *= 2
    rank = np.empty(groups, np.int64)
    for i in range(groups):
        rank[order[i]] = i
    for job in range(jobs):
        of_job[job] = rank[of_job[job]]

    for i in range(size):
        slot[i] = -1
    distinct = True
    for group in range(groups):
        at = np.uint64(mark[group]) & mask
        while slot[at] >= 0:
            distinct = distinct and slot[at] != mark[group]
            at = (at + np.uint64(1)) & mask
        slot[at] = mark[group]
    marks = mark[order] if distinct else np.empty(0, np.int64)
    return of_job, first[order], count[order], marks
