"""Bad input: one line on standard error that names the flag or the line, status 2, nothing written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from sim import gavel_sim

from simulator.cli import main

STATIC = ("--policy", "fifo", "--jobs", "5")

CASES = {
    "an empty name of a folder": (
        (*["run", "--policy", "fifo", "--jobs", "5", "--output"], ""),
        "--output: '' is not the name of a folder",
    ),
    "no time between checkpoints": (
        (*["run", "--policy", "fifo", "--jobs", "5", "--checkpoint-every"], ""),
        "--checkpoint-every: needs --output DIR to write into",
    ),
    "no recording": (
        (*["run", "--policy", "fifo", "--jobs", "5", "--output", "out", "--record"], ","),
        "--record: expected one or more of placements, allocations, programs, trace",
    ),
    "one of several values empty": (
        (*["sweep", "--policy", "fifo", "--jobs", "5", "--cluster", "2:2:2"], ""),
        "'' behind '2:2:2' names nothing; is a variable of the shell not set?",
    ),
    "an empty value given again": (
        (*["sweep", "--policy", "fifo", "--jobs", "5", "--cluster", "2:2:2", "--cluster"], ""),
        "--cluster: expected at least one value, found ''",
    ),
    "a run of no name to go on with": (
        ("run", "--resume", ""),
        "--resume: '' names nothing; see gavel-sim run --help",
    ),
    "results of no name to take over": (
        (*["sweep", "--policy", "fifo", "--jobs", "5", "--reuse"], ""),
        "--reuse: '' names nothing",
    ),
    "runs of no name to compare": (
        ("compare", "", ""),
        "'' behind 'compare' names nothing; is a variable of the shell not set?",
    ),
    "a setting where two runs are compared": (
        ("compare", "a", "b", "--seed", "3"),
        "--seed: compares two runs as they are; it goes with --engine",
    ),
    "a setting where a sweep is looked at": (
        ("sweep", "status", ".", "--policy", "fifo"),
        "--policy: sweep status is of all runs of the folder; drop the flag",
    ),
    "a figure in a folder of no name": (
        ("figure", "9", "--seed", "0", "--output", ""),
        "--output: '' is not the name of a folder",
    ),
    "a page that is none": (
        ["view", ".", "--export", "out.pdf"],
        "--export: out.pdf is no name of a page; expected FILE.html",
    ),
    "a source": (
        ["import", "slrm", "log", "--output", "my.trace"],
        "unknown source 'slrm'; did you mean slurm?",
    ),
    "a source that is like none": (
        ["import", "pbs", "log", "--output", "my.trace"],
        "unknown source 'pbs'; choose one of: acme, helios, openb, pai, philly, slurm, spot-gpu",
    ),
    "a range without its step": (
        ["sweep", "--policy", "fifo", "--rate", "4:6", "--window", "0:4"],
        "--rate: the range '4:6' has no step; 4-6 in steps of 1, or as in 4:6:0.4",
    ),
    "a flag without a command": (
        ("--policy", "fifo", "--jobs", "3"),
        "--policy: a command comes before its flags, such as gavel-sim run; see gavel-sim --help",
    ),
    "engine in other letters": (("run", *STATIC, "--engine", "HIGHS"), "did you mean highs?"),
    "servers as one number": (
        ("run", *STATIC, "--gpus-per-server", "3"),
        "--gpus-per-server: expected v100=4,p100=8,k80=8 or 4:8:8 (V100:P100:K80), found '3'",
    ),
    "command": (("rnu",), "unknown command 'rnu'; did you mean run"),
    "flag": (("run", "--polcy", "fifo"), "unknown flag '--polcy'; did you mean --policy"),
    "no policy": (("run", "--jobs", "5"), "--policy: is required"),
    "policy": (("run", "--policy", "fifoo", "--jobs", "5"), "policy (--policy) 'fifoo'; did you"),
    "engine": (
        ("run", *STATIC, "--engine", "hihgs"),
        "engine (--engine) 'hihgs'; did you mean high",
    ),
    "fallback": (("run", *STATIC, "--fallback", "hihgs"), "engine (--fallback) 'hihgs'"),
    "tie-break": (("run", *STATIC, "--tie-break", "canon"), "tie-break (--tie-break) 'canon'"),
    "worker type": (
        ("run", *STATIC, "--cluster", "v10=3"),
        "--cluster: unknown worker type 'v10'; did you mean v100",
    ),
    "cluster of none": (("run", *STATIC, "--cluster", "0:0:0"), "--cluster: expected at least one"),
    "cluster": (("run", *STATIC, "--cluster", "36:36"), "--cluster: expected v100=4"),
    "negative cluster": (("run", *STATIC, "--cluster", "v100=-3"), "--cluster: v100=-3: expected"),
    "type without throughputs": (
        ("run", *STATIC, "--cluster", "a100=36"),
        "'a100' (types are those of the table of throughputs; --throughputs @newer has it)",
    ),
    "cluster with commas": (("run", *STATIC, "--cluster", "9,9,9"), "with colons: 9:9:9"),
    "two policies": (("run", "--policy", "fifo,gandiva", "--jobs", "5"), "takes one value here"),
    "two words": (
        ("run", "--policy", "fifo", "gandiva", "--jobs", "5"),
        "unexpected argument 'gandiva' after --policy, which takes one value here",
    ),
    "seeds": (("run", *STATIC, "--seed", "0-9"), "--seed: takes one value here, found '0-9'"),
    "window with comma": (("run", *STATIC, "--window", "1,3"), "with a colon: 1:3"),
    "servers": (("run", *STATIC, "--gpus-per-server", "0:1:1"), "--gpus-per-server: expected 1 or"),
    "no workload": (("run", "--policy", "fifo"), "no workload: give --jobs"),
    "two workloads": (
        ("run", *STATIC, "--rate", "3", "--window", "1:2"),
        "--rate: cannot be combined with --jobs",
    ),
    "negative rate": (
        ("run", "--policy", "fifo", "--rate", "-3", "--window", "1:2"),
        "--rate: '-3' is not a positive number",
    ),
    "rate nan": (
        ("run", "--policy", "fifo", "--rate", "nan", "--window", "1:2"),
        "--rate: 'nan' is not a positive number",
    ),
    "rate without window": (("run", "--policy", "fifo", "--rate", "3"), "--rate: needs --window"),
    "empty window": (
        ("run", "--policy", "fifo", "--rate", "3", "--window", "5:5"),
        "--window: '5:5' has no job in it; the end is the first job not measured: 5:6 measures job 5",
    ),
    "cluster below 0": (
        ("run", "--policy", "fifo", "--jobs", "3", "--cluster", "-1:2:3"),
        "--cluster: v100=-1: expected a whole number of at least 0",
    ),
    "trace is a folder": (
        ("run", "--policy", "fifo", "--trace", "/usr"),
        "--trace: /usr is a folder; expected a file",
    ),
    "window backwards": (
        ("run", "--policy", "fifo", "--rate", "3", "--window", "5:2"),
        "--window: '5:2' ends before it starts",
    ),
    "window": (("run", *STATIC, "--window", "5"), "--window: '5' is not START:END"),
    "window too long": (("run", *STATIC, "--window", "0:9"), "--window: ends at job 9, but --jobs"),
    "jobs": (("run", "--policy", "fifo", "--jobs", "0"), "--jobs: '0' is not a positive whole"),
    "seed": (("run", *STATIC, "--seed", "-1"), "--seed: '-1' is not a whole number"),
    "round": (
        ("run", *STATIC, "--round", "0"),
        "--round: '0' is not a positive whole number of seconds",
    ),
    "saturation": (("run", *STATIC, "--saturation", "dritf"), "rule (--saturation) 'dritf'"),
    "entities": (("run", *STATIC, "--entities", "1:-2"), "--entities: cannot read '1:-2'"),
    "entity sharing": (("run", *STATIC, "--entities", "1:2,fair"), "did you mean fairness"),
    "profiling": (("run", *STATIC, "--profiling-percentage", "20"), "--profiling-percentage: '20'"),
    "record": (("run", *STATIC, "--record", "places"), "recording (--record) 'places'; did you"),
    "record nowhere": (("run", *STATIC, "--record", "placements"), "--record: needs --output"),
    "checkpoint nowhere": (("run", *STATIC, "--checkpoint-every", "9s"), "needs --output DIR"),
    "trace missing": (("run", "--policy", "fifo", "--trace", "no.trace"), "--trace: cannot read"),
    "trace that ships": (
        ("run", "--policy", "fifo", "--trace", "exmple"),
        "--trace: cannot read exmple: No such file or directory; did you mean example?",
    ),
    "resume missing": (("run", "--resume", "nowhere"), "--resume: no checkpoint at nowhere"),
    "resume with settings": (
        ("run", "--resume", "nowhere", "--policy", "fifo"),
        "--policy: cannot be given with --resume",
    ),
    "multi-gpu trace": (
        ("run", "--policy", "fifo", "--trace", __file__, "--multi-gpu"),
        "--multi-gpu: draws jobs, but --trace brings its own",
    ),
    "throughputs missing": (("run", *STATIC, "--throughputs", "no.json"), "--throughputs: cannot"),
    "knee rate": (("knee", "--policy", "fifo", "--rate", "3"), "--rate: cannot be given"),
    "knee seeds": (
        ("knee", "--policy", "fifo", "--seeds", "a"),
        "--seed: 'a' is not a whole number",
    ),
    "knee off": (
        ("knee", "--policy", "fifo", "--saturation", "off"),
        "--saturation: cannot be given",
    ),
    "compare one": (("compare", "a"), "expected two run folders"),
    "compare nothing there": (("compare", "a", "b"), "a: no such run folder"),
}


@pytest.mark.parametrize(("words", "said"), CASES.values(), ids=CASES)
def test_one_line_and_status_2(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(list(words)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gavel-sim: ")
    assert err.count("\n") == 1
    assert said in err
    assert not list(tmp_path.iterdir())


def test_through_a_process(tmp_path):
    done = gavel_sim("run", "--policy", "fifoo", "--jobs", 5, "--output", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_folder_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("mine")
    done = gavel_sim("run", *STATIC, "--output", blocked / "run")
    assert done.returncode == 2
    assert done.stderr == f"gavel-sim: --output: {blocked} is not a folder\n"
    assert blocked.read_text() == "mine"
    done = gavel_sim("run", *STATIC, "--output", "/proc/run")
    assert done.returncode == 2
    assert "--output: cannot write in /proc" in done.stderr


GOOD = "A3C\tpython3 main.py\trl\t--steps\t0\t1000\t{scale}\t1\t-1.000000\t{arrival}\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("A3C\tpython3\n", ":2: expected 10 columns"),
        (GOOD.format(scale="x", arrival=1), ":2: expected a whole number as scale factor"),
        (GOOD.format(scale=1, arrival=1).replace("A3C", "A3D"), ":2: unknown job type 'A3D'"),
    ],
)
def test_broken_trace_names_file_and_line(tmp_path, line, said):
    trace = tmp_path / "my.trace"
    trace.write_text(GOOD.format(scale=1, arrival=0) + line)
    done = gavel_sim("run", "--policy", "fifo", "--trace", trace, "--output", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"{trace}{said}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_job_that_fits_nowhere(tmp_path):
    done = gavel_sim(
        "run",
        *("--policy", "fifo", "--rate", 1, "--window", "0:5", "--multi-gpu", "--cluster", "4:4:4"),
        *("--output", tmp_path / "out"),
    )
    assert done.returncode == 2
    assert "--cluster" in done.stderr
    assert "fits on no worker type" in done.stderr
    assert not (tmp_path / "out").exists()


def test_table_without_a_needed_row(tmp_path):
    table = tmp_path / "mine.json"
    table.write_text(json.dumps({"v100": {"('A3C', 1)": {"null": 2.0}}}))
    done = gavel_sim(
        "run", *STATIC, "--cluster", "v100=4", "--throughputs", table, "--output", tmp_path / "out"
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "mine.json" in done.stderr
    assert "ResNet-18" in done.stderr
    assert not (tmp_path / "out").exists()


def test_engine_without_its_library_names_it(tmp_path):
    """Hide the library by a module of its name that refuses to load."""
    (tmp_path / "pulp.py").write_text("raise ImportError('hidden', name='pulp')\n")
    done = gavel_sim("run", *STATIC, "--engine", "pulp", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert "needs pulp: pip install pulp" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("module", ["simulator", "gavel_opt"])
def test_the_exit_status_says_so_where_nobody_can_read_it(module):
    """With a full disk behind standard error it was 1, which says that the answer is no."""
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", module, "run", "--jobs", "x"]
        assert subprocess.run(words, stderr=full, check=False).returncode == 2
