r"""Allocation programs: what nearly every policy means, one level above the general program.

All policies of the paper share the constraints of its section 3.1, over jobs (or groups of
identical jobs) :math:`g`, pairs :math:`p` of co-located ones, and worker types :math:`j`:

.. math::

    \sum_j x_{gj} + \sum_{p \ni g} s_{pg} \sum_j y_{pj} \le 1, \qquad
    \sum_g k_g x_{gj} + \sum_p k_p y_{pj} \le N_j, \qquad x, y \ge 0 .

:class:`Blocks` holds them. :class:`AllocationProgram` adds a linear objective and levels;
:class:`FinishTimeProgram` adds the ratios of finish-time fairness.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints

_FEW_TYPES = 8
"""Worker types from which on numpy adds them up in another order, and is as fast."""


@dataclass(frozen=True, slots=True, eq=False)
class PairBlocks:
    """Co-located pairs of groups (space sharing, section 3.1 of the paper).

    Attributes
    ----------
    member
        The two groups of each pair, shape ``(P, 2)``; the same group twice pairs its own jobs.
    rate
        Rate of each side's job while the pair runs, shape ``(P, 2, J)``. A unit of ``y`` adds
        ``share * rate`` to the level of the side's group.
    share
        Time that one unit of ``y`` takes from each job of the side's group, shape ``(P, 2)``:
        1 / count of the group.
    use
        Workers one unit takes, shape ``(P,)``: the scale factor.
    """

    member: Ints
    rate: Floats
    share: Floats
    use: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Who shares what: groups of identical jobs, pairs, worker types.

    ``x[g, j]`` is the fraction of time that *each* job of group ``g`` runs alone on type ``j``;
    ``y[p, j]`` is the time of pair ``p`` *summed* over all job pairs it stands for. With one job a
    group both are what the paper writes.

    Attributes
    ----------
    rate
        What a unit of ``x`` adds to the group's level, shape ``(G, J)``.
    use
        Workers taken by a unit of ``x``: count times scale factor, shape ``(G,)``.
    count
        Jobs in each group, shape ``(G,)``.
    workers
        Workers of each type, shape ``(J,)``.
    pairs
        Co-located pairs, or None.
    of_job
        Group of each job, shape ``(n,)``, jobs in order of job number; None if each group is one
        job, in that order. With it :func:`gavel_opt.model.groups.expand` rebuilds the full program.
    key
        One number for each group that stays the same between programs as long as the group (or
        job) is there, shape ``(G,)``, or None: tells engines that keep models what came and went.
    kind
        A small number, not negative, that groups have in common whose rates are the same up to a factor,
        shape ``(G,)``, or None if nobody knows.
    """

    rate: Floats
    use: Floats
    count: Ints
    workers: Floats
    pairs: PairBlocks | None = None
    of_job: Ints | None = None
    key: Ints | None = None
    kind: Ints | None = None

    @property
    def groups(self) -> int:
        """Number of groups, G."""
        return int(self.rate.shape[0])

    @property
    def types(self) -> int:
        """Number of worker types, J."""
        return int(self.rate.shape[1])

    @property
    def combinations(self) -> int:
        """Groups and pairs together, G + P: rows of an allocation matrix."""
        return self.groups + (0 if self.pairs is None else int(self.pairs.use.size))

    def levels(self, x: Floats) -> Floats:
        """Level of each group under the allocation ``x`` of groups and pairs, shape ``(G,)``."""
        level: Floats = (self.rate * x[: self.groups]).sum(axis=1)
        if self.pairs is not None:
            pairs, used, y = self._used_pairs(x)
            for side in (0, 1):
                earned = pairs.share[used, side] * over_types(pairs.rate[used, side] * y)
                np.add.at(level, pairs.member[used, side], earned)
        return level

    def demand(self, x: Floats) -> tuple[Floats, Floats]:
        """Workers of each type, shape ``(J,)``, and time of each group's jobs, ``(G,)``, that ``x`` takes."""
        used: Floats = self.use @ x[: self.groups]
        time: Floats = x[: self.groups].sum(axis=1)
        if self.pairs is not None:
            pairs, some, y = self._used_pairs(x)
            used = used + pairs.use[some] @ y
            in_all = over_types(y)
            for side in (0, 1):
                spent = pairs.share[some, side] * in_all
                time = time + np.bincount(pairs.member[some, side], spent, self.groups)
        return used, time

    def _used_pairs(self, x: Floats) -> tuple[PairBlocks, Ints, Floats]:
        """The pairs, which of them have a share, and these shares: few of very many."""
        assert self.pairs is not None
        y = x[self.groups :]
        some = np.flatnonzero(any_type(y != 0.0))
        return self.pairs, some, y[some]


