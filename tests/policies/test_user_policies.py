"""Policies from outside: found by where they are, made with checked settings, refused in one line."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import simulator
from gavel_opt import (
    InputError,
    Policy,
    PolicyFailed,
    ProgramBuilder,
    find_policy,
    known_policies,
    make_policy,
)
from gavel_opt.policies import lookup
from gavel_opt.policies.settings import parse_settings

MINE = """
from collections.abc import Sequence
from typing import Literal
import numpy as np
from gavel_opt import Policy

class Mine(Policy):
    def __init__(self, part: float = 0.5, kind: Literal["a", "b"] = "a", count: int = 1,
                 on: bool = False, label: str = "", parts: Sequence[float] = (), free=None,
                 maybe: float | None = None, seed: int = 0):
        if part > 1.0:
            raise ValueError("part is above 1")
        self.given = dict(part=part, kind=kind, count=count, on=on, label=label, parts=parts,
                          free=free, maybe=maybe)
        self.seed = seed

    def shares(self, state):
        return np.zeros((state.job.size, state.workers.size))

def make(part: float = 0.25):
    return Mine(part)

class NoPolicy:
    pass

number = 3
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    return "mine.py:Mine"


def test_a_file_a_module_and_a_class(mine, monkeypatch):
    assert make_policy(mine, seed=4).seed == 4
    assert make_policy(mine).name == "Mine"
    assert make_policy("mine:Mine").given["part"] == 0.5  # found in the current folder
    sys.modules.pop("mine")
    assert make_policy("mine.py:make").given["part"] == 0.25
    found = find_policy(mine)
    assert found.source.startswith("mine.py sha256:")
    assert type(make_policy(found.factory)).__name__ == "Mine"
    monkeypatch.chdir("/")
    with pytest.raises(InputError, match=r"cannot read mine.py: No such file"):
        make_policy(mine)


def test_a_file_that_changes_is_loaded_again(mine):
    assert make_policy(mine).given["part"] == 0.5
    Path("mine.py").write_text(MINE.replace("part: float = 0.5", "part: float = 0.75"))
    assert make_policy(mine).given["part"] == 0.75


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("part", "0.25", 0.25),
        ("part", "1", 1.0),
        ("kind", "b", "b"),
        ("count", "3", 3),
        ("on", "true", True),
        ("label", "5", "5"),
        ("label", "five", "five"),
        ("parts", "[1, 2.5]", [1.0, 2.5]),
        ("free", "0.5", 0.5),
        ("free", "text", "text"),
        ("maybe", "none", None),
        ("maybe", "2", 2.0),
    ],
)
def test_settings_are_read_as_what_the_class_says(mine, name, text, value):
    assert make_policy(mine, **{name: text}).given[name] == value


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"prt": "1"}, r"'mine.py:Mine' takes no prt \(--set\); did you mean part"),
        ({"part": "much"}, r"setting 'part' .* is 'much', expected a number"),
        ({"kind": "c"}, r"expected 'a' or 'b'"),
        ({"count": "1.5"}, "expected a whole number"),
        ({"on": "yes"}, "expected true or false"),
        ({"parts": "[1, 'x']"}, "expected a list"),
        ({"part": 2.0}, r"cannot be made: .*mine.py, line 12: ValueError: part is above 1"),
    ],
)
def test_settings_that_do_not_fit(mine, settings, said):
    with pytest.raises(InputError, match=said):
        make_policy(mine, **settings)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mine.py:Mne", r"unknown class in mine.py \(--policy\) 'Mne'; did you mean Mine"),
        ("mine.py", r"names a file; add the class: mine.py:Class"),
        ("mine.py:number", "number is a int, expected a class"),
        (
            "mine.py:NoPolicy",
            r"is a NoPolicy without 'name'; expected .* derived from gavel_opt.Policy",
        ),
        ("other.py:Mine", r"cannot read other.py: No such file or directory; there are broken.py"),
        ("no_such_module:Mine", "no module named 'no_such_module'"),
        (
            "broken.py:Mine",
            r"cannot be loaded: .*broken.py, line 2: ModuleNotFoundError: .*no_such",
        ),
        ("wrong.py:Mine", r"cannot be loaded: .*wrong.py, line 1: "),
        ("fifoo", r"unknown policy \(--policy\) 'fifoo'; did you mean fifo\? .*module:Class"),
    ],
)
def test_what_cannot_be_found_is_one_line(mine, name, said):
    Path("broken.py").write_text("\nimport no_such\n")
    Path("wrong.py").write_text("class Mine(:\n")
    with pytest.raises(InputError, match=said) as refused:
        make_policy(name)
    assert "\n" not in str(refused.value)


