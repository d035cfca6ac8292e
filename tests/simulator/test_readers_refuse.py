"""Whatever is done to a file, a reader reads it or refuses it in one line: no traceback, no hang.

A hundred mutations a reader by default, 5,000 in the slow tests (``GAVEL_MUTATIONS`` sets how many these are).
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import platform
import resource
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import simulator
from gavel_opt import InputError
from gavel_opt.errors import one_line
from simulator.cli.sweep import collect
from simulator.importers import source
from simulator.importers.conversion import Names, convert
from simulator.runs.checkpoint import load
from simulator.runs.output.arrow_tables import parquet as encoded
from simulator.runs.output.difference import difference, read_folder
from simulator.runs.output.live import LIVE, RUNNING
from simulator.runs.output.read_back import read_summary
from simulator.runs.replay import load_replay
from simulator.runs.runner import Checkpointing, execute
from simulator.settings.config import RunConfig
from simulator.settings.options import make_config
from simulator.studies.batches.finished_elsewhere import finished_in
from simulator.studies.batches.stores import PointStore
from simulator.studies.experiments.definition import load as load_experiment
from simulator.studies.experiments.simulate import simulate
from simulator.studies.sweeps.sweep_folder import (
    PLAN,
    as_text,
    entries_of,
    read_plan,
    standing,
    write_plan,
)
from simulator.studies.sweeps.sweep_plan import make_plan, plan_from_file
from simulator.viewer.library import Library, NotThereError
from simulator.viewer.perfetto_trace import perfetto_trace
from simulator.viewer.run_folder import read_run
from simulator.world.json_shape import unprintable
from simulator.world.prices import load_prices
from simulator.world.throughputs import DATA, load_throughputs
from simulator.world.trace import read_trace
from simulator.world.workload import FixedWorkload

FEW, MANY = 100, int(os.environ.get("GAVEL_MUTATIONS", "5000"))
MUTATIONS = pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
MOST_MEMORY = 500 << 20
SAMPLES = Path(__file__).parents[2] / "docs/example_traces"
EXPERIMENT = Path(simulator.__file__).parent / "studies/experiments/definitions/figure-11.toml"
GPUS = Path(__file__).parents[2] / "docs/example_throughputs/gpus.toml"
TYPES = ("k80", "p100", "v100")
JOB = "ResNet-18 (batch size 32)\tpython3 main.py\tdir\t--num_steps\t1\t1000\t2\t1\t-1\t0.5\n"
OLD = "A3C\tpython3 main.py\t--max\t0\t900\t12.5\t1\n"
TABLE = {
    name: {
        "('A3C', 1)": {"null": 2.0, "('A3C', 1)": [1.0, 1.0]},
        "('LM', 2)": {"null": 3.0},
    }
    for name in ("v100", "K80", "v100_unconsolidated")
}
TABLE_TEXT = b"".join((DATA / "simulation_throughputs.csv").read_bytes().splitlines(True)[:3])
"""One job type, alone and beside itself."""
REPLAY = {
    "events": [
        {"t": 0.0, "alloc": {"0": [1.0, 0.0, 0.0], "1": [0.0, 0.5, 0.5], "0+1": [0, 0.1, 0]}},
        {"t": 1920.0, "alloc": {"1": [1, 1, 1]}},
    ]
}
SWEEP = """cluster = "36:36:36"
window = "4000:5000"
seed = [0, 1, 2]
[[case]]
policy = ["max_min_fairness", "fifo"]
rate = "4:5.2:0.4"
[[case]]
policy = "finish_time_fairness_perf"
rate = 2.0
multi-gpu = true
gpus-per-server = {v100 = 4}
"""
NASTY = [
    *(
        "",
        "\0",
        "\x1b[2J",
        "\ufeff",
        "\u2028",
        "\x0b",
        "\x1c",
        "\\ud800",
        "\xa0",
        "é",
        "'",
        '"',
        "\\",
        "\t",
        "\n",
        "\r",
        ",",
        "[",
        "{",
    ),
    *(
        "9" * 19,
        "9" * 25,
        "9" * 400,
        "9" * 5000,
        "1e999",
        "-1e-999",
        "nan",
        "inf",
        "-1",
        "1_0",
        "٣",
    ),
    *("true", "null", "[" * 50_000, "{" * 3000, "x" * 100_000, "= =", "1979-05-27", "0-99999999"),
    *("null:null", "('A3C', 0)", "[[case]]", "policy", "1+1", "0+"),
]


def mutated(content: bytes) -> st.SearchStrategy[bytes]:
    """Content with up to four changes."""
    place = st.integers(0, len(content))
    pieces = st.one_of(st.sampled_from([word.encode() for word in NASTY]), st.binary(max_size=4))
    change = st.tuples(place, st.integers(0, 12), pieces)

    def apply(changes: list[tuple[int, int, bytes]]) -> bytes:
        found = content
        for start, length, piece in changes:
            found = found[:start] + piece + found[start + length :]
        return found

    cut = place.map(lambda end: content[:end])
    return st.one_of(cut, st.lists(change, min_size=1, max_size=4).map(apply))


def values() -> st.SearchStrategy[object]:
    numbers = st.one_of(st.integers(-5, 5), st.floats(), st.sampled_from([10**30, -(10**400)]))
    leaves = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=5))
    return st.recursive(
        leaves, lambda one: st.lists(one) | st.dictionaries(st.text(), one), max_leaves=4
    )


@st.composite
def restructured(draw: st.DrawFn, tree: object) -> object:
    """A tree of JSON with one part replaced, left out or put in twice."""
    if isinstance(tree, dict | list) and tree and draw(st.integers(0, 3)):
        keys = list(tree) if isinstance(tree, dict) else range(len(tree))
        key = draw(st.sampled_from(keys))
        found = tree.copy()
        if draw(st.integers(0, 4)):
            found[key] = draw(restructured(tree[key]))
        elif draw(st.booleans()):
            del found[key]
        elif isinstance(found, dict):
            found[draw(st.text(max_size=3))] = found[key]
        else:
            found.append(draw(values()))
        return found
    return draw(values())


def as_json(tree: object) -> bytes:
    return json.dumps(tree).encode()


def read_jobs(path: Path) -> None:
    trace = read_trace(path, load_throughputs())
    FixedWorkload(trace.jobs)


def import_log(name: str, path: Path, rest: tuple[str, ...]) -> None:
    read = source(name).read([path, *(SAMPLES / file for file in rest)])
    table = load_throughputs()
    convert(read, table, Names(table.worker_types, "v100"))


READERS = {
    "trace": (read_jobs, "a.trace", mutated((JOB + JOB + "\n" + OLD).encode())),
    "throughputs.csv": (
        lambda path: load_throughputs(path).table(["v100"]),
        "a.csv",
        mutated(TABLE_TEXT),
    ),
    "throughputs.json": (
        lambda path: load_throughputs(path),
        "a.json",
        st.one_of(mutated(as_json(TABLE)), restructured(TABLE).map(as_json)),
    ),
    "prices": (
        lambda path: load_prices(path, TYPES),
        "a.csv",
        mutated((DATA / "prices.csv").read_bytes()),
    ),
    "replay": (
        lambda path: replayed(path),
        "a.json",
        st.one_of(
            mutated(as_json(REPLAY)),
            restructured(REPLAY).map(as_json),
            mutated(gzip.compress(as_json(REPLAY), mtime=0)),
        ),
    ),
    "throughputs.toml": (load_throughputs, "a.toml", mutated(GPUS.read_bytes())),
    "sweep": (plan_from_file, "a.toml", mutated(SWEEP.encode())),
    "experiment": (load_experiment, "a.toml", mutated(EXPERIMENT.read_bytes())),
    **{
        f"import {name} {file}": (
            lambda path, name=name, rest=rest: import_log(name, path, rest),
            file,
            mutated((SAMPLES / file).read_bytes()),
        )
        for name, file, rest in (
            ("philly", "cluster_job_log", ()),
            ("helios", "cluster_log.csv", ()),
            ("pai", "pai_job_table.csv", ("pai_task_table.csv",)),
            ("pai", "pai_task_table.csv", ("pai_job_table.csv",)),
            ("openb", "openb_pod_list.csv", ()),
            ("spot-gpu", "job_info_df.csv", ()),
            ("acme", "trace_seren.csv", ()),
            ("slurm", "sacct.txt", ()),
        )
    },
}


SEEDS = {
    "trace": (JOB + JOB + "\n" + OLD).encode(),
    "throughputs.csv": TABLE_TEXT,
    "throughputs.json": as_json(TABLE),
    "throughputs.toml": GPUS.read_bytes(),
    "prices": (DATA / "prices.csv").read_bytes(),
    "replay": as_json(REPLAY),
    "sweep": SWEEP.encode(),
    "experiment": EXPERIMENT.read_bytes(),
    **{name: (SAMPLES / READERS[name][1]).read_bytes() for name in READERS if " " in name},
}
"""What coverage-guided damage begins with, see ``tests/fuzz_readers.py``."""


def replayed(path: Path) -> None:
    replay = load_replay(path, TYPES)
    for time_ in (0.0, 1920.0, 5000.0):
        replay.next(np.array([0, 1]), time_)


def refuses_or_reads(read, *arguments) -> None:
    started = time.process_time()
    try:
        read(*arguments)
    except InputError as wrong:
        said = one_line(wrong)
        assert said.isprintable()
        assert 5 < len(said) < 2100
    assert time.process_time() - started < 5.0


def every(count: int, contents: st.SearchStrategy[bytes], check) -> None:
    """Check so many drawn contents; memory must not swell meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(contents)
    def run(content: bytes) -> None:
        check(content)

    run()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < MOST_MEMORY


