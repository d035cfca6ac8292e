"""What our solver's methods are set to, each with one value."""

from __future__ import annotations

from typing import NamedTuple


class Settings(NamedTuple):
    """Tolerances, limits and weights; relative where nothing else is said.

    Attributes
    ----------
    slack_weight
        Weight of a job's two slacks in the barrier, beside 1 for each of its shares and for each
        worker type's slack. Chosen by measurement: of the centres with 0.5 to 1 it is the nearest to what
        the reference's solver returns (``docs/optimum.md``).
    first_goal, last_goal
        Gap at which the interior point method tries the face first, and last. It makes the goal
        smaller by ``goal_step`` each time that the certificate tells that it was early.
    proved, answers
        A certificate this good ends the search; answers without one this good are none.
    path_limit, pairs_path_limit, limit
        Iterations between two goals (116 for 30,000 jobs of which no two are alike), the same with pairs,
        whose equations lose their digits rather than take that many, and of Newton's method for a centre.
    steady
        Newton's method ends once no variable moves by more than this part of itself: the step taken
        leaves an error of the order of its square.
    shy, middle
        Steps shorter than the first are taken again, with the second part of mu as aim.
    path_loose, face_loose
        Pivots smaller than this part of their diagonal belong to dependent rows: on the path,
        where no row quite is, and on the face, where many are.
    back
        Part of the longest step that is taken.
    newton_back
        The same of a step towards a centre.
    """

    slack_weight: float = 0.7
    first_goal: float = 1e-6
    last_goal: float = 1e-13
    goal_step: float = 0.01
    proved: float = 1e-11
    answers: float = 1e-9
    path_limit: int = 250
    pairs_path_limit: int = 60
    limit: int = 60
    steady: float = 1e-6
    shy: float = 0.1
    middle: float = 0.3
    path_loose: float = 1e-16
    face_loose: float = 1e-13
    back: float = 0.995
    newton_back: float = 0.8


SETTINGS = Settings()

MANY_TYPES, FEW_GROUPS = 30, 2
"""From more worker types than this on, programs with no more groups than this many for each type go straight to
the interior point method, which takes a tenth of the time of a search for so many prices; for others the search
is not interpreted."""
