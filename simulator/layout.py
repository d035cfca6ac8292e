"""Where each figure stands in the mechanism's arrays: named rows, shared by kernels and Python.

An *entry* is what can be chosen: an active job, or a pair of jobs that share workers. Jobs come
first, contiguous and in order of job number (the column of a job is its *slot*); pairs follow from
column ``base``, the capacity for jobs. A pair is kept only while it has an allocation or a history;
all other pairs follow from their jobs. ``J`` is the number of worker types.
"""

from __future__ import annotations

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
CLOCK_SIZE = 6

# count: int64
ACTIVE = 0
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
"""1 if the orders must be built afresh (a new allocation)."""
HASH_FRESH = 24
COUNT_SIZE = 25

# entry_f (3 J rows, entries), float64: J rows each of
#   share of time allocated, time received since the last reset, deficit

# entry_i (rows, entries), int64
PLACE = 0
"""Order of insertion: the later job first counts, its own entry before its pairs."""
SCALE = 1
FIRST = 2
SECOND = 3
"""Slots, the earlier job first; -1 as second for a job alone."""
DEAD = 4
"""Bit j is set if a job of the entry cannot run on type j that way."""
RAN = 5
"""Last pass in which the entry was placed, times 64, plus the worker type."""
RAN_AT = 6
"""Where in that pass's list of workers its workers start."""
MEASURED = 7
"""Bit j is set once a pair has run on type j."""
ENTRY_ROWS = 8

TYPES_LIMIT = 60
"""Most worker types: bit sets and RAN have room for no more."""

# job_i (rows, slots), int64
NUMBER = 0
KEY = 1
FAILURES = 2
ALLOCATED = 3
"""1 if the job was there at the last recomputation."""
TAKEN = 4
"""Last pass in which the job was chosen."""
BELIEF = 5
"""Key of the pair throughputs that are believed before a pair has run."""
GONE = 6
JOB_ROWS = 7

# run_i (rows, entries), int64; run_f (rows, entries), float64
RUN_ENTRY = 0
RUN_ON = 1
RUN_AT = 2
RUN_I_ROWS = 3
FINISH = 0
FIRST_STEPS = 1
SECOND_STEPS = 2
RUN_F_ROWS = 3

# result (rows, jobs), float64, by job number
RESULT_FINISH = 0
RESULT_COST = 1
RESULT_DEADLINE = 2
RESULT_DROPPED = 3
RESULT_BUSY = 4
"""Worker-seconds received; two jobs that share workers get half of them each."""
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
