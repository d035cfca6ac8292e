"""Peak memory of one thing in a process of its own: ``python -m bench.memory WHAT JOBS``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def measure(what: str, jobs: int) -> dict[str, float]:
    """Run in a fresh process and return its figures, ``megabytes`` (peak) among them."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", what, str(jobs)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def _main(what: str, jobs: int) -> None:
    found: dict[str, float] = {}
    if what == "nothing":
        from bench.harness import warm

        warm()
    elif what == "simulation":
        from bench.clusters import Stretch, live

        spent = Stretch(live(jobs)).run(20)
        found["rounds"] = spent.rounds
    else:
        from bench.states import Drawn
        from gavel_opt import Driver, make_policy

        state = Drawn(what, jobs).now
        Driver(make_policy("max_min_fairness_perf"), "structured").allocate(state)
    found["megabytes"] = peak()
    print(json.dumps(found))


def peak() -> float:
    """Peak resident memory in MiB. Of this program alone: ``ru_maxrss`` knows the parent's too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024.0
    raise RuntimeError("no VmHWM in /proc/self/status: peak memory is measured on Linux only")


if __name__ == "__main__":
    _main(sys.argv[1], int(sys.argv[2]))
