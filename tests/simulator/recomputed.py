"""What follows from the files of a run's folder, recomputed from what the documents say of them.

Nothing here is of the packages: placements, tables of throughputs and prices and the summary's settings are read anew, and
every other column and figure is worked out again. Times, costs and busy time follow the reference's accounting: a round is
charged from the end of the one before in which somebody ran, so an idle gap counts into the next one; what is ``without
gaps`` begins with the round.
"""

from __future__ import annotations

import ast
import csv
import json
import math
from bisect import bisect_left
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

DATA = Path(__file__).parents[2] / "simulator/data"
RESET = 1920.0
RATE_WINDOW = 36000.0

Row = dict[str, Any]
Entry = tuple[int, int]
"""A job and the one beside it, -1 for none."""


class Speeds:
    """A table of throughputs, from CSV or JSON."""

    def __init__(self, path: str | None) -> None:
        self.alone: dict[tuple[str, int, str], float] = {}
        self.beside: dict[tuple[str, str, int, str], tuple[float, float]] = {}
        if path is not None:
            self._read_json(json.loads(Path(path).read_text()))
            return
        with (DATA / "simulation_throughputs.csv").open() as file:
            for row in csv.DictReader(file):
                self._read_row(row)

    def _read_row(self, row: dict[str, str]) -> None:
        job, other, size = row["job"], row["beside"], int(row["scale_factor"])
        for kind in ("k80", "p100", "v100"):
            if not other:
                self.alone[job, size, kind] = float(row[kind])
                continue
            both = float(row[kind]), float(row[f"{kind}_beside"])
            self.beside[job, other, size, kind] = both
            self.beside[other, job, size, kind] = both[::-1]

    def _read_json(self, tree: dict[str, dict[str, dict[str, Any]]]) -> None:
        for kind, jobs in tree.items():
            for key, speeds in jobs.items():
                job, size = ast.literal_eval(key)
                self.alone[job, size, kind] = speeds["null"]
                for other, both in speeds.items():
                    if other != "null":
                        self.beside[job, ast.literal_eval(other)[0], size, kind] = tuple(both)

    def of(self, jobs: list[Row], kind: str) -> list[float]:
        """Steps per second of a job alone, or of each of two."""
        size = jobs[0]["scale_factor"]
        if len(jobs) == 1:
            return [self.alone[jobs[0]["type"], size, kind]]
        return list(self.beside[jobs[0]["type"], jobs[1]["type"], size, kind])


