from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from noise import without_progress

import simulator
from simulator.cli import main
from simulator.studies.sweeps.run_names import beside_earlier
from simulator.studies.sweeps.sweep_folder import entries_of, read_plan, write_plan
from simulator.studies.sweeps.sweep_plan import make_plan
from tests.cli.sim import completion_times, gavel_sim

SMALL = ["--cluster", "4:4:4", "--jobs", "8", "--engine", "highs", "--tie-break", "none"]


BREAKS = """from gavel_opt import InputError, Policy

class Breaks(Policy):
    def programs(self, state, merge):
        raise InputError("it broke")
        yield
"""


def test_results_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    runs = ["--policy", "gandiva", "fifo", "max_min_fairness_perf", "--seed", "0", "1", *SMALL]
    one = gavel_sim("sweep", *runs, "--output", str(tmp_path / "one"), "--processes", "1")
    two = gavel_sim("sweep", *runs, "--output", str(tmp_path / "two"), "--processes", "2")
    assert (one.returncode, without_progress(one.stderr)) == (0, "")
    assert two.returncode == 0
    table = (tmp_path / "one" / "summary.csv").read_bytes()
    assert table == (tmp_path / "two" / "summary.csv").read_bytes()
    assert completion_times(tmp_path / "one") == completion_times(tmp_path / "two")
    rows = list(csv.DictReader(table.decode().splitlines()))
    assert [row["run"] for row in rows] == [
        f"{policy},seed={seed}"
        for policy in ("gandiva", "fifo", "max_min_fairness_perf")
        for seed in (0, 1)
    ]
    assert len({row["average_jct"] for row in rows}) == len(rows)
    solved = {row["policy"]: row["solved_by"] for row in rows}
    assert solved == {"gandiva": "none", "fifo": "none", "max_min_fairness_perf": "highs"}
    columns = pyarrow.parquet.read_table(tmp_path / "one" / "summary.parquet").to_pydict()
    assert columns["average_jct"] == [float(row["average_jct"]) for row in rows]
    assert not (tmp_path / "one" / ".unfinished").exists()


def test_a_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    runs = ["--policy", "isolated", "fifo", *SMALL, "--output", str(output), "--processes", "1"]
    assert gavel_sim("sweep", *runs, "--seed", "0").returncode == 0
    first = (output / "isolated" / "summary.json").stat().st_mtime_ns
    again = gavel_sim("sweep", *runs, "--seed", "0")
    assert again.returncode == 0
    assert "(2 of them before)" in again.stdout
    assert (output / "isolated" / "summary.json").stat().st_mtime_ns == first
    table = (output / "summary.csv").read_bytes()
    shutil.rmtree(output / "fifo")
    third = gavel_sim("sweep", *runs, "--seed", "0")
    assert "(1 of them before)" in third.stdout
    assert (output / "summary.csv").read_bytes() == table


def test_one_failure_does_not_lose_the_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(BREAKS)
    settings = tmp_path / "sweep.toml"
    settings.write_text(
        'cluster = "4:4:4"\nengine = "highs"\n[[case]]\npolicy = ["isolated", "fifo"]\njobs = 6\n'
        f'[[case]]\npolicy = "{broken}:Breaks"\njobs = 6\n'
    )
    output = tmp_path / "sweep"
    done = gavel_sim("sweep", str(settings), "--output", str(output), "--processes", "1")
    assert done.returncode == 3
    assert "2 of 3 runs done" in done.stdout
    assert "it broke" in done.stderr
    assert "Traceback" not in done.stderr
    rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["completed", "completed", ""]
    assert "it broke" in rows[2]["error"]


def test_runs_of_other_settings_get_names_that_tell_them_apart(tmp_path: Path) -> None:
    """Names hold what differs within one command, so that two commands may come to the same ones."""
    given = ["--seed", "0-1", *SMALL, "--output", str(tmp_path), "--processes", "1"]
    assert main(["sweep", "--policy", "isolated", *given]) == 0
    kept = (tmp_path / "seed=0" / "summary.json").read_bytes()
    assert main(["sweep", "--policy", "fifo", *given]) == 0
    assert (tmp_path / "seed=0" / "summary.json").read_bytes() == kept
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert {(row["run"], row["policy"], row["seed"]) for row in rows} == {
        *(("seed=0", "isolated", "0"), ("seed=1", "isolated", "1")),
        *(("fifo,seed=0", "fifo", "0"), ("fifo,seed=1", "fifo", "1")),
    }


