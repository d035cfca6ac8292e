"""What comes in: tables, clusters, traces, jobs; and what is said about bad ones."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

import simulator
from gavel_opt import InputError
from simulator.runs.simulation import Simulation
from simulator.settings.config import RunConfig
from simulator.world.cluster import make_cluster, parse_counts
from simulator.world.job_types import DISTRIBUTED, JOB_TYPES
from simulator.world.prices import load_prices
from simulator.world.throughputs import DATA, load_throughputs
from simulator.world.trace import read_trace
from simulator.world.workload import DrawnWorkload, DrawSettings

TYPES = ("k80", "p100", "v100")


def complaint(call, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    text = str(caught.value)
    assert "\n" not in text
    return text


# throughputs


def test_the_shipped_table():
    table = load_throughputs()
    assert table.worker_types == TYPES
    assert len(table.keys) == 26 + 3 * 19
    assert [name for name, scale in table.keys if scale == 1] == list(JOB_TYPES)
    assert table.alone[table.row("ResNet-18 (batch size 16)", 1), 2] == 32.353384328946916
    swapped = table.paired.transpose(1, 0, 2, 3)[:, :, ::-1]
    np.testing.assert_array_equal(table.paired, swapped)
    assert all((DATA / name).exists() for name in ("SOURCES.md", "physical_throughputs.csv"))


def gavel_json(tmp_path, change=None):
    one, two = "('A3C', 1)", "('CycleGAN', 1)"
    content = {
        name: {
            one: {"null": 2.0, one: [1.0, 1.0], two: [0.5, 0.7]},
            two: {"null": 3.0, one: [0.7, 0.5], two: [0.0, 0.0]},
        }
        for name in ("v100", "k80")
    }
    if change is not None:
        change(content)
    path = tmp_path / "table.json"
    path.write_text(json.dumps(content, indent=1))
    return path


def test_gavels_json(tmp_path):
    table = load_throughputs(gavel_json(tmp_path))
    assert table.worker_types == ("k80", "v100")
    assert table.keys == (("A3C", 1), ("CycleGAN", 1))
    np.testing.assert_array_equal(table.paired[0, 1, :, 0], [0.5, 0.7])
    assert table.table(("k80", "v100")).reference == 1


def set_entry(*path_and_value):
    *path, last, value = path_and_value

    def change(content):
        for name in path:
            content = content[name]
        content[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (set_entry("v100", "('A3C', 1)", "null", -2.0), 4, "not negative"),
        (set_entry("k80", "('CycleGAN', 1)", "('A3C', 1)", [1.0]), 30, "two numbers"),
        (set_entry("v100", "A3C", {"null": 1.0}), 25, "a job key"),
        (set_entry("v100", "('A3C', 1)", {}), 3, "null"),
        (set_entry("k80", "('A3C', 1)", "('CycleGAN', 1)", ["x", 1]), 31, "steps per second"),
    ],
)
def test_a_wrong_entry_is_named_with_its_line(tmp_path, change, line, words):
    path = gavel_json(tmp_path, change)
    text = complaint(load_throughputs, path)
    assert words in text
    number = int(text.split(":")[1])
    found = path.read_text().splitlines()[number - 1]
    assert text.split(": ")[1].split()[-1].strip("')") in found


def test_a_broken_json_names_its_line(tmp_path):
    path = gavel_json(tmp_path)
    path.write_text(path.read_text().replace("2.0,", "2.0", 1))
    assert ":5: not JSON" in complaint(load_throughputs, path)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,A3C,,1.0,", "columns"),
        ("0,A3C,,1.0,,2.0,", "scale factor"),
        ("1,A3C,,fast,,2.0,", "steps per second"),
        ("1,A3C,,-1.0,,2.0,", "not negative"),
        ("1,A3C,CycleGAN,1.0,1.0,1.0,1.0", "no row of its own"),
    ],
)
def test_a_wrong_line_of_our_own_format(tmp_path, line, words):
    path = tmp_path / "table.csv"
    header = "scale_factor,job,beside,k80,k80_beside,v100,v100_beside"
    path.write_text(f"{header}\n1,A3C X,,1.0,,2.0,\n{line}\n")
    text = complaint(load_throughputs, path)
    assert text.startswith(f"{path}:3: ")
    assert words in text


def test_a_missing_row_is_named(tmp_path):
    path = gavel_json(tmp_path)
    config = RunConfig("isolated", {"v100": 2}, jobs=3, throughputs=path)
    assert "ResNet-18 (batch size 16)" in complaint(Simulation, config)


# clusters


def test_clusters():
    assert parse_counts("36:24:12", "--cluster") == {"v100": 36, "p100": 24, "k80": 12}
    assert parse_counts("k80=3, V100=2", "--cluster") == {"k80": 3, "V100": 2}
    cluster = make_cluster({"v100": 9, "k80": 3, "p100": 0}, {"v100": 4}, TYPES)
    assert cluster.worker_types == ("k80", "v100")
    assert cluster.workers.tolist() == [3, 8]
    assert cluster.visit_order.tolist() == [1, 0]


def test_the_fastest_workers_are_filled_first():
    cluster = make_cluster({"v100": 1, "k80": 1, "p100": 1}, {}, TYPES)
    assert cluster.fastest_first(np.array([[9.0, 1.0, 2.0]])) is cluster  # the reference's order
    cluster = make_cluster(dict.fromkeys(("a100", "h100", "p100"), 1), {}, ("a100", "h100", "p100"))
    speeds = np.array([[2.0, 4.0, 1.0], [np.nan, 90.0, 90.0], [3.0, 3.0, 1.0], [0.0, 0.0, 0.0]])
    order = cluster.fastest_first(speeds).visit_order
    assert [cluster.worker_types[place] for place in order] == ["h100", "p100", "a100"]
    assert cluster.fastest_first(speeds[2:]).visit_order.tolist() == [0, 1, 2]


def test_a_few_jobs_run_on_the_newest_workers():
    """Jobs without a share there used to go to P100s first, and H100s stood idle."""
    used = simulator.run(
        policy="max_min_fairness_perf", cluster="p100=4,h100=4", jobs=4, throughputs="@newer"
    ).rounds
    assert (used["utilization_h100"][:-1] > 0).all()  # in the last one everybody has left
    assert (used["utilization_p100"] == 0).all()


@pytest.mark.parametrize("text", ["36:36", "v100", "v100=-1", "v100=x", "", "v100=1,v100=2"])
def test_wrong_clusters_are_refused(text):
    assert complaint(parse_counts, text, "--cluster").startswith("--cluster: ")


def test_clusters_that_cannot_be():
    assert "at least one worker" in complaint(make_cluster, {"v100": 0}, {}, TYPES)
    assert "did you mean v100" in complaint(make_cluster, {"v10": 3}, {}, TYPES)
    assert "'k200'; choose one of: k80, p100, v100" in complaint(
        make_cluster, {"k200": 3}, {}, TYPES
    )
    found = complaint(make_cluster, {"p10": 3}, {}, ("a10", "k80", "p100"))
    assert "did you mean p100 or a10?" in found
    assert "--gpus-per-server" in complaint(make_cluster, {"v100": 3}, {"v100": 0}, TYPES)


def test_a_job_that_fits_nowhere():
    config = RunConfig("isolated", {"v100": 2, "k80": 2}, jobs=40, multi_gpu=True)
    assert "fits on no worker type of k80=2,v100=2" in complaint(Simulation, config)


def test_allox_takes_single_workers_only():
    config = RunConfig("allox", {"v100": 16}, jobs=4, multi_gpu=True)
    assert "--policy" in complaint(Simulation, config)


# traces

GOOD = "A3C\tcmd\tdir\t-n\t1\t100\t1\t1\t-1.000000\t0"


def test_both_layouts(tmp_path):
    path = tmp_path / "new.trace"
    path.write_text(f"{GOOD}\n{GOOD[:-1]}7.5\n")
    trace = read_trace(path, load_throughputs())
    assert trace.jobs["arrival"].tolist() == [0.0, 7.5]
    path.write_text("A3C\tcmd\t-n\t1\t100\t3.000000\t1\nA3C\tcmd\t-n\t1\t100\t4.0\t4\n")
    trace = read_trace(path, load_throughputs())
    assert trace.jobs["arrival"].tolist() == [3.0, 4.0]
    row = int(trace.jobs["key"][1])
    assert trace.measurements.keys[row] == ("A3C", 4)  # never measured: the speed on one worker
    assert not trace.measurements.paired[row].any()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A3C\tcmd", "columns"),
        (GOOD.replace("\t", ","), "found 1; these have commas between them"),
        (GOOD.replace("A3C", "A3D"), "did you mean A3C"),
        (GOOD.replace("\t100\t", "\tmany\t"), "steps"),
        (GOOD.replace("\t100\t", "\t0\t"), "expected steps above 0, found '0'"),
        (GOOD.replace("\t100\t", "\t-5\t"), "expected steps above 0, found '-5'"),
        (GOOD.replace("\t100\t1\t", "\t100\t0\t"), "scale factor"),
        (GOOD.replace("\t100\t1\t", "\t100\t3\t"), "scale factor 3"),
        (GOOD[:-1] + "soon", "arrival"),
        (GOOD[:-1] + "nan", "arrival"),
    ],
)
def test_a_broken_line_is_named(tmp_path, line, words):
    path = tmp_path / "bad.trace"
    path.write_text(f"{GOOD}\n{line}\n")
    text = complaint(read_trace, path, load_throughputs())
    assert text.startswith(f"{path}:2: ")
    assert words in text


def test_a_job_log_is_no_trace(tmp_path):
    path = tmp_path / "sacct.txt"
    path.write_text("JobID|Submit|State|ElapsedRaw|AllocTRES\n")
    text = complaint(read_trace, path, load_throughputs())
    assert text.endswith("found 1 (a trace of a cluster's job log: gavel-sim import)")


def test_arrivals_out_of_order(tmp_path):
    path = tmp_path / "bad.trace"
    path.write_text(f"{GOOD[:-1]}9\n{GOOD}\n")
    assert "ascending" in complaint(read_trace, path, load_throughputs())


# prices


def test_prices(tmp_path):
    np.testing.assert_array_equal(load_prices(None, TYPES), [0.135, 0.43, 0.74])
    path = tmp_path / "prices.csv"
    path.write_text("worker_type,dollars_per_hour\nv100,2\nk80,free\n")
    assert f"{path}:3" in complaint(load_prices, path, TYPES)
    path.write_text("worker_type,dollars_per_hour\nv100,2\nk80,1\n")
    assert "no price for 'p100'; add a line" in complaint(load_prices, path, TYPES)
    path.write_text("worker_type,dollars_per_hour\nv100,2\nV100,3\np100,1\nk80,1\n")
    assert ":3: a second price for 'V100', after one for 'v100'" in complaint(
        load_prices, path, TYPES
    )


# drawn jobs


def test_draws_follow_pythons_streams():
    """Against the streams as ``mechanism.md`` words them, drawn one by one."""
    table = load_throughputs()
    settings = DrawSettings(5, 600.0, None, multi_gpu=True, multi_priority=True, slos=True)
    workload = DrawnWorkload(settings, table)
    workload.extend(200)
    jobs = workload.jobs
    draws, gaps, slos = random.Random(7), random.Random(8), random.Random(11)
    arrival = 0.0
    seen = set()
    for job in range(200):
        r = draws.uniform(0, 1)
        scale = 2 if 0.7 <= r <= 0.8 else 4 if 0.8 <= r <= 0.95 else 8 if r >= 0.95 else 1
        long = draws.random() >= 0.8
        duration = 60 * 10 ** (draws.uniform(3, 4) if long else draws.uniform(1.5, 3))
        name = draws.choice(JOB_TYPES)
        while scale > 1 and not DISTRIBUTED[JOB_TYPES.index(name)]:
            name = draws.choice(JOB_TYPES)
        weight = 5.0 if draws.uniform(0, 1) <= 0.2 else 1.0
        r = slos.uniform(0, 1)
        key = table.row(name, scale)
        assert jobs.arrival[job] == arrival
        assert (jobs.key[job], jobs.scale_factor[job], jobs.weight[job]) == (key, scale, weight)
        assert jobs.duration[job] == duration
        assert jobs.steps[job] == duration * table.alone[key, 2]
        assert jobs.slo[job] == (1.2 if r < 0.33 else 2.0 if r < 0.67 else 10.0)
        arrival = -np.log(1.0 - gaps.random()) / (1.0 / 600.0) + arrival
        seen.add((scale, weight))
    assert len(seen) == 8


def test_draws_do_not_depend_on_chunks():
    table = load_throughputs()
    one, two = (DrawnWorkload(DrawSettings(3, 60.0), table) for _ in range(2))
    one.extend(100)
    for size in (1, 30, 69):
        two.extend(size)
    for name in ("arrival", "key", "steps"):
        np.testing.assert_array_equal(getattr(one.jobs, name), getattr(two.jobs, name))
    three = DrawnWorkload(DrawSettings(3, 60.0), table)
    three.restore(one.snapshot())
    one.extend(50)
    three.extend(50)
    np.testing.assert_array_equal(one.jobs.steps, three.jobs.steps)


def test_fixed_duration_draws_no_duration():
    table = load_throughputs()
    workload = DrawnWorkload(DrawSettings(0, 0.0, 5, fixed_duration=3600.0), table)
    workload.extend(100)
    assert workload.jobs.size == 5
    assert set(workload.jobs.duration.tolist()) == {3600.0}
    assert not workload.jobs.arrival.any()


@pytest.mark.parametrize("count", ["9" * 19, "9" * 5000, "1000001"])
def test_clusters_are_of_a_size_that_exists(count):
    assert "at most 1,000,000" in complaint(parse_counts, f"v100={count}", "--cluster")
    if len(count) < 20:
        assert "1,000,000 or less" in complaint(make_cluster, {"v100": int(count)}, {}, TYPES)


# names of worker types


def run_of(tmp_path, table, trace="A3C\t\t\t\t0\t100\t1\t1\t-1\t0\n", **settings):
    path = tmp_path / "jobs.trace"
    path.write_text(trace)
    given = {"policy": "max_min_fairness_perf", "trace": path, "throughputs": table} | settings
    return simulator.run(**given)


def renamed(tmp_path, names):
    """Gavel's table of two types by other names, of types that it does not have left out."""

    def change(content):
        for old, new in names.items():
            entries = content.pop(old)
            if new is not None:
                content[new] = entries

    return gavel_json(tmp_path, change)


