"""That dictionaries of shares which are written anew are what new ones would be, and nobody's but the caller's."""

from __future__ import annotations

import random
import threading

import pytest

from gavel_opt.gavel import entries, lent
from gavel_opt.gavel.entries import entries_are_known
from gavel_opt.gavel.lent import Written, references_are_known

known = pytest.mark.skipif(not entries_are_known(), reason="dictionaries look otherwise here")
NOTHING = {"v100": 0.0}


class Key:
    """A job or pair whose equals are other objects."""

    def __init__(self, number):
        self.number = number

    def __hash__(self):
        return hash(self.number)

    def __eq__(self, other):
        return self.number == other.number


class Caller:
    """Keys that come and go, and dictionaries that are written for them."""

    def __init__(self, seed, count=40):
        self.rng = random.Random(seed)
        self.written, self.last = Written(), count
        self.like = {Key(number): None for number in range(count)}

    def change(self):
        left = self.rng.sample(list(self.like), self.rng.randrange(4))
        came = [Key(self.last + k) for k in range(self.rng.randrange(4))]
        if left and self.rng.random() < 0.3:
            came.append(Key(left[0].number))  # comes back, as another object
        self.last += len(came)
        for key in left:
            del self.like[key]
        self.like.update(dict.fromkeys(came))
        self.written.note(left, dict.fromkeys(came))

    def write(self):
        keys = self.rng.sample(list(self.like), min(len(self.like), self.rng.randrange(9)))
        values = [{"v100": self.rng.random()} for _ in keys]
        shares = self.written.write(self.like, keys, values, NOTHING)
        expected = dict.fromkeys(self.like, NOTHING) | dict(zip(keys, values, strict=True))
        assert list(map(id, shares)) == list(map(id, expected)), "other keys, or in another order"
        assert list(map(id, shares.values())) == list(map(id, expected.values()))
        return shares


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("keeps", [0, 1, 2, 9])
def test_what_is_written_is_as_new_and_what_is_kept_stays(seed, keeps):
    caller, kept = Caller(seed), []
    for _ in range(60):
        if caller.rng.random() < 0.7:
            caller.change()
        shares = caller.write()
        assert not any(shares is other for other, _ in kept)
        kept = [*kept, (shares, dict(shares))][len(kept) + 1 - keeps :]
        assert all(list(one.items()) == list(copy.items()) for one, copy in kept)
        del shares


@known
@pytest.mark.parametrize("keeps", [0, 1])
def test_who_keeps_the_last_one_gets_the_one_before_again(keeps):
    caller = Caller(1)
    kept = [caller.write()][:keeps]
    of = []
    for _ in range(10):
        caller.change()
        shares = caller.write()
        of.append(id(shares))
        kept = [shares][:keeps]
        del shares
    assert len(set(of)) == 1 + keeps
    assert len(kept) == keeps


def replace(shares, key):
    shares[key] = {"v100": 5.0}


def move(shares, key):
    shares[key] = shares.pop(key)


def rename(shares, key):
    del shares[key]
    shares[Key("mine")] = NOTHING


def empty(shares, key):
    shares.clear()


@pytest.mark.parametrize("change", [replace, move, rename, empty])
def test_what_a_caller_does_to_one_is_in_no_other(change):
    for seed in range(20):
        caller = Caller(seed)
        for _ in range(4):
            shares = caller.write()
            change(shares, caller.rng.choice([key for key in shares if shares[key] is NOTHING]))
            del shares
            caller.change()
            caller.write()


@known
def test_what_cannot_be_told_is_written_into_new_ones(monkeypatch):
    def repeated():
        caller = Caller(2)
        first = id(caller.write())
        held = [bytearray(1 << 14)]  # so that no new one comes to stand where the first one was
        return id(caller.write()) == first and bool(held)

    assert repeated()
    wait = threading.Event()
    other = threading.Thread(target=wait.wait)
    other.start()
    try:
        caller = Caller(2)
        kept = caller.write()
        assert caller.write() is not kept
        lookups = []
        monkeypatch.setattr(lent, "has_entries", lambda *a: lookups.append(entries.has_entries(*a)))
        caller = Caller(2)
        for _ in range(3):
            caller.write()
        assert lookups
        assert not any(lookups)
    finally:
        wait.set()
        other.join()
    monkeypatch.setattr(lent, "_ALONE", 1)
    references_are_known.cache_clear()
    try:
        assert not references_are_known()
        monkeypatch.setattr(lent, "has_entries", None)  # is not asked
        caller = Caller(2)
        for _ in range(3):
            caller.write()
    finally:
        monkeypatch.undo()
        references_are_known.cache_clear()
    assert references_are_known()
