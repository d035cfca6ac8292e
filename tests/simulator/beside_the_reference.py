"""Drawn configurations, run by the reference itself and by ours: every figure must be equal, not close.

    python tests/simulator/beside_the_reference.py GAVEL/scheduler --python PYTHON [--runs 60] [--seed 0]

GAVEL is a clone of https://github.com/stanford-futuredata/gavel, PYTHON one that has what it needs
(``pip install 'numpy<2' cvxpy==1.4.4 ecos==2.0.12 psutil``). Policies without a program run on their own;
of the others the reference's allocations are replayed, so that what is compared is the mechanism. Compared
are completion times of all measured jobs, their mean, utilization, time of the end, leases, violations of
deadlines (to the last bit) and cost (to 1e-12: it is added up in another order).
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random

from gavel_opt import InputError
from simulator.runs.runner import execute
from simulator.settings.options import make_config

HERE = Path(__file__).parent
DECIDE = ("isolated", "fifo", "fifo_perf", "fifo_packed", "gandiva", "allox")
REPLAYED = (
    *("max_min_fairness", "max_min_fairness_perf", "max_min_fairness_packed"),
    *("finish_time_fairness", "finish_time_fairness_perf", "finish_time_fairness_packed"),
    *("min_total_duration", "min_total_duration_perf", "min_total_duration_packed"),
    *("max_sum_throughput_perf", "max_min_fairness_water_filling_perf"),
)
EQUAL = (
    *("average_jct", "utilization", "simulated_time"),
    *("lease_extensions", "lease_extension_opportunities"),
)
JOB_TYPES = (
    *("ResNet-18 (batch size 64)", "ResNet-50 (batch size 32)", "Transformer (batch size 128)"),
    *("LM (batch size 20)", "LM (batch size 80)", "Recommendation (batch size 512)", "CycleGAN"),
)
DISTRIBUTED = 5
"""So many of these can run on several workers."""


def draw(chance, folder):
    """A configuration whose jobs fit: some worker type has room for the largest."""
    policy = chance.choice(DECIDE if chance.random() < 0.6 else REPLAYED)
    multi_gpu = chance.random() < (0.15 if policy.endswith("packed") else 0.5) and policy != "allox"
    room = 0
    while room < (8 if multi_gpu else 1):
        servers = [chance.choice((1, 1, 1, 2, 4, 8))] * 3
        if chance.random() < 0.3:
            servers = [chance.choice((1, 2, 4, 8)) for _ in range(3)]
        cluster = [chance.choice((0, 1, 2, 3, 5, 8, 8, 12, 16)) for _ in range(3)]
        whole = [workers // size * size for workers, size in zip(cluster, servers, strict=True)]
        room = max(whole)
    start = chance.choice((0, 0, 5, 20))
    config = {
        "policy": policy,
        "seed": chance.randrange(1000),
        "round": chance.choice((360, 360, 360, 60, 720, 1200, 333)),
        "cluster": cluster,
        "servers": servers,
        "multi_gpu": multi_gpu,
        "multi_priority": chance.random() < 0.3,
        "interarrival": chance.choice((20e3, 36e3, 72e3, 150e3)) / sum(whole),
        "window": [start, start + chance.choice((5, 15, 30))],
        "fixed_duration": chance.choice((3600, 20000)) if chance.random() < 0.15 else None,
        "slos": False,
        "trace": None,
    }
    kind = chance.random()
    if kind < 0.25:
        config |= {"interarrival": 0.0, "window": [0, chance.choice((1, 5, 20, 40))]}
        config["slos"] = chance.random() < 0.5
    elif kind < 0.5:
        config["trace"] = str(trace(chance, folder / "drawn.trace", room if multi_gpu else 1))
        config["fixed_duration"] = None
    return config


def trace(chance, path, most):
    """Jobs that come together, or after gaps of any length."""
    at, lines = chance.choice((0.0, 0.0, 500.0, 1e5)), []
    for _ in range(chance.choice((1, 3, 10, 25))):
        place = chance.randrange(len(JOB_TYPES))
        size = chance.choice((1, 1, 1, 2, 4, 8)) if place < DISTRIBUTED else 1
        steps = chance.choice((1, 3, 100, 5000, 100000, 1000000))
        size, weight = (size if size <= most else 1), chance.choice(("1", "1", "5", "2.5"))
        fields = (JOB_TYPES[place], "command", "folder", "-n", 0, steps, size, weight, "-1.0", at)
        lines.append("\t".join(map(str, fields)))
        at += chance.choice((0.0, 0.0, 1.0, 360.0, 1920.0, 20000.0, chance.expovariate(1 / 3000)))
    path.write_text("\n".join(lines) + "\n")
    return path


def ours(config, events, folder):
    """Our summary of a configuration."""
    given = {
        "policy": config["policy"],
        "seed": config["seed"],
        "round": config["round"],
        "cluster": ":".join(map(str, config["cluster"])),
        "gpus_per_server": ":".join(map(str, config["servers"])),
        "saturation": "off",
        "slos": config["slos"],
    }
    if config["policy"] in REPLAYED:
        given["replay"] = folder / "replay.json"
        given["replay"].write_text(json.dumps({"events": events}))
    if config["trace"]:
        return execute(make_config(**given, trace=config["trace"])).summary
    given |= {name: config[name] for name in ("multi_gpu", "multi_priority")}
    if config["fixed_duration"]:
        given["fixed_duration"] = config["fixed_duration"]
    if not config["interarrival"]:
        return execute(make_config(**given, jobs=config["window"][1])).summary
    window = "{}:{}".format(*config["window"])
    return execute(make_config(**given, interarrival=config["interarrival"], window=window)).summary


def differences(theirs, summary):
    """What is not equal: name, the reference's figure, ours."""
    found = json.loads(json.dumps(summary))
    if found["average_jct"] is None:  # dropped jobs, which the reference passes over
        found["average_jct"] = found["average_jct_partial"]
    if math.isnan(theirs["average_jct"]):  # all of them
        theirs["average_jct"] = None
    jct = {job: theirs["jct"].get(job) for job in found["jct"]}
    apart = [(name, theirs[name], found[name]) for name in EQUAL if theirs[name] != found[name]]
    apart += [(job, jct[job], time) for job, time in found["jct"].items() if time != jct[job]]
    if theirs["slo_violations"] not in (None, found["slo_violations"]):
        apart.append(("slo_violations", theirs["slo_violations"], found["slo_violations"]))
    if not math.isclose(theirs["cost"], found["cost"], rel_tol=1e-12):
        apart.append(("cost", theirs["cost"], found["cost"]))
    return apart


