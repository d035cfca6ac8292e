r"""The centre of an optimal face of very many pairs, where few jobs set the level and the rest has room.

Then most of the :math:`n^2/2` pairs are in some optimum. The centre maximises :math:`\sum_k w_k \log x_k`
over the face; its dual has a variable for each row only, and with :math:`\nu` the prices of rows in the
centre (not those of the program) and :math:`a_k` the column,

.. math:: x_k = w_k / (a_k \cdot \nu), \qquad
    \min_\nu\; b \cdot \nu - \sum_k w_k \log (a_k \cdot \nu) - \sum_i w_i \log \nu_i .

Newton's method solves that with passes over the pairs and nothing kept for any but a mark whether it is
in the face. Two jobs meet in one pair of many, so the matrix is nearly that of jobs by themselves beside
the worker types; conjugate gradients, preconditioned by exactly that, need few passes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gavel_opt.arrays import Bools, Floats
from gavel_opt.kernels.jit import compiled, make_ready
from gavel_opt.solver.pair_pricing import PairColumns, Prices
from gavel_opt.solver.scaled_program import ScaledProgram
from gavel_opt.solver.settings import SETTINGS

STEADY = 1e-6
"""Newton's method ends once no variable moves by more than this part of itself."""
LIMIT, WORK = 2500, 1e9
"""Passes over the pairs in all, and shares of pairs that they read, after which the face has no centre."""
FEWEST = 300
"""Passes that a search needs; where :data:`WORK` is for fewer, none is begun."""
PASSES = 150
"""Steps of conjugate gradients for a step of Newton's method."""
HALVES = 30
"""How often a step that goes too far is halved."""
MANY = 2000
"""Shares of pairs from which on passes are not interpreted."""
BACK = 0.95
"""Part of the longest step that is taken."""
_TURNS = 8
"""Passes that look for a start."""
ROUGH, FINE = 0.2, 1e-8
"""How well the first and the last steps are solved for, relative to their right-hand side."""


class Face(NamedTuple):
    """What is not zero on a face, and the weights of it.

    Attributes
    ----------
    rate, use
        Of groups alone, scaled.
    alone, pair
        Which shares are not zero, shapes ``(G, J)`` and ``(P, J)``.
    pairs
        The pairs.
    jobs
        Jobs of each group.
    surplus, time, workers
        Weights of slacks, 0 for those that are zero: shapes ``(G,)``, ``(G,)``, ``(J,)``.
    """

    rate: Floats
    use: Floats
    alone: Bools
    pair: Bools
    pairs: PairColumns
    jobs: Floats
    surplus: Floats
    time: Floats
    workers: Floats


@compiled
def open_pairs(
    pairs: PairColumns, prices: Prices, most: float, time: Bools, workers: Bools
) -> Bools:
    """Which pairs' columns are in the face: those that cost nothing, and those that may idle there.

    Parameters
    ----------
    pairs, prices
        The program's pairs and its duals.
    most
        Costs up to this are none.
    time, workers
        Which rows have slack on the face: jobs' time, and types.
    """
    types = pairs.rate.shape[2]
    rewarded = pairs.reward.shape[0] > 0
    marks = np.zeros((pairs.use.size, types), np.bool_)
    pull = pairs.scale * prices.level
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        share, other = pairs.share[i, 0], pairs.share[i, 1]
        spent = share * prices.time[one] + other * prices.time[two]
        for j in range(types):
            first, second = pairs.rate[i, 0, j], pairs.rate[i, 1, j]
            reward = pairs.reward[i, j] if rewarded else 0.0
            if first == 0.0 and second == 0.0 and reward <= 0.0:
                marks[i, j] = time[one] and time[two] and workers[j]
            elif first * pairs.scale[one] > 0.0 or second * pairs.scale[two] > 0.0 or reward > 0.0:
                cost = pairs.use[i] * prices.workers[j] + spent - reward
                cost -= share * first * pull[one] + other * second * pull[two]
                marks[i, j] = cost <= most
    return marks


