r"""Shares that reach given levels where several worker types count as one: the centre of all that there are.

Who is on which of those that count as one, and how much of its time, is known: so is the optimal face. A job with two points (two
types that count as one, or one and idle time) has a *row* for each, which says how much of its time it is there, on any of those that are as fast for
it; a job that mixes more has one for its level and one for its time. Their weighted centre,

.. math::

    \max \sum_g n_g \Bigl[\sum_j \log x_{gj} + \omega \log u_g\Bigr] + \sum_j \log v_j ,

is found by Newton's method in its primal-dual form (:math:`x z = n`), as at a bottleneck (:mod:`~gavel_opt.solver.prices.bottleneck`): rows are
eliminated in closed form, and only the prices of the types couple jobs. Each job takes as much of its own step as it can. Types that are all
in use have rows that depend on each other; those are left out.

The start and the face are made of the levels alone, so the answer is too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.kernels.dense import cholesky, cholesky_solve
from gavel_opt.kernels.jit import compiled
from gavel_opt.solver.prices.markets import Columns
from gavel_opt.solver.settings import SETTINGS

SAME, APART = 1e-12, 1e-9
"""Rates within the first part of each other are the same, beyond the second they are not."""
FULL = 1e-11
"""The same of what is needed and what there is, which is a sum."""
NONE, SOME = 1e-14, 1e-10
"""Shares below the first are none, above the second they are some."""
ALL = 1e-13
"""Time left below it is none."""
LEAST = 1e-10
"""A share that takes less than this part of a type's workers may be zero."""
LIMIT = 30
STEADY, ROUNDING = 1e-6, 1e-4
"""As at a bottleneck."""
BACK = 0.9
LOOSE = 1e-13
"""Pivots below this part of their diagonal belong to types whose rows follow from others."""
ALIKE = 32
"""Rows that others may share: of so many kinds are those who run all of the time on several types."""
MOST = 10
"""Types that count as one up to which all sets of them are looked at."""

USE, COUNT, TIME, NEED, IDLE, PULL = range(6)
"""Of each row: workers it takes, jobs, time it has, level, idle time (0 where there is none or that is known) and its dual."""
MEAN, PER_TIME, PER_LEVEL = 6, 7, 8
"""What is eliminated: the mean rate, and one over the matrices of time and of level about it; 0 where there is no level."""
ROWS = 9
X, DUAL, RATE, STEP = range(4)
"""Of each cell: share and its dual, rate, and step."""


class Known(NamedTuple):
    """What is known of the face.

    Attributes
    ----------
    place
        Which of those that count as one each type belongs to, shape ``(J,)``.
    rate, x
        Rates and shares of those, ``(G, P)``.
    level
        Of each job, ``(G,)``.
    is_free
        Whether workers may be left over, ``(P,)``.
    """

    place: Ints
    rate: Floats
    x: Floats
    level: Floats
    is_free: Bools


class Body(NamedTuple):
    """Rows of jobs that may mix.

    Attributes
    ----------
    size
        Rows and cells that there are, and rows that others may share, ``(3,)``; the rest is room.
    shared, twin
        Those rows, and whose row each job shares, -1 if nobody's, ``(ALIKE,)`` and ``(G,)``.
    first
        First cell of each row, and where the last one ends, shape ``(R + 1,)``.
    job
        Whose it is, ``(R,)``.
    row
        ``(R, ROWS)``.
    at
        Type of each cell, ``(C,)``.
    cell
        ``(4, C)``.
    workers
        What others leave of each type, ``(J,)``.
    left, price
        What is left over, and its dual: 0 where nothing is, ``(J,)``.
    """

    size: Ints
    shared: Ints
    twin: Ints
    first: Ints
    job: Ints
    row: Floats
    at: Ints
    cell: Floats
    workers: Floats
    left: Floats
    price: Floats


DOUBT, CENTRED, SHORT_OF_SOME, TIGHT = range(4)
"""Outcomes: not certain; the centre; some types have too few workers for those who run nowhere else, or just enough."""


