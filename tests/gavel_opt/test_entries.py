"""That two dictionaries are only said to hold the same objects where they do."""

from __future__ import annotations

import _thread
import copy
import random
import sys
import threading
import time
from collections import OrderedDict

import pytest

from gavel_opt.gavel import entries
from gavel_opt.gavel.entries import entries_are_known, has_entries, same_entries

known = pytest.mark.skipif(not entries_are_known(), reason="dictionaries look otherwise here")


def rows(jobs):
    return {(i, j): {"v100": [1.0, 2.0]} for i in range(jobs) for j in range(i)}


def test_this_interpreter_is_one_of_those_tried():
    if sys.implementation.name == "cpython" and sys.version_info[:2] in ((3, 11), (3, 12), (3, 13)):
        assert entries_are_known()


@known
@pytest.mark.parametrize("jobs", [2, 5, 30, 370])
def test_copies_are_the_same_and_changed_ones_are_not(jobs):
    one = rows(jobs)
    key = next(iter(one))
    assert same_entries(one, dict(one))
    assert same_entries(one, one.copy())
    for change in (
        {key: dict(one[key])},  # equal, but another object
        {(jobs, 0): one[key]},
    ):
        assert not same_entries(one, one | change)
    renamed = {(j, i): row for (i, j), row in one.items()}
    assert not same_entries(one, renamed)
    assert not same_entries(one, copy.deepcopy(one))
    if len(one) > 2:
        assert not same_entries(one, dict(reversed(one.items())))
        first, second, *_ = one
        swapped = one.copy()
        swapped[first], swapped[second] = one[second], one[first]
        assert not same_entries(one, swapped)


@known
def test_what_was_deleted_and_added_is_told():
    random.seed(3)
    one = rows(60)
    other = one.copy()
    found = 0
    for turn in range(300):
        gone = random.sample(list(one), 40)
        for key in gone:
            del one[key]
        if turn % 3:  # the other in another order, or not in all
            random.shuffle(gone)
        for key in gone[: len(gone) - (turn % 5 == 0)]:
            del other[key]
        new = {(1000 + turn, k): {"v100": turn} for k in range(40)}
        one.update(new)
        other.update(new)
        same = list(map(id, one.values())) == list(map(id, other.values())) and list(one) == list(
            other
        )
        assert same_entries(one, other) == same
        found += same
        if not same:
            other = dict(one)
    assert found > 200


@known
@pytest.mark.parametrize("jobs", [3, 40])
def test_a_value_of_somebody_else_is_told_but_where_it_may_be(jobs):
    nothing, keys = {"v100": 0.0}, list(rows(jobs))
    one, other = dict.fromkeys(keys, nothing), dict.fromkeys(keys)
    assert has_entries(one, other, nothing, set())
    assert not has_entries(one, other, dict(nothing), set())  # equal, but another object
    place = keys[len(keys) // 2]
    one[place] = {"v100": 0.5}
    assert not has_entries(one, other, nothing, set())
    assert not has_entries(one, other, nothing, {id(keys[0])})
    assert has_entries(one, other, nothing, {id(place)})
    moved = one.pop(place)
    one[place] = moved
    assert not has_entries(one, other, nothing, {id(place)}) or place == keys[-1]


def started(target, arguments):
    threading.Thread(target=target, args=arguments).start()


@known
def test_what_cannot_be_told_is_not_said_to_be_the_same(monkeypatch):
    text = {"a": 1, "b": 2}
    assert not same_entries(text, text.copy())
    one = rows(4)
    assert not same_entries(one, OrderedDict(one))
    assert not same_entries(OrderedDict(one), OrderedDict(one))
    for start in (_thread.start_new_thread, started):  # the first is known to its own library alone
        wait, here, gone = threading.Event(), threading.Event(), threading.Event()

        def other(wait=wait, here=here, gone=gone):
            here.set()
            wait.wait()
            gone.set()

        start(other, ())
        here.wait()
        try:
            assert not same_entries(one, one.copy())
        finally:
            wait.set()
            gone.wait()
        until = time.monotonic() + 10.0
        while not same_entries(one, one.copy()):
            assert time.monotonic() < until
    monkeypatch.setattr(entries, "_TRIED", ())
    entries_are_known.cache_clear()
    try:
        assert not same_entries(one, one.copy())
    finally:
        monkeypatch.undo()
        entries_are_known.cache_clear()
