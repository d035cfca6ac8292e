"""A run as the page takes it: an overview (summary, rounds, jobs) and who ran where, as blocks of columns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gavel_opt import InputError
from simulator.runs.columns import Columns
from simulator.viewer.column_file import pack
from simulator.viewer.run_folder import RunFolder
from simulator.viewer.segments import (
    Segments,
    active_by_scale,
    busy_by_scale,
    lease_counts,
    leaving_times,
    read_segments,
)

MOST_SEGMENTS = 4_000_000
"""Above this many, placements are thinned out in time: a browser would take too much memory."""

FAMILIES = (
    "A3C",
    "CycleGAN",
    "LM",
    "Recommendation",
    "ResNet-18",
    "ResNet-50",
    "Transformer",
)
"""Gavel's model families come first, so that they have the same colours in all runs."""

_LEFT_OUT = {"jobs": {"job", "jct", "type"}, "rounds": {"round"}}
"""Columns that the page finds from the others."""


def overview(run: RunFolder) -> bytes:
    """Pack the summary, the rounds and the jobs of a run."""
    jobs, rounds = run.tables["jobs"], run.tables["rounds"]
    names, index = np.unique(jobs["type"].astype(str), return_inverse=True)
    families = list(FAMILIES)
    families += sorted({_family(name) for name in names.tolist()} - set(families))
    header = {
        "summary": _plain({k: v for k, v in run.summary.items() if k != "jct"}),
        "cluster": cluster(run),
        "types": names.tolist(),
        "families": families,
        "family_of_type": [families.index(_family(name)) for name in names.tolist()],
    }
    columns: dict[str, NDArray[Any]] = {"jobs/type": index}
    for table, found in (("jobs", jobs), ("rounds", rounds)):
        for name, values in found.items():
            if name not in _LEFT_OUT[table] and values.dtype.kind in "biuf":
                columns[f"{table}/{name}"] = values
    columns |= _from_placements(run, jobs, rounds)
    for name, values in run.tables.get("solves", {}).items():
        if values.dtype.kind in "iuf":
            columns[f"solves/{name}"] = values
    return pack(header, columns)


def cluster(run: RunFolder) -> list[dict[str, Any]]:
    """Worker types in order of their workers' numbers: name, workers, workers a server."""
    config = run.summary.get("config", {})
    servers = config.get("gpus_per_server") or {}
    found = []
    for name in sorted(config.get("cluster", {})):
        size = int(servers.get(name, 1))
        workers = int(config["cluster"][name]) // size * size
        if workers:
            found.append({"name": str(name), "workers": workers, "per_server": size})
    return found


def segments_of(run: RunFolder) -> Segments:
    """Who ran where, in order of worker and round.

    Raises
    ------
    InputError
        If the table names a worker, a job or a round that the run does not have.
    """
    found = read_segments(run.tables["placements"])
    many = {
        "worker": sum(kind["workers"] for kind in cluster(run)),
        "job": int(run.tables["jobs"]["job"].size),
        "round": int(run.tables["rounds"]["time"].size),
    }
    for what, numbers, least in (
        ("worker", found.worker, 0),
        ("job", found.job, 0),
        ("job", found.partner, -1),
        ("round", found.first, 0),
        ("round", found.last, 0),
    ):
        wrong = numbers[(numbers < least) | (numbers >= many[what])]
        if wrong.size:
            raise InputError(
                f"{run.path}: its placements name {what} {wrong[0]} of {many[what]}: the table or the summary was "
                "changed since"
            )
    return found


def placements(run: RunFolder) -> bytes:
    """Pack who ran where.

    Segments of worker w stand behind those of worker w - 1. ``gap`` is the number of rounds since
    the worker's last segment ended, ``rounds`` how many more than one it lasts.
    """
    found = segments_of(run)
    every = thinning(found, int(run.tables["rounds"]["time"].size))
    if every > 1:
        found = thinned(found, every)
    workers = sum(kind["workers"] for kind in cluster(run))
    count = np.bincount(found.worker, minlength=workers)
    gap = found.first.copy()
    same = found.worker[1:] == found.worker[:-1]
    gap[1:][same] -= found.last[:-1][same] + 1
    columns = {
        "count": count,
        "gap": gap,
        "rounds": found.last - found.first,
        "job": found.job,
        "partner": found.partner,
    }
    return pack({"every": every}, columns)


