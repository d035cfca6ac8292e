"""The rounds, compiled: time, accounts, admission, choice, placement, dispatch, again and again.

Everything here works on the arrays that :mod:`simulator.mechanism.layout` describes and is exact: the same
operations in the same order as the reference, on the same figures. :mod:`simulator.mechanism.mechanism` owns
the arrays; ``tests/simulator/specification.py`` says the same in a few pages of plain Python.

Loops stand where slices could, here and in the modules below: a kernel of slices takes numba several
times as long to compile.
"""

from __future__ import annotations

import math

import numpy as np

from gavel_opt.kernels.jit import compiled_in_place
from simulator.mechanism import layout as at
from simulator.mechanism.accounting import admit, close_books, give_jobs, see, settle
from simulator.mechanism.layout import Entries, Known, Orders, Pairs, Running, Spare
from simulator.mechanism.pair_table import give_pairs
from simulator.mechanism.placement import dispatch, place
from simulator.mechanism.priority import list_afresh, merge_back
from simulator.mechanism.selection import choose, choose_rest
from simulator.world.random_streams import shuffle

__all__ = ["admit", "close_books", "give_jobs", "give_pairs", "run_rounds", "see"]


@compiled_in_place
def run_rounds(
    rounds: int,
    clock: np.ndarray,
    count: np.ndarray,
    cluster: np.ndarray,
    words: np.ndarray,
    known_f: np.ndarray,
    known_i: np.ndarray,
    result: np.ndarray,
    entry_f: np.ndarray,
    entry_i: np.ndarray,
    taken: np.ndarray,
    table: np.ndarray,
    waiting: np.ndarray,
    waiting_deficits: np.ndarray,
    sizes: np.ndarray,
    order_keys: np.ndarray,
    order_deficits: np.ndarray,
    order_packed: np.ndarray,
    span: np.ndarray,
    bound: np.ndarray,
    chosen: np.ndarray,
    run_f: np.ndarray,
    run_i: np.ndarray,
    pools: np.ndarray,
    holder: np.ndarray,
    busy: np.ndarray,
    type_f: np.ndarray,
    alone: np.ndarray,
    paired: np.ndarray,
    believed: np.ndarray,
    metrics: np.ndarray,
    seen_f: np.ndarray,
    seen_i: np.ndarray,
    spare_f: np.ndarray,
    spare_i: np.ndarray,
    types_now: np.ndarray,
    chosen_size: np.ndarray,
    moved: np.ndarray,
) -> int:
    """Run at most ``rounds`` rounds; returns why it stopped (:mod:`simulator.mechanism.layout`, outcomes).

    The arrays come one by one: numba takes several times as long to be handed them in groups.
    """
    known = Known(known_f, known_i)
    entries = Entries(entry_f, entry_i, taken)
    orders = Orders(
        waiting, waiting_deficits, sizes, order_keys, order_deficits, order_packed, span, bound
    )
    pairs = Pairs(table, believed, paired)
    running = Running(run_f, run_i)
    spare = Spare(spare_f, spare_i)
    types = cluster.shape[1]
    half_round = clock[at.ROUND_SECONDS] / 2.0
    last_round = count[at.PASSES] + rounds
    while True:
        if count[at.AWAITING] == 0:
            if count[at.WINDOW_LEFT] == 0:
                return at.DONE
            if count[at.PASSES] >= last_round or count[at.RECORDED] >= metrics.shape[0]:
                return at.ENOUGH
            if (
                count[at.PACKING] == 1
                and taken.size + count[at.PAIRS] + holder.size > entry_i.shape[0]
            ):
                return at.MORE_PAIRS
            # Advance time to the end of the round, or to the next arrival if nothing runs.
            now = clock[at.NOW]
            if count[at.RUNNING] > 0:
                now = clock[at.LATEST]
            elif count[at.ADMITTED] < count[at.KNOWN]:
                now = known_f[count[at.ADMITTED], at.KNOWN_ARRIVAL]
            if count[at.ALL_KNOWN] == 0 and (
                count[at.KNOWN] == 0 or known_f[count[at.KNOWN] - 1, at.KNOWN_ARRIVAL] <= now
            ):
                return at.MORE_JOBS
            clock[at.NOW] = now
            for j in range(types):
                moved[j, 1] = 0
            if count[at.RUNNING] > 0:
                if not math.isnan(clock[at.ROUND_END]):
                    clock[at.ROUND_START] = clock[at.ROUND_END]
                clock[at.ROUND_END] = now
                count[at.IDLE_PASSES] = 0
                settle(
                    clock,
                    count,
                    type_f,
                    entries,
                    orders,
                    pairs,
                    running,
                    pools[count[at.PASSES] & 1],
                    busy,
                    result,
                    moved,
                    spare,
                )
            elif count[at.ADMITTED] == count[at.KNOWN]:
                # Nobody runs and nobody will come: force a recomputation.
                clock[at.LAST_RESET] = 0.0
                count[at.IDLE_PASSES] += 1
                if count[at.IDLE_PASSES] > 2:
                    count[at.STALE] = 1
                if count[at.IDLE_PASSES] > 100:
                    return at.STUCK
            admit(clock, count, known, entries, alone, result)
            if count[at.STALE] == 1 and (
                clock[at.NOW] - clock[at.LAST_RESET] >= clock[at.BETWEEN_RESETS]
                or clock[at.LAST_RESET] == 0
            ):
                count[at.AWAITING] = 1
                close_books(clock, count, type_f, entries, spare)
                see(clock, count, types, known_i, entries, seen_f, seen_i)
                return at.ALLOCATE
        count[at.AWAITING] = 0
        count[at.PASSES] += 1
        this = count[at.PASSES]
        for j in range(types):
            types_now[j] = cluster[at.VISITS, j]
        if count[at.SHUFFLES] == 1:
            shuffle(words, types_now)
        count[at.OPPORTUNITIES] += count[at.PENDING_OPPORTUNITIES]
        count[at.PENDING_OPPORTUNITIES] = 0
        count[at.RUNNING] = 0
        if count[at.ORDER_STALE] == 1:
            list_afresh(half_round, cluster[at.WORKERS], count, entries, orders)
            count[at.ORDER_STALE] = 0
            for j in range(types):
                moved[j, 1] = 0
        free = count[at.ACTIVE]
        for visit in range(types):
            j = types_now[visit]
            if moved[j, 1] > 0:
                merge_back(j, moved[j, 0], moved[j, 1], entries, orders, spare)
            if free == 0:
                chosen_size[j, 0] = 0
                continue
            filled, ordered, left_over = choose(
                j,
                cluster[at.WORKERS, j],
                half_round,
                type_f[j, at.RECEIVED],
                count,
                entries,
                orders,
                chosen[j],
                spare,
            )
            if filled == ordered:
                ordered = cluster[at.WORKERS, j]
            if left_over > 0 and count[at.SKIPS_ZERO] == 0:
                filled = choose_rest(
                    j, left_over, filled, half_round, count, entries, pairs, chosen[j], spare
                )
            chosen_size[j, 0] = filled
            chosen_size[j, 1] = ordered
            # With pairs jobs are more than entries, and somebody counts as free who is not.
            free -= filled
        row = metrics[count[at.RECORDED]]
        used = 0
        for visit in range(types):
            j = types_now[visit]
            first_worker = 0
            for i in range(j):
                first_worker += cluster[at.WORKERS, i]
            before = used
            used = place(
                j,
                chosen_size[j, 0],
                chosen_size[j, 1],
                chosen[j],
                first_worker,
                used,
                type_f[j, at.RECEIVED],
                count,
                entries,
                running,
                pools[this & 1],
                pools[1 - (this & 1)],
                holder,
                types,
                spare,
            )
            row[at.METRIC_UTILIZATION + 1 + j] = (used - before) / cluster[at.WORKERS, j]
        dispatch(clock, count, entries, running, alone, paired)
        row[at.METRIC_TIME] = clock[at.NOW]
        row[at.METRIC_ACTIVE] = count[at.ACTIVE]
        row[at.METRIC_RUNNING] = count[at.RUNNING_JOBS]
        row[at.METRIC_QUEUED] = count[at.ACTIVE] - count[at.RUNNING_JOBS]
        row[at.METRIC_ARRIVED] = count[at.ADMITTED]
        row[at.METRIC_COMPLETED] = count[at.COMPLETED]
        row[at.METRIC_UTILIZATION] = used / holder.size
        count[at.RECORDED] += 1
