"""Pictures of experiments, as PNG and SVG: one look for all of them.

Solid lines with markers are ours, pale dashed ones are published. A point that did not finish is a
triangle at the upper edge, never a value. Needs matplotlib (the extra ``plots``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import MissingLibraryError

try:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
except ImportError as missing:  # pragma: no cover - depends on what is installed
    raise MissingLibraryError(
        "plots need matplotlib; install it with: pip install 'gavel-opt[plots]'"
    ) from missing

INK, PALE, GRID = "#22262b", "#6b7280", "#e5e7eb"

COLOURS = {
    "max_min_fairness": "#d1495b",
    "finish_time_fairness": "#d1495b",
    "min_total_duration": "#d1495b",
    "max_min_fairness_water_filling": "#d1495b",
    "fifo": "#d1495b",
    "gandiva": "#e09f3e",
    "allox": "#4d908e",
    "max_min_fairness_perf": "#2d5da8",
    "finish_time_fairness_perf": "#2d5da8",
    "min_total_duration_perf": "#2d5da8",
    "max_min_fairness_water_filling_perf": "#2d5da8",
    "not_packed": "#2d5da8",
    "max_min_fairness_packed": "#7b3fa0",
    "min_total_duration_packed": "#7b3fa0",
    "max_min_fairness_water_filling_packed": "#7b3fa0",
    "measured": "#7b3fa0",
    "estimated": "#4d908e",
}
"""Colour of a curve: heterogeneity-agnostic red, Gavel blue, with space sharing purple."""

OTHERS = ("#2d5da8", "#4d908e", "#e09f3e", "#d1495b", "#7b3fa0", "#5f6b7a")
"""Colours of curves without one of their own, in order."""

MARKERS = ("o", "s", "D", "^", "v", "P")

ENTITY_COLOURS = ("#2d5da8", "#5fa8d3", "#cae4f1")


@dataclass(frozen=True, slots=True)
class Line:
    """One curve of ours and the published one.

    Attributes
    ----------
    name, label
        For its colour, and in the legend.
    x, y
        Points that are whole.
    spread
        Smallest and largest value over seeds at each point, or nothing.
    open_ended
        Where a point did not finish.
    published
        ``(x, y)`` of the paper's curve, or None.
    markers
        Whether points are marked.
    """

    name: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[tuple[float, float], ...] = ()
    open_ended: tuple[float, ...] = ()
    published: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    markers: bool = True


@dataclass(frozen=True, slots=True)
class Axes:
    """One set of axes with lines on it; limits of None follow the data.

    ``legend`` is the corner where the legend hides nothing, or ``below`` the axes.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_limits: tuple[float | None, float | None] = (None, None)
    y_limits: tuple[float | None, float | None] = (None, None)
    logarithmic: bool = False
    legend: str = "upper left"


@dataclass(frozen=True, slots=True)
class Shares:
    """One set of axes with stacked areas that sum to 1.

    Attributes
    ----------
    title, x_label
        As they stand there.
    x
        Places on the horizontal axis.
    layers
        From the bottom up, one value a place.
    group
        Group of each layer, which has one colour.
    labels
        Of the groups.
    """

    title: str
    x_label: str
    x: tuple[float, ...]
    layers: tuple[tuple[float, ...], ...]
    group: tuple[int, ...]
    labels: tuple[str, ...]


