"""Where each figure stands in the mechanism's arrays: named columns, shared by kernels and Python.

An *entry* is what can be chosen: an active job, or a pair of jobs that share workers. Each is one
row of ``entry_f`` and one of ``entry_i``, so that all that a round touches of it lies together. Jobs
come first, in order of job number (the row of a job is its *slot*); pairs follow from row ``base``,
the capacity for jobs. A pair is kept only while it has an allocation or a history; all other pairs
follow from their jobs. Who left keeps its row until the next recomputation closes the gaps. ``J`` is
the number of worker types.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# clock: float64
NOW = 0
ROUND_START = 1
"""End of the round before the last one with an end: execution times count from here."""
ROUND_END = 2
"""Latest finish of the last round that ran, NaN before the first."""
LAST_RESET = 3
ROUND_SECONDS = 4
BETWEEN_RESETS = 5
"""Seconds that must pass between two recomputations."""
LATEST = 6
"""Latest finish of what runs now."""
CLOCK_SIZE = 7

# count: int64
ACTIVE = 0
"""Jobs in the system."""
ADMITTED = 1
KNOWN = 2
ALL_KNOWN = 3
"""1 if no more jobs will become known than are."""
COMPLETED = 4
WINDOW_START = 5
WINDOW_END = 6
WINDOW_LEFT = 7
"""Jobs of the window not done yet."""
STALE = 8
PASSES = 9
"""Passes of the loop: rounds, those included in which nobody runs."""
EXTENSIONS = 10
OPPORTUNITIES = 11
PENDING_OPPORTUNITIES = 12
RUNNING = 13
"""Entries in the run arrays."""
RUNNING_JOBS = 14
PAIRS = 15
PACKING = 16
SHUFFLES = 17
SKIPS_ZERO = 18
AWAITING = 19
"""1 while a recomputation is due: the pass goes on from there when it was given."""
DROPPED = 20
IDLE_PASSES = 21
RECORDED = 22
"""Rows of the metrics filled so far."""
ORDER_STALE = 23
"""1 if the orders must be built afresh: after a new allocation, and when a run is taken up again."""
HASH_FRESH = 24
SLOTS = 25
"""Rows of jobs in use: active ones, and those that left since the last recomputation."""
FAILED = 26
"""1 once an attempt of a job alone has failed."""
LISTED = 27
LISTED_PAIRS = 28
"""Rows of jobs and of pairs that were there when the orders were built: the others have no share."""
LAST_RESET_PASS = 29
"""Passes at the last recomputation."""
COUNT_SIZE = 30

# entry_f (entries, columns), float64: J columns each of
#   share of time allocated, time received since the last reset, deficit
# and from column 3 J on, for jobs only:
STEPS_LEFT = 0
ARRIVAL = 1
WEIGHT = 2
COST = 3
"""Dollars so far; handed to the results when the job leaves."""
BUSY = 4
"""Worker-seconds so far; two jobs that share workers get half of them each."""
JOB_COLUMNS = 5

# entry_i (entries, columns), int64; what a round touches comes first: one line of memory
FIRST = 0
SECOND = 1
"""Slots, the earlier job first; -1 as second for a job alone."""
RAN = 2
"""Last pass in which the entry was placed, times 64, plus the worker type."""
RAN_AT = 3
"""Where in that pass's list of workers its workers start."""
NUMBER = 4
"""Job number; -1 for a pair."""
KEY = 5
SCALE = 6
FAILURES = 7
DEAD = 8
"""Bit j is set if a job of the entry cannot run on type j that way."""
MEASURED = 9
"""Bit j is set once a pair has run on type j."""
PLACE = 10
"""Order of insertion: the later job first counts, its own entry before its pairs."""
ALLOCATED = 11
"""1 if the job was there at the last recomputation, or the pair has a share since then."""
BELIEF = 12
"""Key of the pair throughputs that are believed before a pair has run."""
ENTRY_COLUMNS = 16

TYPES_LIMIT = 60
"""Most worker types: bit sets and RAN have room for no more."""

# taken (slots), int32: last pass in which the job was chosen
GONE = 2**31 - 1
"""Stands there for a job that left."""

