"""Pictures of experiments, as PNG, SVG and PDF: one look for all of them.

Solid lines with full markers are ours, dashed ones with hollow markers are published. A point that did not finish is a
mark at the upper edge that says how it ended, never a value. Needs matplotlib (the extra ``plots``).
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gavel_opt import MissingLibraryError
from simulator.files.whole_files import write_atomically
from simulator.studies.pictures.styles import (
    ENDINGS,
    INK,
    UNDECIDED,
    ending_of,
    in_legend,
    lines_apart,
    plain,
)

try:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
except ImportError as missing:  # pragma: no cover - depends on what is installed
    raise MissingLibraryError(
        "plots need matplotlib; install it with: pip install 'gavel-opt[plots]'"
    ) from missing

PALE, GRID = "#6b7280", "#e5e7eb"

ENTITY_COLOURS = ("#0072B2", "#56B4E9", "#D9EAF5")

DASHES = (0, (4, 2))

FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 160},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
"""Formats that are written, with what makes equal data an equal file."""

HEIGHT = 5.6
"""Inches, of a picture with a title of one line."""


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
    endings
        How each of these ended, one for each.
    undecided
        Those of ``x`` that may be beyond the knee.
    published
        ``(x, y)`` of the paper's curve, or None.
    markers
        Whether points are marked.
    style_of
        Curve whose colour and marker it has, if no line before it has them; its own name if empty.
    """

    name: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[tuple[float, float], ...] = ()
    open_ended: tuple[float, ...] = ()
    endings: tuple[str, ...] = ()
    undecided: tuple[float, ...] = ()
    published: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    markers: bool = True
    style_of: str = ""


@dataclass(frozen=True, slots=True)
class Axes:
    """One set of axes with lines on it; limits of None follow the data."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_limits: tuple[float | None, float | None] = (None, None)
    y_limits: tuple[float | None, float | None] = (None, None)
    logarithmic: bool = False


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
    """Draw panels side by side into ``stem.png``, ``stem.svg`` and ``stem.pdf``.

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
        "pdf.fonttype": 42,  # letters that journals accept and readers can copy
    }
    with matplotlib.rc_context(style):
        width = 7.6 if len(panels) == 1 else 5.4 * len(panels)
        figure = Figure(figsize=(width, HEIGHT), layout="constrained")
        FigureCanvasAgg(figure)
        layout: Any = figure.get_layout_engine()
        layout.set(h_pad=0.08, w_pad=0.1)
        # a title may not run out of the picture: some 9 letters an inch are this wide
        lines = textwrap.wrap(title, int(width * 9))
        figure.set_figheight(HEIGHT + 0.22 * (len(lines) - 1) + (0.9 if len(panels) > 1 else 0.0))
        room = "\n" * len(textwrap.wrap(note, int(width * 14)))
        figure.suptitle(
            plain("\n".join(lines)) + room, x=0.012, ha="left", fontsize=12.5, fontweight="bold"
        )
        below = 1 - (0.14 + 0.22 * len(lines)) / figure.get_figheight()
        said = "\n".join(textwrap.wrap(note, int(width * 14)))
        figure.text(0.012, below, plain(said), ha="left", va="top", color=PALE, fontsize=9.5)
        places = figure.subplots(1, len(panels), squeeze=False)[0]
        for place, panel in zip(places, panels, strict=True):
            _frame(place, panel.title, panel.x_label)
            if isinstance(panel, Axes):
                _lines(place, panel)
            else:
                _shares(place, panel)
        files = []
        for ending, extra in FORMATS.items():
            path = stem.with_name(f"{stem.name}.{ending}")
            path.parent.mkdir(parents=True, exist_ok=True)
            content = io.BytesIO()
            figure.savefig(content, format=ending, **extra)
            write_atomically(path, content.getvalue())
            files.append(path)
        return files


def _frame(place: Any, title: str, x_label: str) -> None:
    place.set_title(plain("\n".join(textwrap.wrap(title, 58))), loc="left", fontsize=10.5)
    place.set_xlabel(plain(x_label))
    place.spines[["top", "right"]].set_visible(False)
    place.tick_params(length=3)
    place.set_axisbelow(True)


