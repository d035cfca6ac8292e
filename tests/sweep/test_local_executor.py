from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import work_for_tests as work

from gavel_opt import InputError
from simulator.studies.executors import make_executor
from simulator.studies.executors.local import Beside


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def _gone(process: int) -> bool:
    for _ in range(100):
        if not _alive(process):
            return True
        time.sleep(0.05)
    return False


def test_every_payload_has_one_outcome_from_warm_processes() -> None:
    outcomes = list(make_executor(processes=2).run(work.square, [{"n": n} for n in range(12)]))
    assert sorted(outcome.index for outcome in outcomes) == list(range(12))
    assert all(outcome.value["value"] == outcome.index**2 for outcome in outcomes)
    assert len({outcome.value["process"] for outcome in outcomes}) <= 2
    assert os.getpid() not in {outcome.value["process"] for outcome in outcomes}


def test_failures_stay_with_their_payload() -> None:
    hows = ["fine", "input", "dies", "bug", "interrupts", "closes", "dies", "fine", "says nothing"]
    outcomes = make_executor(processes=2).run(work.sometimes, [{"how": how} for how in hows])
    found = {outcome.index: outcome for outcome in outcomes}
    assert sorted(found) == list(range(len(hows)))
    for index, how in enumerate(hows):
        if how == "fine":
            assert found[index].error is None
            assert found[index].value == {"value": "fine"}
    assert found[1].error == "no such thing"
    assert found[1].trace is None
    assert found[3].error == "ZeroDivisionError: a bug"
    assert "in sometimes" in (found[3].trace or "")
    assert found[4].error == "KeyboardInterrupt"
    assert found[5].error == "GeneratorExit: early"
    assert "process died" in (found[2].error or "")
    assert "process died" in (found[6].error or "")
    assert found[8].error == "NoTextError"


def test_what_hangs_is_ended_after_its_time_and_not_tried_again() -> None:
    """A solver may keep Python's lock for ever: nothing in its own process can act then."""
    payloads = [{"how": how} for how in ("sleeps", "keeps the lock", "comes back late", "fine")]
    started = time.monotonic()
    found = {one.index: one for one in make_executor(processes=2).run(work.hangs, payloads)}
    assert time.monotonic() - started < 40.0
    for index in (0, 1):
        assert found[index].died
        assert "did not come back within 1 s of its --timeout of 0.2 s" in (
            found[index].error or ""
        )
    assert [found[index].value for index in (2, 3)] == [
        {"value": "comes back late"},
        {"value": "fine"},
    ]


def test_who_dies_once_is_tried_again(tmp_path: Path) -> None:
    payloads = [{"how": "fine"}, {"how": "dies once", "folder": str(tmp_path)}, {"how": "dies"}]
    found = {one.index: one for one in make_executor(processes=1).run(work.sometimes, payloads)}
    assert found[1].value == {"value": "dies once"}
    assert (found[2].error, found[2].died) == ("its process died twice (exit status 9)", True)
    assert not found[1].died


def test_nothing_to_do() -> None:
    assert list(make_executor(processes=1).run(work.square, [])) == []


def test_closing_stops_what_runs(tmp_path: Path) -> None:
    payloads = [{"folder": str(tmp_path)}] * 3
    outcomes = make_executor(processes=1).run(work.slow, payloads)

    def interrupt() -> None:
        while not list(tmp_path.iterdir()):
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        next(iter(outcomes))
    assert time.monotonic() - started < 30
    (process,) = (int(path.name) for path in tmp_path.iterdir())
    assert _gone(process)


def test_what_goes_on_beside_comes_back_in_order() -> None:
    beside = Beside()
    assert beside.wait() == []
    for hows in (["fine", "bug", "input"], ["input", "dies", "fine"], ["fine"]):
        for how in hows:
            beside.give(work.sometimes, {"how": how})
        found = beside.wait()
        assert [outcome.index for outcome in found] == list(range(len(hows)))
        errors = {"bug": "ZeroDivisionError: a bug", "input": "no such thing", "fine": None}
        died = hows.index("dies") if "dies" in hows else len(hows)
        assert [one.error for one in found[:died]] == [errors[how] for how in hows[:died]]
        assert all("process died" in str(one.error) for one in found[died:])
    beside.close()


def test_what_goes_on_beside_is_given_up_at_once(tmp_path: Path) -> None:
    beside = Beside()
    beside.give(work.slow, {"folder": str(tmp_path)})
    while not list(tmp_path.iterdir()):
        time.sleep(0.02)
    started = time.monotonic()
    beside.close()
    assert time.monotonic() - started < 10  # and not its minute
    (process,) = (int(path.name) for path in tmp_path.iterdir())
    assert _gone(process)


def test_processes_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = (
        "import sys, work_for_tests as work\n"
        "from simulator.studies.executors import make_executor\n"
        "if __name__ == '__main__':\n"
        "    list(make_executor(processes=1).run(work.slow, [{'folder': sys.argv[1]}]))\n"
    )
    program = tmp_path / "program.py"
    program.write_text(script)
    folder = tmp_path / "running"
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, str(program), str(folder)], env=environment)
    try:
        for _ in range(400):
            if list(folder.iterdir()):
                break
            time.sleep(0.05)
        (process,) = (int(path.name) for path in folder.iterdir())
    finally:
        parent.kill()
        parent.wait()
    assert _gone(process)


def test_an_unknown_executor_is_named_with_the_known() -> None:
    with pytest.raises(InputError, match="choose one of: local"):
        make_executor("slurm")
