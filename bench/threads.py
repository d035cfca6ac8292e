"""A batch of seeds by threads of one process and by processes: wall clock and CPU of both, in turn.

    python bench/threads.py [WORKERS] [SEEDS]

Both start anew each time; the processes are those of a sweep (spawned, warm code read back by each), and
so are the threads' process: its start counts on both sides.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

POINTS = {
    "max-min perf, 4.0 jobs/hr": {"policy": "max_min_fairness_perf", "rate": 4.0},
    "max-min plain, 5.6 jobs/hr": {"policy": "max_min_fairness", "rate": 5.6},
    "finish-time fairness perf, multi-GPU, 2.0 jobs/hr": {
        "policy": "finish_time_fairness_perf",
        "rate": 2.0,
        "multi_gpu": True,
    },
}
REPEATS = 3


def one(task: tuple[str, int]) -> float:
    """Mean completion time of one run."""
    import simulator

    point, seed = task
    given = {"cluster": "36:36:36", "window": (4000, 5000), "saturation": "off"}
    return simulator.run(**POINTS[point], **given, seed=seed).summary["average_jct"] or 0.0


def batch(kind: str, point: str, workers: int, seeds: int) -> None:
    """Run the seeds of a point and print what came of them."""
    made: Executor
    if kind == "threads":
        made = ThreadPoolExecutor(workers)
    else:
        made = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    with made as pool:
        print(sum(pool.map(one, [(point, seed) for seed in range(seeds)])))


def measured(kind: str, point: str, workers: int, seeds: int) -> tuple[float, float, str]:
    """Wall clock and CPU seconds of a batch in a process of its own, and its answer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    command = [sys.executable, __file__, kind, point, str(workers), str(seeds)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, answer


def main(workers: int, seeds: int) -> None:
    """Print a table: a row a point."""
    print("| point | threads: wall clock / CPU | processes | ratio of wall clock / CPU |")
    print("| --- | --- | --- | --- |")
    for point in POINTS:
        found: dict[str, list[tuple[float, float, str]]] = {"threads": [], "processes": []}
        for _ in range(REPEATS):
            for kind, rows in found.items():
                rows.append(measured(kind, point, workers, seeds))
        answers = {row[2] for rows in found.values() for row in rows}
        assert len(answers) == 1, answers
        (wall, cpu), (other_wall, other_cpu) = (
            (statistics.median(r[0] for r in rows), statistics.median(r[1] for r in rows))
            for rows in found.values()
        )
        print(
            f"| {point} | {wall:.2f} / {cpu:.2f} s | {other_wall:.2f} / {other_cpu:.2f} s "
            f"| {wall / other_wall:.2f} / {cpu / other_cpu:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] in (["threads"], ["processes"]):
        batch(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        given = [int(word) for word in sys.argv[1:]]
        main(*(given + [os.cpu_count() or 1, 12][len(given) :]))
