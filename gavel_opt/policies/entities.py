"""Entities: organisations with weights that share a cluster, and share fairly or in order within.

Settings have two parts: ``weights``, a list (entity 0, 1, ...) or a table by entity; and ``within``,
``"fairness"`` or ``"fifo"`` for all entities, or a table by entity.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from gavel_opt.arrays import Bools, Floats, Ints
from gavel_opt.errors import InputError, unknown_name
from gavel_opt.policies.rising_levels import Line, Rising

_WITHIN = ("fairness", "fifo")


@dataclass(frozen=True, slots=True)
class Entities:
    """Weights of entities, and how jobs share within each.

    Attributes
    ----------
    weight
        By entity; 1 for one that is not listed.
    fifo
        By entity, whether its jobs are served in order of arrival; False for one not listed.
    """

    weight: dict[int, float] = field(default_factory=dict)
    fifo: dict[int, bool] = field(default_factory=dict)

    @classmethod
    def parse(cls, settings: Mapping[str, Any]) -> Entities:
        """Read the settings.

        Raises
        ------
        InputError
            For a weight that is not positive, an entity that is not a number, an unknown way to
            share or an unknown setting.
        """
        unknown = [name for name in settings if name not in ("weights", "within", "policy")]
        if unknown:
            raise unknown_name("entity setting", unknown[0], ("weights", "within"))
        weight = _by_entity(settings.get("weights", {}), "weights")
        for entity, value in weight.items():
            if not _is_weight(value):
                raise InputError(
                    f"entities: weight of entity {entity} is {reprlib.repr(value)}, expected > 0"
                )
        within = settings.get("within", settings.get("policy", {}))
        if isinstance(within, str):
            within = dict.fromkeys(weight, within)
        kinds = _by_entity(within, "within")
        for value in kinds.values():
            if value not in _WITHIN:
                raise unknown_name("way to share within an entity", str(value), _WITHIN)
        return cls(
            {entity: float(value) for entity, value in weight.items()},
            {entity: value == "fifo" for entity, value in kinds.items()},
        )

    def place_in_line(self, entity: Ints) -> Ints:
        """Place of each job in its entity's line, 1, 2, ..., or 0 where the entity shares fairly.

        Jobs in order of arrival; shape ``(n,)``. Jobs with different places are not alike.
        """
        place = np.zeros(entity.size, dtype=np.int64)
        for name in np.unique(entity):
            if self.fifo.get(int(name), False):
                mine = np.flatnonzero(entity == name)
                place[mine] = np.arange(1, mine.size + 1)
        return place

    def lines(self, entity: Ints, place: Ints, cost: Floats) -> tuple[Ints, Ints, Floats, Floats]:
        """The same of groups as arrays: entity from 0, place and cost of each group, and the entities' weights."""
        names, number = np.unique(entity, return_inverse=True)
        weight = [self.weight.get(name, 1.0) for name in names.tolist()]
        return number.ravel(), place, cost, np.array(weight)

    def rising(
        self,
        entity: Ints,
        place: Ints,
        cost: Floats,
        level: Floats,
        limit: Floats,
        done: Bools,
    ) -> Rising:
        """Levels as functions of time, from ``level`` to ``limit``, of the groups that are not done.

        Levels are throughputs divided by the job's weight, ``cost`` is weight times count; all of
        shape ``(G,)``. In an entity that shares fairly, jobs that are not done split its weight in
        proportion to their own; in a line the first job that is not done has all of it.
        """
        lines = []
        for name in np.unique(entity[~done]):
            mine = np.flatnonzero((entity == name) & ~done)
            of_entity = self.weight.get(int(name), 1.0)
            if place[mine[0]] > 0:
                mine = mine[np.argsort(place[mine], kind="stable")]
                lines.append(Line.in_turn(mine, level, limit, cost, of_entity))
            else:
                lines.append(Line.fair(mine, level, limit, cost, of_entity))
        return Rising(level, lines)


def _is_weight(value: Any) -> bool:
    try:
        return isinstance(value, Real) and 0.0 < float(value) < math.inf
    except OverflowError:  # a whole number that no float is as large as
        return False


def _by_entity(values: Any, what: str) -> dict[int, Any]:
    if isinstance(values, Mapping):
        try:
            return {int(entity): value for entity, value in values.items()}
        except (TypeError, ValueError):
            raise InputError(f"entities: {what} must be by entity number (0, 1, ...)") from None
    if isinstance(values, Sequence) and not isinstance(values, str):
        return dict(enumerate(values))
    raise InputError(f"entities: {what} must be a list or a table by entity number")