def test_runs_keep_the_names_that_they_have_in_a_folder(tmp_path: Path) -> None:
    small = {"cluster": "4:4:4", "jobs": 8, "policy": "isolated", "seed": "0-1"}

    def named(**changes: object) -> list[str]:
        given = {name: one for name, one in (small | changes).items() if one is not None}
        entries = entries_of(make_plan([("", given)]))
        found = beside_earlier(tmp_path, entries)
        assert [one.identity for one in found] == [one.identity for one in entries]
        write_plan(tmp_path, found, [])
        return [one.name for one in found]

    for _ in range(2):  # the second time they are there
        assert named() == ["seed=0", "seed=1"]
        assert named(policy="fifo") == ["fifo,seed=0", "fifo,seed=1"]
        assert named(policy="fifo", round=720, seed="1-2") == [
            *("fifo,seed=1,round=720", "fifo,seed=2,round=720"),
        ]
        assert named(policy=["fifo", "isolated"], seed=1) == ["fifo,seed=1", "seed=1"]
        assert named(seed=7) == ["isolated"]
        assert named(seed=8) == ["isolated,seed=8"]
        # what no name of a file can tell apart
        traces = [tmp_path / name for name in ("a b", "a*b")]
        for trace in traces:
            trace.write_text(f"{trace}")
        names = [named(jobs=None, trace=str(trace), seed=[0, 9]) for trace in traces]
        assert len({name for two in names for name in two}) == 4
    assert len(read_plan(tmp_path)) == 12


@pytest.mark.parametrize("flag", ["--trace", "--prices", "--throughputs"])
def test_a_file_that_runs_cannot_read_is_refused_before_any_begins(flag, tmp_path, capsys) -> None:
    bad, output = tmp_path / "bad", tmp_path / "out"
    bad.write_text("not one\n")
    described = ["--policy", "fifo", "--cluster", "4:4:4", flag, str(bad), "--output", str(output)]
    if flag != "--trace":
        described += ["--jobs", "4"]
    commands = [["sweep", "--seed", "0-1"], ["what-if", "--against", "v100+1"]]
    for command in commands:
        assert main([*command, *described]) == 2
        assert f"{bad}:1: expected" in capsys.readouterr().err
        assert not output.exists()
    if flag == "--throughputs":
        assert main(["knee", *described[:-2]]) == 2
        mine = tmp_path / "mine.toml"
        mine.write_text(
            f'title = "mine"\n[settings]\nthroughputs = "{bad}"\n[[curve]]\npolicy = "fifo"\nat = 2\n'
        )
        assert main(["figure", str(mine), "--output", str(output)]) == 2
        assert f"{bad}:1: expected" in capsys.readouterr().err
        assert not output.exists()