@compiled
def shares_of_levels(columns: Columns, known: Known, x: Floats, short: Bools) -> int:
    """Find shares that reach the levels, the centre of all; an outcome, TIGHT not among them.

    Parameters
    ----------
    columns
        The groups.
    known
        What is known of the face.
    x
        Gets the shares, shape ``(G, J)``.
    short
        Gets the types that have too few workers, ``(J,)``.
    """
    for _ in range(columns.workers.size):
        certain, body = _body(columns, known, x)
        if not certain:
            return DOUBT
        outcome = _have_room(columns, known, body, False, short)
        if outcome == TIGHT:
            known = _alone(columns, known, short)
            continue
        if outcome != CENTRED:
            return outcome
        if _start(known, body) and _centre(body) and _fits(columns, body):
            return CENTRED if _take(columns, body, x) else DOUBT
        _, body = _body(columns, known, x)
        outcome = _have_room(columns, known, body, True, short)
        return SHORT_OF_SOME if outcome == SHORT_OF_SOME else DOUBT
    return DOUBT


@compiled
def _take(columns: Columns, body: Body, x: Floats) -> bool:
    """Take the shares; whether none may be zero."""
    for r in range(body.size[0]):
        for c in range(body.first[r], body.first[r + 1]):
            share = body.cell[X, c]
            if not share * body.row[r, USE] > LEAST * columns.workers[body.at[c]]:
                return False
            x[body.job[r], body.at[c]] = share
    for g in range(body.twin.size):
        r = body.twin[g]
        if r >= 0:
            for c in range(body.first[r], body.first[r + 1]):
                x[g, body.at[c]] = body.cell[X, c]
    return True


@compiled
def _fits(columns: Columns, body: Body) -> bool:
    """Whether all types are used as they should be: rows that are left out follow from the others only if there is such a use."""
    need, good = np.zeros(columns.workers.size), True
    for r in range(body.size[0]):
        for c in range(body.first[r], body.first[r + 1]):
            need[body.at[c]] += body.row[r, USE] * body.cell[X, c]
    for j in range(need.size):
        off = need[j] + body.left[j] - body.workers[j]
        good = good and (need[j] == 0.0 or abs(off) <= APART * columns.workers[j])
    return good


@compiled
def _body(columns: Columns, known: Known, x: Floats) -> tuple[bool, Body]:
    """Rows of jobs that may mix, and shares of those that may not; whether all is certain."""
    groups, types = columns.rate.shape
    rows = known.x.size
    body = Body(
        np.zeros(3, np.int64),
        np.empty(ALIKE, np.int64),
        np.full(groups, -1, np.int64),
        np.zeros(rows + 1, np.int64),
        np.empty(rows, np.int64),
        np.zeros((rows, ROWS)),
        np.empty(groups * types, np.int64),
        np.empty((4, groups * types)),
        columns.workers.copy(),
        np.zeros(types),
        np.zeros(types),
    )
    certain = True
    x[:, :] = 0.0
    for g in range(groups):
        points, idle = 0, 1.0
        for m in range(known.x.shape[1]):
            share = known.x[g, m]
            certain = certain and (share <= NONE or share >= SOME)
            points += int(share > NONE)
            idle -= share
        if points == 0:
            continue
        certain = certain and (abs(idle) <= ALL or idle >= SOME)
        idle = idle if idle >= SOME else 0.0
        mixes = points + int(idle > 0.0) > 2
        for m in range(known.x.shape[1]):
            if not known.x[g, m] > NONE:
                continue
            certain = _add_cells(columns, known, (g, m), body) and certain
            if not mixes:
                _add_row(columns, g, known.x[g, m], body)
                _set_aside(columns, body, x)
        if mixes:
            row = _add_row(columns, g, 1.0, body)
            row[NEED], row[IDLE] = known.level[g], idle
    return certain, body


@compiled
def _add_cells(columns: Columns, known: Known, of: tuple[int, int], body: Body) -> bool:
    """Add a job's cells on a part; whether it is certain which these are."""
    (g, m), certain = of, True
    best = known.rate[g, m]
    for j in range(columns.workers.size):
        if known.place[j] == m and columns.rate[g, j] >= best * (1.0 - APART):
            certain = certain and columns.rate[g, j] >= best * (1.0 - SAME)
            c = body.size[1]
            body.at[c], body.cell[X, c], body.cell[RATE, c] = j, known.x[g, m], columns.rate[g, j]
            body.size[1] += 1
    return certain


