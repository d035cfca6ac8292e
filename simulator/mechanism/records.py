"""What the mechanism keeps of each thing: one type of record for each, shared by kernels and Python.

An *entry* is what can be chosen: an active job, or a pair of jobs that share workers. Jobs come first,
in order of job number; the row of a job is its *slot*. Pairs follow from the row that is the capacity
for jobs on. A pair is kept only while it has an allocation or a history; all other pairs follow from
their jobs. A job that left keeps its row until the next recomputation closes the gaps.

A round touches few fields of many entries, so those lie together: an entry fills one line of memory, and
half a line of the ledger for each worker type.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.kernels.job_columns import JobColumns
from gavel_opt.kernels.pair_columns import PairColumns
from gavel_opt.kernels.records import by_reference, record

RULES = record(
    round_seconds="f8",
    half_round="f8",
    between_resets="f8",  # seconds that pass at least between two recomputations
    until="f8",  # no round begins then or later
    window_start="i8",  # first job that is measured
    window_end="i8",
    packing="?",
    shuffles="?",
    skips_zero_priority="?",
    records_placements="?",
)

CLOCK = record(
    now="f8",
    round_start="f8",  # end of the round before the last one with an end: execution counts from here
    round_end="f8",  # latest finish of the last round that ran, NaN before the first
    last_reset="f8",
    latest_finish="f8",  # of what runs now
)

COUNT = record(
    rounds="i8",  # those included in which nobody runs
    recorded="i8",  # rows of the metrics filled so far
    rounds_at_reset="i8",
    idle_rounds="i8",  # in a row, while nobody will come
    known="i8",  # jobs that the workload has drawn
    admitted="i8",
    active="i8",  # jobs in the system
    completed="i8",
    dropped="i8",
    window_left="i8",  # jobs of the window not done yet
    slots="i8",  # rows of jobs in use: active ones, and those that left since the last recomputation
    pairs="i8",  # pairs that are kept
    running="i8",  # entries that run
    used="i8",  # workers that they have
    running_jobs="i8",
    extensions="i8",
    opportunities="i8",
    next_opportunities="i8",  # counted when the round starts
    segments="i8",  # that have begun, if placements are recorded
    all_known="?",  # no more jobs will become known
    stale="?",  # a job came or left since the last recomputation
    awaiting="?",  # a recomputation is due: the pass goes on from there when it was given
    queue_stale="?",  # the queue must be built afresh: new allocation, or a run taken up again
    pairs_stale="?",  # the table of pairs must be
)

TYPE = record(
    number="i8",  # its place in the table
    workers="i8",
    first_worker="i8",
    visit="i8",  # place v of the table: which type is visited as the v-th, before any shuffling
    received="f8",  # time received on the type since the last reset, by all
    price="f8",  # dollars per hour
    next_worker="i8",  # first one that placement has not looked at
    first_run="i8",  # what runs on the type stands together
    stop_run="i8",
    selected="i8",  # entries selected in this round
    in_order="i8",  # so many of them in the order of the queue, the others behind in any order
    left="i8",  # workers that nobody is selected for yet
)

SPEED = record(
    steps_per_second="f8",
    round_steps="f8",  # steps of a whole round
    round_seconds="f8",  # what they take
    rank="i8",  # place of the key when those of the type stand by round_seconds, longest first
)

OUTCOME = record(
    finish="f8",  # NaN while it runs or if it was dropped
    deadline="f8",  # NaN without one
    cost="f8",  # once the job has left
    busy="f8",
    dropped="?",
)

ENTRY = record(
    steps_left="f8",  # of a job
    cost="f8",  # dollars so far
    busy="f8",  # worker-seconds so far; two jobs that share workers get half of them each
    first="i8",  # slots, the earlier job first
    second="i8",  # -1 for a job alone
    number="i4",  # job number, -1 for a pair
    key="i4",
    scale="i4",
    ran_round="i4",  # last round in which it was placed
    ran_at="i4",  # where in that round's list of workers its own start
    ran_on="i2",  # worker type
    failures="i1",  # in a row
    allocated="?",  # the job was there at the last recomputation; the pair has had a share since then
)

LEDGER = record(
    share="f8",  # of time, allocated
    received="f8",  # seconds since the last reset
    deficit="f8",
    cannot_run="?",
)

CANDIDATE = record(
    selected_round="i4",  # last round in which the job was selected
    scale="i4",
)
LEFT = 2**31 - 1
"""Stands as ``selected_round`` of a job that left, which nobody selects again."""

PICK = record(entry="i8", scale="i8")

RUN = record(
    finish="f8",
    execution="f8",  # seconds it counts for, 0 if the attempt failed
    first_steps="f8",
    second_steps="f8",
    entry="i8",
    on="i8",  # worker type
    at="i8",  # where in the round's list of workers its own start
    rank="i4",  # of the key of a job that runs a whole round alone, else -1
    pair="?",
    stay="i1",  # jobs of it that have not left
    fresh="?",  # not on exactly the workers of the round before
)

WORKER = record(
    busy="f8",
    held_round="i4",  # last round in which somebody had it, the current one included
    held_before="i4",  # the same when whoever has it took it
)

ON, JOB, PARTNER, FIRST, LAST = range(5)
"""Rows of the segments: worker, job, job beside it or -1, and first and last round, numbered from 0."""

ROUND = record(
    time="f8",
    utilization="f8",  # share of all workers that run something in the round
    active="i8",
    running="i8",
    queued="i8",
    arrived="i8",
    completed="i8",
)

DECIDING = record(
    allowed="?",  # whether allocations may be decided without going back to Python
    made="i8",  # so many since Python last looked
    programs="i8",  # solved for these
    seconds="f8",  # what they took
    primal_residual="f8",  # the largest of each
    dual_residual="f8",
    relative_gap="f8",
)

DECISION = record(
    time="f8",
    seconds="f8",  # of wall clock that it took
    primal_residual="f8",
    dual_residual="f8",
    relative_gap="f8",
    round="i8",  # so many were before it
    programs="i8",
)

QUEUED = record(
    key="f8",
    deficit="f8",
    share="f8",
    received="f8",
    order="i8",  # of insertion
    entry="i4",
    scale="i4",
)

FRONT = record(
    head="i8",  # where the front stands in its array
    end="i8",
    settled="i8",  # up to here entries that are near to each other stand by this round's priority
    half_round="f8",
    near_ties="?",  # there may be neighbours whose priorities rounding turns round
    cut_key="f8",  # of the entry that ends the front; infinite if all wait, -1 if nobody does
    cut_deficit="f8",
    cut_share="f8",
    cut_received="f8",
    jobs="i8",  # rows of jobs and of pairs that were there when the queue was built
    pairs="i8",
    returning="i8",  # entries that ran and belong to the front; their places start with the first run
)

LEFTOVER = record(deficit="f8", order="i8", entry="i8")

CURSOR = record(
    deficit="f8",
    order="i8",
    first="i8",
    second="i8",
    heap="i8",  # entries in the heap of leftovers
    free="i8",  # jobs among which pairs are looked for
    later="i8",
    earlier="i8",
    group="i8",  # 0: jobs that have seen a reset; 1: the others; 2: none are left
    found="?",
)

SHORT = 40
"""So many are sorted at once before they are merged."""

SCRATCH = record(number="i8", count="i8", seconds="f8", odd_seconds="f8")


class Queue(NamedTuple):
    """Who goes first on each worker type (:mod:`simulator.mechanism.priority`, which alone writes here).

    Attributes
    ----------
    fronts, front
        FRONT ``(J,)``, and QUEUED ``(J, room)``: the front in order.
    waiting
        Shape ``(J, entries)``: the key of each entry that waits, -1 for all others.
    returning
        QUEUED, ``(workers,)``: entries that ran and belong to the front, by worker type.
    """

    fronts: np.ndarray
    front: np.ndarray
    waiting: np.ndarray
    returning: np.ndarray


class Spare(NamedTuple):
    """Room that holds nothing between two calls.

    Attributes
    ----------
    items, scratch
        QUEUED and SCRATCH, as long as all entries and workers.
    keys, deficits
        Of a few, shape ``(SHORT,)``.
    """

    items: np.ndarray
    scratch: np.ndarray
    keys: np.ndarray
    deficits: np.ndarray


class Floor(NamedTuple):
    """What placement works on: ``runs``, ``rest``, ``workers`` and ``placed`` of :class:`World`."""

    runs: np.ndarray
    rest: np.ndarray
    workers: np.ndarray
    placed: np.ndarray


@by_reference
class World(NamedTuple):
    """All that kernels work on, J worker types.

    Attributes
    ----------
    rules, clock, counts
        RULES, CLOCK and COUNT, one of each.
    types, visits
        TYPE ``(J,)``; types in the order in which this round fills them.
    speeds, pair_speeds
        SPEED ``(keys, J)``; steps per second of both of a pair, shape ``(keys, keys, 2, J)``.
    arrivals, outcomes
        JOB (:mod:`simulator.world.jobs`) and OUTCOME, by job number.
    shown_keys
        Keys that policies see, by job number; empty where they see those of the jobs.
    entries, ledger
        ENTRY ``(entries,)`` and LEDGER ``(entries, J)``: jobs, then pairs.
    candidates
        CANDIDATE, by slot; as long as the capacity for jobs.
    pair_table
        Hash table of the pairs that are kept.
    picks
        PICK ``(J, workers + 1)``: the entries selected in this round.
    rest
        PICK, ``(workers,)``: those that get other workers than before.
    runs
        RUN, ``(workers,)``: what runs, type by type.
    workers, placed
        WORKER, by worker number; workers of what runs in the order of placement, of this round and the
        last, by whether the round is odd, shape ``(2, workers)``.
    open_segments, segments
        By worker, which segment is its latest, -1 for none; and all in the order in which they began, a
        column for each, shape ``(5, room)`` (:data:`ON` and the following). While one is open its last
        round is not known.
    rounds, type_use
        ROUND, and the share of each type's workers that run something, ``(rounds, J)``.
    views, pair_views
        What a policy may see of each job, by slot, and the shares of those for whom is decided; the pairs
        that it makes.
    deciding, decisions
        DECIDING and DECISION: one, and what has been decided since Python last looked.
    leftovers, cursor
        LEFTOVER and CURSOR: hold nothing between two calls.
    stream
        Random stream of the order of types.
    queue
        The order on each type.
    spare
        Room that holds nothing between two calls.
    """

    rules: np.ndarray
    clock: np.ndarray
    counts: np.ndarray
    types: np.ndarray
    visits: np.ndarray
    speeds: np.ndarray
    pair_speeds: np.ndarray
    arrivals: np.ndarray
    shown_keys: np.ndarray
    outcomes: np.ndarray
    entries: np.ndarray
    ledger: np.ndarray
    candidates: np.ndarray
    pair_table: np.ndarray
    picks: np.ndarray
    rest: np.ndarray
    runs: np.ndarray
    workers: np.ndarray
    placed: np.ndarray
    open_segments: np.ndarray
    segments: np.ndarray
    rounds: np.ndarray
    type_use: np.ndarray
    views: JobColumns
    pair_views: PairColumns
    deciding: np.ndarray
    decisions: np.ndarray
    leftovers: np.ndarray
    cursor: np.ndarray
    stream: np.ndarray
    queue: Queue
    spare: Spare


# why a call came back
DONE = 0
ALLOCATE = 1
MORE_JOBS = 2
ENOUGH = 3
MORE_PAIRS = 4
MORE_SEGMENTS = 5
MORE_ROUNDS = 6
STUCK = 7
GO_ON = 8
