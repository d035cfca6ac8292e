"""What an import says: what was assumed, what was dropped and why, and what load comes out."""

from __future__ import annotations

from collections import Counter

from gavel_opt.errors import counted
from simulator.importers.base import Imported
from simulator.importers.conversion import DAY, Converted, Names
from simulator.world.units import HOUR


def report(read: Imported, made: Converted, names: Names) -> str:
    """Return the report as lines of text."""
    kept = sum(made.jobs.values())
    dropped = sum(made.dropped.values())
    text = [f"{kept:,} of {kept + dropped:,} jobs, arriving over {made.span / HOUR:,.1f} h"]
    text += [f"  dropped {count:,}: {why}" for why, count in made.dropped.most_common()]
    return "\n".join([*text, "", "assumed:", *_assumed(read, made, names), "", *_load(made)])


def _assumed(read: Imported, made: Converted, names: Names) -> list[str]:
    ends = Counter(job.state for job in read.jobs)
    said = [
        "a job's model is not in the source: its job type is drawn by a hash of its name from those "
        "with throughputs for its scale factor on its worker type",
        "steps = run time x speed of the job type alone on the worker type that it ran on",
        f"how jobs ended ({', '.join(f'{n:,} {end}' for end, n in ends.most_common())}): each runs "
        "for as long as it did there (--completed-only leaves the others out)",
    ]
    counts = {
        "jobs that asked for part of a GPU and get one": made.fractions,
        "jobs that asked for GPUs between two scale factors and get the higher one": made.rounded,
        "jobs that asked for more GPUs than the largest scale factor and get that": made.larger,
    }
    said += [f"{what}, with their GPU time kept: {n:,}" for what, n in counts.items() if n]
    if unnamed := made.named[""]:
        said.append(
            "jobs on GPUs whose type the source does not say, taken to have run on "
            f"{names.otherwise} (--worker-type TYPE): {unnamed:,}"
        )
    said += [
        f"{name} is not a worker type of the table: taken as {worker_type} "
        f"({_instead(name, names)}--as {name}=TYPE){_jobs(made.named[name])}"
        for name, worker_type in sorted(names.taken.items())
    ]
    said += [
        f"--as {name}={worker_type} had no effect: the source has no GPU of that name"
        for name, worker_type in names.given.items()
        if name not in names.used
    ]
    return [f"  - {one}" for one in [*said, *read.assumed]]


def _jobs(count: int) -> str:
    """How many jobs it is of; nothing where it is of the cluster alone."""
    return f": {counted(count, 'job')}" if count else ""


def _instead(name: str, names: Names) -> str:
    newer = names.newer(name)
    return "" if newer is None else f"--throughputs @newer has {newer}; or "


def _load(made: Converted) -> list[str]:
    text = ["worker type        jobs   GPU hours     GPUs   load offered            busiest day"]
    text += [_line(one, made, [one]) for one in sorted({*made.jobs, *made.cluster})]
    if len(text) > 2:
        text.append(_line("all", made, [*{*made.jobs, *made.cluster}]))
    return text


def _line(title: str, made: Converted, types: list[str]) -> str:
    gpu_seconds = sum(made.gpu_seconds.get(one, 0.0) for one in types)
    jobs = sum(made.jobs[one] for one in types)
    gpus = sum(made.cluster.get(one, 0) for one in types)
    days: Counter[int] = Counter()
    for (worker_type, day), held in made.by_day.items():
        days[day] += int(held) * (worker_type in types)
    most = max(days.values(), default=0) / DAY
    if not made.span:
        load, busiest = "unknown: all jobs arrive at once", ""
    elif gpus:
        load, busiest = f"{gpu_seconds / made.span / gpus:.1%} of capacity", f"{most / gpus:.1%}"
    else:
        load, busiest = f"{gpu_seconds / made.span:,.1f} GPUs on average", f"{most:,.1f} GPUs"
    busiest = busiest if made.span > DAY else ""
    capacity = f"{gpus:,}" if gpus else "-"
    line = f"{title:<12}{jobs:>11,}{gpu_seconds / HOUR:>12,.1f}{capacity:>9}   {load:<24}{busiest}"
    return line.rstrip()
