"""Sparse, deterministic spreads of a pair of groups' time over pairs of jobs, in one compiled pass.

All jobs of a group must get the same total, and few pairs of jobs should be in play. Both constructions
are exact: shares are multiples of ``1 / (m n)`` or ``1 / m`` of the total.

Two groups, of ``m`` and of ``n`` jobs: two rulers of equal length, one with ``m`` divisions, one with
``n``, laid side by side. Each piece between two marks is a pair; at most ``m + n - 1`` of them.

One group with itself: neighbours are pairs; with an odd number the last three are paired in a triangle.
"""

from __future__ import annotations

import numpy as np

from gavel_opt.arrays import Floats, Ints
from gavel_opt.kernels.groups import sorted_rows
from gavel_opt.kernels.jit import compiled, compiled_apart

NOTHING = 1e-10
"""Time of a pair of groups below this is an interior point's idea of zero."""


@compiled_apart
def spread_over_jobs(of_job: Ints, count: Ints, member: Ints, y: Floats) -> tuple[Ints, Floats]:
    """Spread the time of pairs of groups over pairs of jobs.

    Parameters
    ----------
    of_job
        Group of each job, shape ``(n,)``.
    count
        Jobs of each group, shape ``(G,)``.
    member
        The two groups of each pair, shape ``(P, 2)``; no pair twice.
    y
        Time of each pair, summed over its pairs of jobs, shape ``(P, J)``; below :data:`NOTHING` on
        every type it is none.

    Returns
    -------
    pair, pair_y
        Indices of two jobs, the smaller first, in ascending order, shape ``(Q, 2)``; their time, shape
        ``(Q, J)``.
    """
    jobs, groups, types = of_job.size, count.size, y.shape[1]
    start = np.zeros(groups, np.int64)
    for i in range(1, groups):
        start[i] = start[i - 1] + count[i - 1]
    placed, within = start.copy(), np.empty(jobs, np.int64)
    for job in range(jobs):
        within[placed[of_job[job]]] = job
        placed[of_job[job]] += 1
    room = 0
    for p in range(member.shape[0]):
        room += count[member[p, 0]] + count[member[p, 1]]
    word, whose, part = np.empty((room, 1), np.int64), np.empty(room, np.int64), np.empty(room)
    found = 0
    for p in range(member.shape[0]):
        most = 0.0
        for j in range(types):
            most = max(most, y[p, j])
        if not most > NOTHING:
            continue
        before = found
        one, two = member[p, 0], member[p, 1]
        m, n = count[one], count[two]
        if one == two:
            couples = m // 2 if m % 2 == 0 else (m - 3) // 2
            for i in range(couples):
                word[found, 0] = _word(within[start[one] + 2 * i], within[start[one] + 2 * i + 1])
                part[found] = 2.0 / m
                found += 1
            if m % 2 == 1:
                last = start[one] + m - 3
                for i in range(2):
                    for k in range(i + 1, 3):
                        word[found, 0] = _word(within[last + i], within[last + k])
                        part[found] = 1.0 / m
                        found += 1
        else:
            i, k, at = 0, 0, 0
            while at < m * n:
                ends_i, ends_k = (i + 1) * n, (k + 1) * m
                end = min(ends_i, ends_k)
                word[found, 0] = _word(within[start[one] + i], within[start[two] + k])
                part[found] = (end - at) / (m * n)
                found += 1
                if end == ends_i:
                    i += 1
                if end == ends_k:
                    k += 1
                at = end
        whose[before:found] = p
    order = sorted_rows(word[:found])
    pair, pair_y = np.empty((found, 2), np.int64), np.empty((found, types))
    for row in range(found):
        at = order[row]
        pair[row, 0], pair[row, 1] = word[at, 0] >> 32, word[at, 0] & 0xFFFFFFFF
        for j in range(types):
            pair_y[row, j] = part[at] * y[whose[at], j]
    return pair, pair_y


@compiled
def _word(one: int, two: int) -> int:
    """Two jobs as one number, in the order that they are wanted in."""
    return (min(one, two) << 32) | max(one, two)