@compiled
def _stands_for(face: Face, one: int, two: int) -> float:
    """How many pairs of jobs a pair of groups stands for."""
    if one == two:
        return float(max(0.5 * face.jobs[one] * (face.jobs[one] - 1.0), 1.0))
    return float(face.jobs[one] * face.jobs[two])


@compiled
def _weigh_alone(
    face: Face, nu: Prices, total: Prices, own: Floats, beside: Floats, kinds: Floats
) -> float:
    """Add what shares alone are to the sums of :func:`weigh`; the smallest ``a nu``."""
    least = np.inf
    for i in range(face.rate.shape[0]):
        for j in range(face.rate.shape[1]):
            if not face.alone[i, j]:
                continue
            r, k, w = face.rate[i, j], face.use[i], face.jobs[i]
            cost = nu.time[i] + k * nu.workers[j] - r * nu.level[i]
            least = min(least, cost / w)
            x = w / cost
            d = x / cost
            total.level[i] += r * x
            total.time[i] += x
            total.workers[j] += k * x
            own[i, 0] += r * r * d
            own[i, 1] -= r * d
            own[i, 2] += d
            beside[i, 0, j] -= r * k * d
            beside[i, 1, j] += k * d
            kinds[j] += k * k * d
    return float(least)


@compiled
def weigh(face: Face, nu: Prices) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, float]:
    """What the columns add up to at ``nu``, and the matrix without what two groups share.

    Returns
    -------
    level, time, used
        Of ``x = w / (a nu)``.
    own
        Second derivatives within a group, those of pairs doubled: level and level, level and time, time
        and time, shape ``(G, 3)``.
    beside
        Between a group's two rows and the worker types, shape ``(G, 2, J)``.
    types
        Between worker types, of which only a type with itself, shape ``(J,)``.
    least
        The smallest ``a nu``; where it is not positive the rest means nothing.
    """
    groups, types = face.rate.shape
    level, time, used = np.zeros(groups), np.zeros(groups), np.zeros(types)
    own, beside, kinds = np.zeros((groups, 3)), np.zeros((groups, 2, types)), np.zeros(types)
    least = _weigh_alone(face, nu, Prices(level, time, used), own, beside, kinds)
    pairs = face.pairs
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        s, o, k = pairs.share[i, 0], pairs.share[i, 1], pairs.use[i]
        spent = s * nu.time[one] + o * nu.time[two]
        w = _stands_for(face, one, two)
        for j in range(types):
            if not face.pair[i, j]:
                continue
            a = s * pairs.rate[i, 0, j] * pairs.scale[one]
            b = o * pairs.rate[i, 1, j] * pairs.scale[two]
            cost = spent + k * nu.workers[j] - a * nu.level[one] - b * nu.level[two]
            least = min(least, cost / w)
            x = w / cost
            d = x / cost
            level[one] += a * x
            level[two] += b * x
            time[one] += s * x
            time[two] += o * x
            used[j] += k * x
            # twice what is within each of the two bounds what is between them
            own[one, 0] += 2.0 * a * a * d
            own[one, 1] -= 2.0 * a * s * d
            own[one, 2] += 2.0 * s * s * d
            own[two, 0] += 2.0 * b * b * d
            own[two, 1] -= 2.0 * b * o * d
            own[two, 2] += 2.0 * o * o * d
            beside[one, 0, j] -= a * k * d
            beside[one, 1, j] += s * k * d
            beside[two, 0, j] -= b * k * d
            beside[two, 1, j] += o * k * d
            kinds[j] += k * k * d
    return level, time, used, own, beside, kinds, least


