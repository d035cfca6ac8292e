"""What a sweep says of its means over seeds: a small table, and a picture."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from simulator.cli.drawing import can_draw
from simulator.studies.sweeps.over_seeds import (
    MOST_ROWS,
    OVER_SEEDS,
    OverSeeds,
    as_text,
    nothing_is_drawn,
)
from simulator.studies.sweeps.sweep_plot import MOST_LINES, draw_sweep, picture_of


def say_over_seeds(folder: Path, rows: Sequence[OverSeeds]) -> None:
    """Print the table where it is small, and draw, if there is something to draw and what draws."""
    if len(rows) <= MOST_ROWS:
        print(as_text(rows))
    if nothing_is_drawn(rows):
        print("no intervals: every seed gave the same, since nothing is drawn")
    print(f"over seeds: {folder / OVER_SEEDS}")
    for ending in ("png", "svg", "pdf"):  # of fewer runs, when there is nothing to draw any more
        (folder / OVER_SEEDS).with_suffix(f".{ending}").unlink(missing_ok=True)
    picture = picture_of(rows)
    if picture is None:
        return
    if len(picture.lines) > MOST_LINES:
        view = f"gavel-sim view {shlex.quote(str(folder))}"
        print(f"no plot of {len(picture.lines)} lines in one; {view} shows some of them")
        return
    if not can_draw(after=True):
        return
    files = draw_sweep(folder, picture)
    print(f"plot: {', '.join([str(files[0]), *(file.name for file in files[1:])])}")
