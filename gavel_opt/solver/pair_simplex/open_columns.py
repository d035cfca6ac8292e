"""Columns that may still come into a basis, and which of them cost least.

There are three columns for each pair of jobs, most of a million at 700 jobs, so going through memory is what a pass over them takes. They lie group by
group, each pair with both of its groups, in single precision; what that leaves open is asked of the columns themselves, so
the answer is theirs. A column that can be of no use any more is shut for good, and a pair all of whose columns are is moved out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gavel_opt.arrays import Bytes, Floats, Ints, Singles, SmallInts
from gavel_opt.kernels.dense import put_among_least
from gavel_opt.kernels.jit import compiled, compiled_apart
from gavel_opt.solver.pair_simplex.columns import Columns
from gavel_opt.solver.pair_simplex.dual_simplex import NONE

_EACH = 2
"""Columns of each group that a pass finds, at most."""
_ROUNDING = 1e-6
"""What a cost in single precision may be off, beside what it is added up from: seven roundings, twice."""
OPEN, INSIDE, GONE = range(3)
"""A column: it may come in; it is in the basis; it is of no use any more, or never was."""


class OpenColumns(NamedTuple):
    """Combinations of E groups' runs: those whose first group it is, then those whose second it is.

    Attributes
    ----------
    begin, own, many
        Of each group: where its run begins, in how many it is the first, and in how many at all, ``(G,)``.
    combination, other
        Which it is, and the other group, G for nobody, ``(E,)``.
    time, time_other, use
        Coefficients in the time rows and in a type's, ``(E,)``.
    rate, rate_other
        Coefficients in the level rows, but for their sign; ``rate`` is no number where a column may not come in, ``(J, E)``.
    place, place_other
        Where each combination is in the run of its first group and of its second, -1 for nowhere, ``(C,)``.
    state
        OPEN, INSIDE or GONE, of each column, ``(C J,)``.
    most_time, most_rate, most_use
        The largest coefficients of each group, ``(G,)``.
    level, moment
        Prices of levels and of time, and of nobody's, ``(G + 1,)``.
    size
        What the costs of a group's columns are added up from, at most, with nobody's, ``(G + 1,)``; 0 for who has no prices.
    cost, theirs, least
        Room for a run: what its time costs, prices of the others' levels, and what the cheapest type costs, of as many as the longest run has.
    best, which
        The cheapest columns of each group in the last pass, and what they cost, ``(G, EACH)``.
    found, part, many_found
        The same in a row: first and second group, type, and number; coefficients; how many, ``(G EACH, 4)``, ``(G EACH, 5)``, ``(1,)``.
    """

    begin: Ints
    own: Ints
    many: Ints
    combination: SmallInts
    other: SmallInts
    time: Singles
    time_other: Singles
    use: Singles
    rate: Singles
    rate_other: Singles
    place: SmallInts
    place_other: SmallInts
    state: Bytes
    most_time: Floats
    most_rate: Floats
    most_use: Floats
    level: Singles
    moment: Singles
    size: Floats
    cost: Singles
    theirs: Singles
    least: Singles
    best: Floats
    which: Ints
    found: Ints
    part: Floats
    many_found: Ints


@compiled_apart
def open_columns(columns: Columns) -> OpenColumns:
    """All that runs somewhere."""
    groups, types, many = columns.jobs.size, columns.workers.size, columns.one.size
    first, second = np.zeros(groups, np.int64), np.zeros(groups, np.int64)
    for n in range(many):
        first[columns.one[n]] += 1
        if columns.two[n] < groups:
            second[columns.two[n]] += 1
    entries, longest = 0, 0
    begin = np.zeros(groups, np.int64)
    for g in range(groups):
        begin[g] = entries
        entries += first[g] + second[g]
        longest = max(longest, first[g] + second[g])
    them = OpenColumns(
        begin,
        first,
        first + second,
        np.zeros(entries, np.int32),
        np.zeros(entries, np.int32),
        np.zeros(entries, np.float32),
        np.zeros(entries, np.float32),
        np.zeros(entries, np.float32),
        np.zeros((types, entries), np.float32),
        np.zeros((types, entries), np.float32),
        np.full(many, -1, np.int32),
        np.full(many, -1, np.int32),
        np.zeros(many * types, np.int8),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(groups),
        np.zeros(groups + 1, np.float32),
        np.zeros(groups + 1, np.float32),
        np.zeros(groups + 1),
        np.zeros(longest, np.float32),
        np.zeros(longest, np.float32),
        np.zeros(longest, np.float32),
        np.zeros((groups, _EACH)),
        np.zeros((groups, _EACH), np.int64),
        np.zeros((groups * _EACH, 4), np.int64),
        np.zeros((groups * _EACH, 5)),
        np.zeros(1, np.int64),
    )
    _fill_in(columns, them)
    return them


@compiled
def _fill_in(columns: Columns, them: OpenColumns) -> None:
    """Each combination in the run of its first group, and behind those in the run of its second."""
    groups, types = columns.jobs.size, columns.workers.size
    filled, filled_other = them.begin.copy(), them.begin + them.own
    for n in range(columns.one.size):
        one, two = columns.one[n], columns.two[n]
        at = filled[one]
        filled[one] += 1
        them.place[n], them.combination[at], them.use[at] = at, n, columns.use[n]
        them.other[at] = min(two, groups)
        them.time[at], them.time_other[at] = columns.time[n], columns.time_two[n]
        _note_most(them, columns, n, one, columns.time[n], columns.rate)
        beside = -1
        if two < groups:
            beside = filled_other[two]
            filled_other[two] += 1
            them.place_other[n], them.combination[beside] = beside, n
            them.use[beside], them.other[beside] = columns.use[n], one
            them.time[beside], them.time_other[beside] = columns.time_two[n], columns.time[n]
            _note_most(them, columns, n, two, columns.time_two[n], columns.rate_two)
        for j in range(types):
            them.rate[j, at], them.rate_other[j, at] = columns.rate[n, j], columns.rate_two[n, j]
            if beside >= 0:
                them.rate[j, beside] = columns.rate_two[n, j]
                them.rate_other[j, beside] = columns.rate[n, j]
            if columns.runs[n, j] == 0:
                set_state(columns, them, n * types + j, GONE)


@compiled
def _note_most(
    them: OpenColumns, columns: Columns, n: int, g: int, time: float, rate: Floats
) -> None:
    them.most_time[g] = max(them.most_time[g], time)
    them.most_use[g] = max(them.most_use[g], columns.use[n])
    for j in range(columns.workers.size):
        them.most_rate[g] = max(them.most_rate[g], rate[n, j])


@compiled
def set_state(columns: Columns, them: OpenColumns, column: int, state: int) -> None:
    """Note that a column may come in, is in the basis, or is of no use."""
    types = columns.workers.size
    n, j = column // types, column % types
    them.state[column] = state
    if them.place[n] >= 0:
        rate = columns.rate[n, j] if state == OPEN else np.nan
        them.rate[j, them.place[n]] = rate
    if them.place_other[n] >= 0:
        rate = columns.rate_two[n, j] if state == OPEN else np.nan
        them.rate[j, them.place_other[n]] = rate


@compiled
def cost_of(columns: Columns, y: Floats, n: int, j: int) -> float:
    """What a column costs at prices, ``(2 R,)``."""
    groups, one, two = columns.jobs.size, columns.one[n], columns.two[n]
    cost = columns.time[n] * y[groups + one] + columns.time_two[n] * y[groups + two]
    cost += columns.use[n] * y[2 * groups + j]
    return float(cost - (columns.rate[n, j] * y[one] + columns.rate_two[n, j] * y[two]))


# passes ----------------------------------------------------------------------------------------


@compiled_apart
def find_cheapest(columns: Columns, them: OpenColumns, y: Floats, nothing: float) -> None:
    """Look for the cheapest open columns of each group: whatever costs less than nothing is among them, if something does.

    Those that cost more are kept as well: after a few more pivots they may pay.
    """
    groups, everywhere = columns.jobs.size, _read_prices(columns, them, y)
    for g in range(groups):
        for e in range(_EACH):
            them.best[g, e], them.which[g, e] = np.inf, NONE
    for g in range(groups):
        if not everywhere and not _is_priced(them, g):
            continue
        begin, many = them.begin[g], them.own[g] if everywhere else them.many[g]
        _cost_run(columns, them, y, g, many)
        for m in range(many):
            other, worst = them.other[begin + m], them.best[g, _EACH - 1]
            if other < groups:
                worst = max(worst, them.best[other, _EACH - 1])
                if m >= them.own[g] and _is_priced(them, other):
                    continue
            off = _rounding(them, g, other)
            if them.least[m] < worst or abs(them.least[m] + nothing) <= off:
                _note_pair(columns, them, y, begin + m, (g, off, nothing))
    _list_found(columns, them)


@compiled
def _read_prices(columns: Columns, them: OpenColumns, y: Floats) -> bool:
    """Prices in single precision, and how large costs can be; whether any worker has a price."""
    groups, dearest = columns.jobs.size, 0.0
    for j in range(columns.workers.size):
        dearest = max(dearest, abs(y[2 * groups + j]))
    for g in range(groups):
        them.level[g], them.moment[g] = y[g], y[groups + g]
        level, moment = abs(y[g]), abs(y[groups + g])
        them.size[g] = them.most_time[g] * moment + them.most_rate[g] * level
        if _is_priced(them, g):
            them.size[g] += them.most_use[g] * dearest
    return dearest > 0.0


@compiled
def _is_priced(them: OpenColumns, g: int) -> bool:
    return bool(them.level[g] != 0.0 or them.moment[g] != 0.0)


@compiled
def _rounding(them: OpenColumns, g: int, other: int) -> float:
    """How far a cost of two groups' columns may be off: not at all if they have no prices, for then it is a worker's."""
    return float(_ROUNDING * (them.size[g] + them.size[other]))


@compiled
def _cost_run(columns: Columns, them: OpenColumns, y: Floats, g: int, many: int) -> None:
    """What time costs in a group's first columns, and the cheapest type of each."""
    groups, begin = columns.jobs.size, them.begin[g]
    cost, theirs, least = them.cost, them.theirs, them.least
    level, moment = them.level[g], them.moment[g]
    for m in range(many):
        other = them.other[begin + m]
        theirs[m] = them.level[other]
        cost[m] = them.time[begin + m] * moment + them.time_other[begin + m] * them.moment[other]
        least[m] = np.float32(np.inf)
    for j in range(columns.workers.size):
        price = np.float32(y[2 * groups + j])
        rate, rate_other = them.rate[j], them.rate_other[j]
        for m in range(many):
            n = begin + m
            here = cost[m] + them.use[n] * price - rate[n] * level - rate_other[n] * theirs[m]
            least[m] = here if here < least[m] else least[m]


