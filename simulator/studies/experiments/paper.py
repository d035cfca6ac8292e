"""The paper's curves, read off its figures (``simulator/data/SOURCES.md``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parents[2] / "data" / "paper_curves.json"


@dataclass(frozen=True, slots=True)
class PaperCurve:
    """One published curve: ``y[i]`` at ``x[i]``, in the units of its figure."""

    x: tuple[float, ...]
    y: tuple[float, ...]

    def at(self, x: float) -> float | None:
        """Return the published value at a point, or None if the curve has none there."""
        for place, value in enumerate(self.x):
            if abs(value - x) < 1e-9:
                return self.y[place]
        return None


@cache
def _all() -> dict[str, dict[str, PaperCurve]]:
    found = json.loads(_FILE.read_text(encoding="utf-8"))
    return {
        figure: {
            name: PaperCurve(tuple(map(float, curve["x"])), tuple(map(float, curve["y"])))
            for name, curve in curves.items()
        }
        for figure, curves in found.items()
    }


def paper_curve(figure: str, name: str) -> PaperCurve | None:
    """Return a published curve, or None if it could not be read off the figure."""
    return _all().get(figure, {}).get(name)


def paper_figures() -> list[str]:
    """Figures of which there are published curves."""
    return list(_all())


def paper_curves(figure: str) -> dict[str, PaperCurve]:
    """Return all published curves of a figure by name."""
    return dict(_all().get(figure, {}))
