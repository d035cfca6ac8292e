"""Wherever a signal lands, the run goes on to the bits that it has in one go."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from noise import at_rest
from pyarrow import parquet
from sim import gavel_sim, start_gavel_sim

from gavel_opt.policies import POLICIES
from simulator.cli import _how_to_go_on
from simulator.runs.checkpoint import load
from simulator.runs.runner import Checkpointing, Stopped, execute
from simulator.settings.options import make_config

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ONE_WORKER_ONLY = {"gandiva", "allox"}


def contents(summary):
    """A summary, but for what depends on how often the run was taken up."""
    kept = {name: value for name, value in summary.items() if name != "time"}
    kept["solve"] = {name: value for name, value in kept["solve"].items() if name != "cache_hits"}
    return kept


def small_run(policy):
    return make_config(
        policy=policy, cluster="6:6:6", interarrival=3600.0, window=(60, 260), saturation="off"
    )


def interrupted_after(seconds, run):
    """Call ``run`` and send this process an interrupt meanwhile; whether it was stopped, and what it gave."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    found = None
    try:
        timer.start()
        try:
            found = run()
        finally:
            timer.cancel()
            timer.join()
    except KeyboardInterrupt as stop:
        return isinstance(stop, Stopped), found
    return False, found


@pytest.mark.parametrize(
    "policy", ["finish_time_fairness_perf", "max_min_fairness_packed", "gandiva", "isolated"]
)
def test_a_run_interrupted_anywhere_goes_on_to_the_same_bits(tmp_path, policy):
    """A dozen interrupts in all, each in what the one before left."""
    interrupt(small_run(policy), 3, tmp_path / "checkpoint.npz")


@pytest.mark.slow
@pytest.mark.parametrize("policy", sorted(POLICIES))
def test_every_policy_interrupted_anywhere(tmp_path, policy):
    """Ten interrupts a policy, or what ``GAVEL_INTERRUPTS`` says."""
    fits = {"saturation": "off", "max_simulated_hours": 400.0}
    workload = {"cluster": "6:6:6", "interarrival": 3600.0, "window": (60, 160)}
    config = make_config(policy=policy, **workload, **fits)
    interrupt(config, int(os.environ.get("GAVEL_INTERRUPTS", "10")), tmp_path / "checkpoint.npz")