@MUTATIONS
@pytest.mark.parametrize("name", READERS)
def test_a_reader_reads_or_refuses(tmp_path_factory, name, count):
    read, file, contents = READERS[name]
    path = tmp_path_factory.mktemp("reader") / file

    def check(content: bytes) -> None:
        path.write_bytes(content)
        refuses_or_reads(read, path)

    every(count, contents, check)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "a"
    simulator.run(policy="isolated", jobs=4, cluster="2:2:2", output=folder)
    return folder


def wide_run(folder: Path) -> None:
    """Write a run with all tables."""
    config = make_config(policy="isolated", jobs=4, cluster="2:2:2")
    execute(config, record=("placements", "allocations")).write(folder)


@pytest.fixture(scope="module")
def wide_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wide") / "a"
    wide_run(folder)
    return folder


def changed_file(whole: bytes, name: str) -> st.SearchStrategy[bytes]:
    if name.endswith("json"):
        return st.one_of(mutated(whole), restructured(json.loads(whole)).map(as_json))
    return mutated(whole)


def compared(one: Path, other: Path) -> None:
    difference(read_folder(one), read_folder(other))


@MUTATIONS
@pytest.mark.parametrize("name", ["summary.json", "jobs.parquet", "rounds.parquet"])
def test_a_run_folder_is_compared_or_refused(run_folder, tmp_path_factory, name, count):
    other = tmp_path_factory.mktemp("changed")
    for file in run_folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())

    def check(content: bytes) -> None:
        (other / name).write_bytes(content)
        refuses_or_reads(compared, run_folder, other)

    every(count, changed_file((run_folder / name).read_bytes(), name), check)