def test_names_keep_their_case(tmp_path):
    same = run_of(tmp_path, gavel_json(tmp_path), cluster="v100=2,k80=1")
    for typed in ("A100=2,Old=1", "a100=2,OLD=1"):
        table = renamed(tmp_path, {"v100": "A100", "k80": "Old"})
        found = run_of(tmp_path, table, cluster=typed)
        assert found.jct == same.jct
        assert found.config.cluster == dict(
            sorted((name, int(n)) for name, n in (one.split("=") for one in typed.split(",")))
        )


def test_a_name_in_another_case_is_taken_only_without_doubt(tmp_path):
    table = renamed(tmp_path, {"v100": "T4", "k80": "t4"})
    assert run_of(tmp_path, table, cluster="T4=2").status == "completed"
    assert run_of(tmp_path, table, cluster="T4=2,t4=2").status == "completed"
    small = gavel_json(tmp_path)
    assert "given twice" in complaint(make_cluster, {"V100": 1, "v100": 2}, {}, TYPES)
    assert "unknown worker type 'h100'" in complaint(
        lambda: run_of(tmp_path, small, cluster="h100=2")
    )
    assert make_cluster({"V100": 2}, {"v100": 2}, TYPES).worker_types == ("v100",)


def test_only_who_reads_the_reference_type_needs_it(tmp_path):
    """A trace gives steps; plain policies and deadlines go by the speed on the V100."""
    table = renamed(tmp_path, {"v100": None})
    found = run_of(tmp_path, table, cluster="k80=2")
    assert found.average_jct == pytest.approx(100 / 2.0, abs=1.0)
    assert np.isnan(found.jobs["duration"]).all()
    for policy in ("finish_time_fairness", "min_total_duration"):
        said = complaint(lambda p=policy: run_of(tmp_path, table, cluster="k80=2", policy=p))
        assert f"'v100', which policy {policy} takes" in said
    late = "A3C\t\t\t\t0\t100\t1\t1\t1.5\t0\n"
    assert "deadlines" in complaint(lambda: run_of(tmp_path, table, late, cluster="k80=2"))
    assert "duration of a drawn job" in complaint(
        lambda: simulator.run(policy="isolated", jobs=3, throughputs=table, cluster="k80=2")
    )


@pytest.mark.parametrize("policy", ["finish_time_fairness", "min_total_duration"])
def test_a_job_without_throughput_on_the_reference_type_is_named(tmp_path, policy):
    table = (DATA / "simulation_throughputs.csv").read_text().splitlines()
    slow = "1,ResNet-18 (batch size 16),,"
    table = [
        f"{line[: line.rindex(',', 0, -1)]},0.0," if line.startswith(slow) else line
        for line in table
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(table) + "\n")
    trace = str(DATA / "example.trace")
    with pytest.raises(InputError, match=r"job 46 of .*has no throughput on 'v100'.*_perf variant"):
        simulator.run(policy=policy, cluster="8:8:8", trace=trace, throughputs=str(path))
