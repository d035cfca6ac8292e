"""Job logs of other clusters become traces: samples of every format, written by us."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import re
import shutil
from pathlib import Path

import pytest

from gavel_opt import InputError
from simulator.cli import main
from simulator.importers import SOURCES
from simulator.importers.base import COMPLETED, FAILED, KILLED
from simulator.importers.conversion import Names
from simulator.importers.job_log import end_of
from simulator.importers.json_list import list_items
from simulator.world.throughputs import load_throughputs
from simulator.world.trace import read_trace

SAMPLES = Path(__file__).parents[2] / "docs/example_traces"
FILES = {
    "philly": ["cluster_job_log", "cluster_machine_list"],
    "helios": ["cluster_log.csv", "cluster_gpu_number.csv"],
    "pai": ["pai_task_table.csv", "pai_machine_spec.csv", "pai_job_table.csv"],
    "openb": ["openb_pod_list.csv", "openb_node_list.csv"],
    "spot-gpu": ["job_info_df.csv", "node_info_df.csv"],
    "acme": ["trace_seren.csv"],
    "slurm": ["sacct.txt"],
}
EXPECTED = {  # arrival, scale factor, GPU hours of each job; the cluster
    "philly": ([(0, 2, 4.0), (1800, 4, 3.0), (3600, 1, 1 / 12), (14400, 8, 64.0)], "v100=24"),
    "helios": ([(0, 1, 2.0), (1800, 4, 4 / 15), (3600, 8, 6.0), (14400, 8, 32.0)], "v100=32"),
    "pai": ([(0, 2, 2.0), (1000, 1, 1 / 9), (7200, 8, 10.0)], "k80=4,p100=2,v100=8"),
    "openb": ([(0, 8, 16.0), (1000, 1, 0.22), (2000, 1, 359 / 360)], "v100=16"),
    "spot-gpu": ([(0, 1, 2.0), (1800, 8, 16.0), (3600, 1, 0.5)], "v100=20"),
    "acme": ([(0, 8, 0.26), (336, 8, 32.0), (2498, 1, 1 / 6)], "v100=2288"),
    "slurm": ([(0, 2, 4.0), (1800, 1, 0.5), (7200, 4, 3.0)], None),
}
RAN_ON = {"pai": ["v100", "k80", "p100"], "slurm": ["v100", "p100", "v100"]}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for sample in SAMPLES.iterdir():
        shutil.copyfile(sample, sample.name)


def imported(*words):
    status = main(["import", *words, "--output", "my.trace"])
    return status, Path("my.trace")


def hours(trace, worker_types):
    """GPU hours of every job, by its speed where it ran."""
    table = trace.measurements
    columns = [table.worker_types.index(name) for name in worker_types]
    jobs = trace.jobs
    speed = table.alone[jobs["key"], columns]
    return jobs["steps"] / speed * jobs["scale_factor"] / 3600


@pytest.mark.parametrize("source", SOURCES)
def test_a_sample_becomes_the_trace_that_it_should(source, capsys):
    status, path = imported(source, *FILES[source])
    assert status == 0
    said = capsys.readouterr().out
    jobs, cluster = EXPECTED[source]
    trace = read_trace(path, load_throughputs())
    assert trace.jobs["arrival"].tolist() == [arrival for arrival, _, _ in jobs]
    assert trace.jobs["scale_factor"].tolist() == [scale for _, scale, _ in jobs]
    ran_on = RAN_ON.get(source, ["v100"] * len(jobs))
    wanted = [hour for _, _, hour in jobs]
    assert hours(trace, ran_on) == pytest.approx(wanted, rel=1e-3)  # whole steps
    assert (f"--cluster {cluster}" in said) if cluster else ("add --cluster" in said)
    again = path.read_bytes()
    imported(source, *reversed(FILES[source]))
    assert path.read_bytes() == again


def test_what_was_dropped_is_said_with_the_reason(capsys):
    imported("slurm", "sacct.txt", "--cluster", "v100=4,p100=2")
    said = capsys.readouterr().out
    for line in (
        "3 of 6 jobs",
        "dropped 1: no GPU",
        "dropped 1: still running",
        "dropped 1: no run time",
        "87.5% of capacity",
    ):
        assert line in said


def test_only_completed_jobs(capsys):
    imported("helios", "cluster_log.csv", "--completed-only")
    assert "dropped 2: failed or killed" in capsys.readouterr().out


def test_a_requeued_job_is_one(capsys):
    text = Path("sacct.txt").read_text()
    again = text.splitlines()[1].replace("T09:00", "T12:00")  # a record a Submit in its database
    Path("sacct.txt").write_text(f"{text}{again}\n")
    imported("slurm", "sacct.txt")
    trace = read_trace(Path("my.trace"), load_throughputs())
    assert hours(trace, RAN_ON["slurm"])[0] == pytest.approx(8.0, rel=1e-3)


def doubled(name):
    """A file with all of it twice, as where two outputs overlap and were put together."""
    text = Path(name).read_text()
    if name == "cluster_job_log":
        inner = text[text.index("{") : text.rindex("}") + 1]
        return f"[{inner},\n{inner}]"
    lines = text.splitlines(keepends=True)
    return text + "".join(lines[not name.startswith("pai_") or name == "pai_machine_spec.csv" :])


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_there_twice_counts_once(source, capsys):
    """It counted twice without a word: twice the load, or twice the cluster."""
    _, path = imported(source, *FILES[source])
    once = path.read_bytes(), capsys.readouterr().out.splitlines()[-1]
    for name in FILES[source]:
        Path(name).write_text(doubled(name))
    imported(source, *FILES[source], "--force")
    said = capsys.readouterr().out
    assert (path.read_bytes(), said.splitlines()[-1]) == once
    assert re.search("a copy|counted once|longest counts", said)


@pytest.mark.parametrize("first", [0, 1])
def test_a_job_that_ran_on_is_taken_as_it_ended(first, capsys):
    """Of a month's output in which it still ran, and the next month's in which it had ended."""
    lines = [f"1|2026-03-02T09:00:00|{end}|gres/gpu=1" for end in ("RUNNING|60", "COMPLETED|7200")]
    assert of_slurm(capsys, lines[first], lines[1 - first])[0] == [pytest.approx(2.0, rel=1e-3)]


def test_sacct_quotes_nothing(capsys):
    Path("sacct.txt").write_text(
        "JobID|JobName|Submit|State|ElapsedRaw|AllocTRES\n"
        '1|"train|2026-03-02T09:00:00|COMPLETED|7200|gres/gpu=1\n'
    )
    assert imported("slurm", "sacct.txt")[0] == 0


def test_seconds_since_1970_know_no_change_of_clocks(capsys):
    day = "2026-03-02T09:00:00+01:00"
    lines = [f"{at}|{when}|COMPLETED|60|gres/gpu=1" for at, when in enumerate((day, "1772438460"))]
    assert of_slurm(capsys, *lines)[1] == [0.0, 60.0]


@pytest.mark.parametrize("file", ["pai_machine_spec.csv", "cluster_gpu_number.csv"])
def test_columns_in_another_order(file, capsys):
    source = "pai" if file.startswith("pai") else "helios"
    imported(source, *FILES[source])
    before = capsys.readouterr().out
    rows = [line.split(",")[::-1] for line in Path(file).read_text().splitlines()]
    Path(file).write_text("".join(",".join(row) + "\n" for row in rows))
    assert imported(source, *FILES[source], "--force")[0] == 0
    assert capsys.readouterr().out == before


def test_the_cluster_is_what_a_run_would_take(capsys):
    """Its names went through ``--as``, and unknown ones became v100."""
    words = ["slurm", "sacct.txt", "--as", "v100=k80"]
    imported(*words, "--cluster", "V100=4,p100=0")
    assert capsys.readouterr().out.endswith(" --cluster v100=4\n")
    assert imported(*words, "--cluster", "h100=4", "--force")[0] == 2
    assert "--cluster: unknown worker type 'h100'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("pack", "name"), [(gzip.compress, "gzip"), (bz2.compress, "bzip2"), (lzma.compress, "xz")]
)
@pytest.mark.parametrize("source", ["philly", "slurm"])
def test_packed_files_are_told(source, pack, name, capsys):
    path = Path(FILES[source][0])
    path.write_bytes(pack(path.read_bytes()))
    assert imported(source, path.name)[0] == 2
    assert re.search(f"packed( with {name})?.* unpack it first", capsys.readouterr().err)


def of_slurm(capsys, *lines):
    """GPU hours of each job in the order of the trace, and what was said."""
    header = "JobID|Submit|State|ElapsedRaw|AllocTRES"
    Path("mine.txt").write_text("\n".join([header, *lines]) + "\n")
    assert imported("slurm", "mine.txt")[0] == 0
    trace = read_trace(Path("my.trace"), load_throughputs())
    found = hours(trace, ["v100"] * len(trace.jobs["arrival"]))
    return found.round(2).tolist(), trace.jobs["arrival"].tolist(), capsys.readouterr().out


@pytest.mark.parametrize(
    ("gpus", "hours_of_it"),
    [
        ("gres/gpu=2,gres/gpu:2080ti=2", 2.0),  # 2,080 GPUs otherwise
        ("gres/gpu:1080=2", 2.0),
        ("gres/gpu:a100=2,gres/gpu=4", 4.0),
        ("gres/gpu:a100_2g.10gb=7,gres/gpu=7", 2.0),
        ("gres/gpu:3g.20gb=7", 3.0),
        ("gres/gpu:a30_1g.6gb=8", 2.0),
        ("billing=8,gres/gpu=1,gres/gpumem=20G,gres/gpuutil=50", 1.0),
        ("gres/vgpu=8,license/xgpu=5,gres/gpu=1", 1.0),
        ("gpu:v100:2(IDX:0-1)", 2.0),
        ("gres:gpu:2", 2.0),
        ("gpu:2,craynetwork:4", 2.0),
    ],
)
def test_gpus_by_the_words_of_slurm(gpus, hours_of_it, capsys):
    found, _, _ = of_slurm(capsys, f"1|2026-03-02T09:00:00|COMPLETED|3600|{gpus}")
    assert found == [pytest.approx(hours_of_it, rel=0.01)]


def test_what_is_odd_in_slurm_is_said(capsys):
    day = "2026-03-02T"
    found, arrival, said = of_slurm(
        capsys,
        f"1|{day}09:00:00|COMPLETED|3600|gres/gpu:v100=1,gres/gpu:p100=1,gres/gpu=2",
        f"2+0|{day}09:10:00|COMPLETED|3600|gres/gpu=1",
        f"2+1|{day}09:10:00|COMPLETED|3600|gres/gpu=1",
        f"3|{day}09:20:00|COMPLETED|3600|gres/gpu:a100_1g.5gb=1",
        "4|Unknown|REQUEUED|3600|gres/gpu=1",
        f"4|{day}09:40:00|REQUEUED|3600|gres/gpu=1",
        f"4|{day}09:30:00|COMPLETED|3600|gres/gpu=1",
    )
    assert arrival == [0.0, 600.0, 600.0, 1200.0, 1800.0]
    assert found == pytest.approx([2.0, 1.0, 1.0, 1 / 7, 3.0], abs=0.01)
    for line in (
        "on slices of a GPU (MIG: 1g.5gb), which are sevenths of one (quarters of an A30): 1",
        "several types, taken to have run on the first of them: 1",
        "heterogeneous jobs (1234+0, 1234+1), each taken for a job of its own: 2",
    ):
        assert line in said


def test_jobs_whose_gpus_are_a_guess_are_counted(capsys):
    """They went to the default without a word: a third of a log, all of its load on one type."""
    gpus = ("gres/gpu=1", "gres/gpu:v100=1", "gres/gpu=2", "gres/gpu:titan=1")
    lines = [f"{at}|2026-03-02T0{at}:00:00|COMPLETED|3600|{one}" for at, one in enumerate(gpus)]
    _, _, said = of_slurm(capsys, *lines)
    assert "source does not say, taken to have run on v100 (--worker-type TYPE): 2\n" in said
    assert (
        "titan is not a worker type of the table: taken as v100 (--as titan=TYPE): 1 job\n" in said
    )
    assert imported("pai", *FILES["pai"], "--force")[0] == 0
    assert "does not say" not in capsys.readouterr().out


def test_a_name_that_no_gpu_has_is_said(capsys):
    imported("openb", *FILES["openb"], "--as", "G33=p100", "--as", "g3=p100")
    said = capsys.readouterr().out
    assert "--as G33=p100 had no effect: the source has no GPU of that name" in said
    assert "--as g3=p100 had" not in said


def test_a_type_that_another_table_has_is_said_with_it(capsys):
    imported("spot-gpu", *FILES["spot-gpu"])
    said = capsys.readouterr().out
    assert (
        "A10 is not a worker type of the table: taken as v100 (--throughputs @newer has a10; or"
        in said
    )
    imported("spot-gpu", *FILES["spot-gpu"], "--throughputs", "@newer", "--force")
    assert "@newer has" not in capsys.readouterr().out


def test_names_of_worker_types():
    names = Names(("a100", "k80", "v100"), "v100", {"G3": "k80"})
    for name, wanted in {
        "Tesla-V100-SXM2-32GB": "v100",
        "V100M16": "v100",
        "A100-SXM4-80GB": "a100",
        "g3": "k80",
        "G2": "v100",
        "": "v100",
    }.items():
        assert names.of(name) == wanted
    assert names.taken == {"G2": "v100"}


@pytest.mark.parametrize(
    ("file", "old", "new", "words", "said"),
    [
        ("sacct.txt", "Submit", "Start", ["slurm"], "sacct.txt:1: no column 'Submit': without"),
        ("sacct.txt", "|7200|b", "|x|b", ["slurm"], "sacct.txt:2: expected a number"),
        ("sacct.txt", "|7200|b", "|b", ["slurm"], "sacct.txt:2: expected 5 columns, found 4"),
        (
            "sacct.txt",
            "|2026-03-02T09:00:00|C",
            "|soon|C",
            ["slurm"],
            "sacct.txt:2: expected a date",
        ),
        *(
            ("sacct.txt", "|2026-03-02T09:00:00|C", f"|{odd}|C", ["slurm"], "expected a date and")
            for odd in ("1503031792000", "2026-03-02", "20260302", "2026-W10")  # the year 1503
        ),
        ("sacct.txt", "gres/gpu", "gres/fpga", ["slurm"], "no job can be used (6 no GPU)"),
        ("cluster_log.csv", "submit_time", "time", ["helios"], "without submission times"),
        ("cluster_log.csv", "duration", "d", ["helios"], "no column 'duration'"),
        (
            "cluster_job_log",
            '"Pass"',
            '"Fine"',
            ["philly"],
            "cluster_job_log:2: expected status Pass",
        ),
        ("cluster_job_log", "[", "[,", ["philly"], "cluster_job_log:1: not JSON"),
        ("cluster_job_log", '["gpu4"]', "4", ["philly"], "cluster_job_log:9: expected detail"),
        ("pai_job_table.csv", "j1,", "j1,,", ["pai"], "7 columns; expected pai_job_table (6)"),
        ("openb_pod_list.csv", "creation_time", "c", ["openb"], "without submission times"),
    ],
)
def test_bad_input_is_one_line(file, old, new, words, said, capsys):
    path = Path(file)
    path.write_text(path.read_text().replace(old, new, 1 if old != "gres/gpu" else -1))
    status, trace = imported(*words, file)
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == (2, 1)
    assert said in error
    assert not trace.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pai", "pai_job_table.csv"], "expected a pai_task_table among the files"),
        (["helios", "cluster_log.csv", "cluster_log.csv"], "a second cluster_log"),
        (["slurm", "sacct.txt", "--as", "v100=h900"], "--as: unknown worker type 'h900'"),
        (["slurm", "sacct.txt", "--as", "v100"], "expected NAME=TYPE"),
        (["slurm", "nothing.txt"], "nothing.txt"),
        (["slurms", "sacct.txt"], "did you mean slurm?"),
    ],
)
def test_wrong_words_are_one_line(words, said, capsys):
    status, trace = imported(*words)
    error = capsys.readouterr().err
    assert (status, error.count("\n")) == (2, 1)
    assert said in error
    assert not trace.exists()


def test_the_busiest_day(capsys):
    rows = Path("cluster_log.csv").read_text().splitlines()
    early = rows[1].replace("2020-06-09", "2020-06-01").replace("101", "100")  # two GPU hours
    Path("cluster_log.csv").write_text("\n".join([rows[0], early, *rows[1:]]))
    imported("helios", "cluster_log.csv", "--cluster", "v100=2")
    said = capsys.readouterr().out
    assert "10.8% of capacity       83.9%" in said
    imported("helios", "cluster_log.csv", "--force")
    assert re.search(r"[0-9.]+ GPUs on average +[0-9.]+ GPUs\n", capsys.readouterr().out)


def test_a_log_that_was_cut_off_is_not_read_in_silence(capsys):
    whole = Path("sacct.txt").read_text()
    Path("sacct.txt").write_text(whole[:-1])
    status, _ = imported("slurm", "sacct.txt")
    assert status == 2
    assert "sacct.txt: the last line has no end" in capsys.readouterr().err
    table = Path("cluster_log.csv")
    table.write_text(table.read_text().rstrip("\n"))
    assert imported("helios", "cluster_log.csv")[0] == 0
    assert "the last line of cluster_log.csv has no end" in capsys.readouterr().out


def test_sacct_is_slurm(capsys):
    text = [imported(name, *FILES["slurm"])[1].read_text() for name in ("sacct", "slurm")]
    assert text[0] == text[1]


@pytest.mark.parametrize("source", SOURCES)
def test_damaged_files_are_read_or_refused_in_one_line(source, capsys):
    """Cut, doubled and overwritten at places drawn with a fixed seed."""
    draw = random.Random(source)
    whole = {name: Path(name).read_bytes() for name in FILES[source]}
    for _ in range(60):
        name = draw.choice(FILES[source])
        content = bytearray(whole[name])
        start = draw.randrange(len(content))
        end = min(len(content), start + draw.choice((1, 3, 20, 400)))
        content[start:end] = draw.choice(
            (b"", b"\0", b"\xff", b"-1e400", b'"', b"[]", b",|", b"9" * 30)
        )
        Path(name).write_bytes(content)
        status, trace = imported(source, *FILES[source])
        error = capsys.readouterr().err
        assert (status, error.count("\n")) in ((0, 0), (2, 1)), error
        if status == 0:
            read_trace(trace, load_throughputs())
        Path(name).write_bytes(whole[name])


def test_a_long_list_is_read_in_pieces():
    """Pieces end anywhere: within words, blanks, characters of several bytes."""
    path = Path("long.json")
    jobs = [{"name": "é" * (n % 70), "gpus": ["gpu0"] * (n % 9)} for n in range(3000)]
    path.write_text(json.dumps(jobs, indent=1, ensure_ascii=False))
    assert path.stat().st_size > 4 * 65536
    found = list(list_items(path))
    assert [job for _, job in found] == jobs
    lines = path.read_text().splitlines()
    assert all(lines[int(where.split(":")[1]) - 1] == " {" for where, _ in found)


@pytest.mark.parametrize(
    "text", ["", "{}", "[{}", "[{},]", "[{} {}]", "[{}}", '[{"a": }]', "[[" * 9999]
)
def test_what_is_no_list_is_refused(text):
    Path("long.json").write_text(text)
    with pytest.raises(InputError, match=r"long\.json:1: "):
        list(list_items(Path("long.json")))


@pytest.mark.parametrize(
    ("state", "end"),
    [
        *(("COMPLETED", COMPLETED), ("completed", COMPLETED), ("CANCELLED by 1000", KILLED)),
        *(("CANCELLED+", KILLED), ("NODE_FAIL", FAILED), ("running", None), ("", None)),
    ],
)
def test_ends_by_the_words_of_slurm(state, end):
    assert end_of(state) == end