PARTS = ("overview", "placements", "allocations")


def looked_at(folder: Path) -> None:
    """What the viewer's page asks for."""
    library = Library([folder])
    for run in library.catalog()["runs"]:
        for part in PARTS:
            with contextlib.suppress(NotThereError):  # what it says is sent as JSON
                library.part(run["id"], part)


@MUTATIONS
@pytest.mark.parametrize(
    "name",
    ["summary.json", *(f"{n}.parquet" for n in ("jobs", "rounds", "placements", "allocations"))],
)
def test_a_run_folder_is_viewed_or_said_to_be_damaged(wide_folder, tmp_path_factory, name, count):
    other = tmp_path_factory.mktemp("viewed")
    for file in wide_folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())

    def check(content: bytes) -> None:
        (other / name).write_bytes(content)
        refuses_or_reads(looked_at, other)

    every(count, changed_file((wide_folder / name).read_bytes(), name), check)


SMALL = {"policy": "isolated", "jobs": 4, "cluster": "2:2:2"}
RUN = "isolated"
"""Its name in the plan."""


def sweep_folder(folder: Path) -> None:
    """Write the folder of a sweep of one run."""
    write_plan(folder, entries_of(make_plan([("", SMALL)])), ["sweep"])
    wide_run(folder / RUN)


def looked_at_sweep(path: Path) -> None:
    folder = next(one for one in path.parents if (one / PLAN).exists())
    entries = read_plan(folder)
    as_text(folder, standing(folder, entries), entries)
    json.dumps(Library([folder]).catalog())
    finished_in([folder])
    with contextlib.redirect_stdout(io.StringIO()):
        collect(folder)