def best_rates(blocks: Blocks) -> Floats:
    """Largest level that each group could ever have, alone or in a pair, shape ``(G,)``."""
    best: Floats = blocks.rate.max(axis=1)
    if blocks.pairs is not None:
        # type by type: numpy takes ten times as long for a maximum along so short an axis
        most = blocks.pairs.rate[:, :, 0]
        for kind in range(1, blocks.types):
            most = np.maximum(most, blocks.pairs.rate[:, :, kind])
        for side in (0, 1):
            np.maximum.at(best, blocks.pairs.member[:, side], most[:, side])
    return best


def any_type(true: Bools) -> Bools:
    """Which rows have something true: numpy takes several times as long along an axis that is short."""
    if not 0 < true.shape[1] < _FEW_TYPES:
        found: Bools = np.asarray(true.any(axis=1))
        return found
    return functools.reduce(np.logical_or, true.T)


def over_types(values: np.ndarray[Any, Any]) -> Floats:
    """Sums of rows, to the same bits, likewise."""
    if not 0 < values.shape[1] < _FEW_TYPES:
        found: Floats = values.sum(axis=1)
        return found
    return functools.reduce(np.add, values.T)


@dataclass(frozen=True, slots=True, eq=False)
class Limits:
    r"""Rows of a program's own, besides those that all share.

    .. math::

        l_r \le \sum_{gj} n_g a_{rgj} x_{gj} + \sum_{pj} a_{rpj} y_{pj} \le u_r

    Attributes
    ----------
    names
        Of the rows, R of them, for messages.
    coefficient
        Of each job of a group and of each pair, shape ``(R, G + P, J)``.
    lower, upper
        Bounds, shape ``(R,)``; infinite where there is none.
    """

    names: tuple[str, ...]
    coefficient: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, slots=True, eq=False)
class KnownBasis:
    """A basis that is expected to be optimal, with the level t in it: which other variables are.

    Attributes
    ----------
    alone, pair
        Shares of groups and of pairs, shapes ``(G, J)`` and ``(P, J)``.
    surplus, time, workers
        Slacks of the level, time and capacity rows, shapes ``(G,)``, ``(G,)``, ``(J,)``.
    """

    alone: Bools
    pair: Bools
    surplus: Bools
    time: Bools
    workers: Bools


@dataclass(frozen=True, slots=True, eq=False)
class KnownShares:
    """An optimum of a program, with its multipliers: without pairs the canonical one.

    Attributes
    ----------
    x
        Shares of groups, and of pairs, shape ``(G + P, J)``.
    level_dual, capacity_dual
        Multipliers of level rows and worker types, shapes ``(G,)`` and ``(J,)``.
    time_dual
        Those of the groups' time, shape ``(G,)``, with pairs.
    """

    x: Floats
    level_dual: Floats
    capacity_dual: Floats
    time_dual: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AllocationProgram:
    r"""Blocks with a linear objective and a level.

        .. math::

            \max\ t + \sum_{gj} n_g w_{gj} x_{gj} + \sum_{pj} w_{pj} y_{pj} \quad\text{s.t.}\quad
            \text{level}_g(x, y) \ge \text{floor}_g + \text{slope}_g\, t

        where :math:`\text{level}_g = \sum_j \text{rate}_{gj} x_{gj} + \sum_{p,j} s_{pg}\, \text{rate}_{pgj} y_{pj}`
    and :math:`n_g` is the count of the group.

        Attributes
        ----------
        blocks
            The shared constraints.
        slope
            Shape ``(G,)``, not negative; 0 for groups without a part in the level. There is a level
            variable ``t`` (free, objective coefficient 1) if any slope is positive.
        floor
            Shape ``(G,)``; -inf where a group with slope 0 has no row at all.
        reward
            Objective ``w`` of ``x`` (for each job of a group) and ``y``, shape ``(G + P, J)``, or
            None for zero.
        gain
            What a unit of a group's level is worth to one of its jobs when the efficient optimum is
            asked for, shape ``(G,)``: 1 / throughput of the job alone on its share. None for
            ``1 / slope``.
        probe
            Only the value and the multipliers are asked for: the canonical optimum will do.
        enough
            Of a probe: the level from which on nothing but that it is reached is asked for: any shares that reach it will do.
        too_little
            Of a probe: the level below which only that and the prices are asked for: an optimum with the only ones will do.
        series
            Of a probe for which any optimum will do: how many such programs the policy has asked before it for this state. What a
            solver keeps may come from these alone, so that answers depend on nothing else. None of all others.
        near
            Of a probe: an optimal basis, or without pairs the optimum, if the policy has come by one, or None. It is to be proven
            like any other.
        splits
            Groups about which a program without them is asked if their jobs run all of the time in every optimum, shape ``(G,)``:
            then of the answer no more than which these are is asked for, and any optimum will do. None if there are no such groups.
        limits
            Rows of its own, or None. Such a program is for engines that take general programs.
    """

    blocks: Blocks
    slope: Floats
    floor: Floats
    reward: Floats | None = None
    gain: Floats | None = None
    probe: bool = False
    enough: float = math.inf
    too_little: float = -math.inf
    series: int | None = None
    near: KnownBasis | KnownShares | None = None
    splits: Bools | None = None
    limits: Limits | None = None

    @property
    def has_level(self) -> bool:
        """Whether there is a level variable t."""
        return bool((self.slope > 0).any())


