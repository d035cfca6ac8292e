"""The paper's experiments by the number of their figure, and users' own from a TOML file.

Figures have the numbers of the published paper (OSDI 2020); the artifact's own documents count one
less for figures 9 to 11.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from gavel_opt import unknown_name
from simulator.studies.experiments.definition import load, shipped, summary
from simulator.studies.experiments.experiment import Experiment

_MODULES: dict[str, tuple[str, str]] = {
    "12": ("hierarchy:FIGURE_12", "fairness between entities, and within each"),
    "13": ("hierarchy:FIGURE_13", "fairness between entities, first in first out within"),
    "14": ("scaling:FIGURE_14", "seconds per allocation by number of jobs"),
    "cost": ("cost:COST_EXPERIMENT", "cost and deadlines under policies that know prices"),
}
"""Experiments that are more than curves over one axis: (module:name in this package, what it shows)."""

FIGURES: dict[str, str] = dict(
    sorted(
        (
            {name: summary(path) for name, path in shipped().items()}
            | {name: what for name, (_, what) in _MODULES.items()}
        ).items(),
        key=lambda item: (not item[0].isdigit(), int(item[0]) if item[0].isdigit() else 0, item[0]),
    )
)
"""Experiments that come with the package: name to what it shows."""


def find(figure: str) -> Experiment:
    """Return an experiment by its name, or from a TOML file.

    Raises
    ------
    InputError
        If there is none.
    """
    if figure.endswith(".toml"):
        return load(Path(figure))
    if figure not in FIGURES:
        raise unknown_name("figure", figure, FIGURES)
    if figure not in _MODULES:
        return load(shipped()[figure])
    module, _, attribute = _MODULES[figure][0].partition(":")
    found: Experiment = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
    return found


__all__ = ["FIGURES", "Experiment", "find"]
