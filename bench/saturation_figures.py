"""Does the default saturation rule leave the paper's points alone?

``python -m bench saturation --figures`` runs every point of Figures 9, 10 and 11 at or below 0.98 of its
knee twice, under the default rule and with none, and compares every completion time and every round to the
bit. It goes on where an earlier one stopped, the points of policies that share workers last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from bench import saturation_labels
from bench.saturation_cases import Case
from simulator.runs.runner import execute
from simulator.settings.config import RunConfig
from simulator.settings.saturation_rule import parse_rule
from simulator.studies.experiments import find
from simulator.studies.experiments.experiment import Choices

FIGURES = ("9", "10", "11")
SUSTAINED = 0.98
"""At or below this part of the knee nothing may be stopped."""


def points(seeds: Sequence[int], with_packed: bool = True) -> Iterator[tuple[str, str, RunConfig]]:
    """Figure, name and configuration of each point that lies below 0.98 of a labelled knee."""
    labels = saturation_labels.known()
    found = []
    for figure in FIGURES:
        for task in find(figure).tasks(Choices(seeds=tuple(seeds))):
            config = RunConfig.from_json(task.payload["config"])
            case = Case(config.policy, "36:36:36", {"multi_gpu": config.multi_gpu})
            knee = labels.get(case.name, {}).get("centre")
            assert config.interarrival is not None
            if knee is not None and 3600.0 / config.interarrival <= SUSTAINED * knee:
                found.append((figure, task.name, config))
    found.sort(key=lambda one: "packed" in one[1])
    yield from (one for one in found if with_packed or "packed" not in one[1])


def compare(config: RunConfig) -> str:
    """Run a point under the default rule and with none: ``same``, or what is not."""
    free = execute(replace(config, saturation=("off", {})))
    judged = execute(replace(config, saturation=parse_rule(None, continuous=True)))
    if judged.status != free.status:
        return f"{judged.status}, not {free.status}"
    same = judged.jct == free.jct and judged.average_jct == free.average_jct
    for name, column in free.rounds.items():
        same &= np.array_equal(judged.rounds[name], column, equal_nan=column.dtype.kind == "f")
    return "same" if same else "other figures"