def plan_of_a_sweep(folder: Path):
    sweep_folder(folder)
    return looked_at_sweep, folder / PLAN


def run_of_a_sweep(folder: Path):
    sweep_folder(folder)
    return looked_at_sweep, folder / RUN / "summary.json"


def run_on_its_way(folder: Path):
    sweep_folder(folder)
    run = folder / RUN
    live = run / LIVE
    live.mkdir()
    for table in ("jobs.parquet", "rounds.parquet"):
        (run / table).rename(live / table)
    (run / "summary.json").unlink()
    said = {"process": os.getpid(), "host": platform.node(), "status": "running"}
    said |= {"policy": "isolated", "makespan": 1.0, "rounds": 1}
    (live / RUNNING).write_text(json.dumps(said | {"config": make_config(**SMALL).to_json()}))
    return looked_at_sweep, live / RUNNING


def point_of_a_figure(folder: Path):
    store = PointStore(folder / "points")
    payload = {"config": make_config(**SMALL).to_json()}
    store.keep("isolated,rate=1", payload, simulate(payload), 1.0, 1.0)

    def look(_: Path) -> None:
        json.dumps(Library([folder]).catalog())
        for places in finished_in([folder]).values():
            PointStore(folder / "other").adopt("isolated", payload, places[0])
        store.load("isolated,rate=1", payload)

    return look, store.path("isolated,rate=1")


FOLDERS = {
    "sweep plan": plan_of_a_sweep,
    "sweep run": run_of_a_sweep,
    "live run": run_on_its_way,
    "figure": point_of_a_figure,
}
"""What looks at a folder when one file of it was damaged, and the file."""


@MUTATIONS
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_a_study_is_looked_at_or_refused(tmp_path_factory, name, count, monkeypatch):
    # a damaged file may be one that is being written, and is read again for eight seconds
    monkeypatch.setattr("simulator.studies.batches.retries.time.sleep", lambda seconds: None)
    look, file = FOLDERS[name](tmp_path_factory.mktemp("study"))

    def check(content: bytes) -> None:
        file.write_bytes(content)
        refuses_or_reads(look, file)

    good = file.read_bytes()
    check(b"[" * 100_000)
    every(count, changed_file(good, "x.json"), check)


def test_a_table_that_promises_more_than_it_holds_is_refused(run_folder, tmp_path):
    for file in run_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    table = parquet.read_table(run_folder / "rounds.parquet")
    many = {name: np.zeros(20_000_000, dtype=np.int8) for name in table.column_names}
    (tmp_path / "rounds.parquet").write_bytes(encoded(many))
    assert (tmp_path / "rounds.parquet").stat().st_size < 1_000_000
    with pytest.raises(InputError, match="promises 20,000,000 rows"):
        read_folder(tmp_path)