@compiled
def _rough_cost(them: OpenColumns, y: Floats, g: int, entry: int, j: int) -> float:
    """What a column costs, in single precision, as for a whole run."""
    other, groups = them.other[entry], them.own.size
    cost = them.time[entry] * them.moment[g] + them.time_other[entry] * them.moment[other]
    cost = cost + them.use[entry] * np.float32(y[2 * groups + j])
    cost = cost - them.rate[j, entry] * them.level[g]
    return float(cost - them.rate_other[j, entry] * them.level[other])


@compiled
def _note_pair(
    columns: Columns, them: OpenColumns, y: Floats, entry: int, about: tuple[int, float, float]
) -> None:
    """Note a combination's open columns with both of its groups where they are among the cheapest."""
    g, off, nothing = about
    n, groups, types = them.combination[entry], columns.jobs.size, columns.workers.size
    other = them.other[entry]
    for j in range(types):
        cost = _rough_cost(them, y, g, entry, j)  # no number if it is not open
        if abs(cost + nothing) <= off:
            cost = cost_of(columns, y, n, j)
        if cost < them.best[g, _EACH - 1]:
            put_among_least(them.which[g], them.best[g], n * types + j, cost)
        if other < groups and cost < them.best[other, _EACH - 1]:
            put_among_least(them.which[other], them.best[other], n * types + j, cost)