def shares(run: RunFolder) -> bytes:
    """Pack what share of time each job had on each worker type, by recomputation.

    Entries of job m stand behind those of job m - 1, those of one recomputation together. A share is a
    whole number of 1/65535.
    """
    table = run.tables["allocations"]
    pairs = table["partner"] >= 0
    job = np.concatenate([table["job"], table["partner"][pairs]])
    partner = np.concatenate([table["partner"], table["job"][pairs]])
    place = {kind["name"]: number for number, kind in enumerate(cluster(run))}
    kind = np.array([place[name] for name in table["worker_type"].tolist()], dtype=np.int64)
    kind, number, share = (
        np.concatenate([values, values[pairs]])
        for values in (kind, table["allocation"], table["share"])
    )
    order = np.lexsort((kind, number, job))
    made, first = np.unique(table["allocation"], return_index=True)
    count = int(made[-1]) + 1 if made.size else 0
    if count > MOST_SEGMENTS:
        raise InputError(f"{run.path}: its allocations name recomputation {count - 1:,}")
    rounds = np.zeros(count, dtype=np.int64)
    rounds[made] = table["round"][first]
    # A recomputation with nobody there has no entry: it is as if made with the one before.
    np.maximum.accumulate(rounds, out=rounds)
    columns = {
        "count": np.bincount(job, minlength=int(run.tables["jobs"]["job"].size)),
        "allocation": number[order],
        "type": kind[order],
        "partner": partner[order],
        "share": np.rint(np.clip(share[order], 0.0, 1.0) * 65535.0).astype(np.int64),
        "round": rounds,
    }
    return pack({}, columns)


def thinning(segments: Segments, rounds: int) -> int:
    """Every how many rounds placements are kept; 1 where all are."""
    every = 1
    while segments.worker.size > MOST_SEGMENTS * every and every < rounds:
        every *= 2
    return every


def thinned(segments: Segments, every: int) -> Segments:
    """Placements of the rounds 0, ``every``, 2 ``every``, ..., each taken to last until the next."""
    first = -(-segments.first // every) * every
    kept = first <= segments.last
    worker, job, partner = (
        column[kept] for column in (segments.worker, segments.job, segments.partner)
    )
    first, last = first[kept], (segments.last[kept] // every + 1) * every - 1
    joins = np.zeros(worker.size, dtype=bool)
    joins[1:] = (
        (worker[1:] == worker[:-1])
        & (job[1:] == job[:-1])
        & (partner[1:] == partner[:-1])
        & (first[1:] == last[:-1] + 1)
    )
    start = np.flatnonzero(~joins)
    end = np.append(start[1:], worker.size)[: start.size] - 1
    return Segments(worker[start], job[start], partner[start], first[start], last[end])


def _from_placements(run: RunFolder, jobs: Columns, rounds: Columns) -> dict[str, NDArray[Any]]:
    """Columns that follow from who ran where."""
    if "placements" not in run.tables:
        return {}
    found = segments_of(run)
    left = leaving_times(found, jobs, rounds)
    scale = np.asarray(jobs["scale_factor"], dtype=np.int64)
    running = busy_by_scale(found, scale, int(rounds["time"].size))
    active = active_by_scale(left, jobs, rounds)
    extensions, opportunities = lease_counts(found, left, jobs, rounds)
    columns: dict[str, NDArray[Any]] = {
        f"rounds/queued_scale_{size}": active[size] - running[size] for size in running
    }
    columns["rounds/lease_extensions"] = extensions
    columns["rounds/lease_extension_opportunities"] = opportunities
    return columns | _server_slots(run, found, int(rounds["time"].size))


def _server_slots(run: RunFolder, found: Segments, rounds: int) -> dict[str, NDArray[Any]]:
    """Free slots of 1, 2, 4 and 8 workers within one server, where servers have several workers."""
    kinds = cluster(run)
    if all(kind["per_server"] == 1 for kind in kinds):
        return {}
    columns = {size: np.zeros(rounds, dtype=np.int64) for size in (1, 2, 4, 8)}
    worker = 0
    for kind in kinds:
        for _ in range(kind["workers"] // kind["per_server"]):
            low, high = np.searchsorted(found.worker, [worker, worker + kind["per_server"]])
            change = np.zeros(rounds + 1, dtype=np.int64)
            np.add.at(change, found.first[low:high], 1)
            np.add.at(change, found.last[low:high] + 1, -1)
            free = kind["per_server"] - np.cumsum(change)[:rounds]
            for size, slots in columns.items():
                slots += free // size
            worker += kind["per_server"]
    return {f"rounds/server_slots_{size}": slots for size, slots in columns.items()}


def _family(name: str) -> str:
    """Model family of a job type: what stands before its batch size."""
    return re.sub(r"\s*\(.*\)\s*$", "", name) or name


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON values without infinities, which JSON does not have."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): plain(one) for name, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, float) and not np.isfinite(value):
            return None
        return value

    found: dict[str, Any] = plain(dict(values))
    return found
