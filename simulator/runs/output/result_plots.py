"""The usual pictures of one run, as matplotlib axes: ``result.plot.jct()`` in a notebook.

Each takes the axes to draw on, or makes some, and returns them, so that they can be put side by side
and changed. Needs matplotlib (the extra ``plots``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gavel_opt import InputError, MissingLibraryError
from simulator.runs.columns import about
from simulator.world.units import HOUR

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from simulator.runs.output.results import RunResult

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#b5a400", "#8a8f98")
"""Okabe and Ito's, which colour-blind readers can tell apart."""


MOST_IN_LEGEND = 24
"""Jobs of a picture of placements: as many as three shades of each colour are."""


class ResultPlots:
    """Pictures of a run.

    Parameters
    ----------
    result
        The run.
    """

    def __init__(self, result: RunResult) -> None:
        self._result = result

    def __dir__(self) -> list[str]:
        return ["active", "finish_time_fairness", "jct", "placements", "rounds", "utilization"]

    def jct(self, ax: Axes | None = None, short: float | None = None) -> Axes:
        """Share of the measured jobs that completed within a time (cumulative distribution).

        Parameters
        ----------
        ax
            Axes to draw on.
        short
            Only up to so many hours: the short jobs enlarged.
        """
        place = self._distribution("jct", HOUR, ax)
        place.set_xlabel("JCT (hours)")
        place.set_xlim(0.0, short)
        return place

    def finish_time_fairness(self, ax: Axes | None = None) -> Axes:
        """Share of the measured jobs whose finish-time-fairness ratio is at most so large.

        A line marks 1: jobs to its right took longer than alone on an equal share of the cluster.

        Parameters
        ----------
        ax
            Axes to draw on.
        """
        place = self._distribution("finish_time_fairness", 1.0, ax)
        place.axvline(1.0, color=COLOURS[-1], linewidth=1, linestyle="--")
        place.set_xlabel("finish-time fairness: JCT / isolated time")
        place.set_xlim(left=0.0)
        return place

    def _distribution(self, column: str, unit: float, ax: Axes | None) -> Axes:
        """Cumulative distribution of a column: shares are of all measured jobs, completed or not."""
        jobs = self._result.jobs
        values = jobs[column][jobs["measured"]].astype(np.float64) / unit
        values = np.sort(values[np.isfinite(values)])
        place = _axes(ax)
        counts = self._result.summary["jobs"]
        shares = np.arange(1, values.size + 1) / max(counts["measured"], 1)
        place.plot(
            np.concatenate([[0.0], values]),
            np.concatenate([[0.0], shares]),
            drawstyle="steps-post",
            color=COLOURS[0],
        )
        place.set(ylabel="share of measured jobs", ylim=(0.0, 1.0))
        missing = counts["missing"] + counts["dropped"]
        if missing:
            what = "job has" if missing == 1 else "jobs have"
            place.set_title(f"{missing:,} measured {what} not completed", fontsize="medium")
        return place

    def active(self, ax: Axes | None = None) -> Axes:
        """Jobs in the system, and those that run, over simulated time."""
        place = self.rounds("active", ax=ax, label="in the system", color=COLOURS[0])
        self.rounds("running", ax=place, label="running", color=COLOURS[2])
        place.set_ylabel("jobs")
        place.legend(frameon=False)
        return place

    def utilization(self, ax: Axes | None = None) -> Axes:
        """Share of the workers of each type that run something, over simulated time."""
        place = _axes(ax)
        names = [name for name in self._result.rounds if name.startswith("utilization_")]
        for number, name in enumerate(names):
            self.rounds(
                name,
                ax=place,
                label=name.removeprefix("utilization_"),
                color=_shade(number),
                linestyle=("-", "--", ":")[number // len(COLOURS) % 3],
            )
        place.set(ylabel="utilization", ylim=(0.0, 1.02))
        place.legend(frameon=False)
        return place

    def rounds(self, column: str, ax: Axes | None = None, **style: Any) -> Axes:
        """Any column of the rounds over simulated hours, with the measured window marked.

        Parameters
        ----------
        column
            Name in ``result.rounds``.
        ax, style
            Axes to draw on, and what ``Axes.plot`` takes.

        Raises
        ------
        InputError
            If there is no such column.
        """
        rounds = self._result.rounds
        if column not in rounds:
            raise InputError(f"plot: no column {column!r} of the rounds; there are {list(rounds)}")
        place = _axes(ax)
        if not place.lines:
            self._mark_window(place)
        # steps: while nobody is there no round begins, so the next one may be hours away
        drawn: dict[str, Any] = {"linewidth": 1.2, "drawstyle": "steps-post"} | style
        place.plot(rounds["time"] / HOUR, rounds[column], **drawn)
        unit = (about("rounds", column) or ("",))[0]
        name = column.replace("_", " ")
        place.set(xlabel="simulated hours", ylabel=f"{name} ({unit})" if unit else name)
        return place

    def placements(self, first: int = 0, last: int | None = None, ax: Axes | None = None) -> Axes:
        """Which job each worker had in the rounds ``first`` to ``last``, a colour a job.

        Up to 24 jobs stand in a legend; where there are more, each has its number in its longest stay, if it fits.
        Workers are named by their type.

        Raises
        ------
        InputError
            If placements were not recorded.
        """
        from matplotlib.collections import PolyCollection
        from matplotlib.patches import Patch

        found = self._result.placements
        if found is None:
            raise InputError("plot.placements: who ran where was not recorded in this run")
        time = self._result.rounds["time"]
        end = np.append(time[1:], max(self._result.summary["makespan"], time[-1])) / HOUR
        last = time.size - 1 if last is None else min(last, time.size - 1)
        shown = (found["last_round"] >= first) & (found["first_round"] <= last)
        begin = time[np.maximum(found["first_round"][shown], first)] / HOUR
        finish = end[np.minimum(found["last_round"][shown], last)]
        worker = found["worker"][shown]
        corners = [[begin, worker], [finish, worker], [finish, worker + 1], [begin, worker + 1]]
        boxes = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
        jobs = found["job"][shown]
        known = np.unique(jobs).tolist()
        paint = {job: _shade(place) for place, job in enumerate(known)}
        colours = [paint[job] for job in jobs.tolist()]
        place = _axes(ax)
        place.add_collection(PolyCollection(list(boxes), facecolors=colours, linewidths=0.0))
        place.set(xlabel="simulated hours", xlim=(time[first] / HOUR, end[last]))
        self._name_workers(place)
        if len(known) <= MOST_IN_LEGEND:
            handles = [Patch(color=paint[job], label=f"job {job}") for job in known]
            place.legend(
                handles=handles,
                loc="upper left",
                bbox_to_anchor=(1.01, 1.0),
                ncols=1 + len(known) // 13,
                frameon=False,
                fontsize="small",
            )
            return place
        for job in known:
            mine = np.flatnonzero(jobs == job)
            stay = mine[np.argmax((finish - begin)[mine])]
            if finish[stay] - begin[stay] > 0.025 * (end[last] - time[first] / HOUR):
                middle = ((begin[stay] + finish[stay]) / 2, worker[stay] + 0.5)
                place.text(*middle, str(job), ha="center", va="center", fontsize=6, clip_on=True)
        return place

    def _name_workers(self, place: Axes) -> None:
        """Write the types of workers beside them, with lines in between; workers count by type's name."""
        config = self._result.config
        servers = config.gpus_per_server or {}
        counts = {}
        for name in sorted(config.cluster):
            size = servers.get(name, 1)
            counts[name] = config.cluster[name] // size * size  # a server is whole or not there
        ends = np.cumsum(list(counts.values()))
        starts = ends - list(counts.values())
        labels = [
            f"{name}\n{start} to {stop - 1}" if stop - start > 1 else f"{name}\n{start}"
            for name, start, stop in zip(counts, starts, ends, strict=True)
        ]
        place.set_yticks((starts + ends) / 2, labels)
        place.set(ylabel="worker", ylim=(0, int(ends[-1])))
        place.tick_params(axis="y", length=0)
        place.grid(visible=False, axis="y")
        for edge in ends[:-1]:
            place.axhline(edge, color="#22262b", linewidth=0.8)

    def _mark_window(self, place: Axes) -> None:
        """Shade what is not measured: warm-up and cool-down."""
        window, arrival = self._result.config.window, self._result.jobs["arrival"]
        if window is None or not arrival.size:
            return
        time = self._result.rounds["time"]
        start, end = (arrival[min(job, arrival.size - 1)] / HOUR for job in window)
        for low, high in ((0.0, start), (end, float(time[-1]) / HOUR if time.size else end)):
            if high > low:
                place.axvspan(low, high, color="#8a93a0", alpha=0.12, linewidth=0)


def _shade(place: int) -> tuple[float, float, float]:
    """A colour for the so-many-th job or worker type: each of :data:`COLOURS`, then paler and darker."""
    from matplotlib.colors import to_rgb

    turn = place // len(COLOURS) % 3
    other, part = ((0.0, 0.0), (1.0, 0.5), (0.0, 0.4))[turn]
    red, green, blue = (
        (1 - part) * one + part * other for one in to_rgb(COLOURS[place % len(COLOURS)])
    )
    return red, green, blue


def _axes(ax: Axes | None) -> Axes:
    """The axes given, or new ones in the look of the house."""
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError:
        raise MissingLibraryError(
            "plots need matplotlib; install it with: pip install 'gavel-opt[plots]'"
        ) from None
    made: Axes = pyplot.subplots(figsize=(7.0, 3.6), layout="constrained")[1]
    made.spines[["top", "right"]].set_visible(False)
    made.grid(axis="y", color="#e5e7eb", linewidth=0.8)
    made.set_axisbelow(True)
    return made