@dataclass(frozen=True, slots=True, eq=False)
class FinishTimeProgram:
    r"""Finish-time fairness (Themis; section 4.2 of the paper).

    .. math::

        \min \rho \quad\text{s.t.}\quad
        \text{age}_g + \frac{\text{steps}_g}{\text{level}_g(x, y)} \le \rho\, \text{isolated}_g

    Attributes
    ----------
    blocks
        The shared constraints; ``rate`` in steps per second.
    age
        Seconds since each job arrived, shape ``(G,)``.
    steps
        Steps left, shape ``(G,)``.
    isolated
        Seconds that the job would take in all on its isolated share, shape ``(G,)``.
    gain
        As in :class:`AllocationProgram`; None for ``1 / steps``.
    """

    blocks: Blocks
    age: Floats
    steps: Floats
    isolated: Floats
    gain: Floats | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ProductProgram:
    r"""The largest product of levels (Nash welfare), which strategy-proof fairness builds on.

    .. math:: \max \sum_g n_g \log \text{level}_g(x)

    Not a linear program: only engines with the capability take it, as it is.

    Attributes
    ----------
    blocks
        The shared constraints, without pairs.
    near
        Shares and prices of workers of the answer to a program much like this one, shapes ``(G, J)`` and ``(J,)``, or
        None. With it only levels are asked for, which are the only ones: any shares will do, and last digits may
        depend on it.
    """

    blocks: Blocks
    near: tuple[Floats, Floats] | None = None


Program = AllocationProgram | FinishTimeProgram


@dataclass(slots=True)
class Answer:
    """A program's answer as policies see it, in the program's own shape.

    Attributes
    ----------
    x
        Allocation of groups and pairs, shape ``(G + P, J)``.
    objective
        Value of the program's objective.
    level
        Value of the level ``t`` (or ``rho``); NaN without one.
    level_dual
        Dual of each group's level row, shape ``(G,)``, zero where there is no row; what the
        objective loses per unit of the floor (not negative).
    capacity_dual
        Price of a worker of each type, shape ``(J,)``, not negative.
    worth_proof
        Of an efficient optimum: primal residual, dual residual and relative gap of its second program,
        the largest total worth at the level reached. None where there was none to solve.
    of_series
        Whether the program is one of a series, and its optimum one of several that the programs before it decided.
    error
        Largest residual or gap of its certificate.
    """

    x: Floats
    objective: float
    level: float
    level_dual: Floats
    capacity_dual: Floats
    worth_proof: tuple[float, ...] | None = None
    of_series: bool = False
    error: float = 0.0


_NO_PAIRS = np.empty((0, 2), dtype=np.int64)
_NO_SHARES = np.empty((0, 0))


@dataclass(slots=True)
class Allocation:
    """What share of time each job, and each pair of jobs, gets on each worker type.

    Attributes
    ----------
    job
        Job numbers, ascending, shape ``(n,)``.
    x
        Fractions of time alone, shape ``(n, J)``, worker types in alphabetical order.
    pair
        Job numbers of co-located pairs with a share, the smaller first, shape ``(P, 2)``.
    pair_x
        Their fractions of time, shape ``(P, J)``.
    notes
        What the policy wants the user to know (deadlines given up, ...), one line each.
    """

    job: Ints
    x: Floats
    pair: Ints = field(default_factory=lambda: _NO_PAIRS)
    pair_x: Floats = field(default_factory=lambda: _NO_SHARES)
    notes: tuple[str, ...] = ()