def main() -> int:
    """Compare so many runs; 1 if one differs."""
    parser = argparse.ArgumentParser(description="Compare drawn runs with the reference's.")
    parser.add_argument("scheduler", type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    counts = dict.fromkeys(("equal", "different", "not by the reference", "refused by ours"), 0)
    for seed in range(given.seed, given.seed + given.runs):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            config, output = draw(Random(seed), folder), folder / "reference.json"
            recorder = [given.python, str(HERE / "record_reference.py"), str(given.scheduler)]
            try:
                done = subprocess.run(
                    [*recorder, json.dumps(config), str(output)], capture_output=True, timeout=60
                )
                failed = done.stderr.decode().strip().splitlines()[-1:] if done.returncode else []
            except subprocess.TimeoutExpired:
                failed = ["more than 60 s"]
            if failed:
                counts["not by the reference"] += 1
                print(f"{seed} {config['policy']}: the reference: {failed[0]}", flush=True)
                continue
            theirs = json.loads(output.read_text())
            try:
                summary = ours(config, theirs["events"], folder)
            except (
                InputError
            ) as refused:  # a job that never runs, which the reference leaves waiting
                counts["refused by ours"] += 1
                print(f"{seed} {config['policy']}: refused: {refused}", flush=True)
                continue
            apart = differences(theirs, summary)
            counts["different" if apart else "equal"] += 1
            print(f"{seed} {config['policy']}: {apart or 'equal'}", flush=True)
            if apart:
                print(json.dumps(config), flush=True)
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return counts["different"]


if __name__ == "__main__":
    sys.exit(min(main(), 1))
