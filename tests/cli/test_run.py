"""``gavel-sim run`` through real processes: what it prints, writes and returns."""

from __future__ import annotations

import json
import signal
import sys
import time

import numpy as np
import pytest
from noise import without_progress
from pyarrow import parquet
from sim import gavel_sim, start_gavel_sim

import simulator
from gavel_opt.errors import counted
from simulator.cli import main
from simulator.runs.output.summary import _lacking
from simulator.runs.output.summary_text import describe

SMALL = ("--policy", "isolated", "--cluster", "6:6:6")
CONTINUOUS = (*SMALL, "--interarrival", 7200, "--window", "20:40")
"""The recorded run cont40-isolated-s0 of the reference."""

CONTRACT = {
    *("status", "average_jct", "jct", "makespan", "utilization", "rounds", "allocations"),
    *("lease_extensions", "lease_extension_opportunities", "engine", "policy", "config"),
    *("solve", "time", "saturation"),
}
SOLVE = {
    *("programs", "cache_hits", "fallbacks"),
    *("max_primal_residual", "max_dual_residual", "max_relative_gap"),
}
TIME = {"build", "translate", "solve", "read", "mechanism", "total"}


def without_time(summary: dict) -> dict:
    """A summary without what differs between equal runs, or is only in a folder."""
    own = ("time", "identity", "code")
    return {name: value for name, value in summary.items() if name not in own}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The run folder of the recorded run."""
    path = tmp_path_factory.mktemp("run") / "made" / "here"
    done = gavel_sim("run", *CONTINUOUS, "--output", path, "--json", "--record", "placements")
    assert done.returncode == 0, done.stderr
    assert without_progress(done.stderr) == ""
    assert json.loads(done.stdout) == json.loads((path / "summary.json").read_text())
    return path


@pytest.fixture(scope="module")
def summary(folder):
    return json.loads((folder / "summary.json").read_text())


def test_summary_has_the_contract_and_the_reference_figures(summary):
    assert set(summary) >= CONTRACT
    assert set(summary["solve"]) >= SOLVE
    assert set(summary["time"]) >= TIME
    assert summary["status"] == "completed"
    assert list(map(int, summary["jct"])) == list(range(20, 40))
    assert summary["average_jct"] == pytest.approx(70455.1104976626, rel=1e-9)
    assert summary["utilization"] == pytest.approx(0.38729567521680014, rel=1e-9)
    assert summary["makespan"] == pytest.approx(676419.5212731815, rel=1e-9)
    assert (summary["rounds"], summary["allocations"]) == (1880, 134)
    assert summary["lease_extensions"] == 3478
    assert summary["lease_extension_opportunities"] == 13070
    assert np.mean(list(summary["jct"].values())) == summary["average_jct"]
    assert not summary["partial"]
    assert summary["average_jct_at_least"] is None
    assert summary["average_jct_partial"] is None
    assert summary["average_jct_reason"] is None
    assert summary["seed"] == summary["config"]["seed"] == 0


def test_dropped_jobs_are_said():
    result = simulator.run(policy="isolated", cluster={"v100": 6}, jobs=3)
    assert "dropped" not in describe(result, None)
    assert _lacking(3, 0, 0, "completed", None) is None
    reason = _lacking(3, 0, 2, "completed", None)
    assert reason == (
        "2 of 5 measured jobs were dropped after five failed attempts: fewer steps left than workers"
    )
    assert "1 of 4 measured jobs was dropped" in (_lacking(3, 0, 1, "completed", None) or "")
    assert "1 of 4 measured jobs has not" in (_lacking(3, 1, 0, "horizon", None) or "")
    result.summary |= {"average_jct": None, "partial": True, "average_jct_reason": reason}
    result.summary["average_jct_partial"] = 7200.0
    said = describe(result, None)
    assert reason in said
    assert "over those that completed: 2.00 h" in said  # a dropped job may be a short one
    result.summary["jobs"]["missing"] = 1
    assert "over those that completed, which is too low: 2.00 h" in describe(result, None)


def test_one_is_no_plural():
    assert [counted(number, "row") for number in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
    result = simulator.run(policy="isolated", cluster={"v100": 6}, jobs=1)
    assert "over 1 job\n" in describe(result, None)
    assert ".jobs (1 row)" in repr(result)


def test_parts_of_the_time_are_no_more_than_the_total(summary):
    beside = ("total", "compile")  # compiling is no part of what the run took
    parts = {name: seconds for name, seconds in summary["time"].items() if name not in beside}
    assert min(parts.values()) >= 0
    assert summary["time"]["compile"] >= 0
    assert parts["mechanism"] > 0
    assert sum(parts.values()) <= summary["time"]["total"] * 1.001


def test_tables(folder, summary):
    jobs = parquet.read_table(folder / "jobs.parquet").to_pydict()
    rounds = parquet.read_table(folder / "rounds.parquet").to_pydict()
    placements = parquet.read_table(folder / "placements.parquet").to_pydict()
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    measured = [n for n, mine in zip(jobs["job"], jobs["measured"], strict=True) if mine]
    assert measured == list(range(20, 40))
    assert [jobs["jct"][n] for n in measured] == list(summary["jct"].values())
    assert any(jct is None for jct in jobs["jct"]), "jobs still on their way have no time"
    assert len(rounds["round"]) == summary["rounds"]
    for name in ("time", "active", "running", "queued", "arrived", "completed", "utilization"):
        assert all(value is not None for value in rounds[name])
    active = np.array(rounds["active"])
    assert (active == np.array(rounds["arrived"]) - np.array(rounds["completed"])).all()
    by_type = [np.array(rounds[f"utilization_{name}"]) for name in ("k80", "p100", "v100")]
    np.testing.assert_allclose(np.mean(by_type, axis=0), rounds["utilization"], rtol=1e-12)
    done = [jct for jct in jobs["jct"] if jct is not None]
    assert rounds["mean_jct"][-1] == pytest.approx(np.mean(done), rel=0.05)
    running = np.array(rounds["running"])
    first, last = np.array(placements["first_round"]), np.array(placements["last_round"])
    for number in (10, 500, len(running) - 2):
        assert np.sum((first <= number) & (number <= last)) == running[number]
    assert list(placements) == [
        *("worker", "worker_type", "job", "partner", "first_round", "last_round")
    ]


def test_command_in_the_summary_repeats_the_run(summary):
    import shlex

    words = shlex.split(summary["command"])
    assert words[:2] == ["gavel-sim", "run"]
    again = gavel_sim(*words[1:], "--json")
    assert without_time(json.loads(again.stdout)) == without_time(summary)


def test_python_gives_what_the_command_gives(summary):
    result = simulator.run(
        policy="isolated",
        cluster={"v100": 6, "p100": 6, "k80": 6},
        interarrival=7200,
        window=(20, 40),
        seed=0,
    )
    assert result.average_jct == summary["average_jct"]
    assert result.jct == {int(job): jct for job, jct in summary["jct"].items()}
    assert without_time(result.summary) == without_time(summary)
    assert result.jobs["jct"].size == summary["jobs"]["arrived_in_all"]


def test_python_says_what_is_wrong():
    with pytest.raises(simulator_error(), match="did you mean isolated"):
        simulator.run(policy="isolatd", jobs=5)
    with pytest.raises(simulator_error(), match="setting 'windw'; did you mean window"):
        simulator.run(policy="isolated", jobs=5, windw=(1, 2))


def simulator_error() -> type[Exception]:
    from gavel_opt import InputError

    return InputError


def test_entities_of_a_trace_that_names_none_are_said(tmp_path):
    rows = [f"A3C\t-\t-\t-\t0\t1000\t1\t1.0\t-1\t{60 * job}" for job in range(3)]
    settings = {"policy": "max_min_fairness_water_filling_perf", "cluster": "2:2:2"}
    (tmp_path / "none").write_text("".join(f"{row}\n" for row in rows))
    (tmp_path / "some").write_text("".join(f"{row}\t{job}\n" for job, row in enumerate(rows)))
    for name, said in (("none", True), ("some", False)):
        found = simulator.run(trace=str(tmp_path / name), entities="1:2:3", **settings)
        assert any("are of entity 0" in note for note in found.summary["notes"]) is said
    for given, said in (
        ("1:2", "for entity 2 of the trace"),
        ("2", "for entity 1, 2 of the trace"),
    ):
        found = simulator.run(trace=str(tmp_path / "some"), entities=given, **settings)
        assert any(said in note for note in found.summary["notes"])


@pytest.mark.parametrize(("first", "said"), [(0, False), (7_200, False), (1_774_740_000, True)])
def test_a_trace_with_dates_for_arrivals_is_told_that_they_count_from_the_start(
    first, said, tmp_path
):
    trace = tmp_path / "dated"
    rows = [f"A3C\t-\t-\t-\t0\t1000\t1\t1.0\t-1\t{first + 60 * job}\n" for job in range(3)]
    trace.write_text("".join(rows))
    found = simulator.run(policy="fifo", cluster="2:2:2", trace=str(trace))
    assert any("until the first job arrives" in note for note in found.summary["notes"]) is said


@pytest.mark.parametrize(
    ("policy", "cluster", "said"),
    [
        ("finish_time_fairness", "0:2:2", True),
        ("min_total_duration", "v100=0,k80=2", True),
        ("finish_time_fairness", "2:2:2", False),
        ("finish_time_fairness_perf", "0:2:2", False),
    ],
)
def test_without_v100s_it_is_told_whose_speed_plain_policies_take(policy, cluster, said):
    """It is not the V100s', though a table without these is refused."""
    notes = simulator.run(policy=policy, cluster=cluster, jobs=3).summary["notes"]
    kind = "k80" if "p100" not in cluster and ":" not in cluster else "p100"
    note = f"takes every job's speed from {kind}, the fastest type that is there"
    assert any(note in one for one in notes) is said