@compiled
def _add_row(columns: Columns, g: int, time: float, body: Body) -> Floats:
    """Make the cells after the last row a job's next one."""
    r = body.size[0]
    row: Floats = body.row[r]
    row[USE], row[COUNT], row[TIME] = columns.use[g], columns.counts[g], time
    row[NEED] = -1.0
    body.job[r], body.first[r + 1] = g, body.size[1]
    body.size[0] += 1
    return row


@compiled
def _set_aside(columns: Columns, body: Body, x: Floats) -> None:
    """Take the last row out if it is of one cell, with the share that this has, or is another's."""
    r = body.size[0] - 1
    c = body.first[r]
    if body.first[r + 1] > c + 1:
        _share_row(body)
        return
    g, j = body.job[r], body.at[c]
    x[g, j] = body.cell[X, c]
    body.workers[j] -= columns.use[g] * x[g, j]
    body.size[0], body.size[1] = r, c


@compiled
def _share_row(body: Body) -> None:
    """Take the last row out if its job runs all of the time on the same types as another that takes as many workers: their shares are the same."""
    r = body.size[0] - 1
    row, c = body.row[r], body.first[r]
    if row[TIME] != 1.0:
        return
    many = body.first[r + 1] - c
    for n in range(body.size[2]):
        o = body.shared[n]
        other, d = body.row[o], body.first[o]
        same = body.first[o + 1] - d == many
        same = same and row[USE] * other[COUNT] == other[USE] * row[COUNT]
        k = 0
        while same and k < many:
            same = body.at[c + k] == body.at[d + k]
            k += 1
        if same:
            other[USE] += row[USE]
            other[COUNT] += row[COUNT]
            body.twin[body.job[r]] = o
            body.size[0], body.size[1] = r, c
            return
    if body.size[2] < body.shared.size:
        body.shared[body.size[2]] = r
        body.size[2] += 1


@compiled
def _have_room(columns: Columns, known: Known, body: Body, mixing: bool, short: Bools) -> int:
    """Whether each set of types has more workers than those take who run nowhere else (Hall's condition).

    Who mixes more than two points may take more or less, but of all types of a part together as much; with ``mixing`` it counts
    as it is.

    Returns CENTRED, or what the set is that is most in demand; that is ``short`` then.
    """
    types, most, unsure = columns.workers.size, -math.inf, False
    bit = np.zeros(types, np.int64)
    for m in range(known.is_free.size):
        many = 0
        for j in range(types):
            if known.place[j] == m:
                bit[j] = 1 << many
                many += 1
        if many == 0 or many > MOST:
            continue
        need, mixed = _needs_of_sets(known, body, bit, m, many)
        every = need.shape[1] - 1
        for chosen in range(1, every + 1):
            size, over = 0.0, need[0, chosen]
            if mixing or chosen == every:
                over += need[1, chosen]
            for j in range(types):
                if known.place[j] == m and bit[j] & chosen:
                    size += columns.workers[j]
                    over -= body.workers[j]
            if over > most * size and (chosen < every or known.is_free[m]):
                most, unsure = over / size, chosen < every and mixed
                for j in range(types):
                    short[j] = known.place[j] == m and bit[j] & chosen != 0
    if most > APART:
        return SHORT_OF_SOME
    if abs(most) <= FULL and not unsure:
        return TIGHT
    return CENTRED if most < -APART else DOUBT


@compiled
def _needs_of_sets(known: Known, body: Body, bit: Ints, m: int, many: int) -> tuple[Floats, bool]:
    """Workers that those take who run on nothing but a set of a part's types, by set: who has two points at most, and who mixes more; whether somebody does."""
    need, mixed = np.zeros((2, 1 << many)), False
    for r in range(body.size[0]):
        chosen, mixes = 0, int(body.row[r, NEED] >= 0.0)
        part = 0.0
        for c in range(body.first[r], body.first[r + 1]):
            if known.place[body.at[c]] == m:
                chosen |= bit[body.at[c]]
                part = body.row[r, USE] * body.cell[X, c]
        need[mixes, chosen] += part
        mixed = mixed or (chosen > 0 and mixes > 0)
    for k in range(many):
        for chosen in range(need.shape[1]):
            if chosen >> k & 1:
                for mixes in range(2):
                    need[mixes, chosen] += need[mixes, chosen ^ (1 << k)]
    return need, mixed


