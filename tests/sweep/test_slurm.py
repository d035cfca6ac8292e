"""A sweep on a real Slurm: tasks killed and preempted, a node lost; nothing lost, same bits."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from slurm_here import missing, slurm

from simulator.studies.batches import long_runs
from simulator.studies.batches.carry_out import CHECKPOINTS
from tests.cli.sim import completion_times, gavel_sim

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(missing() is not None, reason=missing() or ""),
]

RUNS = ["sweep", "--policy", "gandiva", "max_min_fairness_perf", "--rate", "4", "5"]
RUNS += ["--window", "1500:2000", "--seed", "0-11"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, float]]:
    folder = tmp_path_factory.mktemp("local") / "sweep"
    _gavel_sim({}, *RUNS, "--output", str(folder))
    return completion_times(folder)


def _gavel_sim(environment: dict[str, str], *words: str) -> str:
    done = gavel_sim(*words, **environment)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def _until(what: Callable[[], bool], seconds: float, pause: float = 0.2) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(pause)


def _standing(environment: dict[str, str], folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(
        _gavel_sim(environment, "sweep", "status", str(folder), "--json")
    )
    return found


def _submit(cluster: dict[str, str], folder: Path, tasks: int) -> None:
    words = [*RUNS, "--output", str(folder), "--executor", "slurm", "--tasks", str(tasks)]
    said = _gavel_sim(cluster, *words, "--sbatch=--partition=low")
    assert said.startswith("job ")


def _finish(cluster: dict[str, str], folder: Path) -> None:
    try:
        _until(lambda: _standing(cluster, folder)["done"] == 48, 600, 3.0)
    finally:
        logs = "".join(path.read_text() for path in sorted((folder / "slurm").glob("*.out")))
        print(logs[-3000:])
    collected = _gavel_sim(cluster, "sweep", "collect", str(folder))
    assert "48 of 48 runs done" in collected
    assert not (folder / "failures").exists()
    assert not (folder / ".unfinished").exists()


def _preempt(cluster: dict[str, str], folder: Path) -> None:
    """Let somebody of more importance take all nodes for a moment."""
    blocker = folder / "blocker.sh"
    blocker.write_text("#!/bin/bash\nsleep 4\n")
    _slurm(cluster, "sbatch", "-p", "high", "-N3", "-n3", "-o", "/dev/null", str(blocker))


def _slurm(cluster: dict[str, str], *words: str) -> str:
    return subprocess.run(words, env=cluster, capture_output=True, text=True, check=False).stdout


def _listed() -> list[tuple[int, int, str]]:
    """All processes: number, parent, command."""
    listed = subprocess.run(
        ["ps", "-ewwo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    rows = [line.split(None, 2) for line in listed]
    return [(int(pid), int(parent), command) for pid, parent, command in rows]


def _processes(words: str) -> list[int]:
    """Processes whose command holds some words, and those that they started."""
    rows = _listed()
    found = [pid for pid, _, command in rows if words in command and "python" in command]
    return _with_offspring(found, rows)


def _with_offspring(found: list[int], rows: list[tuple[int, int, str]]) -> list[int]:
    for pid, parent, _ in sorted(rows):
        if parent in found and pid not in found:
            found.append(pid)
    return found


def _kill_all_on(node: str, configuration: Path) -> int:
    """Kill a node's daemon, what watches its tasks, and the tasks, and nothing of any other Slurm; count them."""
    rows = _listed()
    scripts = f"{configuration.parent / 'spool' / node}/"
    parents = {parent for _, parent, command in rows if scripts in command}
    found = [
        pid
        for pid, _, command in rows
        if command.rstrip().endswith(f"{configuration} -N {node}")
        or (pid in parents and command.startswith("slurmstepd"))
    ]
    doomed = _with_offspring(found, rows)
    for process in doomed:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return len(doomed)


