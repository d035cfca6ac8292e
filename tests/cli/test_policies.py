"""``gavel-sim policies`` offers what a policy takes, and nothing else."""

from __future__ import annotations

import json

import pytest

from gavel_opt import POLICIES
from simulator.cli import main


@pytest.fixture
def listed(capsys):
    assert main(["policies", "--json"]) == 0
    return {one["name"]: one for one in json.loads(capsys.readouterr().out)}


def test_every_policy_is_there_with_its_purpose(listed):
    assert set(POLICIES) <= set(listed)
    assert all(one["purpose"] for one in listed.values())


def test_only_what_pairs_jobs_takes_a_threshold(listed):
    offering = {name for name, one in listed.items() if "packing_threshold" in one["settings"]}
    assert offering == {"fifo_packed"}


def test_a_threshold_of_what_pairs_none_is_refused(capsys):
    words = ["run", "--policy", "fifo_perf", "--set", "packing_threshold=2", "--jobs", "3"]
    assert main(words) == 2
    assert capsys.readouterr().err.startswith(
        "gavel-sim: policy 'fifo_perf' stands for packing_threshold=1.5, which cannot be set"
    )