@compiled
def _alone(columns: Columns, known: Known, short: Bools) -> Known:
    """What is known where some types have just enough workers for those who run nowhere else: nobody else has anything of these."""
    groups, many = known.x.shape
    place, split = known.place.copy(), 0
    for j in range(place.size):
        if short[j]:
            split = known.place[j]
            place[j] = many
    rate, x = np.zeros((groups, many + 1)), np.zeros((groups, many + 1))
    is_free = np.zeros(many + 1, np.bool_)
    for m in range(many):
        is_free[m] = known.is_free[m]
        for g in range(groups):
            rate[g, m], x[g, m] = known.rate[g, m], known.x[g, m]
    for g in range(groups):
        rate[g, many] = known.rate[g, split]
        elsewhere = 0.0
        for j in range(place.size):
            if place[j] == split:
                elsewhere = max(elsewhere, columns.rate[g, j])
        if elsewhere < known.rate[g, split] * (1.0 - APART):
            x[g, many], x[g, split] = x[g, split], 0.0
    return Known(place, rate, x, known.level, is_free)


@compiled
def _start(known: Known, body: Body) -> bool:
    """Where the method starts: who runs on several types has of each as much as there is of it, in part."""
    types = body.workers.size
    for j in range(types):
        if not body.workers[j] > 0.0:
            body.workers[j] = 0.0
    need = np.zeros(types)
    jobs = 1.0
    for r in range(body.size[0]):
        row = body.row[r]
        jobs += row[COUNT]
        begin, end = body.first[r], body.first[r + 1]
        for c in range(begin, end):
            m = known.place[body.at[c]]
            total = 0.0
            for d in range(begin, end):
                if known.place[body.at[d]] == m:
                    total += body.workers[body.at[d]]
            if not body.workers[body.at[c]] > 0.0:
                return False
            body.cell[X, c] *= body.workers[body.at[c]] / total
            body.cell[DUAL, c] = row[COUNT] / body.cell[X, c]
            need[body.at[c]] += row[USE] * body.cell[X, c]
        if row[IDLE] > 0.0:
            row[PULL] = SETTINGS.slack_weight * row[COUNT] / row[IDLE]
    for j in range(types):
        if known.is_free[known.place[j]] and need[j] > 0.0:
            body.left[j] = max(body.workers[j] - need[j], 0.1 * body.workers[j])
            body.price[j] = max(1.0 / body.left[j], jobs / body.workers[j])
    return True


@compiled
def _centre(body: Body) -> bool:
    """Go to the centre; whether there is one."""
    types = body.workers.size
    schur, price = np.zeros((types, types)), np.zeros(types)
    last = math.inf
    for _ in range(LIMIT):
        schur[:, :] = 0.0
        for j in range(types):
            price[j] = -body.workers[j]
            if body.left[j] > 0.0:
                price[j] += body.left[j] + 1.0 / body.price[j]
                schur[j, j] = body.left[j] / body.price[j]
        for r in range(body.size[0]):
            _eliminate(body, r, schur, price)
        cholesky(schur, types, LOOSE)
        cholesky_solve(schur, price)
        moved = _step_of_types(body, price)
        for r in range(body.size[0]):
            moved = max(moved, _step(body, r, price))
        if not math.isfinite(moved):
            return False
        if moved <= STEADY or last <= moved <= ROUNDING:
            return True
        last = moved
    return False