@compiled
def times_matrix(
    face: Face, nu: Prices, step: Prices
) -> tuple[Floats, Floats, Floats, float, float]:
    """The matrix of second derivatives, of columns, times a step.

    Returns
    -------
    level, time, workers
        The product.
    most, down
        Largest relative change of a cost ``a nu`` in the step, in size and downwards.
    """
    groups, types = face.rate.shape
    level, time, used = np.zeros(groups), np.zeros(groups), np.zeros(types)
    most, down = 0.0, 0.0
    for i in range(groups):
        for j in range(types):
            if not face.alone[i, j]:
                continue
            r, k, w = face.rate[i, j], face.use[i], face.jobs[i]
            cost = nu.time[i] + k * nu.workers[j] - r * nu.level[i]
            part = (step.time[i] + k * step.workers[j] - r * step.level[i]) / cost
            most, down = max(most, abs(part)), max(down, -part)
            x = w * part / cost
            level[i] -= r * x
            time[i] += x
            used[j] += k * x
    pairs = face.pairs
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        s, o, k = pairs.share[i, 0], pairs.share[i, 1], pairs.use[i]
        spent = s * nu.time[one] + o * nu.time[two]
        spends = s * step.time[one] + o * step.time[two]
        w = _stands_for(face, one, two)
        for j in range(types):
            if not face.pair[i, j]:
                continue
            a = s * pairs.rate[i, 0, j] * pairs.scale[one]
            b = o * pairs.rate[i, 1, j] * pairs.scale[two]
            cost = spent + k * nu.workers[j] - a * nu.level[one] - b * nu.level[two]
            part = spends + k * step.workers[j] - a * step.level[one] - b * step.level[two]
            part /= cost
            most, down = max(most, abs(part)), max(down, -part)
            x = w * part / cost
            level[one] -= a * x
            level[two] -= b * x
            time[one] += s * x
            time[two] += o * x
            used[j] += k * x
    return level, time, used, most, down


def shares_alone(face: Face, nu: Prices) -> Floats:
    """Shares alone in the centre, shape ``(G, J)``."""
    cost = nu.time[:, None] + face.use[:, None] * nu.workers - face.rate * nu.level[:, None]
    shares: Floats = np.where(face.alone, face.jobs[:, None] / cost, 0.0)
    return shares


@compiled
def shares_of_pairs(face: Face, nu: Prices) -> Floats:
    """Shares of pairs in the centre, shape ``(P, J)``; 0 outside of the face, and for pairs that idle."""
    pairs, types = face.pairs, face.rate.shape[1]
    shares = np.zeros((pairs.use.size, types))
    rewarded = pairs.reward.shape[0] > 0
    for i in range(pairs.use.size):
        one, two = pairs.member[i, 0], pairs.member[i, 1]
        s, o, k = pairs.share[i, 0], pairs.share[i, 1], pairs.use[i]
        spent = s * nu.time[one] + o * nu.time[two]
        w = _stands_for(face, one, two)
        for j in range(types):
            a = s * pairs.rate[i, 0, j] * pairs.scale[one]
            b = o * pairs.rate[i, 1, j] * pairs.scale[two]
            earns = a > 0.0 or b > 0.0 or (rewarded and pairs.reward[i, j] > 0.0)
            if face.pair[i, j] and earns:
                cost = spent + k * nu.workers[j] - a * nu.level[one] - b * nu.level[two]
                shares[i, j] = w / cost
    return shares


