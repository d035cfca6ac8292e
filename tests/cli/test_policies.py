"""``gavel-sim policies`` offers what a policy takes, and nothing else."""

from __future__ import annotations

import json

import pytest

from gavel_opt import POLICIES, policies
from gavel_opt.policies import lookup
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
        "gavel-sim: policy 'fifo_perf' takes no packing_threshold (--set)"
    )


def test_a_package_that_registers_what_it_has_not_hides_no_other(monkeypatch, capsys):
    registered = {"gone": ("no_such_package.policies:Gone", "some-package 1.0")}
    monkeypatch.setattr(policies, "from_packages", lambda path: registered)
    monkeypatch.setattr(lookup, "from_packages", lambda path: registered)
    assert main(["policies"]) == 0
    said = capsys.readouterr().out
    assert "  fifo_packed " in said
    assert "no module named 'no_such_package' (from some-package 1.0)" in said
    assert main(["policies", "--json"]) == 0
    listed = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert "no module named" in listed["gone"]["error"]
