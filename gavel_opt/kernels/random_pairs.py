"""Gandiva's pairs in one compiled pass: kept while they pay, drawn at random, the cluster split evenly over all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Ints
from gavel_opt.kernels.even_split import split_evenly
from gavel_opt.kernels.jit import compiled
from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import PairColumns
from gavel_opt.kernels.random_streams import next_below
from gavel_opt.kernels.records import by_reference

_POOLED = 21
"""Up to so many numbers ``random.sample`` draws from a list, from which it takes what is drawn."""


class Partners(NamedTuple):
    """What is remembered.

    Attributes
    ----------
    size
        How many pairs, shape ``(1,)``; they have the first rows.
    job
        Their job numbers, the earlier job first, shape ``(room, 2)``.
    stream
        Random stream, as :func:`gavel_opt.kernels.random_streams.stream` makes it.
    """

    size: Ints
    job: Ints
    stream: Ints


@by_reference
class Pairing(NamedTuple):
    """What there is to do.

    Attributes
    ----------
    jobs, pairs
        The jobs; they and the pairs get their shares.
    workers
        Of each type, shape ``(J,)``.
    pays
        Whether a pair of keys is worth keeping, the earlier job's first, shape ``(keys, keys)``.
    partners
        What is remembered.
    """

    jobs: JobColumns
    pairs: PairColumns
    workers: Ints
    pays: Bools
    partners: Partners


@compiled
def share_in_pairs(task: Pairing) -> int:
    """Give every job, or the pair that it is in, an equal part of the cluster; always 1."""
    jobs, pairs = task.jobs, task.pairs
    size = jobs.size[0]
    pairs.size[0] = 0
    if size == 0:
        return 1
    partner = np.full(size, -1)
    _keep_partners(task, partner)
    asked = 0
    for job in range(size):
        asked += jobs.scale_factor[job]
    there = 0
    for j in range(task.workers.size):
        there += task.workers[j]
    parts = size
    if asked <= there:
        for job in range(size):
            partner[job] = -1
    else:
        _draw_partners(task, partner)
        parts -= task.partners.size[0]
    for job in range(size):
        other = partner[job]
        if other < 0:
            split_evenly(task.workers, parts, jobs.scale_factor[job], jobs.shares[job])
            continue
        for j in range(task.workers.size):
            jobs.shares[job, j] = 0.0
        if other > job:
            row = pairs.size[0]
            pairs.job[row, 0], pairs.job[row, 1] = jobs.job[job], jobs.job[other]
            split_evenly(task.workers, parts, jobs.scale_factor[job], pairs.shares[row])
            pairs.size[0] = row + 1
    return 1


@compiled
def _keep_partners(task: Pairing, partner: Ints) -> None:
    """Give up pairs that lost a job or do not pay, and note who is whose partner."""
    jobs, partners = task.jobs, task.partners
    kept = 0
    for row in range(partners.size[0]):
        one, other = partners.job[row, 0], partners.job[row, 1]
        first, second = _place_of(one, jobs), _place_of(other, jobs)
        there = first >= 0 and second >= 0 and partner[first] < 0 and partner[second] < 0
        if there and first != second and task.pays[jobs.key[first], jobs.key[second]]:
            partners.job[kept, 0], partners.job[kept, 1] = one, other
            partner[first], partner[second] = second, first
            kept += 1
    partners.size[0] = kept


@compiled
def _place_of(number: int, jobs: JobColumns) -> int:
    """Where a job stands, or -1."""
    size = jobs.size[0]
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if jobs.job[middle] < number:
            low = middle + 1
        else:
            high = middle
    return low if low < size and jobs.job[low] == number else -1


@compiled
def _draw_partners(task: Pairing, partner: Ints) -> None:
    """Pair jobs without a partner at random, those of one scale factor."""
    jobs, partners = task.jobs, task.partners
    waiting = np.empty(partner.size, np.int64)
    left = 0
    for job in range(partner.size):
        if partner[job] < 0:
            waiting[left] = job
            left += 1
    for _ in range(left):
        if left < 2:
            break
        one, other = two_below(left, partners.stream)
        first, second = min(waiting[one], waiting[other]), max(waiting[one], waiting[other])
        if jobs.scale_factor[first] != jobs.scale_factor[second]:
            continue
        partner[first], partner[second] = second, first
        row = partners.size[0]
        partners.job[row, 0], partners.job[row, 1] = jobs.job[first], jobs.job[second]
        partners.size[0] = row + 1
        low, high = min(one, other), max(one, other)
        for place in range(low, high - 1):
            waiting[place] = waiting[place + 1]
        for place in range(high - 1, left - 2):
            waiting[place] = waiting[place + 2]
        left -= 2


@compiled
def two_below(n: int, stream: Ints) -> tuple[int, int]:
    """Two different numbers below ``n``, as ``random.sample(range(n), 2)`` draws them."""
    one = next_below(stream, n)
    if n <= _POOLED:
        other = next_below(stream, n - 1)
        return one, n - 1 if other == one else other
    other = next_below(stream, n)
    while other == one:
        other = next_below(stream, n)
    return one, other