# The order of a worker type, by key: what share and time received amount to, highest first. A word
# packs an entry with its scale factor.
SCALE_SHIFT = 32
ENTRY_MASK = 2**SCALE_SHIFT - 1
# span (J, columns), int64: where in its arrays the front stands, that is kept in order
HEAD = 0
END = 1
MIXED = 2
"""1 if the front has neighbours whose priorities rounding may turn round."""
SPAN_COLUMNS = 3
# bound (J, columns), float64: key, deficit, share and time of the entry that ends the front
BOUND_KEY = 0
"""Infinite if all wait, -1 if nobody does."""
BOUND_DEFICIT = 1
BOUND_SHARE = 2
BOUND_TIME = 3
BOUND_COLUMNS = 4

# known_f (jobs, columns), float64, and known_i, int64: the workload, by job number
KNOWN_ARRIVAL = 0
KNOWN_STEPS = 1
KNOWN_ALLOWANCE = 2
KNOWN_WEIGHT = 3
KNOWN_KEY = 0
KNOWN_SCALE = 1
KNOWN_BELIEF = 2
KNOWN_ENTITY = 3

# what a policy sees, by slot: seen_f (rows, jobs), float64, and seen_i, int64
SEEN_WEIGHT = 0
SEEN_STEPS_LEFT = 1
SEEN_AGE = 2
SEEN_F_ROWS = 3
SEEN_JOB = 0
SEEN_KEY = 1
SEEN_SCALE = 2
SEEN_ENTITY = 3
SEEN_I_ROWS = 4

# alone (keys, J, columns), float64
SPEED = 0
FULL_STEPS = 1
"""Steps of a whole round."""
FULL_SECONDS = 2
"""What they take."""
RANK = 3
"""Place of the key when those of the type stand by what a whole round takes, longest first."""

# type_f (J, columns), float64
RECEIVED = 0
"""Time received on the type since the last reset, by all."""
PRICE = 1

# cluster (rows, J), int64
WORKERS = 0
VISITS = 1
CLUSTER_ROWS = 2

# run_i (entries, columns), int64; run_f (entries, columns), float64
RUN_ENTRY = 0
RUN_ON = 1
RUN_AT = 2
RUN_RANK = 3
"""Rank of the key of a job that runs a whole round alone, else -1."""
RUN_I_COLUMNS = 4
FINISH = 0
FIRST_STEPS = 1
SECOND_STEPS = 2
RUN_F_COLUMNS = 3

# result (rows, jobs), float64, by job number; cost and worker-seconds once the job has left
RESULT_FINISH = 0
RESULT_COST = 1
RESULT_DEADLINE = 2
RESULT_DROPPED = 3
RESULT_BUSY = 4
RESULT_ROWS = 5

# metrics (rounds, columns), float64
METRIC_TIME = 0
METRIC_ACTIVE = 1
METRIC_RUNNING = 2
METRIC_QUEUED = 3
METRIC_ARRIVED = 4
METRIC_COMPLETED = 5
METRIC_UTILIZATION = 6
"""Share of all workers that run something in the round; then J columns by type."""

# outcomes of a call
DONE = 0
ALLOCATE = 1
MORE_JOBS = 2
ENOUGH = 3
MORE_PAIRS = 4
STUCK = 5


# arrays that go together, as kernels take them
class Entries(NamedTuple):
    """What can be chosen: ``entry_f``, ``entry_i``, and ``taken`` of the jobs."""

    f: np.ndarray
    i: np.ndarray
    taken: np.ndarray


class Orders(NamedTuple):
    """The order on each worker type.

    ``waiting`` and ``waiting_deficits``, shape ``(J, entries)``: key and deficit of each entry that
    waits, the key -1 for all others; ``sizes``, shape ``(entries,)``: scale factors. ``keys``, ``deficits`` and ``packed``, shape ``(J, room)``: the
    front in order, keys and words.
    """

    waiting: np.ndarray
    waiting_deficits: np.ndarray
    sizes: np.ndarray
    keys: np.ndarray
    deficits: np.ndarray
    packed: np.ndarray
    span: np.ndarray
    bound: np.ndarray


class Pairs(NamedTuple):
    """Hash table of the pairs that are kept, pair throughputs as believed and as they are."""

    table: np.ndarray
    believed: np.ndarray
    measured: np.ndarray


class Running(NamedTuple):
    """``run_f`` and ``run_i``."""

    f: np.ndarray
    i: np.ndarray


class Known(NamedTuple):
    """``known_f`` and ``known_i``."""

    f: np.ndarray
    i: np.ndarray


class Spare(NamedTuple):
    """Arrays that hold nothing between two calls, as long as all that a call may list."""

    f: np.ndarray
    i: np.ndarray
