"""What looking at a run may cost: a share of what the run costs, times the odds that it is saturated.

Both are counted in rounds of the run, never by a clock. A run of load 0.98 pays for what is measured, one of load 1.05 is worth
twenty times as much, as the rest of it is in vain; which of the two it is is what a measurement asks. So the share grows with the
odds, by which evidence for the latter is weighed against the former. However often one looks, such odds come to x times those at
the start in one of x runs of the former at most, and their mean does not grow at all: runs that keep up pay the share and little more.
"""

from __future__ import annotations

import math

from simulator.runs.saturation.long_queue import USUAL_WORKERS

ODDS_BEYOND_LIKELY, MOST_ODDS = 16.0, 20.0
"""Odds that a run is saturated whose rate is beyond what its policy is likely to sustain, and the most by which looking may cost
more than the share."""

ODDS_BEYOND_LIKELY_IN_ORDER, MOST_ODDS_IN_ORDER = 100.0, 24.0
"""The same where jobs are served in order: its rounds are cheap, what is likely is known well, and paces are uneven for long."""

APART = 0.07
"""How far the two loads that are to be told from one another are apart, 0.98 and 1.05."""

LEAST_ERROR, MOST_EVIDENCE = 1e-3, 20.0
"""Error of a load at best, and logarithm of the odds at most, so that their exponential is a number."""

QUEUE_MADE, QUEUE_MADE_IN_ORDER = 300.0, 900.0
"""Rounds of 360 s of a run on the usual number of workers for which one could make a long queue, the latter where jobs are served
in order, whose rounds are cheap. On fewer workers rounds are cheaper and longer ones dearer, both by the root."""

USUAL_ROUND = 360.0
"""Seconds."""

QUEUE_ROUND, QUEUE_ROUND_IN_ORDER, DEARER_ON_MANY = 2.0, 1.0, {"allox": 6.5}
"""Rounds of a run for which one could have as many hours of a long queue: more jobs are in it. Where they are served in order its
rounds are longer; where the time for a decision grows with the cube of the jobs it is so much on the usual number of workers."""

DEARER_WITH_WEIGHTS = 1.5
"""How many times as dear both are where some jobs weigh more, as the queue is longer there."""


def odds(
    crowd: float,
    beyond_likely: bool,
    load: tuple[float, float] | None,
    limit: float,
    in_order: bool,
) -> float:
    """Odds that a run is saturated, 1 at least and so many as may count at most.

    Parameters
    ----------
    crowd
        How many times as many jobs wait as make a run worth a look.
    beyond_likely
        Whether its rate is beyond what its policy is likely to sustain.
    load
        By the paces that were measured, with its error; None if none was.
    limit
        The load half way between the two that are to be told apart.
    in_order
        Whether jobs are known to be served in order.
    """
    found = max(1.0, crowd)
    if beyond_likely:
        found *= ODDS_BEYOND_LIKELY_IN_ORDER if in_order else ODDS_BEYOND_LIKELY
    if load is not None:
        evidence = (load[0] - limit) * APART / max(load[1], LEAST_ERROR) ** 2
        found *= math.exp(min(max(evidence, -MOST_EVIDENCE), MOST_EVIDENCE))
    return min(max(1.0, found), most_odds(in_order))


def most_odds(in_order: bool) -> float:
    """How many times the share looking may cost at most."""
    return MOST_ODDS_IN_ORDER if in_order else MOST_ODDS


def price_of_a_queue(workers: int, round_seconds: float, in_order: bool) -> float:
    """Rounds of a run for which one could make a long queue."""
    made = QUEUE_MADE_IN_ORDER if in_order else QUEUE_MADE
    fewer = max(1.0, USUAL_WORKERS / workers)
    return made * math.sqrt(fewer * USUAL_ROUND / round_seconds)


def price_of_a_round(policy: str, workers: int, in_order: bool) -> float:
    """Rounds of a run for which one could have the time of one of a long queue."""
    if policy in DEARER_ON_MANY:
        return max(1.0, DEARER_ON_MANY[policy] * workers / USUAL_WORKERS)
    return QUEUE_ROUND_IN_ORDER if in_order else QUEUE_ROUND
