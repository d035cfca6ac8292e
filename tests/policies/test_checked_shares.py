"""Shares of a policy of the user's are checked before they are used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from gavel_opt import Allocation, InputError, Policy, Traits, make_policy
from simulator.cli import main


class Given(Policy):
    """Gives every job what it was made with."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def shares(self, state: Any) -> Any:
        if isinstance(self.value, tuple):
            return np.ones(self.value)
        return np.full((state.job.size, state.workers.size), self.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (7.0, "has 21 of its time"),
        (-1.0, "is -1.0, expected a number from 0 to 1"),
        (float("nan"), "is nan, expected a number from 0 to 1"),
        ((3, 2), r"shares have shape \(3, 2\), expected \(12, 3\)"),
    ],
)
def test_what_is_no_share_is_refused(value: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        simulator.run(policy=Given(value), cluster="4:4:4", jobs=12)


def test_a_nan_is_no_setting() -> None:
    with pytest.raises(InputError, match="packing_threshold"):
        simulator.run(
            policy="fifo_packed",
            policy_settings={"packing_threshold": float("nan")},
            cluster="2:2:2",
            jobs=3,
        )


class Pairs(Policy):
    """Gives an even part to everybody, and a pair as it was told."""

    traits = Traits(packing=True)

    def __init__(self, make: Any) -> None:
        self.make = make

    def shares(self, state: Any) -> Any:
        x = np.full((state.job.size, state.workers.size), 0.1)
        return self.make(state.job, x) if state.job.size > 1 else x


def pair(of: Any, shares: Any = ((0.1, 0.1, 0.1),)) -> Any:
    return lambda job, x: Allocation(job, x, np.asarray(of(job)), np.asarray(shares))


ODD_PAIRS = {
    "of one job": (pair(lambda job: [[job[0], job[0]]]), "is not of two jobs that are there"),
    "of a stranger": (pair(lambda job: [[job[0], 9999]]), "0 and 9999 is not of two jobs"),
    "the wrong way round": (pair(lambda job: [[job[1], job[0]]]), "the smaller number first"),
    "twice": (pair(lambda job: [job[:2], job[:2]], np.full((2, 3), 0.1)), "stands twice"),
    "too few types": (pair(lambda job: [job[:2]], [[0.1, 0.1]]), r"have shape \(1, 2\)"),
    "too many shares": (pair(lambda job: [job[:2]], np.full((2, 3), 0.1)), r"have shape \(2, 3\)"),
    "flat": (pair(lambda job: job[:2]), r"pairs have shape \(2,\)"),
    "numbers that are no jobs": (pair(lambda job: [job[:2] + 0.5]), "pairs are of type float64"),
    "too much": (pair(lambda job: [job[:2]], [[1.0, 1.0, 1.0]]), "has 3.3 of its time"),
}


@pytest.mark.parametrize("kind", ODD_PAIRS)
def test_what_is_no_pair_is_refused(kind: str) -> None:
    """A table of shares with too few columns was read past its end by compiled code."""
    make, said = ODD_PAIRS[kind]
    with pytest.raises(InputError, match=said):
        simulator.run(policy=Pairs(make), cluster="2:2:3", jobs=9)


def test_jobs_that_take_other_numbers_of_workers_are_no_pair() -> None:
    """They were dropped without a word: no round ever ran them together."""

    def of_other_widths(state: Any) -> Any:
        wide = int(np.argmax(state.scale_factor != state.scale_factor[0]))
        jobs = state.job[[0, wide]]
        x = np.zeros((state.job.size, state.workers.size))
        return Allocation(state.job, x, jobs[None], np.full((1, 3), 0.1)) if wide else x

    policy = Pairs(None)
    policy.shares = of_other_widths  # type: ignore[method-assign]  # as somebody may
    with pytest.raises(InputError, match=r"jobs 0 and \d+ has a share, but they take \d and \d w"):
        simulator.run(policy=policy, cluster="8:8:8", jobs=9, multi_gpu=True)


ODD_SHARES = {
    "objects": (lambda job, x: x.astype(object), "are of type object"),
    "text": (lambda job, x: x.astype(str), "expected numbers"),
    "complex": (lambda job, x: x + 0j, "are of type complex128"),
    "times": (lambda job, x: np.ones(x.shape, "m8[s]"), "timedelta64"),
    "masked": (lambda job, x: np.ma.masked_array(x, x > 0.0), "some of them masked"),
    "nothing": (lambda job, x: None, r"have shape \(\)"),
    "ragged": (lambda job, x: [[0.1], [0.1, 0.1]], "no array of shape"),
    "of too few jobs": (lambda job, x: Allocation(job[:-1], x), r"jobs have shape \(8,\)"),
    "of other jobs": (lambda job, x: Allocation(job + 1, x), "not of the jobs that are there"),
}


@pytest.mark.parametrize("kind", ODD_SHARES)
def test_arrays_of_another_kind_are_refused(kind: str) -> None:
    make, said = ODD_SHARES[kind]
    with pytest.raises(InputError, match=said):
        simulator.run(policy=Pairs(make), cluster="2:2:3", jobs=9)


@pytest.mark.parametrize(
    "change",
    [
        lambda job, x: x.tolist(),
        lambda job, x: x.astype(">f8"),
        lambda job, x: np.asfortranarray(x),
        lambda job, x: Allocation(job[::-1], x),
        lambda job, x: Allocation(job.tolist(), x.tolist()),
    ],
)
def test_arrays_that_say_the_same_give_the_same(change: Any) -> None:
    settings: dict[str, Any] = {"cluster": "2:2:3", "jobs": 9}
    expected = simulator.run(policy=Pairs(lambda job, x: x), **settings)
    assert simulator.run(policy=Pairs(change), **settings).jct == expected.jct


@pytest.mark.parametrize("value", [np.nan, 7.0])
def test_a_policy_of_ours_whose_shares_were_replaced_is_checked(value: float) -> None:
    """It was believed by the name of its class: a NaN for everybody ended in a mean."""
    policy = make_policy("isolated")
    before = policy.shares
    policy.shares = lambda state: before(state) * 0.0 + value  # type: ignore[method-assign]  # as somebody may
    with pytest.raises(InputError, match=r"of its time|is nan"):
        simulator.run(policy=policy, cluster="4:4:4", jobs=12)


def test_pairs_of_a_policy_that_does_not_pack() -> None:
    policy = Pairs(pair(lambda job: [job[:2]]))
    policy.traits = Traits()
    with pytest.raises(InputError, match="policy 'Pairs' gave pairs of jobs"):
        simulator.run(policy=policy, cluster="2:2:3", jobs=9)


@pytest.mark.parametrize("traits", [Traits, {"packing": True}, None])
def test_traits_that_are_none(traits: Any) -> None:
    """Of the class itself every trait was taken for true."""
    policy = Given(0.1)
    policy.traits = traits
    with pytest.raises(InputError, match=r"traits is .*, expected gavel_opt\.Traits"):
        simulator.run(policy=policy, cluster="2:2:3", jobs=3)
    with pytest.raises(InputError, match="packing is 'no', expected True or False"):
        Traits(packing="no")  # type: ignore[arg-type]


class Yields(Policy):
    """Yields what is no program."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def programs(self, state: Any, merge: bool) -> Any:
        yield self.value


@pytest.mark.parametrize("value", [None, 5.0, "program", np.zeros(3)])
def test_a_policy_that_yields_no_program(value: Any) -> None:
    with pytest.raises(InputError, match=r"programs yields a .*, expected a program"):
        simulator.run(policy=Yields(value), cluster="2:2:3", jobs=3)


LEAVES = """
import sys
from gavel_opt import Policy

class Base(Policy):
    def shares(self, state):
        return [[0.1] * 3] * state.job.size

class Exits(Base):
    def shares(self, state):
        sys.exit(0)

class Closes(Base):
    def shares(self, state):
        raise GeneratorExit("early")

class Stops(Base):
    def shares(self, state):
        raise StopIteration

class Remembers(Base):
    def snapshot(self):
        return {"file": object()}

class Forgets(Base):
    def snapshot(self):
        raise ValueError("lost")
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Exits", "raised SystemExit: 0 (leaves.py, line 11)"),
        ("Closes", "raised GeneratorExit: early (leaves.py, line 15)"),
        ("Stops", "raised StopIteration ("),
    ],
)
def test_a_policy_that_leaves_ends_the_run_with_its_line(
    name: str, said: str, tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    """One that calls sys.exit(0) ended the command with exit status 0 and nothing written."""
    monkeypatch.chdir(tmp_path)
    Path("leaves.py").write_text(LEAVES)
    assert main(["run", "--policy", f"leaves.py:{name}", "--jobs", "3", "--output", "o"]) == 3
    error = capsys.readouterr().err
    assert said in error.replace(f"{tmp_path}/", "")
    assert error.count("\n") == 1
    assert not Path("o", "summary.json").exists()


@pytest.mark.parametrize("text", ["import sys; sys.exit(0)", "raise SystemExit"])
def test_a_script_without_a_guard_is_no_policy(
    text: str, tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text(text)
    assert main(["run", "--policy", "script.py:Mine", "--jobs", "3"]) == 2
    assert "cannot be loaded: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "said"), [("Remembers", "may not hold a object"), ("Forgets", "ValueError: lost")]
)
def test_a_memory_that_no_checkpoint_can_hold_is_said_at_the_start(
    name: str, said: str, tmp_path: Any, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("leaves.py").write_text(LEAVES)
    run = ["run", "--policy", f"leaves.py:{name}", "--cluster", "2:2:3", "--jobs", "3"]
    assert main([*run, "--checkpoint-every", "20r", "--output", "o"]) == 3
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert main(run) == 0
