"""From the jobs to their shares in one compiled call: what max-min and finish-time fairness have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gavel_opt.arrays import Floats
from gavel_opt.model.solution import Certificate
from gavel_opt.solver.optimum import MANY_TYPES
from gavel_opt.solver.shortcuts import PINNED, PRICED


def proven_shares(
    kernel: Callable[..., tuple[int, Floats, Floats]],
    given: tuple[Any, ...],
    types: int,
    tie_break: str,
) -> tuple[Floats, Certificate] | None:
    """Call a kernel that makes a program, solves it and hands out the shares.

    Parameters
    ----------
    kernel, given
        The kernel and its arguments; it gives an outcome of
        :func:`~gavel_opt.solver.shortcuts.solve_direct`, shares and a summary.
    types
        Worker types, J.
    tie_break
        Which optimum is wanted.

    Returns
    -------
    shares, certificate
        Shares of shape ``(n, J)``, and what proves them; None where the program must be made for that.
    """
    if types > MANY_TYPES:
        return None  # which method they take is known once there are groups
    outcome, shares, summary = kernel(*given)
    # the efficient optimum of a program that one job pins is found from its blocks
    if outcome != PRICED and (outcome != PINNED or tie_break == "efficient"):
        return None
    _, _, primal, dual, gap, _ = summary.tolist()
    return shares, Certificate(primal, dual, gap)
