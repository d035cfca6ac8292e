"""Shards: one plan dealt to several machines, and what a run is."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.settings.config import RunConfig
from simulator.studies.batches.identity import identity_of
from simulator.studies.batches.retries import patiently
from simulator.studies.batches.shards import deal, expected_cost, parse_shard


def test_shards_part_a_plan_and_cost_about_the_same() -> None:
    items = list(range(101))
    costs = [float(1 + place % 17) for place in items]
    shares = deal(items, costs, 4)
    assert sorted(item for share in shares for item in share) == items
    assert all(share == sorted(share) for share in shares)
    spent = [sum(costs[place] for place in share) for share in shares]
    assert max(spent) - min(spent) <= 17
    assert deal(items, costs, 4) == shares


def test_more_shards_than_runs_leave_some_empty() -> None:
    assert sorted(map(len, deal([1, 2], [1.0, 1.0], 4))) == [0, 0, 1, 1]


@pytest.mark.parametrize("text", ["", "1", "4/4", "-1/4", "0/0", "1/x", "1/2/3"])
def test_a_shard_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--shard"):
        parse_shard(text)


def test_a_packed_run_is_expected_to_cost_more() -> None:
    perf = {"policy": "max_min_fairness_perf", "window": (4000, 5000), "interarrival": 900.0}
    assert expected_cost(perf | {"policy": "max_min_fairness_packed"}) > expected_cost(perf)
    assert expected_cost(perf | {"interarrival": 700.0}) > expected_cost(perf)


def test_an_identity_is_of_contents_not_of_places(tmp_path: Path) -> None:
    here, there = tmp_path / "a.trace", tmp_path / "b.trace"
    here.write_text("same")
    there.write_text("same")
    settings = RunConfig("fifo", {"v100": 1}, trace=here).to_json()
    identity = identity_of(settings)
    assert identity_of(settings | {"trace": str(there)}) == identity
    assert identity_of(settings | {"timeout": 5.0}) == identity
    assert identity_of(settings | {"seed": 1}) != identity
    there.write_text("other")
    assert identity_of(settings | {"trace": str(there)}) != identity
    with pytest.raises(InputError, match="--trace: cannot read"):
        identity_of(settings | {"trace": str(tmp_path / "none")})


def test_stale_handles_pass_and_missing_files_do_not() -> None:
    answers = [OSError(errno.ESTALE, "Stale file handle"), OSError(errno.ESTALE, "again"), 7]

    def answer() -> int:
        found = answers.pop(0)
        if isinstance(found, OSError):
            raise found
        return found

    assert patiently(answer, pauses=(0.0, 0.0, 0.0)) == 7
    with pytest.raises(FileNotFoundError):
        patiently(lambda: Path("/nowhere/at/all").read_bytes(), pauses=(0.0,))
    tries = []

    def stale() -> None:
        tries.append(1)
        raise OSError(errno.ESTALE, "Stale file handle")

    with pytest.raises(OSError, match="Stale"):
        patiently(stale, pauses=(0.0, 0.0))
    assert len(tries) == 3
