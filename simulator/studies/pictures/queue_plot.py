"""The queue of one run, with its growth as fitted and as the verdict has it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulator.files.own_files import SIGN
from simulator.files.whole_files import write_atomically
from simulator.runs.output.results import RunResult
from simulator.world.units import HOUR


@dataclass(frozen=True, slots=True)
class Growth:
    """A line through the number of jobs in the system over the second half of a run.

    Attributes
    ----------
    since, until
        Hours at its ends.
    start
        Jobs at the first.
    per_hour
        Jobs that it rises by per hour.
    """

    since: float
    until: float
    start: float
    per_hour: float

    @property
    def end(self) -> float:
        """Jobs at its end."""
        return self.start + self.per_hour * (self.until - self.since)


def fitted_growth(time: NDArray[np.float64], active: NDArray[np.float64]) -> Growth | None:
    """Fit a line by least squares to the second half of a run; None where it is too short.

    Parameters
    ----------
    time
        Seconds at the start of each round, shape ``(R,)``.
    active
        Jobs in the system then, shape ``(R,)``.
    """
    late = time >= (time[-1] / 2.0 if time.size else 0.0)
    hours, jobs = time[late] / HOUR, active[late]
    if hours.size < 3 or not np.ptp(hours) > 0:
        return None
    slope = float(np.polyfit(hours - hours.mean(), jobs, 1)[0])
    start = float(jobs.mean() - slope * (hours.mean() - hours[0]))
    return Growth(float(hours[0]), float(hours[-1]), start, slope)


def plot_queue(result: RunResult, path: Path) -> None:
    """Draw the jobs in the system of a run by simulated hours.

    Parameters
    ----------
    result
        The run.
    path
        File; its suffix says the format.
    """
    import textwrap

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from simulator.studies.pictures.styles import INK, plain, styles

    found, rounds = result.summary, result.rounds
    time, active = rounds["time"], rounds["active"].astype(np.float64)
    colour, _ = styles([found["policy"]])[found["policy"]]
    figure = Figure(figsize=(7.6, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if time.size:
        # steps: while nobody is there no round begins, so the next one may be hours away
        axes.step(
            time / HOUR,
            active,
            where="post",
            color=colour,
            linewidth=1.0,
            label="jobs in the system",
        )
    growth = fitted_growth(time, active)
    if growth is not None:
        axes.plot(
            (growth.since, growth.until),
            (growth.start, growth.end),
            color=INK,
            linewidth=1.5,
            linestyle=(0, (4, 2)),
            label=f"fitted to the second half: {growth.per_hour:+z.3g} jobs per hour",
        )
    verdict = found["saturation"]
    figures = verdict.get("figures", {})
    limit = "pace" if "pace" in figures else "bound"
    if limit in figures:
        missing = figures["rate"] - figures[limit]
        than = {"pace": "the pace of a long queue", "bound": "what any policy could do"}[limit]
        axes.plot([], [], " ", label=f"arriving less {than}: {missing:+,.2f} jobs per hour")
    if not time.size:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "stopped before its first round", ha="center", transform=axes.transAxes)
    axes.set_xlabel("simulated hours")
    axes.set_ylabel("jobs in the system")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    title = f"{found['policy']}: {found['status']}; verdict {verdict['verdict']}"
    reason = "\n".join(textwrap.wrap(verdict.get("reason", ""), 100))
    figure.suptitle(plain(title), x=0.012, ha="left", fontweight="bold", fontsize=10)
    axes.set_title(plain(reason), loc="left", fontsize=8)
    signs = {".png": "Software", ".svg": "Creator", ".pdf": "Creator"}
    content = io.BytesIO()
    figure.savefig(content, format=path.suffix[1:], dpi=160, metadata={signs[path.suffix]: SIGN})
    write_atomically(path, content.getvalue())
