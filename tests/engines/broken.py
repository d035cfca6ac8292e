"""Engines that are wrong on purpose, each in one way, for tests of what must notice."""

import math

import numpy as np

from gavel_opt.engines.protocol import Capability, Options
from gavel_opt.engines.registry import make_engine
from gavel_opt.model.solution import Solution, Status


class Wrapped:
    """HiGHS, right in every way."""

    name = "wrapped"
    capability = Capability()

    def __init__(self):
        self.inner = make_engine("highs")

    def version(self):
        return "HiGHS, wrapped"

    def solve(self, program, options=Options()):  # noqa: B008
        solution = make_engine("highs").solve(program, options)
        if solution.x is not None:
            self.spoil(program, solution)
        return solution

    def spoil(self, program, solution):
        pass


class NoDuals(Wrapped):
    """Gives no duals, which is allowed."""

    name = "no-duals"
    capability = Capability(duals=False)

    def spoil(self, program, solution):
        solution.row_dual = None


class WrongPoint(Wrapped):
    """Answers a feasible point that is not optimal and calls it so."""

    name = "wrong-point"

    def spoil(self, program, solution):
        solution.x = solution.x * 0.9
        solution.objective = program.objective(solution.x)


class WrongObjective(Wrapped):
    """The right point, and a wrong figure for it."""

    name = "wrong-objective"

    def spoil(self, program, solution):
        solution.objective += 1.0


class WrongSign(Wrapped):
    """Duals of the other sign."""

    name = "wrong-sign"

    def spoil(self, program, solution):
        solution.row_dual = -solution.row_dual


class RoughDuals(Wrapped):
    """Duals that are good enough for a proof, and not what the engine's precision promises."""

    name = "rough-duals"

    def spoil(self, program, solution):
        solution.row_dual = solution.row_dual * (1.0 + 3e-7)


class Promises(NoDuals):
    """Declares duals and gives none."""

    name = "promises"
    capability = Capability()


class NotNumbers(Wrapped):
    """NaN everywhere, and optimal."""

    name = "not-numbers"

    def spoil(self, program, solution):
        solution.x = np.full_like(solution.x, math.nan)
        solution.objective = math.nan


class Infeasible(Wrapped):
    """Calls everything infeasible."""

    name = "infeasible"

    def solve(self, program, options=Options()):  # noqa: B008
        return Solution(Status.INFEASIBLE)


class CannotTell(Wrapped):
    """Does not tell infeasible from unbounded, and says so."""

    name = "cannot-tell"
    capability = Capability(distinguishes=False)

    def solve(self, program, options=Options()):  # noqa: B008
        solution = super().solve(program, options)
        if solution.status in (Status.INFEASIBLE, Status.UNBOUNDED):
            solution.status = Status.INFEASIBLE_OR_UNBOUNDED
        return solution


class Forgetful(Wrapped):
    """Keeps the first program's coefficients when the next has the same shape."""

    name = "forgetful"

    def __init__(self):
        super().__init__()
        self.seen = {}

    def solve(self, program, options=Options()):  # noqa: B008
        return super().solve(self.seen.setdefault(program.shape, program), options)


class Dice(Wrapped):
    """Another optimum, or other last bits, each time."""

    name = "dice"

    def spoil(self, program, solution):
        solution.x = solution.x * (1.0 + 1e-13 * np.random.default_rng().random(solution.x.size))


class OutOfTime(Wrapped):
    """Always stops at its time limit."""

    name = "out-of-time"

    def solve(self, program, options=Options()):  # noqa: B008
        return Solution(Status.TIME_LIMIT)
