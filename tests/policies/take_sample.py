"""Write ``sample.json.gz`` from the full recordings: ``python tests/policies/take_sample.py``."""

from __future__ import annotations

import gzip
import json

from recordings import GOLDEN, SAMPLE, TYPES, policy_of

EXACT = ("fifo", "fifo_perf", "fifo_packed", "gandiva", "allox", "isolated")
"""Policies that remember and must be equal: the first events of a run, all answered."""

WANTED = {
    "statm30-fifo": range(9),
    "servers4-fifo": range(12),
    "statm30-fifo_perf": range(3),
    "statm30-fifo_packed": range(6),
    "static50-gandiva": range(2),
    "servers4-gandiva": range(60, 61),
    "statm30-gandiva": range(6),
    "static50-allox": range(6),
    "cont40-allox": range(40),
    "statm30-isolated": range(1),
    "prio40-max_min_fairness": (120,),
    "servers4-max_min_fairness": (200,),
    "prio40-max_min_fairness_perf": (20, 80),
    "servers4-max_min_fairness_perf": (100, 150),
    "static50-max_min_fairness_packed": (0, 12),
    "cont40-max_min_fairness_packed": (60,),
    "static50-max_min_fairness_water_filling": (0,),
    "statm30-max_min_fairness_water_filling": (0, 9),
    "static50-max_min_fairness_water_filling_perf": (5,),
    "statm30-max_min_fairness_water_filling_perf": (0, 9),
    "cont40-max_min_fairness_water_filling_packed": (60,),
    "statm30-finish_time_fairness": (0, 5),
    "prio40-finish_time_fairness_perf": (0, 30),
    "statm30-finish_time_fairness_perf": (0, 8),
    "cont40-finish_time_fairness_packed": (20, 40),
    "statm30-min_total_duration": (0, 8),
    "prio40-min_total_duration_perf": (60,),
    "statm30-min_total_duration_perf": (0, 8),
    "cont40-min_total_duration_packed": (60,),
    "static50-min_total_duration_packed": (20,),
    "statm30-max_sum_throughput_perf": (0, 9),
    "static50-max_sum_throughput_perf": (3,),
}


def main() -> None:
    runs = []
    for name, places in WANTED.items():
        path = GOLDEN / f"{name}-s0.full.json.gz"
        policy = policy_of(path)
        with gzip.open(path) as file:
            run = json.load(file)
        remembers = policy in EXACT or policy.startswith("finish")
        shown = range(max(places) + 1) if remembers else places
        known: dict[int, list] = {}
        events = []
        for place in shown:
            event = run["events"][place]
            jobs = event["jobs"]
            known |= {job["id"]: [job["type"], job["sf"], job["w"]] for job in jobs}
            kept: dict[str, list] = {
                "jobs": [job["id"] for job in jobs],
                "steps_left": [job["steps_left"] for job in jobs],
                "age": [job["age"] for job in jobs],
            }
            if place in places:
                kept["shares"] = [
                    [*map(int, who.split("+")), *share[::-1]]
                    for who, share in (event["alloc"] or {}).items()
                    if any(share)
                ]
            events.append(kept)
        runs.append(
            {
                "name": name,
                "policy": policy,
                "workers": [run["config"]["cluster"][kind] for kind in TYPES],
                "jobs": known,
                "events": events,
            }
        )
    SAMPLE.write_bytes(gzip.compress(json.dumps(runs, separators=(",", ":")).encode(), mtime=0))


if __name__ == "__main__":
    main()