def _lines(place: Any, panel: Axes) -> None:
    place.grid(axis="both" if panel.logarithmic else "y", color=GRID, linewidth=0.8)
    place.set_ylabel(plain(panel.y_label))
    if panel.logarithmic:
        place.set_xscale("log", base=2)
        place.set_yscale("log")
        place.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    looks = lines_apart([line.style_of or line.name for line in panel.lines])
    paint = {line.name: look for line, look in zip(panel.lines, looks, strict=True)}
    handles: list[Any] = []
    for line in panel.lines:
        colour, marker = paint[line.name]
        size = 7.5 if marker in "PX*" else 5.6  # these look smaller than they are
        marks: dict[str, Any] = {"marker": marker, "markersize": size, "markeredgecolor": "white"}
        if not line.markers:
            marks = {}
        if line.published is not None:
            hollow = {"markerfacecolor": "white", "markersize": 4, "markeredgewidth": 0.9}
            place.plot(
                *line.published,
                color=colour,
                alpha=0.65,
                linewidth=1.3,
                linestyle=DASHES,
                **({"marker": marker} | hollow if line.markers else {}),
            )
        if line.spread:
            low, high = zip(*line.spread, strict=True)
            place.fill_between(line.x, low, high, color=colour, alpha=0.15, linewidth=0)
            if len(line.x) == 1:  # between two points there would be a band
                place.vlines(line.x, low, high, color=colour, alpha=0.3, linewidth=4)
        place.plot(line.x, line.y, color=colour, linewidth=1.9, markeredgewidth=0.7, **marks)
        label = "\n".join(
            textwrap.wrap(plain(in_legend(line.label, line.name)), 52, break_long_words=False)
        )
        handles.append(
            Line2D([], [], color=colour, linewidth=1.9, label=label, markeredgewidth=0.7, **marks)
        )
    for line in panel.lines:
        place.update_datalim([(x, 0.0) for x in line.open_ended], updatey=False)
    place.autoscale_view()
    reached = {x for line in panel.lines for x in (*line.x, *line.open_ended)}
    if not panel.logarithmic and all(float(x).is_integer() for x in reached):
        place.xaxis.get_major_locator().set_params(integer=True)
        if len(reached) == 1:  # a single seed
            place.set_xlim(min(reached) - 1, min(reached) + 1)
    place.set_xlim(*panel.x_limits)
    place.set_ylim(panel.y_limits[0], _top(panel))
    if any(line.published is not None for line in panel.lines):
        handles += [
            Line2D([], [], color=PALE, linewidth=1.9, label="solid: here"),
            Line2D(
                *([], []),
                color=PALE,
                alpha=0.65,
                linewidth=1.3,
                linestyle=DASHES,
                label="dashed, hollow: the paper",
            ),
        ]
    if any(low != high for line in panel.lines for low, high in line.spread):
        handles.append(
            Patch(color=PALE, alpha=0.25, label="band: smallest to largest of the seeds")
        )
    handles += _undecided(place, panel, paint)
    handles += _unfinished(place, panel, paint)
    _legend(place, handles, columns=2 if len(handles) > 3 and place.figure.axes == [place] else 1)


def _undecided(place: Any, panel: Axes, paint: dict[str, tuple[str, str]]) -> list[Any]:
    """Put a sign above the points that may be beyond the knee; return what the legend says of it."""
    sign, said = UNDECIDED
    for line in panel.lines:
        for x, y in zip(line.x, line.y, strict=True):
            if x in line.undecided:
                place.annotate(
                    sign,
                    (x, y),
                    (0, 6),
                    textcoords="offset points",
                    ha="center",
                    color=paint[line.name][0],
                    fontweight="bold",
                )
    if not any(line.undecided for line in panel.lines):
        return []
    return [Line2D([], [], color=PALE, marker=f"${sign}$", linestyle="none", label=said)]


def _unfinished(place: Any, panel: Axes, paint: dict[str, tuple[str, str]]) -> list[Any]:
    """Mark the points without a value at the upper edge; return what the legend says of them."""
    above: dict[float, int] = {}
    found = set()
    for line in panel.lines:
        for x, state in zip(line.open_ended, line.endings, strict=True):
            ending = ending_of(state)
            # one below the other where several did not
            height = 0.985 - 0.034 * above.setdefault(x, 0)
            place.plot(
                [x],
                [height],
                **_mark(ending, paint[line.name][0]),
                transform=place.get_xaxis_transform(),
                clip_on=False,
            )
            above[x] += 1
            found.add(ending)
    return [
        Line2D([], [], label=f"no value: {said}", **_mark(ending, PALE))
        for ending, (_, said) in ENDINGS.items()
        if ending in found
    ]


def _mark(ending: str, colour: str) -> dict[str, Any]:
    marker, _ = ENDINGS[ending]
    thin = {} if marker == "^" else {"markeredgewidth": 2.0}
    return {"marker": marker, "markersize": 6.5, "color": colour, "linestyle": "none", **thin}


def _top(panel: Axes) -> float | None:
    """The upper limit, which is the paper's; lower where its curves are not there and ours stay far below."""
    limit = panel.y_limits[1]
    if limit is None or any(line.published is not None for line in panel.lines):
        return limit
    reached = [y for line in panel.lines for y in line.y]
    reached += [high for line in panel.lines for _, high in line.spread]
    highest = max(reached, default=0.0)
    return min(limit, 1.1 * highest) if highest > 0.0 else limit


def _legend(place: Any, handles: list[Any], columns: int) -> None:
    """Put the legend below the axes, where it hides no data."""
    place.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.48, -0.15),
        ncols=columns,
        frameon=False,
        fontsize=9,
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
    _legend(place, handles, columns=len(handles))
