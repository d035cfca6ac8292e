"""The reasons given for waiting, held against what a run recorded: who ran, on what, and by which shares.

Priorities are computed here once more, in plain Python, from the recorded placements and allocations and the
measured throughputs alone.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.mechanism.inspection import Standing
from simulator.runs.runner import execute
from simulator.runs.simulation import Simulation
from simulator.settings.options import make_config
from simulator.viewer.explanation import Explainer
from simulator.viewer.reasons import Explanation
from simulator.viewer.run_folder import RunFolder, read_run
from simulator.viewer.waits import REASONS, reasons, waits
from simulator.world.cluster import make_cluster

ROUND = 360
SAME = 1e-9
"""Priorities that are nearer than this may be a tie, which deficits decide."""

Entry = tuple[int, int]

RUNS: dict[str, dict[str, Any]] = {
    "perf": {"policy": "max_min_fairness_perf", "rate": 4.5},
    "fifo": {"policy": "fifo", "rate": 3.0},
    "packed": {"policy": "max_min_fairness_packed", "rate": 4.2},
}


class Recorded:
    """What the tables of a run say of a round."""

    def __init__(self, run: RunFolder) -> None:
        self.time = run.tables["rounds"]["time"]
        self.arrival = run.tables["jobs"]["arrival"]
        self.finish = run.tables["jobs"]["finish"]
        self.dropped = run.tables["jobs"]["dropped"].astype(bool)
        simulation = Simulation(run.config)
        self.types = list(simulation.cluster.worker_types)
        self.workers = dict(zip(self.types, simulation.cluster.workers.tolist(), strict=True))
        first_worker = simulation.cluster.first_worker
        names = run.tables["jobs"]["type"].tolist()
        self.scale = run.tables["jobs"]["scale_factor"].tolist()
        key = list(map(simulation.measurements.keys.index, zip(names, self.scale, strict=True)))
        speeds = simulation.measurements.table(simulation.cluster.worker_types)

        self.placed: list[dict[Entry, str]] = [{} for _ in self.time]
        columns = ("worker", "job", "partner", "first_round", "last_round")
        for worker, job, partner, first, last in zip(
            *(run.tables["placements"][name].tolist() for name in columns), strict=True
        ):
            kind = self.types[int(np.searchsorted(first_worker, worker, side="right")) - 1]
            for number in range(first, last + 1):
                self.placed[number][job, partner] = kind

        table = run.tables["allocations"]
        self.made: dict[int, dict[Entry, dict[str, float]]] = {}
        for number, job, partner, kind, share in zip(
            *(table[name].tolist() for name in ("round", "job", "partner", "worker_type", "share")),
            strict=True,
        ):
            self.made.setdefault(number, {}).setdefault((job, partner), {})[kind] = share

        def lasts(entry: Entry, kind: str) -> float:
            """Seconds of a round that an entry is on its workers; 0 if an attempt must fail."""
            j = self.types.index(kind)
            one, two = (key[job] for job in entry)
            found = [speeds.alone[one, j]] if entry[1] < 0 else list(speeds.paired[one, two][:, j])
            steps = [int(speed * ROUND) for speed in found]
            if min(steps) < self.scale[entry[0]]:
                return 0.0
            return float(max(n / speed for n, speed in zip(steps, found, strict=True)))

        self.lasts = lasts

    def reset(self, number: int) -> int:
        """The round of the last recomputation."""
        return max((made for made in self.made if made <= number), default=-1)

    def waiting(self, number: int) -> list[int]:
        """Jobs that are there and do not run."""
        now = self.time[number]
        runs = {job for entry in self.placed[number] for job in entry}
        there = np.flatnonzero((self.arrival <= now) & ~(self.finish <= now) & ~self.dropped)
        return [job for job in there.tolist() if job not in runs]

    def ranks(self, number: int, kind: str) -> dict[Entry, float]:
        """Share by the time received since the last recomputation, of entries with a share on a type."""
        reset = self.reset(number)
        found = {}
        for entry, shares in self.made[reset].items():
            if kind in shares:
                runs = sum(self.placed[q].get(entry) == kind for q in range(reset, number))
                found[entry] = shares[kind] / (ROUND / 2 + runs * self.lasts(entry, kind))
        return found


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    config = make_config(
        cluster={"v100": 8, "p100": 8, "k80": 8},
        seed=1,
        multi_gpu=True,
        window=(20, 45),
        fixed_duration=7200.0,
        **RUNS[request.param],
    )
    folder: Path = tmp_path_factory.mktemp(request.param)
    execute(config, record=("placements", "allocations")).write(folder)
    return read_run(folder)


def found_reasons(
    recorded: Recorded, job: int, number: int
) -> tuple[set[str], dict[str, tuple[int, int, int]]]:
    """Reasons that the tables allow, and by type of its own shares: fewest and most left, most ahead of it."""
    reset = recorded.reset(number)
    if recorded.arrival[job] > recorded.time[reset]:
        return {"no allocation yet"}, {}
    mine = {entry for entry in recorded.made[reset] if job in entry}
    if not mine:
        return {"share 0"}, {}
    on = {job: kind for entry, kind in recorded.placed[number].items() for job in entry if job >= 0}
    left: dict[str, tuple[int, int, int]] = {}
    may, must = set(), set()
    for kind in recorded.types:
        ranks = recorded.ranks(number, kind)
        for entry in mine & set(ranks):
            if any(other in on for other in entry if other != job):
                may.add("taken")  # by the other's entry, unless that came later
            rivals = {
                e: ranks[e] / ranks[entry]
                for e, where in recorded.placed[number].items()
                if where == kind and e in ranks
            }
            total = recorded.workers[kind]
            # An attempt with too few steps left fails, which the tables do not say; then jobs are dropped.
            fails = {e for e in rivals if any(recorded.dropped[one] for one in e if one >= 0)}
            sure = [e for e, ratio in rivals.items() if ratio > 1 + SAME and e not in fails]
            near = [e for e, ratio in rivals.items() if ratio > 1 - SAME or e in fails]
            most = total - sum(recorded.scale[e[0]] for e in sure)
            least = max(total - sum(recorded.scale[e[0]] for e in near), 0)
            scale = recorded.scale[job]
            if "taken" not in may:
                assert least < scale, "it would have fitted"
            may |= {"outranked"} if least == 0 else set()
            may |= {"did not fit"} if most > 0 else set()
            must |= {"did not fit"} if least > 0 and most < scale and entry == (job, -1) else set()
            if entry == (job, -1):
                left[kind] = least, most, len(near)
    if "taken" in may:
        return {"outranked", "did not fit", "taken with another"}, left
    return must or may, left


def test_reasons_agree_with_what_was_recorded(run: RunFolder) -> None:
    recorded, explainer = Recorded(run), Explainer(run.config, run.tables["rounds"])
    found = waits(run)
    given = {
        (job, number): REASONS[reason]
        for job, first, last, reason in zip(
            *(found[name].tolist() for name in ("job", "first", "last", "reason")), strict=True
        )
        for number in range(first, last + 1)
    }
    waited = {
        (job, number) for number in range(recorded.time.size) for job in recorded.waiting(number)
    }
    assert {(job, number) for job, number in given if not recorded.dropped[job]} == waited
    told: Counter[str] = Counter()
    exact = 0
    for number in range(3, recorded.time.size, 3):
        for job in recorded.waiting(number):
            allowed, left = found_reasons(recorded, job, number)
            assert given[job, number] in allowed, (job, number)
            told[given[job, number]] += 1
            exact += len(allowed) == 1
            if told[given[job, number]] <= 6:
                answer = explainer.explain(job, number)
                assert answer.reason == given[job, number]
                check_words(recorded, answer, left)
    assert {"no allocation yet", "outranked", "did not fit"} <= set(told), told
    assert exact > 0.8 * told.total(), (exact, told)


def check_words(
    recorded: Recorded, answer: Explanation, left: dict[str, tuple[int, int, int]]
) -> None:
    """Numbers and names in the sentences are those of the tables."""
    assert answer.round is not None
    placed = recorded.placed[answer.round]
    for line in answer.lines:
        kind = line.split(" ", 1)[0]
        if kind not in left:
            continue
        least, most, ahead = left[kind]
        full = re.search(r"all (\d+) were given to (\d+) before it", line)
        large = re.search(r"it needs (\d+), (\d+) w", line)
        assert full or large or "taken" in line, line
        if full:
            assert least == 0
            assert int(full[1]) == recorded.workers[kind]
            assert int(full[2]) <= ahead
        if large:
            assert int(large[1]) == recorded.scale[answer.job]
            assert least <= int(large[2]) <= most
        ranks = recorded.ranks(answer.round, kind)
        for entry in named(line.split("smaller ones behind")[0]):
            assert placed[entry] == kind, line
            if not any(recorded.dropped[one] for one in entry if one >= 0):
                assert ranks[entry] >= ranks[answer.job, -1] * (1 - SAME), line


def named(line: str) -> Iterator[Entry]:
    """Jobs and pairs in a sentence."""
    for one, two in re.findall(r"jobs? (\d+)(?: and (\d+))? \(priority", line):
        yield int(one), int(two) if two else -1


def test_a_job_whose_pairs_were_taken_apart() -> None:
    """The shares of job 1 are those of pairs of which the other runs alone: as the first, and as the second."""
    first, second = np.array([0, 1, 2, 0, 1]), np.array([-1, -1, -1, 1, 2])
    share = np.array([[0.9], [0.0], [0.9], [0.1], [0.1]])
    nothing = np.zeros((5, 1))
    standing = Standing(
        first,
        second,
        key=np.zeros(5, dtype=np.int64),
        scale=np.ones(5, dtype=np.int64),
        order=np.arange(5),
        allocated=np.ones(5, dtype=bool),
        share=share,
        received=nothing,
        deficit=nothing,
        cannot_run=nothing.astype(bool),
        type_time=np.zeros(1),
        visits=np.zeros(1, dtype=np.int64),
        time=0.0,
        last_reset=0.0,
        placed=np.array([[0, -1, 0], [2, -1, 1]]),
    )
    cluster = make_cluster({"v100": 2}, {}, ["v100"])
    for kept in (range(5), range(4), (0, 1, 2, 4)):
        rows = list(kept)
        names = [
            name for name in Standing.__slots__ if np.shape(getattr(standing, name))[:1] == (5,)
        ]
        one = replace(standing, **{name: getattr(standing, name)[rows] for name in names})
        number, job, reason = reasons([(7, one)], cluster)
        assert (number.tolist(), job.tolist()) == ([7], [1])
        assert REASONS[reason[0]] == "taken with another"