@MUTATIONS
def test_a_checkpoint_is_read_or_refused(tmp_path, count):
    path = tmp_path / "checkpoint.npz"
    config = simulator.run(policy="gandiva", jobs=4, cluster="2:2:2").config
    execute(config, checkpointing=Checkpointing(path, rounds=5))
    whole = path.read_bytes()

    def check(content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(InputError) as refused:
            load(path, "--resume")
        assert one_line(refused.value).isprintable()

    every(count, mutated(whole).filter(lambda content: content != whole), check)


_ZEROS = gzip.compress(b"0" * (100 << 20), 1)

BOMBS = {
    "zeros without end": lambda: _ZEROS * 20,
    "an array in an array in an array": lambda: b'{"events": ' + b"[" * 1_000_000,
    "one line": lambda: b"9" * 10_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("name", READERS)
def test_a_small_file_does_not_swell(tmp_path, bomb, name):
    read, file, _ = READERS[name]
    path = tmp_path / file
    path.write_bytes(BOMBS[bomb]())
    refuses_or_reads(read, path)
    with pytest.raises(InputError) as refused:
        read(path)
    assert len(one_line(refused.value)) < 2100


def test_ten_thousand_seeds_make_a_plan_in_seconds(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(f'policy = "fifo"\njobs = 5\nseed = {list(range(10_000))}\n')
    started = time.perf_counter()
    assert len(plan_from_file(path)) == 10_000
    assert time.perf_counter() - started < 20.0
    path.write_text(path.read_text() + f"round = {list(range(1, 12))}\n")
    with pytest.raises(InputError, match="110,000 runs; expected 100,000 at most"):
        plan_from_file(path)
    path.write_text(20 * f'[[case]]\npolicy = "fifo"\njobs = 5\nseed = "1-{10_000}"\n')
    with pytest.raises(InputError, match=r"sweep\.toml: makes 200,000 runs"):
        plan_from_file(path)


@pytest.mark.parametrize("content", ["\ufeff".encode() + JOB.encode(), JOB.encode("utf-16")])
def test_byte_order_marks(tmp_path, content):
    path = tmp_path / "a.trace"
    path.write_bytes(content)
    if content.startswith(b"\xef"):
        assert read_trace(path, load_throughputs()).jobs["arrival"].tolist() == [0.5]
    else:
        with pytest.raises(InputError, match="UTF-16"):
            read_trace(path, load_throughputs())


HEADER = "scale_factor,job,beside,v100,v100_beside\n"
KEY = "('A', 1)"
ALONE = 'base = "none"\n[[throughputs]]\njob_type = "A"\nv100 = 1\n'
SACCT = "JobID|State|Submit|ElapsedRaw|AllocTRES"
SLIPS = [
    ("throughputs.csv", f"{HEADER}1,A,,2,3\n", "'3' stands in a column for the job beside"),
    (
        "throughputs.csv",
        f"{HEADER}1,A,,2,\n1,A,A,1,3\n",
        "'A' beside itself has two speeds on 'v100'",
    ),
    ("throughputs.csv", f"{HEADER}1,A,,1e17,\n", "9.0072e+15 at most"),
    ("throughputs.csv", HEADER.replace("v100", "") + "1,A,,2,\n", "worker type has no name"),
    (
        "throughputs.json",
        json.dumps(
            {"v100": {KEY: {"null": 1, KEY.replace("A", "B"): [1, 2]}, "('B', 1)": {"null": 1}}}
        ),
        "missing from the other side, 'B' beside 'A'",
    ),
    ("throughputs.toml", ALONE.replace("v100 = 1\n", ""), "expected a speed"),
    (
        "throughputs.toml",
        f"{ALONE}[[throughputs]]\njob_type = 'A'\nbeside = 5\n",
        "expected a speed",
    ),
    (
        "throughputs.toml",
        f"{ALONE}[[throughputs]]\njob_type = 'A'\nbeside = 5\nv100 = [1, 2]\n",
        "beside =",
    ),
    (
        "throughputs.toml",
        f"{ALONE}[[throughputs]]\njob_type = 'A'\nbeside = 'A'\nv100 = [1, 2]\n",
        "beside itself has two speeds",
    ),
    (
        "sweep",
        'policy = "fifo"\njobs = 5\nthroughputs = "a\\u0000b"\n',
        "is not the name of a file",
    ),
    ("sweep", f'policy = "fifo"\njobs = 5\ntrace = "{"x" * 300}"\n', "too long"),
    ("prices", "worker_type,dollars_per_hour\nk80,1e300\n", "or less, found '1e300'"),
    ("replay", as_json({"events": [{"t": 0, "alloc": {"00": [1, 0, 0]}}]}).decode(), "found '00'"),
    (
        "replay",
        as_json({"events": [{"t": 0, "alloc": {"0+00": [1, 0, 0]}}]}).decode(),
        "found '0+00'",
    ),
    (
        "replay",
        as_json({"events": [{"t": 0, "alloc": {"0+1": [1, 0, 0], "1+0": [1, 0, 0]}}]}).decode(),
        "a pair once, found '0+1' and '1+0'",
    ),
    ("import philly cluster_job_log", "[]\n[]\n", "'[]\\n' stands behind the list"),
    (
        "import philly cluster_job_log",
        '[{"attempts": [], "attempts": [1]}]',
        "'attempts' stands twice",
    ),
    ("import slurm sacct.txt", f"{SACCT}|State\n", "column 'State' stands twice"),
    (
        "import philly cluster_job_log",
        '[{"jobid": "\\ud800", "attempts": []}]',
        "\\ud800 is half a character",
    ),
    (
        "import slurm sacct.txt",
        f"{SACCT}\n1|COMPLETED|2024-01-01T00:00:00|60|gres/gpu=12345678901\n",
        "more GPUs than there can be",
    ),
]


@pytest.mark.parametrize(("name", "content", "says"), SLIPS)
def test_what_would_be_lost_is_refused(tmp_path, name, content, says):
    read, file, _ = READERS[name]
    path = tmp_path / file
    path.write_text(content)
    with pytest.raises(InputError) as refused:
        read(path)
    assert says in one_line(refused.value)


def test_a_pair_is_one_pair_whichever_comes_first(tmp_path):
    path = tmp_path / "a.json"
    share, half = [1, 0, 0], [0.5, 0, 0]
    found = []
    for pair in ("0+1", "1+0"):
        path.write_bytes(
            as_json({"events": [{"t": 0, "alloc": {"0": share, "1": share, pair: half}}]})
        )
        found.append(load_replay(path, TYPES).next(np.array([0, 1]), 0.0).pair.tolist())
    assert found == [[[0, 1]], [[0, 1]]]


def test_lines_within_quotes_are_kept(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f'{HEADER}1,"A\nB",,2,\n')
    assert load_throughputs(path).keys == (("A\nB", 1),)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("jobs", 10**12),
        ("window", (0, 10**12)),
        ("rate", 1e300),
        ("rate", 1e-300),
        ("interarrival", 1e-300),
        ("seed", 10**400),
        ("fixed_duration", 1e300),
        ("round", 10**17),
    ],
)
def test_figures_that_no_run_could_have_are_refused(setting, value):
    workload = {"jobs": 5} if setting in ("seed", "fixed_duration", "round") else {}
    if "rate" in setting or "inter" in setting or setting == "window":
        workload = {"rate": 1.0, "window": (0, 10)}
        if setting == "interarrival":
            del workload["rate"]
    with pytest.raises(InputError, match=f"--{setting.replace('_', '-')}: "):
        make_config(**{"policy": "fifo", **workload, setting: value})


CHANGES = [
    ("sweep plan", lambda plan: plan["runs"][0].update(name="9" * 400), "is no run's name"),
    ("sweep plan", lambda plan: plan["runs"][0].update(name="../a"), "folder within this one"),
    ("sweep plan", lambda plan: plan["runs"][0].update(name="a\x1b[2J"), "is no run's name"),
    ("sweep plan", lambda plan: plan["runs"][0]["config"].update(cluster=5), "with other settings"),
    ("sweep plan", lambda plan: plan["runs"][0]["settings"].update(x={}), "no value of a setting"),
    (
        "sweep plan",
        lambda plan: plan["runs"][0]["settings"].update(x=10**30),
        "too large for a set",
    ),
    ("sweep plan", lambda plan: plan["runs"][0].update(command="\ud800"), "\\ud800 is half a char"),
    ("sweep run", lambda summary: summary.update(policy="\udcff"), "is not a run's folder"),
    ("sweep run", lambda summary: summary.update(config=5), "is not a run's folder"),
    ("sweep run", lambda summary: summary.update(average_jct={}), "is not a run's folder"),
    ("sweep run", lambda summary: summary.update(rounds=10**30), "is not a run's folder"),
    ("sweep run", lambda summary: summary.pop("time"), "is not a run's folder"),
    ("figure", lambda point: point.update(result=None), "not the result of a run"),
]


@pytest.mark.parametrize(("name", "change", "says"), CHANGES)
def test_a_changed_file_of_a_study_is_named(tmp_path, name, change, says, monkeypatch):
    monkeypatch.setattr("simulator.studies.batches.retries.time.sleep", lambda seconds: None)
    look, file = FOLDERS[name](tmp_path)
    found = json.loads(file.read_text())
    change(found)
    file.write_text(json.dumps(found))
    with pytest.raises(InputError) as refused:
        look(file)
    assert says in one_line(refused.value)


def test_a_point_of_figures_too_large_is_not_taken_over(tmp_path):
    look, file = FOLDERS["figure"](tmp_path)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cpu_seconds": 10**400}))
    with pytest.raises(InputError, match="it was changed since it was written"):
        look(file)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda summary: summary.update(solve=3), "summary.solve: expected object, found '3'"),
        (lambda summary: summary["solve"].update(fallbacks="x"), "expected integer, found 'x'"),
        (lambda summary: summary.update(simulated_time="x"), "expected number, found 'x'"),
        (lambda summary: summary["config"]["cluster"].update(v100="x"), "found 'x'"),
        (lambda summary: summary["config"]["cluster"].update(v100=10**30), "is out of bounds"),
        (lambda summary: summary["config"].update(gpus_per_server=4), "expected object"),
        (lambda summary: summary.pop("average_jct"), "average_jct is missing"),
        (lambda summary: summary.update(status="\x1b[2J"), r"no run writes: '\x1b[2J'"),
        (lambda summary: summary["config"].update(fallback=3), "expected array, found '3'"),
        (lambda summary: summary["config"].update(window=[1]), "config.window: too short"),
        (lambda summary: summary["config"].update(seed=-1), "config.seed: '-1' is out of bounds"),
        (lambda summary: summary["config"].update(jobs=10**30), "is out of bounds"),
        (lambda summary: summary["config"].update(tie_break="x"), "expected canonical or"),
        (lambda summary: summary["config"].pop("policy"), "config: policy is missing"),
    ],
)
def test_a_changed_summary_is_named(run_folder, tmp_path, change, says):
    summary = json.loads((run_folder / "summary.json").read_text())
    change(summary)
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(InputError) as refused:
        RunConfig.from_json(read_summary(tmp_path)["config"])
    assert says in one_line(refused.value)


