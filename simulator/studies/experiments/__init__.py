"""The paper's experiments, one module a kind, found by the number of their figure.

Figures have the numbers of the published paper (OSDI 2020); the artifact's own documents count one
less for figures 9 to 11.
"""

from __future__ import annotations

import importlib

from gavel_opt import unknown_name
from simulator.studies.experiments.experiment import Experiment

FIGURES: dict[str, tuple[str, str]] = {
    "9": ("rates:FIGURE_9", "max-min fairness, single-GPU jobs: mean JCT by job rate"),
    "10": ("rates:FIGURE_10", "max-min fairness, multi-GPU jobs: mean JCT by job rate"),
    "11": ("rates:FIGURE_11", "finish-time fairness, multi-GPU jobs: mean JCT by job rate"),
    "12": ("hierarchy:FIGURE_12", "fairness between entities, and within each"),
    "13": ("hierarchy:FIGURE_13", "fairness between entities, first in first out within"),
    "14": ("scaling:FIGURE_14", "seconds per allocation by number of jobs"),
    "15": ("rates:FIGURE_15", "length of a round, and rounds against ideal execution"),
    "16": ("rates:FIGURE_16", "space sharing with measured and with estimated throughputs"),
    "makespan": ("makespan:MAKESPAN", "time to finish a batch of multi-GPU jobs"),
}
"""Figure to (module:name in this package, what it shows)."""


def find(figure: str) -> Experiment:
    """Return an experiment by the number of its figure.

    Raises
    ------
    InputError
        If there is none.
    """
    if figure not in FIGURES:
        raise unknown_name("figure", figure, FIGURES)
    module, _, attribute = FIGURES[figure][0].partition(":")
    found: Experiment = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    return found


__all__ = ["FIGURES", "Experiment", "find"]
