"""Carry recorded reference runs over into this folder: ``python take_golden.py FOLDER``.

FOLDER holds recordings (``*.full.json.gz``). ``golden.json.gz`` gets what a few of them must come out
as, ``replays/`` the allocations of some.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RUNS = [
    *(f"cont40-{name}-s0" for name in ("allox", "fifo", "fifo_packed", "gandiva", "isolated")),
    *(f"statm30-{name}-s0" for name in ("fifo", "fifo_packed", "fifo_perf", "gandiva", "isolated")),
    *(f"static50-{name}-s0" for name in ("allox", "fifo_packed", "gandiva")),
    *(f"prio40-{name}-s0" for name in ("fifo", "gandiva")),
    "round720-isolated-s0",
    "servers4-gandiva-s0",
    "servers4-fifo-s0",
    "trace-small-gandiva-s0",
    "trace-mmf-fifo-s0",
    "static50-max_min_fairness-s0",
    "static50-max_min_fairness_perf-s0",
]
REPLAYS = [
    "cont40-max_min_fairness_packed-s0",
    "cont40-max_min_fairness_water_filling-s0",
    "statm30-finish_time_fairness_perf-s0",
    "prio40-min_total_duration_perf-s0",
    "static50-max_sum_throughput_perf-s0",
]


def digest(rounds: list[Any]) -> str:
    """One figure for who ran where in the rounds ``[[time, {entry: workers}], ...]``."""
    text = json.dumps([[float(time), sorted(who.items())] for time, who in rounds])
    return hashlib.sha256(text.encode()).hexdigest()


def expectation(recording: dict[str, Any]) -> dict[str, Any]:
    """What a run must come out as."""
    config = recording["config"]
    kept = {key: value for key, value in config.items() if key != "ideal"}
    run = {
        "config": kept,
        "jct": {int(job): jct for job, jct in recording["jct"].items()},
        "average_jct": recording["average_jct"],
        "utilization": recording["utilization"],
        "end_time": recording["end_time"],
        "rounds": recording["num_rounds"],
        "allocations": len(recording["events"]),
        "leases": recording["lease_extensions"],
        "recorded_rounds": len(recording["rounds"]),
        "placements": digest(recording["rounds"]),
    }
    if "trace" in config:
        run["trace"] = [[j["type"], j["steps"], j["arrival"], j["sf"]] for j in recording["jobs"]]
    return run


def write(path: Path, content: Any) -> None:
    text = json.dumps(content, separators=(",", ":")).encode()
    path.write_bytes(gzip.compress(text, 9, mtime=0))


def main(folder: Path) -> None:
    runs = {}
    for name in RUNS + REPLAYS:
        recording = json.loads(gzip.decompress((folder / f"{name}.full.json.gz").read_bytes()))
        runs[name] = expectation(recording)
        if name in REPLAYS:
            events = [
                {
                    "t": e["t"],
                    "alloc": {k: x for k, x in e["alloc"].items() if any(x) or "+" not in k},
                }
                for e in recording["events"]
            ]
            (HERE / "replays").mkdir(exist_ok=True)
            write(HERE / "replays" / f"{name}.json.gz", {"events": events})
    write(HERE / "golden.json.gz", runs)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