def test_a_table_without_the_job_types_that_are_drawn_is_refused_before_any_run(tmp_path, capsys):
    table, output = tmp_path / "own.toml", tmp_path / "out"
    table.write_text(
        'base = "none"\n[[throughputs]]\njob_type = "GNN"\nscale_factor = 1\nv100 = 2.0\nh200 = 5.0\n'
    )
    described = ["--policy", "fifo_perf", "--cluster", "v100=3,h200=1", "--throughputs", str(table)]
    runs = [*described, "--jobs", "4", "--output", str(output)]
    for command in (
        ["sweep", "--seed", "0-1", *runs],
        ["what-if", "--against", "v100+1", *runs],
        ["knee", *described, "--output", str(output)],
        ["knee", "--bound", *described[2:]],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"{table}: no throughput for job type 'ResNet-18 (batch size 16)'" in said
        assert not output.exists()


def test_a_policy_that_cannot_be_made_is_refused_before_any_run_begins(tmp_path, capsys) -> None:
    policy, output = tmp_path / "own.py", tmp_path / "out"
    policy.write_text("class Own:\n    def __init__(self):\n        raise OSError('no licence')\n")
    described = ["--cluster", "4:4:4", "--policy", f"{policy}:Own"]
    runs = [*described, "--jobs", "4", "--output", str(output)]
    for command in (
        ["sweep", "--seed", "0-1", *runs],
        ["what-if", "--against", "v100+1", *runs],
        ["knee", *described],
    ):
        assert main(command) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert f"{policy}, line 3: OSError: no licence" in said
        assert not output.exists()


def test_a_later_plan_is_added_to_the_tables(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    given = [*SMALL, "--output", str(output), "--processes", "1"]
    assert gavel_sim("sweep", "--policy", "fifo", "--seed", "0-1", *given).returncode == 0
    more = gavel_sim("sweep", "--policy", "fifo", "--seed", "2-3", *given)
    assert "2 of 2 runs done" in more.stdout
    assert "summary.csv, with 2 runs of earlier commands" in more.stdout
    # seed 0 is there under another name by now, and once in the table
    other = gavel_sim("sweep", "--policy", "fifo,isolated", "--seed", "0", *given)
    assert "summary.csv, with 3 runs of earlier commands" in other.stdout
    for again in (other, gavel_sim("sweep", "collect", str(output))):
        assert again.returncode == 0
        rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
        assert sorted((row["policy"], row["seed"]) for row in rows) == [
            *(("fifo", str(seed)) for seed in range(4)),
            ("isolated", "0"),
        ]
    found = simulator.sweep("fifo", cluster="4:4:4", jobs=8, engine="highs", tie_break="none",
                            seed=[2, 3], output=output, processes=1)  # fmt: skip
    assert [row["seed"] for row in found] == [2, 3]


def test_the_table_of_several_commands_has_all_in_which_they_differ(tmp_path: Path) -> None:
    """A rate, a cluster and a window are the same in all runs of a command, and not in the table's."""
    given = ["sweep", "--output", str(tmp_path), "--processes", "1"]
    small = ["--cluster", "v100=2,k80=2", "--window", "0:2"]
    assert main([*given, *small, "--policy", "fifo_perf", "--rate", "1", "2"]) == 0
    assert main([*given, *small, "--policy", "isolated", "--rate", "3"]) == 0
    other = ["--cluster", "v100=3", "--policy", "allox", "--interarrival", "720", "--window", "0:3"]
    assert main([*given, *other]) == 0
    for again in (None, ["sweep", "collect", str(tmp_path)]):
        assert again is None or main(again) == 0
        for table in ("over_seeds.csv", "summary.csv"):
            rows = list(csv.DictReader((tmp_path / table).read_text().splitlines()))
            found = {(row["policy"], row["rate"], row["window"]) for row in rows}
            assert found == {
                *(("fifo_perf", "1", "0:2"), ("fifo_perf", "2", "0:2")),
                *(("isolated", "3", "0:2"), ("allox", "5", "0:3")),
            }
            clusters = {row["policy"]: row["cluster"] for row in rows}
            assert clusters["isolated"] == "k80=2,v100=2"
            assert clusters["allox"] == "v100=3"
            assert "saturation" not in list(rows[0])[:6]


def test_a_dry_run_lists_and_writes_nothing(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    listed = gavel_sim(
        "sweep",
        "--policy",
        "fifo",
        "--rate",
        "4",
        "5",
        "--window",
        "2:4",
        "--dry-run",
        "--output",
        str(output),
    )
    assert listed.stdout.split() == ["rate=4", "rate=5"]
    assert not output.exists()


def test_bad_input_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    for words, said in (
        (["--policy", "fif", "--jobs", "4"], "did you mean fifo"),
        (["--policy", "fifo"], "no workload"),
        (["--policy", "fifo", "--jobs", "4", "x"], "--jobs"),
        (["none.toml"], "none.toml: cannot read it"),
        (["statsu", "."], "unknown word 'statsu'; did you mean status?"),
        ([".", "runs"], "runs: one file of settings at a time"),
        (["none.toml", "--jobs", "4"], "--jobs: cannot be combined with a file"),
        (["--policy", "fifo", "--jobs", "4", "--sed", "1"], "did you mean --seed"),
        (["--policy", "fifo", "--jobs", "4", "--json"], "--json: goes with --dry-run or status"),
        (["--policy", "fifo", "--jobs", "4", "--follow"], "--follow: goes with status"),
    ):
        output = tmp_path / "sweep"
        wrong = gavel_sim("sweep", *words, "--output", str(output))
        assert wrong.returncode == 2, words
        assert said in wrong.stderr, words
        assert without_progress(wrong.stderr).count("\n") == 1, words
        assert not output.exists()


def test_a_partial_mean_is_no_mean_in_the_table(tmp_path: Path) -> None:
    output = tmp_path / "sweep"
    words = ["--policy", "isolated", "--cluster", "4:4:4", "--jobs", "8", "--seed", "0-1"]
    limit = ["--max-simulated-hours", "2,900", "--processes", "1", "--output", str(output)]
    assert gavel_sim("sweep", *words, *limit).returncode == 0
    rows = list(csv.DictReader((output / "summary.csv").read_text().splitlines()))
    assert [row["status"] for row in rows] == ["horizon", "completed"] * 2
    for row in rows:
        whole = row["status"] == "completed"
        assert bool(row["average_jct"]) == whole
        assert bool(row["average_jct_at_least"]) != whole
        assert ("measured jobs have not completed" in row["average_jct_reason"]) != whole
        assert row["simulated_time"]
        for total in ("makespan", "cost"):
            assert bool(row[total]) == whole, total
        assert bool(row["cost_so_far"]) != whole
        assert row["utilization"]
    columns = pyarrow.parquet.read_table(output / "summary.parquet").to_pydict()
    assert [mean is None for mean in columns["average_jct"]] == [True, False] * 2


COMMANDS = {
    "sweep": ["--policy", "fifo", "--jobs", "4"],
    "knee": ["--policy", "fifo", "--seed", "0"],
    "figure": ["9", "--policy", "allox", "--at", "4", "--seed", "0"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_can_have_failed_in_a_folder_that_is_not_there(command, tmp_path, capsys):
    """With a slip in its name it said that nothing failed, exit status 0."""
    words = [*COMMANDS[command], "--output", str(tmp_path / "resluts"), "--retry-failed"]
    assert main([command, *words]) == 2
    assert "resluts is no folder in which runs could have failed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["sweep", "what-if"])
def test_a_list_of_runs_has_none_that_would_be_refused(command, tmp_path, capsys):
    (tmp_path / "my.trace").write_text("nothing\n")
    words = ["--policy", "fifo", "--trace", str(tmp_path / "my.trace"), "--dry-run"]
    words += ["--against", "v100+1"] if command == "what-if" else []
    assert main([command, *words]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "my.trace:1: expected 10 columns" in err