def test_placements_on_workers_that_are_not_there_are_not_exported(wide_folder, tmp_path):
    shutil.copytree(wide_folder, tmp_path / "a")
    summary = json.loads((tmp_path / "a/summary.json").read_text())
    summary["config"]["cluster"] = {"x": 1}
    (tmp_path / "a/summary.json").write_text(json.dumps(summary))
    with pytest.raises(InputError, match=r"name worker \d+ of 1: "):
        perfetto_trace(read_run(tmp_path / "a"))
    library = Library([tmp_path / "a"])
    with pytest.raises(InputError, match="its tables do not fit together"):
        library.part(library.catalog()["runs"][0]["id"], "allocations")


def test_blanks_of_any_language_may_stand_in_names(tmp_path):
    folder = tmp_path / "sweep"
    entries = entries_of(make_plan([("", SMALL)]))
    named = [replace(entry, name="seed\u3000=\xa0é") for entry in entries]
    write_plan(folder, named, ["sweep"])
    assert [entry.name for entry in read_plan(folder)] == ["seed\u3000=\xa0é"]
    assert not unprintable({"a": ["two\nlines", "a\u3000b"]})
    assert unprintable({"a": ["\x9b2J"]})


def test_a_run_on_its_way_whose_settings_are_no_settings_is_looked_at(tmp_path):
    look, file = FOLDERS["live run"](tmp_path)
    said = json.loads(file.read_text())
    for name in said["config"]:
        for value in ([[]], {"x": []}, True):
            file.write_text(json.dumps(said | {"config": said["config"] | {name: value}}))
            refuses_or_reads(look, file)


