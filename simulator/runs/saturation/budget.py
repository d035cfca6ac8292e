"""What looking at a run may cost: a share of what the run costs, times the odds that it is saturated.

Both are counted in rounds of the run, never by a clock. A run of load 0.98 pays for what is measured, one of load 1.05 is worth
twenty times as much, as the rest of it is in vain; which of the two it is is what a measurement asks. So the share grows with the
odds, by which evidence for the latter is weighed against the former. However often one looks, such odds come to x times those at
the start in one of x runs of the former at most, and their mean does not grow at all: runs that keep up pay the share and little more.
"""

from __future__ import annotations

import math

from simulator.runs.saturation.long_queue import USUAL_WORKERS, times_as_few

ODDS_BEYOND_LIKELY, MOST_ODDS = 16.0, 20.0
"""Odds that a run is saturated whose rate is beyond what its policy is likely to sustain, and the most by which looking may cost
more than the share."""

ODDS_BEYOND_LIKELY_IN_ORDER, MOST_ODDS_IN_ORDER = 100.0, 24.0
"""The same where jobs are served in order: its rounds are cheap, what is likely is known well, and paces are uneven for long."""

ODDS_BEYOND_LIKELY_ON_ONE_WORKER = 100.0
"""The former where each job takes one worker: there what is likely is known well too."""

APART = 0.07
"""How far the two loads that are to be told from one another are apart, 0.98 and 1.05."""

LEAST_ERROR, MOST_EVIDENCE = 1e-3, 20.0
"""Error of a load at best, and logarithm of the odds at most, so that their exponential is a number."""

QUEUES_APART = 0.0095
"""How far queues of other jobs are apart on the usual number of workers, as a part of their pace, and on fewer by the root more (AlloX
on 18 workers, 81 hours: 2.3 %). Each tells its error by few stretches; where that is too small by luck nobody would ask another."""

QUEUE_MADE, QUEUE_MADE_IN_ORDER, QUEUE_MADE_ALONE = 300.0, 900.0, 300.0
"""Rounds of 360 s of a run on the usual number of workers for which one could make a long queue, the second where jobs are served
in order, whose rounds are cheap, the last where the queue needs no mechanism. On fewer workers rounds are cheaper and longer ones
dearer, both by the root."""

USUAL_ROUND = 360.0
"""Seconds."""

QUEUE_ROUND, QUEUE_ROUND_IN_ORDER, QUEUE_ROUND_ALONE, DEARER_ON_MANY = 2.0, 1.0, 0.3, {"allox": 6.5}
"""Rounds of a run for which one could have as many hours of a long queue: more jobs are in it. Where they are served in order its
rounds are longer, and without a mechanism there is little to do, but for looking at it, which is as dear beside cheaper rounds on fewer
workers; where the time for a decision grows with the cube of the jobs it is so much on the usual number of workers."""

DEARER_WITH_WEIGHTS = 1.5
"""How many times as dear both are where some jobs weigh more, as the queue is longer there."""


def odds(
    crowd: float,
    beyond_likely: bool,
    load: tuple[float, float] | None,
    limit: float,
    in_order: bool,
    multi_gpu: bool,
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
    multi_gpu
        Whether jobs may take several workers.
    """
    found = max(1.0, crowd)
    if beyond_likely and in_order:
        found *= ODDS_BEYOND_LIKELY_IN_ORDER
    elif beyond_likely:
        found *= ODDS_BEYOND_LIKELY if multi_gpu else ODDS_BEYOND_LIKELY_ON_ONE_WORKER
    if load is not None:
        evidence = (load[0] - limit) * APART / max(load[1], LEAST_ERROR) ** 2
        found *= math.exp(min(max(evidence, -MOST_EVIDENCE), MOST_EVIDENCE))
    return min(max(1.0, found), most_odds(in_order))


def error_by_queues(workers: int, queues: int) -> float:
    """How well several queues of other jobs may say a load at best when it is asked whether another is worth it."""
    return QUEUES_APART * math.sqrt(times_as_few(workers) / queues)


def error_on_few(workers: int, queues: int) -> float:
    """The same where it is asked whether a run keeps up: on the usual number of workers what queues say of themselves is enough."""
    return QUEUES_APART * math.sqrt((times_as_few(workers) - 1.0) / queues)


def most_odds(in_order: bool) -> float:
    """How many times the share looking may cost at most."""
    return MOST_ODDS_IN_ORDER if in_order else MOST_ODDS


def price_of_a_queue(workers: int, round_seconds: float, in_order: bool, alone: bool) -> float:
    """Rounds of a run for which one could make a long queue, ``alone`` where it needs no mechanism."""
    made = QUEUE_MADE_IN_ORDER if in_order else QUEUE_MADE
    fewer = times_as_few(workers)
    return (QUEUE_MADE_ALONE if alone else made) * math.sqrt(fewer * USUAL_ROUND / round_seconds)


def price_of_a_round(policy: str, workers: int, in_order: bool, alone: bool) -> float:
    """Rounds of a run for which one could have the time of one of a long queue."""
    if policy in DEARER_ON_MANY:
        return max(1.0, DEARER_ON_MANY[policy] * workers / USUAL_WORKERS)
    if alone:
        return QUEUE_ROUND_ALONE * times_as_few(workers)
    return QUEUE_ROUND_IN_ORDER if in_order else QUEUE_ROUND
