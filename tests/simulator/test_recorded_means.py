"""Mean completion time under every policy with programs, beside the recorded runs."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from recorded import HERE, config_of, run_all

SHARED = Path(os.environ.get("GAVEL_RECORDINGS", HERE.parents[2] / "shared"))
RUNS = [
    path
    for path in sorted(SHARED.glob("golden/*.full.json.gz"))
    if any(word in path.name for word in ("max_min", "finish_time", "min_total", "max_sum"))
]
WITHIN = 0.02


@pytest.mark.slow
@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.name[:-13])
def test_mean_completion_time_is_the_recorded_one(path):
    """Over the jobs that both completed: one that the mechanism drops has no completion time."""
    recording = json.loads(gzip.decompress(path.read_bytes()))
    run = {"config": recording["config"]}
    trace = SHARED / "traces" / run["config"]["trace"] if "trace" in run["config"] else None
    simulation, _ = run_all(config_of(run, trace, tie_break="canonical", grouping=True))
    start, end = recording["config"].get("window") or (0, len(recording["jobs"]))
    ours = simulation.jobs["jct"][start:end]
    theirs = np.array([recording["jct"].get(str(job), np.nan) for job in range(start, end)])
    both = np.isfinite(ours) & np.isfinite(theirs)
    assert (~both).sum() <= 1
    # The reference takes any allocation that meets its total duration, which leaves jobs that do not
    # decide it longer; ours is the centre of the optima (docs/optimum.md).
    least = -0.09 if "min_total" in path.name else -WITHIN
    # In a trace of 20 short jobs, two that swap turns in one round are more than that by themselves.
    turn = simulation.config.round_seconds / theirs[both].sum()
    assert least - turn <= ours[both].mean() / theirs[both].mean() - 1.0 <= WITHIN + turn