class _Rows:
    """Rows of the centre's dual as one vector, with the matrix of groups by themselves as preconditioner."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.groups = face.surplus.size
        self.slack = np.concatenate([face.surplus, face.time, face.workers])
        self.kept = np.ones(self.slack.size)
        self.passes = 0

    def prices(self, vector: Floats) -> Prices:
        """The parts of a vector."""
        groups = self.groups
        return Prices(vector[:groups], vector[groups : 2 * groups], vector[2 * groups :])

    def prepare(self, nu: Floats, own: Floats, beside: Floats, kinds: Floats) -> bool:
        """Factor the preconditioner; rows that say what another one says are left as they are.

        Returns whether its numbers are finite.
        """
        groups = self.groups
        curve = self.slack / np.where(self.slack > 0.0, nu * nu, 1.0)
        self.curve = curve
        a = own[:, 0] + curve[:groups]
        b = own[:, 1]
        c = own[:, 2] + curve[groups : 2 * groups]
        keeps_time = c > 0.0
        keeps_level = (a > 0.0) & (a * c - b * b > 1e-9 * a * c) & keeps_time
        self.kept[:groups], self.kept[groups : 2 * groups] = keeps_level, keeps_time
        inverse = np.zeros((groups, 2, 2))
        det = np.where(keeps_level, a * c - b * b, 1.0)
        inverse[:, 0, 0] = np.where(keeps_level, c / det, 0.0)
        inverse[:, 0, 1] = inverse[:, 1, 0] = np.where(keeps_level, -b / det, 0.0)
        alone = np.where(keeps_time, 1.0 / np.where(keeps_time, c, 1.0), 0.0)
        inverse[:, 1, 1] = np.where(keeps_level, a / det, alone)
        self._inverse, self._beside = inverse, beside
        across = np.einsum("gij,gjt->git", inverse, beside)
        schur = np.diag(kinds + curve[2 * groups :]) - np.einsum("gis,git->st", beside, across)
        if not np.isfinite(schur).all():
            return False
        self._schur = np.linalg.pinv(schur, rcond=1e-12, hermitian=True)
        return True

    def precondition(self, vector: Floats) -> Floats:
        """Solve with the matrix of groups by themselves."""
        groups = self.groups
        block = np.stack([vector[:groups], vector[groups : 2 * groups]], axis=1)
        inner = np.einsum("gij,gj->gi", self._inverse, block)
        workers = self._schur @ (vector[2 * groups :] - np.einsum("git,gi->t", self._beside, inner))
        block = block - self._beside @ workers
        inner = np.einsum("gij,gj->gi", self._inverse, block)
        return np.concatenate([inner[:, 0], inner[:, 1], workers])

    def solve(self, nu: Floats, right: Floats, tolerance: float) -> Floats:
        """Conjugate gradients."""
        at = self.prices(nu)
        right = right * self.kept
        step, rest = np.zeros(right.size), right.copy()
        ahead = self.precondition(rest)
        direction, size = ahead, float(rest @ ahead)
        enough = size * tolerance**2
        for _ in range(PASSES):
            if not size > enough:
                break
            self.passes += 1
            *parts, _, _ = times_matrix(self.face, at, self.prices(direction))
            product = (np.concatenate(parts) + self.curve * direction) * self.kept
            length = size / float(direction @ product)
            step += length * direction
            rest -= length * product
            ahead = self.precondition(rest)
            size, before = float(rest @ ahead), size
            direction = ahead + (size / before) * direction
        return step

    def reach(self, nu: Floats, step: Floats) -> tuple[float, float]:
        """Largest relative change of any variable, in size and downwards."""
        self.passes += 2
        *_, most, down = times_matrix(self.face, self.prices(nu), self.prices(step))
        slack = self.slack > 0.0
        part = step[slack] / nu[slack]
        most = max(most, float(np.abs(part).max(initial=0.0)))
        return most, max(down, float((-part).max(initial=0.0)))


def centre(face: Face, need: Floats, workers: Floats) -> Prices | None:
    """Prices of rows in the centre of a face; None if Newton's method does not end, as on no such face.

    Parameters
    ----------
    face
        The face.
    need, workers
        Right-hand sides: levels, shape ``(G,)``, and workers, ``(J,)``; all jobs have a time of 1.
    """
    with np.errstate(all="ignore"):  # where there is no such face, numbers run away
        return _newton(face, need, workers)


def _newton(face: Face, need: Floats, workers: Floats) -> Prices | None:
    most = min(LIMIT, WORK / max(face.pair.size, 1))
    if most < FEWEST:
        return None
    rows = _Rows(face)
    if face.pair.size > MANY:
        at = rows.prices(np.ones(rows.slack.size))
        make_ready(weigh, (face, at))
        make_ready(times_matrix, (face, at, at))
    nu = _start(face, need, workers)
    limit = np.concatenate([-need, np.ones(need.size), workers])
    has_slack = rows.slack > 0.0

    def gradient(at: Floats) -> tuple[Floats, tuple[Any, ...]]:
        level, time, used, *matrix, least = weigh(face, rows.prices(at))
        slack = np.where(has_slack, rows.slack / np.where(has_slack, at, 1.0), 0.0)
        found = limit - np.concatenate([-level, time, used]) - slack
        return (found if least > 0.0 else np.full(found.size, np.nan)), tuple(matrix)

    slope, matrix = gradient(nu)
    moved = 1.0
    while rows.passes < most and np.isfinite(slope).all():
        if not rows.prepare(nu, *matrix):
            return None
        step = rows.solve(nu, -slope, min(max(0.1 * moved, FINE), ROUGH))
        moved, down = rows.reach(nu, step)
        if not np.isfinite(moved):
            return None
        length = min(1.0, BACK / down) if down > 0.0 else 1.0
        fall = abs(float(slope @ (step * rows.kept)))
        for _ in range(HALVES):
            ahead = nu + length * step
            slope, matrix = gradient(ahead)
            if moved <= STEADY or float(slope @ (step * rows.kept)) <= 0.5 * fall:
                break
            length *= 0.5
        nu = ahead
        if moved <= STEADY:
            return rows.prices(nu)
    return None


def _start(face: Face, need: Floats, workers: Floats) -> Floats:
    """Prices of rows at which their limits are nearly met: each is raised by what its row is over."""
    groups, types = face.rate.shape
    nu = Prices(np.zeros(groups), np.ones(groups), np.ones(types))
    fastest = np.maximum(face.rate.max(axis=1, initial=0.0), 1e-300)
    slack = face.surplus > 0.0
    for turn in range(_TURNS):
        level, time, used, *_ = weigh(face, nu)
        time = time + face.time / nu.time
        used = (used + face.workers / nu.workers) / np.maximum(workers, 1e-9)
        power = 1.0 if turn == 0 else 0.5
        at_ease = np.maximum(level - need, 0.1 * need + 1e-3 * level)
        wanted = face.surplus / np.maximum(at_ease, 1e-300)
        time, used = nu.time * time**power, nu.workers * used**power
        # no column may earn more than its time costs
        nu = Prices(np.where(slack, np.minimum(wanted, 0.5 * time / fastest), 0.0), time, used)
    return np.concatenate([np.where(slack, np.maximum(nu.level, 1e-300), 0.0), nu.time, nu.workers])


def face_of(program: ScaledProgram, prices: Prices, clear: float) -> Face:
    """The face of which ``prices`` are strictly complementary duals: what costs nothing is not zero.

    Parameters
    ----------
    program, prices
        The program and its duals.
    clear
        Reduced costs up to this are none, and prices of rows up to a thousandth of it.
    """
    dearest = 1e-3 * clear
    cost = program.use[:, None] * prices.workers + prices.time[:, None]
    cost = cost - program.rate * prices.level[:, None] - program.reward
    time, workers = prices.time <= dearest, prices.workers <= dearest
    row = program.scale > 0.0
    weight = SETTINGS.slack_weight * program.count
    return Face(
        rate=program.rate,
        use=program.use,
        alone=program.helps & (cost <= clear),
        pair=open_pairs(program.pairs, prices, clear, time, workers),
        pairs=program.pairs,
        jobs=program.count,
        surplus=np.where(row & (prices.level <= dearest), weight, 0.0),
        time=np.where(time, weight, 0.0),
        workers=workers.astype(np.float64),
    )