class Folder:
    """A run's folder, gone through round by round; each method asserts what it is named after."""

    def __init__(self, path: Path) -> None:
        self.summary: dict[str, Any] = json.loads((path / "summary.json").read_text())
        self.config = self.summary["config"]
        self.jobs, self.rounds, placed, self.solves = (
            parquet.read_table(path / f"{name}.parquet").to_pylist()
            for name in ("jobs", "rounds", "placements", "solves")
        )
        self.speeds = Speeds(self.config["throughputs"])
        with Path(self.config["prices"] or DATA / "prices.csv").open() as file:
            rows = csv.DictReader(file)
            self.prices = {row["worker_type"]: float(row["dollars_per_hour"]) for row in rows}
        self.cluster: dict[str, int] = dict(sorted(self.config["cluster"].items()))
        self.kinds = [kind for kind, size in self.cluster.items() for _ in range(size)]
        self.entries: list[dict[Entry, list[int]]] = [defaultdict(list) for _ in self.rounds]
        for row in placed:
            assert row["worker_type"] == self.kinds[row["worker"]]
            for number in range(row["first_round"], row["last_round"] + 1):
                self.entries[number][row["job"], row["partner"]].append(row["worker"])
        self.end: float = self.summary["simulated_time"]
        self.completed: bool = self.summary["status"] == "completed"
        self.left = [float(job["steps"]) for job in self.jobs]
        self.let_in: list[float | None] = [None] * len(self.jobs)
        self.finish: dict[int, float] = {}
        self.dropped: set[int] = set()
        self.failed = [0] * len(self.jobs)
        self.cost = [0.0] * len(self.jobs)
        self.plain_cost = self.busy = self.plain = 0.0
        self.held: dict[tuple[int, str], float] = defaultdict(float)
        self.started: dict[int, float] = {}
        self.preemptions = [0] * len(self.jobs)
        self.opportunities = self.extensions = 0

    def check(self) -> None:
        """Go through all of it."""
        before, before_that = 0.0, {}
        inside: set[int] = set()
        for number, row in enumerate(self.rounds):
            entries, now = self.entries[number], row["time"]
            for job in self.jobs[len(inside) + len(self.finish) + len(self.dropped) :]:
                if job["arrival"] <= now:
                    self.let_in[job["job"]] = now
                    inside.add(job["job"])
            self.a_round_is_possible(entries, inside)
            self.a_row_is_true(row, entries, inside)
            self.leases_and_preemptions(entries, before_that, inside)
            latest = self.what_is_charged(number, entries, before)
            inside -= self.finish.keys() | self.dropped
            if entries and number + 1 < len(self.rounds):
                assert self.rounds[number + 1]["time"] == latest, "a round begins with the last end"
            before, before_that = latest if entries else before, entries
        assert not self.completed or self.rounds[-1]["time"] == self.end
        self.the_table_of_jobs()
        self.the_summary()
        self.recomputations()

    def a_round_is_possible(self, entries: dict[Entry, list[int]], inside: set[int]) -> None:
        workers = [worker for own in entries.values() for worker in own]
        assert len(set(workers)) == len(workers), "a worker twice in a round"
        running = self.running(entries)
        assert len(set(running)) == len(running), "a job twice in a round"
        assert inside.issuperset(running), "before its arrival or after its end"
        for entry, own in entries.items():
            (kind,) = {self.kinds[worker] for worker in own}
            jobs = self.of(entry)
            assert {job["scale_factor"] for job in jobs} == {len(own)}
            assert min(self.speeds.of(jobs, kind)) > 0.0, "where it cannot run"

    def a_row_is_true(self, row: Row, entries: dict[Entry, list[int]], inside: set[int]) -> None:
        running, now = len(self.running(entries)), row["time"]
        assert (row["active"], row["running"]) == (len(inside), running)
        assert row["queued"] == len(inside) - running
        assert row["arrived"] == len(inside) + len(self.finish) + len(self.dropped)
        assert row["completed"] == len(self.finish)
        used = [self.kinds[worker] for own in entries.values() for worker in own]
        assert row["utilization"] == pytest.approx(len(used) / len(self.kinds), abs=1e-12)
        for kind, size in self.cluster.items():
            assert row[f"utilization_{kind}"] == pytest.approx(used.count(kind) / size, abs=1e-12)
        jct = [end - self.jobs[job]["arrival"] for job, end in self.finish.items()]
        assert row["mean_jct"] == (pytest.approx(sum(jct) / len(jct)) if jct else None)
        lately = sum(now - RATE_WINDOW < end <= now for end in self.finish.values())
        hours = min(now, RATE_WINDOW) / 3600
        assert row["completions_per_hour"] == (pytest.approx(lately / hours) if now else None)

    def leases_and_preemptions(
        self, entries: dict[Entry, list[int]], last: dict[Entry, list[int]], inside: set[int]
    ) -> None:
        self.opportunities += sum(not inside.isdisjoint(entry) for entry in last)
        self.extensions += sum(
            set(last.get(entry, ())) == set(own) for entry, own in entries.items()
        )
        for entry, own in entries.items():
            lost = set(last.get(entry, own)) - set(own)
            if (
                lost and self.kinds[min(lost)] == self.kinds[own[0]]
            ):  # the same type: somebody larger
                assert any(
                    len(other) >= len(own) and lost & set(other) for other in entries.values()
                )
        for job in set(self.running(last)) & inside - set(self.running(entries)):
            self.preemptions[job] += 1

    def what_is_charged(self, number: int, entries: dict[Entry, list[int]], before: float) -> float:
        """Let all entries of a round run; the time at which the last of them ends."""
        now = self.rounds[number]["time"]
        is_last = number + 1 == len(self.rounds)
        latest, ran = now, []
        for entry, own in entries.items():
            jobs, kind = self.of(entry), self.kinds[own[0]]
            speeds = self.speeds.of(jobs, kind)
            most = [math.floor(speed * self.config["round_seconds"]) for speed in speeds]
            steps = [min(most[i], self.left[job["job"]]) for i, job in enumerate(jobs)]
            end = max(now + step / speed for step, speed in zip(steps, speeds, strict=True))
            latest = max(latest, end)
            ran.append((end, entry, own, kind, steps))
            for job in jobs:
                self.started.setdefault(job["job"], now)
        for end, entry, own, kind, steps in ran:
            if is_last and (self.completed or end > self.end):
                continue  # it only begins
            jobs, seconds = self.running([entry]), end - before
            if seconds <= 0 or any(s <= 0 or (len(own) > 1 and s < len(own)) for s in steps):
                self.attempt_failed(jobs)
                continue
            self.busy += seconds * len(own)
            self.plain += (end - now) * len(own)
            price = self.prices.get(kind, 0.0) / 3600 * len(own)
            for job, done in zip(jobs, steps, strict=True):
                self.failed[job] = 0
                self.cost[job] += price * seconds
                self.plain_cost += price * (end - now)
                self.left[job] -= done
                if self.left[job] <= 0:
                    self.finish[job] = end
        until = self.end if is_last else self.rounds[number + 1]["time"]
        for _, entry, own, kind, _ in ran:
            for job in self.running([entry]):
                self.held[job, kind] += (min(self.finish.get(job, until), until) - now) * len(own)
        return latest

    def attempt_failed(self, jobs: list[int]) -> None:
        for job in jobs:
            self.failed[job] += 1
            if self.failed[job] == 5:
                self.dropped.add(job)

    def the_table_of_jobs(self) -> None:
        start, end = self.config["window"] or (0, len(self.jobs))
        for number, job in enumerate(self.jobs):
            finish = self.finish.get(number)
            assert job["finish"] == finish, number
            assert job["jct"] == (None if finish is None else finish - job["arrival"])
            assert job["dropped"] == (number in self.dropped)
            assert job["measured"] == (start <= number < end)
            assert job["cost"] == pytest.approx(self.cost[number], rel=1e-9, abs=1e-9)
            assert job["first_start"] == self.started.get(number)
            assert job["preemptions"] == self.preemptions[number]
            for kind in self.cluster:
                held = self.held[number, kind]
                assert job[f"time_{kind}"] == pytest.approx(held, rel=1e-9, abs=1e-6)
            if job["deadline"] is not None:
                multiple = (job["deadline"] - self.let_in[number]) / job["duration"]
                assert min(abs(multiple - known) for known in (1.2, 2.0, 10.0)) < 1e-9
            if finish is None:
                assert job["isolated_time"] is job["finish_time_fairness"] is None
                continue
            isolated = self.isolated_time(job)
            assert job["isolated_time"] == pytest.approx(isolated, rel=1e-9)
            assert job["finish_time_fairness"] == pytest.approx(job["jct"] / isolated, rel=1e-9)

    def isolated_time(self, job: Row) -> float:
        """Steps by the mean throughput on an equal share while it was there."""
        arrival, finish, size = job["arrival"], job["finish"], job["scale_factor"]
        changes = [(one["arrival"], 1) for one in self.jobs]
        changes += [(end, -1) for end in self.finish.values()]
        changes.sort()
        steps, present, since = 0.0, 0, arrival
        for at, change in [*changes, (finish, 0)]:
            until = min(max(at, arrival), finish)
            if until > since:
                share = {kind: n / present / size for kind, n in self.cluster.items()}
                most = max(1.0, sum(share.values()))
                fits = [kind for kind, n in self.cluster.items() if n >= size]
                alone = [share[kind] / most * self.speeds.of([job], kind)[0] for kind in fits]
                steps += sum(alone) * (until - since)
                since = until
            present += change
        return float(job["steps"] / (steps / (finish - arrival)))

    def the_summary(self) -> None:
        summary, kept = self.summary, [job for job in self.jobs if job["measured"]]
        done = [job for job in kept if job["finish"] is not None]
        jct = [job["jct"] for job in done]
        counts = summary["jobs"]
        assert counts["completed"] == len(done)
        assert counts["dropped"] == sum(job["dropped"] for job in kept)
        assert counts["measured"] == len(done) + counts["missing"] + counts["dropped"]
        assert counts["arrived_in_all"] == len(self.jobs)
        assert counts["completed_in_all"] == len(self.finish)
        assert summary["partial"] == (len(done) < counts["measured"])
        mean = pytest.approx(sum(jct) / len(jct), rel=1e-12) if jct else None
        assert summary["average_jct"] == (None if summary["partial"] else mean)
        assert summary["average_jct_partial"] == (mean if summary["partial"] else None)
        assert summary["jct"] == {str(job["job"]): job["jct"] for job in done}
        if not summary["partial"]:
            self.percentiles("jct_percentiles", jct)
            ratios = [job["finish_time_fairness"] for job in done]
            self.percentiles("finish_time_fairness_percentiles", ratios)
        workers = len(self.kinds) * (self.end or 1.0)
        assert summary["makespan"] == self.end
        assert summary["utilization"] == pytest.approx(self.busy / workers, rel=1e-9)
        plain = pytest.approx(self.plain / workers, rel=1e-9)
        assert summary["utilization_without_gaps"] == plain
        suffix, other = ("", "_so_far") if self.completed else ("_so_far", "")
        assert summary[f"cost{suffix}"] == pytest.approx(sum(self.cost), rel=1e-9)
        assert summary[f"cost{other}"] is summary[f"slo_violations{other}"] is None
        if (plain_cost := summary[f"cost_without_gaps{suffix}"]) is not None:
            assert plain_cost == pytest.approx(self.plain_cost, rel=1e-9)
        due = [(job["finish"] or self.end, job["deadline"]) for job in self.jobs]
        late = [end > deadline + 1.0 for end, deadline in due if deadline is not None]
        assert summary[f"slo_violations{suffix}"] == (sum(late) if late else None)
        assert summary["rounds"] == len(self.rounds)
        assert summary["lease_extensions"] == self.extensions
        assert summary["lease_extension_opportunities"] == self.opportunities

    def percentiles(self, name: str, values: list[float]) -> None:
        ordered = sorted(values)
        for which, part in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
            place = part * (len(ordered) - 1)
            below = min(int(place), len(ordered) - 1)
            above = ordered[min(below + 1, len(ordered) - 1)]
            value = ordered[below] + (above - ordered[below]) * (place - below)
            assert self.summary[name][which] == pytest.approx(value, rel=1e-12)

    def recomputations(self) -> None:
        """Not sooner than 1,920 s after the last one, unless nobody runs; none after a time 0."""
        last, times = 0.0, [row["time"] for row in self.rounds]
        for row in self.solves:
            number = row["round"]
            assert row["time"] == times[number]
            assert number == bisect_left(times, row["time"]) or times[number - 1] == row["time"]
            idle = number > 0 and not self.entries[number - 1]
            assert last == 0.0 or idle or row["time"] - last >= RESET
            last = row["time"]
        assert self.summary["solve"]["programs"] == sum(row["programs"] for row in self.solves)

    def of(self, entry: Entry) -> list[Row]:
        return [self.jobs[job] for job in entry if job >= 0]

    def running(self, entries: Any) -> list[int]:
        return [job for entry in entries for job in entry if job >= 0]