def interrupt(config, times, path):
    """Interrupt a run so often, each time what the time before left; hold its ends to one in one go."""
    whole = contents(execute(config).summary)
    started = time.perf_counter()
    execute(config)
    took = time.perf_counter() - started
    draw = random.Random(config.policy)
    plan = Checkpointing(path, rounds=10**9)
    landed = tried = 0
    while landed < times:
        resume = load(path, "--resume") if path.exists() else None
        stopped, found = interrupted_after(
            took * draw.uniform(0.02, 0.6),
            lambda: execute(config, checkpointing=plan, resume=resume),  # noqa: B023
        )
        landed += stopped
        tried += 1
        assert tried < 100 * times
        if found is not None:  # it came to its end, and begins again
            assert contents(found.summary) == whole
            path.unlink(missing_ok=True)
    if path.exists():
        assert contents(execute(config, resume=load(path, "--resume")).summary) == whole


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_command_ends_in_one_line_and_says_how_to_go_on(tmp_path, number):
    words = ("--policy", "isolated", "--cluster", "6:6:6", "--rate", 40, "--window", "9000:9001")
    run = start_gavel_sim(
        *("run", *words, "--saturation", "off", "--output", tmp_path),
        *("--checkpoint-every", "1000r"),
    )
    while not (tmp_path / "checkpoint.npz").exists():
        assert run.poll() is None
        time.sleep(0.01)
    run.send_signal(number)
    sent = time.monotonic()
    out, err = run.communicate(timeout=60)
    assert time.monotonic() - sent < at_rest(2.0)
    assert run.returncode == 128 + number
    assert out == ""
    assert err.endswith(f"gavel-sim: interrupted; go on with: gavel-sim run --resume {tmp_path}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


SOLVES_FOR_EVER = """
import sys, time
from gavel_opt.driver import Driver
calls, solve = [], Driver.solve
def slow(self, program):
    calls.append(program)
    if len(calls) == 40:
        print("now", flush=True)
        time.sleep(60)
    return solve(self, program)
Driver.solve = slow
from simulator.cli import main
sys.exit(main())
"""


LOOKS_FOR_EVER = """
import sys, time
from simulator.runs.saturation.judge import Judge
from simulator.runs.output.live import LiveFolder
calls, place = [], {place}
look = getattr(*place)
def slow(self, simulation):
    calls.append(simulation.rounds)
    found = look(self, simulation)
    if len(calls) == 4:
        print("now", flush=True)
        time.sleep(60)
    return found
setattr(*place, slow)
from simulator.cli import main
sys.exit(main())
"""

STUCK = {
    "in a solve": SOLVES_FOR_EVER,
    "showing itself": LOOKS_FOR_EVER.format(place="(LiveFolder, 'show')"),
    "in a look": LOOKS_FOR_EVER.format(place="(Judge, 'look')"),
}


def _interrupted(script: str, *words: str) -> subprocess.Popen[str]:
    """A run that has got stuck, and a Ctrl-C since."""
    run = subprocess.Popen(
        [sys.executable, "-c", script, "run", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "now\n"
    run.send_signal(signal.SIGINT)
    return run


@pytest.mark.parametrize("script", STUCK.values(), ids=STUCK.keys())
def test_what_does_not_end_is_left_with_the_state_before_it(tmp_path, script):
    words = (
        *("--policy", "finish_time_fairness_perf", "--cluster", "6:6:6", "--rate", "1"),
        *("--window", "60:160"),
    )
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert gavel_sim("run", *words, "--output", whole).returncode == 0
    checkpoints = ("--output", str(cut), "--checkpoint-every", "1000000r")
    run = _interrupted(script, *words, *checkpoints)
    sent = time.monotonic()
    time.sleep(0.1)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert time.monotonic() - sent < at_rest(2.0)
    there, last = err.splitlines()
    assert re.fullmatch(r"stopped after [\d,]+ rounds \(.* simulated\)", there)
    assert last == f"gavel-sim: interrupted; go on with: gavel-sim run --resume {cut}"
    again = gavel_sim("run", "--resume", cut)
    assert again.returncode == 0, again.stderr
    a, b = (json.loads((folder / "summary.json").read_text()) for folder in (whole, cut))
    assert contents(a) == contents(b)


def test_what_cannot_be_saved_is_said(tmp_path):
    """The disk has filled since the run began: the process ends all the same, and says so."""
    words = ("--policy", "isolated", "--cluster", "6:6:6", "--rate", "1", "--window", "60:160")
    words += ("--output", str(tmp_path), "--checkpoint-every", "1000000r")
    full = "import simulator.runs.runner as r, errno, os\n"
    full += "def save(*_): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\nr.save = save\n"
    run = _interrupted(full + STUCK["showing itself"], *words)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    first, last = err.splitlines()
    assert first.startswith("gavel-sim: the state could not be saved: ")
    assert "No space left" in first
    assert last == "gavel-sim: interrupted; no summary was written; the same command starts again"


def test_a_solve_that_does_not_end_is_left_after_the_timeout(tmp_path):
    words = ("--policy", "finish_time_fairness_perf", "--cluster", "6:6:6", "--rate", "1")
    words += ("--window", "60:160", "--saturation", "off", "--timeout", "4")
    words += ("--output", str(tmp_path), "--checkpoint-every", "1000000r")
    soon = "import simulator.process.timeout_watch as o; o.LONGEST = 0.5\n" + SOLVES_FOR_EVER
    run = subprocess.run(
        [sys.executable, "-c", soon.replace("40", "5"), "run", *words],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert run.returncode == 3, run.stderr
    assert run.stdout == "now\n"
    assert run.stderr.startswith("stopped after ")
    assert (
        "\ngavel-sim: the run did not come back within 0.5 s of its --timeout of 4 s" in run.stderr
    )
    assert run.stderr.endswith(f"go on with: gavel-sim run --resume {tmp_path}\n")


SIGNAL_AT_IMPORT = """
import os, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            os.kill(os.getpid(), int(sys.argv[2]))
sys.meta_path.insert(0, Finder())
import {package}.__main__ as command
sys.exit(command.main())
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("package", ["simulator", "gavel_opt"])
def test_a_signal_while_the_command_is_loaded_is_one_line(package, number):
    """Nothing answers for it yet, and Python would raise in whatever it loads."""
    loaded = f"{package}.cli"
    run = subprocess.run(
        [sys.executable, "-c", SIGNAL_AT_IMPORT.format(package=package), loaded, str(int(number))],
        capture_output=True,
        text=True,
        check=False,
    )
    name = {"simulator": "gavel-sim", "gavel_opt": "gavel-opt"}[package]
    assert run.stderr == f"{name}: interrupted; the same command starts again\n"
    assert run.returncode == 128 + number


def test_start_up_ends_without_a_traceback(tmp_path):
    """Some moments of the time in which a command loads what it needs."""
    draw = random.Random(1)
    for _ in range(6):
        run = start_gavel_sim(
            *("run", "--policy", "max_min_fairness_perf", "--rate", 4, "--window", "4000:5000"),
            *("--output", tmp_path, "--checkpoint-every", "1000000r", "--saturation", "off"),
        )
        time.sleep(draw.uniform(0.15, 0.6))
        run.send_signal(draw.choice(SIGNALS))
        _, err = run.communicate(timeout=60)
        if err.startswith("Fatal Python error: init"):
            continue  # on a busy machine Python itself was not up yet
        assert "Traceback" not in err
        assert "gavel-sim: interrupted" in err
        assert "again" in err or "go on with" in err


def test_a_sweep_says_that_the_same_command_goes_on(tmp_path):
    words = ("--policy", "isolated", "--rate", 4, 5, "--window", "40000:50000")
    run = start_gavel_sim("sweep", *words, "--processes", 1, "--output", tmp_path)
    time.sleep(2.0)
    run.send_signal(signal.SIGTERM)
    sent = time.monotonic()
    _, err = run.communicate(timeout=60)
    assert time.monotonic() - sent < at_rest(2.5)
    assert run.returncode == 128 + signal.SIGTERM
    assert err.count("\n") == 1
    assert "the same command goes on where it stopped" in err


@pytest.mark.parametrize(
    ("words", "goes_on"),
    [
        (["sweep"], True),
        (["figure", "9"], True),
        (["knee", "--output", "a"], True),
        (["what-if", "--output=a"], True),
        (["knee"], False),
        (["what-if"], False),
        ([], False),
    ],
)
def test_only_what_keeps_its_results_says_that_it_goes_on(words, goes_on):
    assert ("goes on where it stopped" in _how_to_go_on(words)) == goes_on
    assert ("starts again" in _how_to_go_on(words)) != goes_on


SLOW_END = """
import os, sys, time
class Last:
    def __del__(self, write=os.write, sleep=time.sleep):
        write(1, b"now" + bytes([10]))
        sleep(1.0)
last = Last()
from simulator.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_while_python_ends_changes_nothing(number):
    """It takes its modules apart after its handlers of signals, and that takes a while."""
    run = subprocess.Popen(
        [sys.executable, "-c", SLOW_END, "--version"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    assert run.stdout.readline().startswith("gavel-sim ")
    assert run.stdout.readline() == "now\n"
    run.send_signal(number)
    assert run.communicate(timeout=60) == ("", "")
    assert run.returncode == 0


@pytest.mark.slow
def test_two_hundred_random_interrupts_of_every_policy(tmp_path):
    """``GAVEL_INTERRUPTS`` sets how many, ``GAVEL_SEED`` which."""
    warmed = start_gavel_sim("warm-up")  # what is compiled meanwhile would only take time
    assert warmed.communicate(timeout=1800)
    wanted = int(os.environ.get("GAVEL_INTERRUPTS", "200"))
    draw = random.Random(int(os.environ.get("GAVEL_SEED", "14")))
    tried = landed = 0
    policies = sorted(POLICIES)
    references: dict[str, dict[str, object]] = {}
    took: dict[str, float] = {}
    while landed < wanted:
        policy = policies[tried % len(policies)]
        tried += 1
        words = [*("--policy", policy, "--cluster", "6:6:6", "--rate", "1")]
        words += ["--window", "60:160", "--saturation", "off", "--max-simulated-hours", "400"]
        if policy not in references:
            started = time.monotonic()
            done = gavel_sim("run", *words, "--output", tmp_path / policy)
            took[policy] = time.monotonic() - started
            if done.returncode != 0:
                policies.remove(policy)
                continue
            references[policy] = json.loads((tmp_path / policy / "summary.json").read_text())
        folder = tmp_path / f"{policy}-{tried}"
        run = start_gavel_sim("run", *words, "--output", folder, "--checkpoint-every", "1000000r")
        time.sleep(took[policy] * draw.uniform(0.4, 1.0))
        number = draw.choice(SIGNALS)
        with contextlib.suppress(ProcessLookupError):
            run.send_signal(number)
        sent = time.monotonic()
        _, err = run.communicate(timeout=60)
        assert time.monotonic() - sent < at_rest(3.0), (policy, err)
        assert "Traceback" not in err, (policy, err)
        if run.returncode == 0:
            continue
        assert run.returncode == 128 + number
        landed += 1
        print(landed, tried, policy, signal.Signals(number).name, flush=True)
        if not (folder / "checkpoint.npz").exists():
            assert "starts again" in err
            continue
        again = gavel_sim("run", "--resume", folder)
        assert again.returncode == 0, (policy, again.stderr)
        found = json.loads((folder / "summary.json").read_text())
        assert contents(found) == contents(references[policy]), policy
        left = {path.name for path in folder.iterdir()}
        assert left == {"checkpoint.npz", *(path.name for path in (tmp_path / policy).iterdir())}
        tables = [parquet.read_table(Path(f) / "jobs.parquet") for f in (folder, tmp_path / policy)]
        assert tables[0].equals(tables[1]), policy