def test_points_of_earlier_versions_are_viewed_and_not_gone_on_from(tmp_path):
    _, file = FOLDERS["figure"](tmp_path)
    kept = json.loads(file.read_text())
    del kept["checksum"]
    file.write_text(json.dumps(kept))
    (study,) = Library([tmp_path]).catalog()["studies"].values()
    assert [entry["curve"] for entry in study["entries"]] == ["isolated"]
    with pytest.raises(InputError, match="or an earlier version wrote it"):
        PointStore(file.parent).load(file.stem, kept["payload"])


@pytest.mark.parametrize("name", ["slo_violations", "average_jct", "cost", "makespan", "status"])
@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "true", "[1]", "10" * 200, "7.5e"])
def test_a_value_of_a_run_that_is_none_is_no_row_of_a_sweep(tmp_path, name, value, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda _: None)  # what does not parse may be half written
    sweep_folder(tmp_path)
    path = tmp_path / RUN / "summary.json"
    written = json.dumps(json.loads(path.read_text()) | {name: "HERE"})
    path.write_text(written.replace('"HERE"', value))
    with pytest.raises(InputError, match=rf"{RUN} is not a run's folder"):
        collect(tmp_path)
    path.write_text(written.replace('"HERE"', '"words"' if name != "status" else "3"))
    with pytest.raises(InputError, match=rf"{RUN} is not a run's folder"):
        collect(tmp_path)