def _cpu_seconds(processes: list[int]) -> float:
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(words[11]) + int(words[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _is_told_to_end(process: int) -> bool:
    """Whether SIGTERM waits for a process that stood still, or it was woken or is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return True
    state, waiting = re.search(r"State:\s*(\w)", status), re.search(r"ShdPnd:\s*(\w+)", status)
    assert state
    assert waiting
    return state[1] != "T" or bool(int(waiting[1], 16) >> (signal.SIGTERM - 1) & 1)


def test_a_sweep_survives_a_killed_and_a_preempted_task(
    cluster: dict[str, str], expected: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    _submit(cluster, folder, tasks=3)
    _until(lambda: len(list(folder.glob("*/summary.json"))) >= 4, 120)
    # Killed outright, as by the kernel: Slurm sees a failed task, which is put back by hand.
    running = _slurm(cluster, "squeue", "-h", "-t", "R", "-o", "%A_%a %F_%K").split()
    task = running[1]
    _slurm(cluster, "scancel", "--signal=KILL", "--full", task)
    time.sleep(3)
    _slurm(cluster, "scontrol", "requeue", task)
    _preempt(cluster, folder.parent)
    _finish(cluster, folder)
    assert completion_times(folder) == expected


def test_a_sweep_survives_the_loss_of_a_node(
    cluster: dict[str, str], expected: dict[str, dict[str, float]], tmp_path: Path
) -> None:
    folder = tmp_path / "sweep"
    _submit(cluster, folder, tasks=3)
    _until(lambda: len(list(folder.glob("*/summary.json"))) >= 4, 120)
    # Everything on the node dies at once: its daemon, what watches the task, and the task.
    configuration = cluster["SLURM_CONF"]
    assert _kill_all_on("n2", Path(configuration)) >= 4  # also the script of the task
    _slurm(cluster, "scontrol", "update", "nodename=n2", "state=down", "reason=lost")
    node = subprocess.Popen(["slurmd", "-D", "-f", configuration, "-N", "n2"], env=cluster)
    try:
        time.sleep(2)
        _slurm(cluster, "scontrol", "update", "nodename=n2", "state=resume")
        _finish(cluster, folder)
    finally:
        node.terminate()
        node.wait(timeout=20)
    assert completion_times(folder) == expected


def test_a_long_run_goes_on_in_the_next_allocation(cluster: dict[str, str], tmp_path: Path) -> None:
    # On an engine that takes long: what is compiled here is through before anybody looks.
    run = ["sweep", "--policy", "max_min_fairness_perf", "--engine", "highs"]
    run += ["--cluster", "12:12:12", "--rate", "1.2", "--window", "500:25000"]
    run += ["--saturation", "off", "--output"]
    folder = tmp_path / "sweep"
    said = _gavel_sim(
        cluster,
        *run,
        str(folder),
        "--executor",
        "slurm",
        "--tasks",
        "1",
        "--sbatch=--partition=low",
        "--sbatch=--time=2",
    )
    job = said.split()[1].strip(",:;")
    claim, spent = folder / ".claims" / "max_min_fairness_perf.claim", 0.0

    # Once at its time limit, of which Slurm tells the script ahead, and once preempted.
    for cause in (lambda: None, lambda: _preempt(cluster, tmp_path)):
        _until(claim.exists, 240, 0.05)
        _until(lambda: _cpu_seconds(_processes(str(folder))) > 4.0, 120)  # it has begun, not ended
        tree = _processes(str(folder))
        # The run would be done before: it stands still until it is told to end.
        for process in tree:
            os.kill(process, signal.SIGSTOP)
        _until(lambda tree=tree: not any(_is_told_to_end(process) for process in tree), 10, 0.02)
        cause()
        _until(lambda tree=tree: any(_is_told_to_end(process) for process in tree), 130)
        for process in tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
        _until(lambda: not claim.exists(), 120, 0.05)
        (checkpoint,) = (folder / CHECKPOINTS).iterdir()
        kept = long_runs.load(checkpoint, "test")
        assert kept.runner["spent"] > spent  # the second went on from where the first was
        spent = kept.runner["spent"]
    _until(lambda: _standing(cluster, folder)["done"] == 1, 600, 1.0)
    restarts = re.search(r"Restarts=(\d+)", _slurm(cluster, "scontrol", "show", "job", f"{job}_0"))
    assert restarts
    assert int(restarts[1]) >= 2
    said = (folder / "slurm" / f"{job}_0.out").read_text()
    assert "DUE TO TIME LIMIT" not in said  # it was gone before Slurm had to end it
    assert not (folder / CHECKPOINTS).exists()
    _gavel_sim({}, *run, str(tmp_path / "local"))
    assert completion_times(folder) == completion_times(tmp_path / "local")
