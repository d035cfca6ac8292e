"""``gavel-sim compare``: equal runs, the first round and job where runs part, exit statuses."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sim import gavel_sim

from simulator.cli import main

CLUSTER = ("--cluster", "6:6:6", "--interarrival", "3600", "--window", "20:40")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two equal runs and one of another policy, with placements."""
    top = tmp_path_factory.mktemp("runs")
    for name, policy in (("a", "isolated"), ("same", "isolated"), ("other", "fifo")):
        words = ["run", "--policy", policy, *CLUSTER, "--record", "placements"]
        assert main([*words, "--output", str(top / name), "--json"]) == 0
    return top


def compare(capsys, *words):
    status = main(["compare", *map(str, words)])
    out, err = capsys.readouterr()
    return status, out, err


def test_equal_runs(folders, capsys):
    capsys.readouterr()
    status, out, err = compare(capsys, folders / "a", folders / "same")
    assert (status, err) == (0, "")
    assert "equal to the last bit" in out


def test_through_a_process(folders):
    done = gavel_sim("compare", folders / "a", folders / "other", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert not found["equal"]
    assert found["runs"][1]["difference"]["round"] is not None


def test_first_round_and_job_by_placements(folders, capsys):
    status, out, _ = compare(capsys, folders / "a", folders / "other", "--json")
    assert status == 1
    found = json.loads(out)["runs"][1]["difference"]
    rows = []
    for name in ("a", "other"):
        table = parquet.read_table(folders / name / "placements.parquet").to_pylist()
        rows.append(
            {
                (number, row["job"], row["partner"], row["worker"])
                for row in table
                for number in range(row["first_round"], row["last_round"] + 1)
            }
        )
    number, job = min(row[:2] for row in rows[0] ^ rows[1])
    assert (found["round"], found["job"]) == (number, job)
    assert f"job {job} runs" in found["what"]
    assert found["jobs_differ"] > 0
    _, text, _ = compare(capsys, folders / "a", folders / "other")
    assert f"from round {number} (" in text
    assert "setting policy: isolated and fifo" in text


def edited(folders, tmp_path, table, edit):
    """A copy of run a with one table changed, and no placements."""
    shutil.copytree(folders / "a", tmp_path / "b")
    (tmp_path / "b" / "placements.parquet").unlink()
    path = tmp_path / "b" / f"{table}.parquet"
    columns = parquet.read_table(path).to_pydict()
    edit(columns)
    parquet.write_table(pyarrow.table(columns), path)
    return tmp_path / "b"


def test_without_placements_the_tables_decide(folders, tmp_path, capsys):
    capsys.readouterr()

    def later(columns):
        columns["running"][317] += 1
        columns["time"][400] = np.nextafter(columns["time"][400], 1e9)

    b = edited(folders, tmp_path, "rounds", later)
    status, out, _ = compare(capsys, folders / "a", b, "--json")
    found = json.loads(out)["runs"][1]["difference"]
    assert (status, found["round"], found["jobs_differ"]) == (1, 317, 0)
    assert found["what"].startswith("running is ")


def test_one_bit_of_one_job_is_a_difference(folders, tmp_path, capsys):
    capsys.readouterr()

    def bit(columns):
        columns["finish"][25] = float(np.nextafter(columns["finish"][25], 1e9))

    b = edited(folders, tmp_path, "jobs", bit)
    status, out, _ = compare(capsys, folders / "a", b, "--json")
    found = json.loads(out)["runs"][1]["difference"]
    assert (status, found["job"], found["jobs_differ"]) == (1, 25, 1)
    assert found["round"] is None


def test_other_numbers_of_jobs_are_said(tmp_path, capsys):
    for jobs in ("3", "5"):
        words = ["--policy", "isolated", "--cluster", "2:2:2", "--jobs", jobs]
        assert main(["run", *words, "--output", str(tmp_path / jobs)]) == 0
    capsys.readouterr()
    _, text, _ = compare(capsys, tmp_path / "5", tmp_path / "3")
    assert "5 of 5 completion times differ; 3 jobs here, 5 there" in text


def test_unfinished_and_broken_folders_are_named(folders, tmp_path, capsys):
    capsys.readouterr()
    shutil.copytree(folders / "a", tmp_path / "b")
    (tmp_path / "b" / "jobs.parquet").write_bytes(b"PAR1 no")
    status, out, err = compare(capsys, folders / "a", tmp_path / "b")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"{tmp_path / 'b' / 'jobs.parquet'}: cannot read it" in err
    (tmp_path / "b" / "summary.json").unlink()
    status, _, err = compare(capsys, folders / "a", tmp_path / "b")
    assert status == 2
    assert "not a finished run: summary.json is missing" in err


def test_a_summary_that_lacks_something_is_compared_or_refused(folders, tmp_path, capsys):
    shutil.copytree(folders / "a", tmp_path / "b")
    whole = json.loads((tmp_path / "b" / "summary.json").read_text())
    for name in whole:
        rest = {other: value for other, value in whole.items() if other != name}
        (tmp_path / "b" / "summary.json").write_text(json.dumps(rest))
        status, out, err = compare(capsys, folders / "a", tmp_path / "b")
        assert (status in (0, 1) and out and not err) or (status == 2 and err.count("\n") == 1), (
            name
        )


def test_engines_on_one_run(capsys):
    words = ["--policy", "max_min_fairness_perf", "--jobs", "8", "--cluster", "2:2:2"]
    status, out, err = compare(capsys, "--engines", "highs,ecos", *words)
    assert (status, err) == (0, "")
    assert "equal to the last bit" in out
    status, out, err = compare(capsys, "--engines", "highs", *words)
    assert status == 2
    assert "at least two" in err
    status, _, err = compare(capsys, "--engines", "highs,hihgs", *words)
    assert status == 2
    assert "did you mean highs" in err


def test_a_run_whose_verdict_is_undecided_is_told_from_one_that_is_sustained(
    folders, tmp_path, capsys
):
    for name, verdict in (("a", "sustained"), ("b", "undecided")):
        shutil.copytree(folders / "a", tmp_path / name)
        file = tmp_path / name / "summary.json"
        summary = json.loads(file.read_text())
        summary["saturation"] = {"verdict": verdict}
        file.write_text(json.dumps(summary))
    _, text, _ = compare(capsys, tmp_path / "a", tmp_path / "b")
    first, second = text.splitlines()[1:3]
    assert "completed             -" in first
    assert "completed, undecided  equal to the last bit" in second
    assert "  undecided: jobs may arrive faster than they can be served" in text
    _, found, _ = compare(capsys, tmp_path / "a", tmp_path / "b", "--json")
    assert [one["verdict"] for one in json.loads(found)["runs"]] == ["sustained", "undecided"]
    _, text, _ = compare(capsys, tmp_path / "a", tmp_path / "a")
    assert "undecided" not in text


def test_who_does_not_run_and_who_runs_beside_another(tmp_path, capsys):
    """It said "runs not in b", and the same worker for both where one shared it."""
    words = ["run", "--cluster", "1:1:0", "--jobs", "4", "--record", "placements"]
    for policy in ("fifo_perf", "gandiva", "max_min_fairness_perf"):
        assert main([*words, "--policy", policy, "--output", str(tmp_path / policy)]) == 0
    capsys.readouterr()
    _, out, _ = compare(capsys, tmp_path / "fifo_perf", tmp_path / "gandiva")
    assert re.search(r"job 0 runs on worker 1 in \S+ and runs on worker 1 beside job 2 in \S+", out)
    _, out, _ = compare(capsys, tmp_path / "fifo_perf", tmp_path / "max_min_fairness_perf")
    assert re.search(r"job 0 runs on worker 1 in \S+ and does not run in \S+", out)


@pytest.fixture(scope="module")
def settings_apart(tmp_path_factory):
    """Runs of one schedule in which other jobs are measured, or have other prices or deadlines; and a larger cluster."""
    top = tmp_path_factory.mktemp("settings")
    prices = top / "prices.csv"
    prices.write_text("worker_type,dollars_per_hour\nk80,1\np100,2\nv100,3\n")
    rows = {
        "base": (),
        "window": ("--window", "30:40"),
        "prices": ("--prices", str(prices)),
        "deadlines": ("--slos",),
        "larger": ("--cluster", "7:6:6"),
    }
    for name, words in rows.items():
        words = ["run", "--policy", "isolated", *CLUSTER, *words, "--record", "placements"]
        assert main([*words, "--output", str(top / name), "--json"]) == 0
    return top


@pytest.mark.parametrize(
    ("other", "what"),
    [("window", "average_jct"), ("prices", "cost"), ("deadlines", "slo_violations")],
)
def test_one_schedule_of_other_means_is_not_equal(settings_apart, capsys, other, what):
    status, out, _ = compare(capsys, settings_apart / "base", settings_apart / other)
    assert status == 1
    assert "the same completion times, but not all else" in out
    assert f"  {what} is " in out


def test_workers_of_two_clusters_go_by_their_type(settings_apart, capsys):
    """A seventh V100 in front gives all workers after it other numbers."""
    base, larger = (settings_apart / name for name in ("base", "larger"))
    status, out, _ = compare(capsys, base, larger, "--json")
    assert status == 1
    found = json.loads(out)["runs"][1]["difference"]
    kinds = []
    for folder in (base, larger):
        table = parquet.read_table(folder / "placements.parquet").to_pylist()
        kinds.append(
            {
                (number, row["job"], row["worker_type"])
                for row in table
                for number in range(row["first_round"], row["last_round"] + 1)
            }
        )
    assert found["round"] == min(row[0] for row in kinds[0] ^ kinds[1])
    assert re.search(r"runs on 1 (k80|p100|v100)|does not run", found["what"])
    assert "worker" not in found["what"]