def test_built_in_families_are_set_alike():
    assert make_policy("allox", alpha="0.25")._alpha == 0.25
    assert make_policy("fifo_packed", packing_threshold="1.2")._threshold == 1.2
    with pytest.raises(InputError, match="alpha is 7"):
        make_policy("allox", alpha=7)
    with pytest.raises(InputError, match="stands for variant='plain', which cannot be set"):
        make_policy("max_min_fairness", variant="perf")
    with pytest.raises(InputError, match="'isolated' takes no part"):
        make_policy("isolated", part=1)
    whole = "gavel_opt.policies.max_min:MaxMinFairness"
    assert make_policy(whole, variant="packed").traits.packing
    with pytest.raises(InputError, match="needs a 'variant'; give it with --set variant=VALUE"):
        make_policy(whole)


def test_policies_of_packages(mine, monkeypatch):
    point = importlib.metadata.EntryPoint("theirs", "mine:Mine", lookup.GROUP)
    object.__setattr__(point, "dist", SimpleNamespace(name="their-package", version="1.2"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point])
    lookup.from_packages.cache_clear()
    try:
        assert known_policies()["theirs"] == "their-package 1.2"
        assert known_policies()["fifo"] == ""
        assert make_policy("theirs", part=0.75).given["part"] == 0.75
        assert find_policy("theirs").source == "their-package 1.2"
        with pytest.raises(InputError, match="did you mean theirs"):
            make_policy("their")
    finally:
        sys.modules.pop("mine", None)
        lookup.from_packages.cache_clear()


def test_defaults_of_the_base():
    class Plain(Policy):
        pass

    policy = Plain()
    assert policy.name == "Plain"
    assert policy.snapshot() == {}
    policy.restore({})
    assert not policy.traits.packing
    with pytest.raises(InputError, match="overrides neither programs nor shares"):
        next(policy.programs(SimpleNamespace(job=np.zeros(1)), True))


def test_words_of_set():
    assert parse_settings(["a=1", "b-c = x=y"]) == {"a": "1", "b_c": "x=y"}
    for words, said in (["a"], "NAME=VALUE"), (["=1"], "NAME=VALUE"), (["a=1", "a=2"], "twice"):
        with pytest.raises(InputError, match=said):
            parse_settings(words)


class Raises(Policy):
    def shares(self, state):
        return state.nope


class NoTextError(Exception):
    def __str__(self):
        raise ZeroDivisionError


class NoText(Policy):
    def shares(self, state):
        raise NoTextError


class NotGenerator(Policy):
    def programs(self, state, merge):
        return ProgramBuilder(state)


class Neither(Policy):
    pass


class NotForNobody(Policy):
    """Its first job is there until all have left."""

    def shares(self, state):
        shares = np.zeros((state.job.size, state.workers.size))
        shares[0, 0] = 1.0
        return shares


class TooFewArguments(Policy):
    def programs(self, state):
        yield from ()


class NoArguments(Policy):
    def shares(self):
        return None


@pytest.mark.parametrize(
    ("policy", "error", "said"),
    [
        (
            Raises,
            PolicyFailed,
            r"'Raises' raised AttributeError: .*nope.*test_user_policies.py, line",
        ),
        (
            NotGenerator,
            InputError,
            "'NotGenerator': programs gave a ProgramBuilder, expected a gen",
        ),
        (NoText, PolicyFailed, "'NoText' raised NoTextError "),
        (Neither, InputError, "'Neither' overrides neither programs nor shares"),
        (NotForNobody, PolicyFailed, r"'NotForNobody' raised IndexError: .*policies.py, line"),
        (TooFewArguments, PolicyFailed, r"TooFewArguments.programs\(\) takes 2 .*policies.py\)"),
        (NoArguments, PolicyFailed, r"NoArguments.shares\(\) takes 1 .*policies.py\)"),
    ],
)
def test_what_goes_wrong_within_is_one_line(policy, error, said):
    with pytest.raises(error, match=said):
        simulator.run(policy=policy, cluster="1:1:1", jobs=2)