@compiled
def _eliminate(body: Body, r: int, schur: Floats, price: Floats) -> None:
    """A row's matrices, and its terms of the equations for prices."""
    row, cell, at = body.row[r], body.cell, body.at
    begin, end = body.first[r], body.first[r + 1]
    idles, levelled = row[IDLE] > 0.0, row[NEED] >= 0.0
    time, mean, missing, lacks = 0.0, 0.0, row[TIME], row[NEED]
    if idles:
        time = row[IDLE] / row[PULL]
        missing -= row[IDLE] + SETTINGS.slack_weight * row[COUNT] / row[PULL]
    for c in range(begin, end):
        d = cell[X, c] / cell[DUAL, c]
        whole = cell[X, c] + row[COUNT] / cell[DUAL, c]
        time += d
        mean += d * cell[RATE, c]
        missing -= whole
        lacks -= whole * cell[RATE, c]
    mean /= time
    level = row[IDLE] / row[PULL] * mean * mean if idles else 0.0
    for c in range(begin, end):
        off = cell[RATE, c] - mean
        level += cell[X, c] / cell[DUAL, c] * off * off
    row[MEAN], row[PER_TIME] = mean, 1.0 / time
    row[PER_LEVEL] = 1.0 / level if levelled else 0.0
    lam = (lacks - mean * missing) * row[PER_LEVEL]
    q = mean * lam - missing * row[PER_TIME]
    use = row[USE]
    for c in range(begin, end):
        d = cell[X, c] / cell[DUAL, c]
        one = use * use * d
        whole = cell[X, c] + row[COUNT] / cell[DUAL, c]
        price[at[c]] += use * (whole + d * (lam * cell[RATE, c] - q))
        schur[at[c], at[c]] += one
        one_time, one_level = one * row[PER_TIME], one * (cell[RATE, c] - mean) * row[PER_LEVEL]
        for o in range(begin, c + 1):
            other = cell[X, o] / cell[DUAL, o]
            high, low = max(at[c], at[o]), min(at[c], at[o])
            schur[high, low] -= other * (one_time + one_level * (cell[RATE, o] - mean))


@compiled
def _step(body: Body, r: int, price: Floats) -> float:
    """Take as much of a row's step at these prices as it can; the largest part that something would move by."""
    row, cell, at = body.row[r], body.cell, body.at
    begin, end = body.first[r], body.first[r + 1]
    idles = row[IDLE] > 0.0
    missing, lacks = row[TIME], row[NEED]
    slack = SETTINGS.slack_weight * row[COUNT]
    if idles:
        missing -= row[IDLE] + slack / row[PULL]
    for c in range(begin, end):
        # where it would be with neither row
        cell[STEP, c] = (row[COUNT] - row[USE] * price[at[c]] * cell[X, c]) / cell[DUAL, c]
        missing -= cell[X, c] + cell[STEP, c]
        lacks -= (cell[X, c] + cell[STEP, c]) * cell[RATE, c]
    lam = (lacks - row[MEAN] * missing) * row[PER_LEVEL]
    q = row[MEAN] * lam - missing * row[PER_TIME]
    moved, down, fall = 0.0, 0.0, 0.0
    part_idle, off_idle = 0.0, 0.0
    if idles:
        part_idle = (slack / row[IDLE] - q) / row[PULL]
        off_idle = slack / (row[IDLE] * row[PULL]) - 1.0 - part_idle
        moved, down, fall = abs(part_idle), -part_idle, -off_idle
    for c in range(begin, end):
        part = (cell[STEP, c] / cell[X, c]) + (lam * cell[RATE, c] - q) / cell[DUAL, c]
        cell[STEP, c] = part
        moved, down = max(moved, abs(part)), max(down, -part)
        fall = max(fall, part + 1.0 - row[COUNT] / (cell[X, c] * cell[DUAL, c]))
    length = BACK / down if down > BACK else 1.0
    dual_length = BACK / fall if fall > BACK else 1.0
    for c in range(begin, end):
        part = cell[STEP, c]
        off = row[COUNT] / (cell[X, c] * cell[DUAL, c]) - 1.0 - part
        cell[X, c] *= 1.0 + length * part
        cell[DUAL, c] *= 1.0 + dual_length * off
    if idles:
        row[IDLE] *= 1.0 + length * part_idle
        row[PULL] *= 1.0 + dual_length * off_idle
    return moved


@compiled
def _step_of_types(body: Body, price: Floats) -> float:
    """The same of what is left over."""
    moved, down, fall = 0.0, 0.0, 0.0
    left, dual = body.left, body.price
    for j in range(left.size):
        if left[j] > 0.0:
            part = (1.0 / left[j] - price[j]) / dual[j]
            moved, down = max(moved, abs(part)), max(down, -part)
            fall = max(fall, 1.0 - price[j] / dual[j])
    length = BACK / down if down > BACK else 1.0
    dual_length = BACK / fall if fall > BACK else 1.0
    for j in range(left.size):
        if left[j] > 0.0:
            left[j] += length * left[j] * (1.0 / left[j] - price[j]) / dual[j]
            dual[j] += dual_length * (price[j] - dual[j])
    return moved