def test_a_runs_own_table_is_no_recording_to_replay(tmp_path, capsys):
    words = ["run", "--policy", "isolated", "--cluster", "4:4:4", "--jobs", "3"]
    assert main([*words, "--record", "allocations", "--output", str(tmp_path / "a")]) == 0
    capsys.readouterr()
    assert main([*words, "--replay", str(tmp_path / "a" / "allocations.parquet")]) == 2
    assert "expected a recording of Gavel's allocations in JSON" in capsys.readouterr().err


def test_summary_for_people_is_short_and_plain_when_piped(tmp_path):
    done = gavel_sim("run", *SMALL, "--jobs", 8, "--output", tmp_path / "run", "--profile")
    assert done.returncode == 0
    assert without_progress(done.stderr) == ""
    assert "\033" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0].endswith(": completed")
    assert len(lines) < 28
    assert any("mechanism" in line for line in lines)
    assert any(line.startswith("  total") for line in lines)


def test_limit_of_simulated_time(tmp_path):
    done = gavel_sim("run", *CONTINUOUS, "--max-simulated-hours", 100, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"], found["partial"]) == (0, "horizon", True)
    assert 100 * 3600 <= found["simulated_time"] <= 100 * 3600 + 360
    assert found["jobs"]["missing"] == 20 - found["jobs"]["completed"] > 0


TOTALS = ("cost", "cost_without_gaps")


def test_totals_of_a_run_that_was_cut_off_stand_apart(summary):
    """Half of the work costs less: a mean over runs must not mix them."""
    found = json.loads(gavel_sim("run", *CONTINUOUS, "--max-simulated-hours", 95, "--json").stdout)
    assert found["slo_violations"] is None
    for each in (summary, found):
        assert each["makespan"] == each["simulated_time"]
        assert 0 < each["utilization"] <= 1
    for name in TOTALS:
        assert found[name] is None
        assert found[f"{name}_so_far"] > 0
        assert summary[f"{name}_so_far"] is None
        assert summary[name] > 0
    assert found["cost_so_far"] < summary["cost"]
    text = gavel_sim("run", *CONTINUOUS, "--max-simulated-hours", 95).stdout
    assert f"cost        ${found['cost_so_far']:,.2f} so far" in text


def test_a_partial_mean_is_never_the_mean(summary):
    """Short jobs complete first. The bound holds for the jobs that have arrived by then."""
    done = gavel_sim("run", *CONTINUOUS, "--max-simulated-hours", 95, "--json")
    found = json.loads(done.stdout)
    assert found["status"] == "horizon"
    assert 0 < found["jobs"]["completed"] < 20
    assert found["average_jct"] is None
    assert found["jct_percentiles"] is None
    assert found["average_jct_partial"] == np.mean(list(found["jct"].values()))
    assert found["average_jct_partial"] < summary["average_jct"]
    assert found["average_jct_at_least"] < summary["average_jct"]
    missing = found["jobs"]["missing"]
    reason = f"{missing} of 20 measured jobs have not completed; simulated time was limited"
    assert reason in found["average_jct_reason"]
    text = gavel_sim("run", *CONTINUOUS, "--max-simulated-hours", 95).stdout
    assert reason in text
    assert "too low" in text
    assert "mean JCT    none: " in text


def test_timeout():
    done = gavel_sim(
        "run", *SMALL, "--rate", 40, "--window", "100000:100001", "--saturation", "off",
        "--timeout", 0.2, "--json",
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (0, "timeout")
    assert found["average_jct"] is None


def test_what_no_policy_could_do_is_saturated_before_it_starts():
    words = ("run", *SMALL, "--rate", 3, "--window", "100000:100001")
    done = gavel_sim(*words, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"], found["rounds"]) == (0, "saturated", 0)
    assert found["average_jct"] is None
    verdict = found["saturation"]
    assert verdict["rule"] == "long-queue"
    assert verdict["figures"]["bound"] == pytest.approx(5.8377 / 6, rel=1e-4)
    text = gavel_sim(*words).stdout
    assert "saturated: jobs arrive faster than they leave" in text
    assert (
        "no policy could sustain this: 3 jobs arrive per hour, and the workers are enough" in text
    )


def test_saturated_run_is_stopped_with_its_reasons():
    words = ("run", *SMALL, "--rate", 0.9, "--window", "100000:100001")
    done = gavel_sim(*words, "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["status"]) == (0, "saturated")
    verdict = found["saturation"]
    assert verdict["rule"] == "long-queue"
    assert 1.1 < verdict["figures"]["load"] < 1.15
    assert verdict["figures"]["pace"] == pytest.approx(0.8, rel=0.02)
    text = gavel_sim(*words).stdout
    assert "saturated: jobs arrive faster than they leave" in text
    assert "0.9 jobs arrive per hour; with a long queue" in text


def test_static_runs_are_never_saturated():
    """500 jobs at once on 18 workers: full for weeks, and yet it ends."""
    done = gavel_sim("run", *SMALL, "--jobs", 500, "--json", "--saturation", "long-queue")
    found = json.loads(done.stdout)
    assert found["status"] == "completed"
    assert found["saturation"]["verdict"] == "not applicable"


def test_interrupt_says_what_there_was(tmp_path):
    words = (*SMALL, "--rate", 40, "--window", "100000:100001", "--saturation", "off")
    run = start_gavel_sim("run", *words, "--output", tmp_path / "out", "--checkpoint-every", "1r")
    deadline = time.monotonic() + 120
    while not (tmp_path / "out" / "checkpoint.npz").exists():
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert out == ""
    assert "Traceback" not in err
    assert "simulated" in err
    again = f"go on with: gavel-sim run --resume {tmp_path / 'out'}"
    assert err.endswith(f"gavel-sim: interrupted; {again}\n")
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_run_that_fails_ends_with_3(monkeypatch, capsys):
    import simulator.runs.runner
    from gavel_opt import SolveFailed

    def fails(*_: object, **__: object) -> None:
        raise SolveFailed("no engine gave a certified answer")

    monkeypatch.setattr(simulator.runs.runner, "execute", fails)
    assert main(["run", "--policy", "isolated", "--jobs", "5"]) == 3
    assert capsys.readouterr().err == "gavel-sim: no engine gave a certified answer\n"


def test_complaints_need_no_heavy_library():
    """What makes a bad flag answer at once: neither solvers nor compilers nor tables are loaded."""
    code = (
        "import sys; from simulator.cli import main; "
        "main(['run', '--policy', 'fifoo', '--jobs', '5']); "
        "print(*[m for m in ('scipy', 'numba', 'pyarrow', 'rich', 'highspy') if m in sys.modules])"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_help_lists_commands_and_flags():
    done = gavel_sim("--help")
    assert done.returncode == 0
    assert "  run " in done.stdout
    done = gavel_sim("run", "--help")
    assert done.returncode == 0
    for flag in (
        *("--policy", "--engine", "--cluster", "--gpus-per-server", "--seed", "--round", "--jobs"),
        *("--rate", "--window", "--interarrival", "--trace", "--multi-gpu", "--multi-priority"),
        *("--ideal", "--fixed-duration", "--tie-break", "--replay", "--saturation"),
        *("--max-simulated-hours", "--timeout", "--output", "--json", "--record"),
    ):
        assert flag in done.stdout
    assert gavel_sim().returncode == 2


def test_workers_that_fill_no_server_are_said():
    done = gavel_sim(
        "run", "--policy", "fifo", "--cluster", "4:4:4", "--jobs", 5, "--gpus-per-server", "3:3:3"
    )
    assert "1 of 4 v100 fill no server of 3 and are left out" in done.stdout + done.stderr


def test_a_run_whose_mean_is_known_well_enough_does_not_say_completed():
    words = (
        "run",
        "--policy",
        "isolated",
        "--cluster",
        "8:8:8",
        "--rate",
        "1",
        "--window",
        "20:400",
    )
    done = gavel_sim(*words, "--saturation", "convergence:width=0.5,batches=4")
    assert done.stdout.startswith("isolated: stopped: the mean is known well enough (--saturation ")
    assert "converged: mean completion time" in done.stdout


def test_a_run_that_dropped_a_job_has_completed(tmp_path):
    trace = tmp_path / "some.trace"
    trace.write_text(
        "ResNet-18 (batch size 16)\t-\t-\t-\t0\t2000\t1\t1.0\t-1\t0\n"
        "ResNet-18 (batch size 16)\t-\t-\t-\t0\t3\t4\t1.0\t-1\t0\n"
    )
    done = gavel_sim("run", "--policy", "fifo", "--cluster", "4:4:4", "--trace", trace)
    assert done.stdout.startswith(
        "fifo: completed\n  mean JCT    none: 1 of 2 measured jobs was dr"
    )
