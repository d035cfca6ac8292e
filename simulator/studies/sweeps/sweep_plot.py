"""A picture of a sweep over a number, such as the rate: means over seeds, as those of the experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from simulator.studies.pictures.styles import ENDINGS
from simulator.studies.sweeps.over_seeds import OVER_SEEDS, OverSeeds, names_of
from simulator.studies.sweeps.sweep_tables import number_of
from simulator.world.units import HOUR

MOST_LINES = 12
"""Of one picture."""

LABELS = {
    "rate": "input job rate (jobs/hr)",
    "interarrival": "seconds between arrivals",
    "jobs": "jobs",
    "round-seconds": "seconds a round",
}
"""Of horizontal axes; others have the setting's name."""

CUT_OFF = tuple(ENDINGS)
"""Endings that are drawn: the others are of runs that may yet be carried out."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What can be drawn of a sweep.

    Attributes
    ----------
    axis
        Setting along the horizontal axis.
    lines
        By the settings that set them apart, as they stand in the legend: place on the axis, and row.
    """

    axis: str
    lines: dict[str, list[tuple[float, OverSeeds]]]


def picture_of(rows: Sequence[OverSeeds]) -> Picture | None:
    """Find the number that a sweep goes over: the rate before others; None if there is none."""
    names = names_of(rows)
    counts = {
        name: len({row.settings.get(name) for row in rows})
        for name in names
        if all(_place(row, name) is not None for row in rows)
    }
    over = [name for name, count in counts.items() if count > 1]
    if not over or all(row.mean is None for row in rows):
        return None
    known = list(LABELS)
    axis = min(over, key=lambda name: known.index(name) if name in known else len(known))
    lines: dict[str, list[tuple[float, OverSeeds]]] = {}
    for row in rows:
        rest = {name: value for name, value in row.settings.items() if name != axis}
        parts = [f"{name} {value}" for name, value in rest.items() if value not in (None, "")]
        place = _place(row, axis)
        assert place is not None
        lines.setdefault(", ".join([row.policy, *parts]), []).append((place, row))
    return Picture(
        axis, {label: sorted(line, key=lambda one: one[0]) for label, line in lines.items()}
    )


def draw_sweep(folder: Path, picture: Picture) -> list[Path]:
    """Draw ``over_seeds.png``, ``.svg`` and ``.pdf``. Needs matplotlib."""
    from simulator.studies.pictures.plots import Axes, Line, draw

    lines = []
    for label, points in picture.lines.items():
        whole = {x: row for x, row in points if row.mean is not None}
        cut = {x: end for x, row in points for end in row.others if end in CUT_OFF}
        lines.append(
            Line(
                name=label,
                label=label,
                style_of=points[0][1].policy,
                x=tuple(whole),
                y=tuple((row.mean or 0.0) / HOUR for row in whole.values()),
                spread=tuple(
                    (min(row.values) / HOUR, max(row.values) / HOUR) for row in whole.values()
                ),
                open_ended=tuple(cut),
                endings=tuple(cut.values()),
                undecided=tuple(x for x, row in whole.items() if row.undecided),
            )
        )
    rows = [row for points in picture.lines.values() for _, row in points]
    counts = sorted({row.seeds for row in rows})
    seeds = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    note = f"Means over {seeds} seed{'s' if counts[-1] > 1 else ''}"
    missing = sum(row.mean is None and not set(row.others) & set(CUT_OFF) for row in rows)
    if missing:
        note += (
            f"; {missing} point{'s' if missing > 1 else ''} left out, where not all seeds are done"
        )
    axis = picture.axis
    label = LABELS.get(axis, axis.replace("-", " "))
    axes = Axes("", label, "mean JCT (hours)", tuple(lines), y_limits=(0.0, None))
    title = f"{folder.resolve().name}: mean JCT by {axis.replace('-', ' ')}"
    return draw(folder / OVER_SEEDS.removesuffix(".csv"), title, note, [axes])


def _place(row: OverSeeds, name: str) -> float | None:
    """A setting as a number, where it is one."""
    value = number_of(name, row.settings.get(name))
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number else None
