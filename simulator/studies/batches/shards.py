"""One plan, dealt to several machines: ``--shard I/N``.

Every machine makes the whole plan and takes its share of it, so they need nothing of each other but
the same command. Shares are dealt by what runs are expected to cost, the dearest first, each to the
share that has least so far.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from gavel_opt import InputError

Item = TypeVar("Item")

COSTS = {"isolated": 0.5, "fifo": 0.5, "proportional": 0.5, "gandiva": 2.0, "allox": 20.0}
"""Cost of a policy's run, by the beginning of its name, beside that of max-min fairness."""

FAMILIES = (("packed", 20.0), ("water_filling", 8.0), ("finish_time", 4.0), ("min_total", 3.0))
"""The same by what is in its name."""


def parse_shard(text: str) -> tuple[int, int]:
    """Parse ``I/N``, the share I (from 0) of N.

    Raises
    ------
    InputError
        With what was expected.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if match is None:
        raise InputError(f"--shard: {text!r} is not of the form I/N, such as 0/4")
    shard, shards = int(match[1]), int(match[2])
    if shards < 1 or shard >= shards:
        raise InputError(
            f"--shard: {text}: shards of {shards} are 0/{shards} to {max(shards - 1, 0)}/{shards}"
        )
    return shard, shards


def deal(items: Sequence[Item], costs: Sequence[float], shards: int) -> list[list[Item]]:
    """Deal items to shards so that each costs about the same; a function of its arguments alone.

    Within a shard items keep the order of ``items``.
    """
    order = sorted(range(len(items)), key=lambda place: (-costs[place], place))
    waiting = [(0.0, shard) for shard in range(shards)]
    share: list[list[int]] = [[] for _ in range(shards)]
    for place in order:
        spent, shard = heapq.heappop(waiting)
        share[shard].append(place)
        heapq.heappush(waiting, (spent + costs[place], shard))
    return [[items[place] for place in sorted(places)] for places in share]


def expected_cost(settings: Mapping[str, Any]) -> float:
    """Guess what a run costs, in no unit: for dealing, and for starting the longest first.

    Parameters
    ----------
    settings
        As :meth:`simulator.settings.config.RunConfig.to_json` gives them; what is missing counts little.
    """
    policy = str(settings.get("policy", ""))
    cost = 1.0
    for name, factor in FAMILIES:
        if name in policy:
            cost *= factor
    for name, factor in COSTS.items():
        if policy.startswith(name):
            cost *= factor
    window = settings.get("window")
    jobs = settings.get("jobs") or (window[1] if window else 1000)
    interarrival = settings.get("interarrival")
    rate = 3600.0 / interarrival if interarrival else 1.0
    # More jobs at once make each recomputation dearer, and a longer queue a longer run.
    return cost * float(jobs) * math.sqrt(max(rate, 0.01))