@compiled
def _list_found(columns: Columns, them: OpenColumns) -> None:
    """Write what was found in a row, each column once."""
    types, many = columns.workers.size, 0
    for g in range(columns.jobs.size):
        for e in range(_EACH):
            column = them.which[g, e]
            if column == NONE:
                break
            n, j = column // types, column % types
            if columns.one[n] != g and _is_among(them.which[columns.one[n]], column):
                continue
            found, part = them.found[many], them.part[many]
            found[0], found[1], found[2], found[3] = columns.one[n], columns.two[n], j, column
            part[0], part[1], part[2] = columns.time[n], columns.time_two[n], columns.use[n]
            part[3], part[4] = columns.rate[n, j], columns.rate_two[n, j]
            many += 1
    them.many_found[0] = many


@compiled
def _is_among(which: Ints, column: int) -> bool:
    """Whether a column is one of these."""
    among = False
    for n in range(which.size):
        among = among or which[n] == column
    return among


@compiled_apart
def shut_what_costs(columns: Columns, them: OpenColumns, y: Floats, nothing: float) -> None:
    """Shut all open columns that cost something, for good, and move those combinations out that have none left."""
    groups, types = columns.jobs.size, columns.workers.size
    everywhere = _read_prices(columns, them, y)
    for g in range(groups):
        if not everywhere and not _is_priced(them, g):
            continue
        stay, own = them.begin[g], 0
        begin, end = stay, stay + them.many[g]
        for entry in range(begin, end):
            first = entry < begin + them.own[g]
            off = _rounding(them, g, them.other[entry])
            if _shut_pair(columns, them, y, entry, (g, off, nothing)):
                _move(them, entry, stay, first, types)
                stay += 1
                own += int(first)
            elif first:
                them.place[them.combination[entry]] = -1
            else:
                them.place_other[them.combination[entry]] = -1
        them.own[g], them.many[g] = own, stay - begin


@compiled
def _shut_pair(
    columns: Columns, them: OpenColumns, y: Floats, entry: int, about: tuple[int, float, float]
) -> bool:
    """Shut the columns of a combination that cost something; whether one is left, in the basis or out of it."""
    g, off, nothing = about
    n, types, left = them.combination[entry], columns.workers.size, False
    for j in range(types):
        column = n * types + j
        cost = _rough_cost(them, y, g, entry, j)  # no number if it is not open
        if abs(cost - nothing) <= off:
            cost = cost_of(columns, y, n, j)
        if cost > nothing:
            set_state(columns, them, column, GONE)
        left = left or them.state[column] != GONE
    return left


@compiled
def _move(them: OpenColumns, entry: int, to: int, first: bool, types: int) -> None:
    """Move an entry of a run to the front."""
    n = them.combination[entry]
    them.combination[to], them.other[to], them.use[to] = n, them.other[entry], them.use[entry]
    them.time[to], them.time_other[to] = them.time[entry], them.time_other[entry]
    for j in range(types):
        them.rate[j, to], them.rate_other[j, to] = them.rate[j, entry], them.rate_other[j, entry]
    if first:
        them.place[n] = to
    else:
        them.place_other[n] = to