def draw(stem: Path, title: str, note: str, panels: Sequence[Axes | Shares]) -> list[Path]:
    """Draw panels side by side into ``stem.png`` and ``stem.svg``.

    Parameters
    ----------
    stem
        File without its ending.
    title, note
        Above the panels, large and small.
    panels
        From left to right.
    """
    style: Any = {
        "font.family": "DejaVu Sans",
        "font.size": 10,
        "axes.edgecolor": PALE,
        "axes.labelcolor": INK,
        "text.color": INK,
        "xtick.color": PALE,
        "ytick.color": PALE,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "svg.hashsalt": "gavel-opt",  # equal data, equal file
        "svg.fonttype": "none",
    }
    with matplotlib.rc_context(style):
        width = 7.6 if len(panels) == 1 else 5.4 * len(panels)
        figure = Figure(figsize=(width, 4.9), layout="constrained")
        FigureCanvasAgg(figure)
        layout: Any = figure.get_layout_engine()
        layout.set(h_pad=0.08, w_pad=0.1)
        figure.suptitle(f"{title}\n", x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        figure.text(0.012, 0.925, note, ha="left", va="top", color=PALE, fontsize=9.5)
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for place, panel in zip(places, panels, strict=True):
            _frame(place, panel.title, panel.x_label)
            if isinstance(panel, Axes):
                _lines(place, panel)
            else:
                _shares(place, panel)
        files = []
        for ending, extra in (("png", {"dpi": 160}), ("svg", {"metadata": {"Date": None}})):
            path = stem.with_name(f"{stem.name}.{ending}")
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, **extra)
            files.append(path)
        return files


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return the colour of each curve: its own, or the next that is free."""
    free = iter(OTHERS)
    found: dict[str, str] = {}
    for name in names:
        found[name] = COLOURS.get(name) or next(free, INK)
    return found


def _frame(place: Any, title: str, x_label: str) -> None:
    place.set_title(title, loc="left", fontsize=10.5)
    place.set_xlabel(x_label)
    place.spines[["top", "right"]].set_visible(False)
    place.tick_params(length=3)
    place.set_axisbelow(True)


def _lines(place: Any, panel: Axes) -> None:
    place.grid(axis="both" if panel.logarithmic else "y", color=GRID, linewidth=0.8)
    place.set_ylabel(panel.y_label)
    if panel.logarithmic:
        place.set_xscale("log", base=2)
        place.set_yscale("log")
        place.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    paint = colours([line.name for line in panel.lines])
    handles = []
    for number, line in enumerate(panel.lines):
        colour, marker = paint[line.name], MARKERS[number % len(MARKERS)]
        marks: dict[str, Any] = {"marker": marker, "markersize": 4.6, "markeredgecolor": "white"}
        if not line.markers:
            marks = {}
        if line.published is not None:
            place.plot(
                *line.published, color=colour, alpha=0.5, linewidth=1.6, linestyle=(0, (4, 2))
            )
        if line.spread:
            low, high = zip(*line.spread, strict=True)
            place.fill_between(line.x, low, high, color=colour, alpha=0.13, linewidth=0)
        place.plot(line.x, line.y, color=colour, linewidth=1.9, markeredgewidth=0.7, **marks)
        handles.append(
            Line2D(
                [], [], color=colour, linewidth=1.9, label=line.label, markeredgewidth=0.7, **marks
            )
        )
    place.set_xlim(*panel.x_limits)
    place.set_ylim(*panel.y_limits)
    handles.append(Line2D([], [], color="none", label=" "))
    handles.append(Line2D([], [], color=INK, linewidth=1.9, label="here"))
    if any(line.published is not None for line in panel.lines):
        handles.append(
            Line2D(
                [], [], color=INK, alpha=0.5, linewidth=1.6, linestyle=(0, (4, 2)), label="paper"
            )
        )
    unfinished = [(line, x) for line in panel.lines for x in line.open_ended]
    above: dict[float, int] = {}
    for line, x in unfinished:
        place.plot(
            [x],
            [0.985 - 0.034 * above.setdefault(x, 0)],  # one below the other where several did not
            marker="^",
            markersize=6,
            color=paint[line.name],
            transform=place.get_xaxis_transform(),
            clip_on=False,
            linestyle="none",
        )
        above[x] += 1
    if unfinished:
        handles.append(
            Line2D([], [], marker="^", color=INK, linestyle="none", label="did not finish")
        )
    where: dict[str, Any] = {"loc": panel.legend}
    if panel.legend == "below":
        handles = [one for one in handles if str(one.get_label()).strip()]
        where = {"loc": "upper center", "bbox_to_anchor": (0.48, -0.13), "ncols": 2}
    place.legend(
        handles=handles,
        frameon=True,
        framealpha=0.9,
        edgecolor="none",
        fontsize=9,
        borderpad=0.4,
        **where,
    )


def _shares(place: Any, panel: Shares) -> None:
    paint = [ENTITY_COLOURS[group % len(ENTITY_COLOURS)] for group in panel.group]
    place.stackplot(panel.x, *panel.layers, colors=paint, edgecolor="white", linewidth=0.6)
    place.set_xlim(panel.x[0], panel.x[-1])
    place.set_ylim(0.0, 1.0)
    handles = [
        Line2D([], [], color=ENTITY_COLOURS[number % len(ENTITY_COLOURS)], linewidth=7, label=label)
        for number, label in enumerate(panel.labels)
    ]
    place.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.13),
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        handlelength=0.9,
        columnspacing=1.4,
    )
