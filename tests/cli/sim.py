"""Runs ``gavel-sim`` as a user does: a process of its own, its two streams and its exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def gavel_sim(
    *words: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "simulator", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | environment,
        timeout=300,
        check=False,
    )


def start_gavel_sim(*words: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def completion_times(sweep: Path) -> dict[str, dict[str, float]]:
    """Completion times of the jobs of each run of a sweep."""
    return {
        path.parent.name: json.loads(path.read_text())["jct"]
        for path in sorted(sweep.glob("*/summary.json"))
    }
