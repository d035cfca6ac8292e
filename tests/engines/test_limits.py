"""Solves that were cut off must not take the user's Ctrl-C with them."""

import os
import signal
import time

import pytest

from gavel_opt import Options, make_engine
from gavel_opt.engines.time_limit import run_with_limit
from gavel_opt.testing.scenarios import large


def test_the_next_call_waits_for_one_that_was_cut_off():
    running = []

    def slow():
        running.append("slow")
        time.sleep(0.4)
        running.remove("slow")

    assert run_with_limit(slow, 0.05) is None
    assert run_with_limit(lambda: running[:], 0.05) is None
    assert run_with_limit(lambda: running[:], 10.0) == []
    assert run_with_limit(slow, 0.05) is None
    assert run_with_limit(lambda: running[:], float("inf")) == []


@pytest.mark.parametrize("name", ["ecos", "cvxpy-rebuild"])
def test_interrupts_still_arrive_after_a_time_limit(name):
    engine, program = make_engine(name), large()
    for limit in (0.05, 0.05, 0.2):
        engine.solve(program, Options(time_limit=limit))
    run_with_limit(int, float("inf"))  # waits for the last of them
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(1.0)
