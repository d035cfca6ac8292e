"""Gandiva's draws are those of Python's own ``random.sample``."""

from __future__ import annotations

import random

from gavel_opt.policies.gandiva import two_below


def test_two_numbers_are_drawn_as_sample_draws_them():
    ours, theirs = random.Random(5), random.Random(5)
    for n in [*range(2, 70), 1000, 4096] * 20:
        assert list(two_below(n, ours.getrandbits)) == theirs.sample(range(n), 2)
    assert ours.getstate() == theirs.getstate()
