"""Runs that are killed go on to the same bits; runs fork from one warm-up; files are checked."""

from __future__ import annotations

import io
import json
import random
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from pyarrow import parquet
from sim import gavel_sim, start_gavel_sim

from gavel_opt import InputError
from simulator.cli import main
from simulator.files.seal import sealed
from simulator.runs.checkpoint import Checkpoint, check_fork, load, save
from simulator.runs.runner import Checkpointing, execute, parse_every
from simulator.settings.options import make_config

CLUSTER = {"v100": 6, "p100": 6, "k80": 6}


def config(policy="isolated", **settings):
    given = {"cluster": CLUSTER, "interarrival": 3600.0, "window": (50, 150)} | settings
    return make_config(policy=policy, **given)


def same(a, b):
    """Equal summaries (but for the time it took) and equal tables, to the last bit."""
    left, right = (
        {name: value for name, value in result.summary.items() if name != "time"}
        for result in (a, b)
    )
    assert left == right
    for name in ("jobs", "rounds"):
        for column, values in getattr(a, name).items():
            np.testing.assert_array_equal(values, getattr(b, name)[column], err_msg=column)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"policy": "gandiva"},
        {"policy": "fifo"},
        {"policy": "max_min_fairness_packed"},
        {"policy": "finish_time_fairness_perf"},
        {"policy": "max_min_fairness_perf", "multi_gpu": True, "cluster": "16:16:16"},
        {"policy": "max_min_fairness", "engine": "ecos", "tie_break": "none"},
        {"policy": "fifo", "interarrival": None, "window": None, "jobs": 60},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())) or "isolated",
)
def test_every_checkpoint_leads_to_the_same_bits(tmp_path, settings):
    run = config(**settings)
    whole = execute(run)
    path = tmp_path / "checkpoint.npz"
    every = max(whole.summary["rounds"] // 3, 1)
    interrupted = execute(
        replace(run, max_simulated_hours=whole.summary["makespan"] / 3600 * 0.8),
        checkpointing=Checkpointing(path, rounds=every),
    )
    assert interrupted.status == "horizon"
    kept = load(path, "--resume")
    assert 0 < kept.runner["saved_rounds"] < whole.summary["rounds"]
    same(execute(run, resume=kept), whole)


def test_an_engine_that_remembers_its_last_answer_is_said(tmp_path):
    """Without tie-breaking it may go on to another optimum than it would have in one go."""
    run = config("max_min_fairness_perf", engine="highs", tie_break="none", window=(5, 10))
    path = tmp_path / "checkpoint.npz"
    execute(run, checkpointing=Checkpointing(path, rounds=20))
    notes = execute(run, resume=load(path, "--resume")).summary["notes"]
    assert any("--tie-break none" in note for note in notes)
    firm = replace(run, tie_break="canonical")
    execute(firm, checkpointing=Checkpointing(path, rounds=20))
    assert not execute(firm, resume=load(path, "--resume")).summary["notes"]


def test_killed_run_goes_on(tmp_path):
    words = (
        *("--policy", "isolated", "--cluster", "6:6:6", "--rate", 0.7, "--window", "300:400"),
        *("--saturation", "off", "--record", "placements"),
    )
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert gavel_sim("run", *words, "--output", whole).returncode == 0
    run = start_gavel_sim("run", *words, "--output", half, "--checkpoint-every", "500r")
    deadline = time.monotonic() + 120
    while not (half / "checkpoint.npz").exists():
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.002)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert run.returncode == -signal.SIGKILL
    assert not (half / "summary.json").exists()
    done = gavel_sim("run", "--resume", half, "--json", "--record", "placements")
    assert done.returncode == 0, done.stderr
    a, b = (json.loads((folder / "summary.json").read_text()) for folder in (whole, half))
    del a["time"], b["time"]
    assert a == b
    for name in ("jobs", "rounds", "placements"):
        tables = [parquet.read_table(folder / f"{name}.parquet") for folder in (whole, half)]
        assert tables[0].equals(tables[1]), name
    assert gavel_sim("compare", whole, half).returncode == 0


def test_a_run_that_its_limit_ended_goes_on_from_there(tmp_path):
    """Not from the last checkpoint that happened to be due, which would lose and overwrite what there is."""
    run = config("fifo_perf", window=(3000, 4000), saturation="off")
    path = tmp_path / "checkpoint.npz"
    ended = execute(replace(run, timeout=0.05), checkpointing=Checkpointing(path, seconds=600.0))
    assert ended.status == "timeout"
    kept = load(path, "--resume")
    assert kept.runner["saved_rounds"] == ended.summary["rounds"]
    same(execute(run, resume=kept), execute(run))
    done = gavel_sim("run", "--resume", tmp_path)
    assert done.returncode == 2
    assert "of a --timeout of 0.05 s in all; give more, such as --timeout 1" in done.stderr


def test_runs_fork_from_one_warm_up(tmp_path):
    warm = tmp_path / "warm"
    words = ("--cluster", "6:6:6", "--interarrival", 3600, "--window", "50:90")
    done = gavel_sim(
        "run", "--policy", "isolated", *words, "--output", warm, "--checkpoint-at-job", 50
    )
    assert done.returncode == 0, done.stderr
    start = load(warm / "checkpoint-job50.npz", "--fork-from")
    for policy in ("isolated", "max_min_fairness_perf"):
        fork = tmp_path / policy
        done = gavel_sim(
            *("run", "--policy", policy, *words, "--output", fork),
            *("--fork-from", warm / "checkpoint-job50.npz"),
        )
        assert done.returncode == 0, done.stderr
        jobs = [parquet.read_table(folder / "jobs.parquet").to_pydict() for folder in (warm, fork)]
        round_start = start.snapshot["mechanism"]["clock"]["round_start"][0]
        before = [
            (job, finish)
            for job, finish in zip(jobs[0]["job"], jobs[0]["finish"], strict=True)
            if finish is not None and finish < round_start
        ]
        assert before
        for job, finish in before:
            assert jobs[1]["finish"][job] == finish
        same_end = jobs[0]["finish"] == jobs[1]["finish"]
        assert same_end == (policy == "isolated")
    done = gavel_sim(
        *("run", "--policy", "isolated", "--cluster", "6:6:8", *words[2:]),
        *("--fork-from", warm / "checkpoint-job50.npz"),
    )
    assert done.returncode == 2
    assert "--fork-from: the warm-up was another run: cluster must be the same" in done.stderr


WARM = ("--cluster", "6:6:6", "--interarrival", 3600, "--window", "20:40")


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A warm-up that ends at job 20, with allocations recorded and placements not."""
    folder = tmp_path_factory.mktemp("warm")
    words = ("--policy", "isolated", *WARM, "--output", folder, "--record", "allocations")
    assert gavel_sim("run", *words, "--checkpoint-at-job", 20).returncode == 0
    return folder / "checkpoint-job20.npz"


@pytest.mark.parametrize("policy", ["fifo", "max_min_fairness_perf", "max_min_fairness_packed"])
@pytest.mark.parametrize(("seconds", "sharing"), [(20_000, False), (3000, True)])
def test_forks_from_a_warm_up_with_pairs(tmp_path, seconds, sharing, policy):
    """Any two jobs that might have shared workers made "not one of this run: could not broadcast" of it."""
    words = ("--cluster", "3:3:3", "--interarrival", seconds, "--window", "30:40", "--seed", 1)
    warm = ("--policy", "max_min_fairness_packed", "--output", tmp_path, "--saturation", "off")
    done = gavel_sim("run", *warm, *words, "--checkpoint-at-job", 30, "--max-simulated-hours", 300)
    assert done.returncode == 0, done.stderr
    start = tmp_path / "checkpoint-job30.npz"
    mechanism = load(start, "--fork-from").snapshot["mechanism"]
    assert len(mechanism["pairs"]) > 1
    assert (mechanism["runs"]["entry"] < 0).any() == sharing
    done = gavel_sim("run", "--policy", policy, *words, "--fork-from", start, "--saturation", "off")
    if sharing and policy != "max_min_fairness_packed":
        assert done.returncode == 2
        assert f"jobs share workers, and policy {policy} lets none" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "over 10 jobs" in done.stdout


def test_a_fork_that_goes_on_later_is_still_a_fork(tmp_path, warm):
    fork = ("run", "--fork-from", warm, "--policy", "fifo", *WARM)
    words = ("--output", tmp_path, "--checkpoint-every", "50r", "--max-simulated-hours", 25)
    assert gavel_sim(*fork, *words).returncode == 0
    for hours in (30, 900):
        done = gavel_sim("run", "--resume", tmp_path, "--max-simulated-hours", hours)
        assert done.returncode == 0, done.stderr
        summary = json.loads((tmp_path / "summary.json").read_text())
        assert summary["forked_from"] == str(warm)
    assert summary["status"] == "completed"


def test_a_fork_writes_a_checkpoint_at_a_later_job(tmp_path, warm):
    fork = ("run", "--fork-from", warm, "--policy", "fifo", *WARM, "--output", tmp_path)
    assert gavel_sim(*fork, "--checkpoint-at-job", 30).returncode == 0
    later = load(tmp_path / "checkpoint-job30.npz", "--fork-from")
    assert (later.config.policy, later.runner["forked_from"]) == ("fifo", str(warm))
    done = gavel_sim(*fork, "--checkpoint-at-job", 12, "--force")
    assert done.returncode == 2
    assert "--checkpoint-at-job: 20 jobs had arrived by the checkpoint" in done.stderr


def test_a_job_that_never_comes_is_said(tmp_path):
    words = ("--policy", "fifo", "--jobs", 3, "--output", tmp_path, "--checkpoint-at-job", 9)
    done = gavel_sim("run", *words)
    assert "no checkpoint was written: 3 of 9 jobs had arrived" in done.stdout
    assert not list(tmp_path.glob("*.npz"))


def test_what_was_not_recorded_from_the_start_is_refused(tmp_path, warm):
    fork = ("run", "--fork-from", warm, "--policy", "isolated", *WARM, "--output", tmp_path)
    done = gavel_sim(*fork, "--record", "placements")
    assert done.returncode == 2
    assert "--record: placements were not recorded up to the checkpoint" in done.stderr
    assert not list(tmp_path.iterdir())
    assert gavel_sim(*fork, "--record", "allocations").returncode == 0
    ours, theirs = (
        parquet.read_table(folder / "allocations.parquet") for folder in (tmp_path, warm.parent)
    )
    assert ours.equals(theirs)


def test_a_folder_names_its_warm_up(warm):
    done = gavel_sim("run", "--fork-from", warm.parent, "--policy", "fifo", *WARM)
    assert done.returncode == 2
    assert f"to fork from there is {warm}" in done.stderr


def test_fork_may_change_what_decides():
    run = config()
    check_fork(run, replace(run, policy="fifo", engine="highs", tie_break="none", timeout=9.0))
    with pytest.raises(InputError, match="seed, multi-gpu must be the same"):
        check_fork(run, replace(run, seed=3, multi_gpu=True))


def test_values_survive(tmp_path):
    snapshot = {
        "floats": np.array([0.1, np.nan, -0.0, 5e-324, np.inf]),
        "tuple": (3, (1, 2), None),
        "set": {3, 1},
        "keys": {(1, 2): "pair", 7: 0.1 + 0.2},
        "scalar": np.float64(1 / 3),
        "big": 2**70,
        "$": "mine",
        "words": np.arange(3, dtype=np.uint32),
        "none": [],
    }
    path = tmp_path / "c.npz"
    save(path, Checkpoint(config(), snapshot, {"spent": 0.1}))
    found = load(path, "--resume")
    assert found.config == config()
    assert found.runner == {"spent": 0.1}
    for name, value in snapshot.items():
        if isinstance(value, np.ndarray):
            assert found.snapshot[name].dtype == value.dtype
            assert found.snapshot[name].tobytes() == value.tobytes()
        else:
            assert found.snapshot[name] == value
            assert type(found.snapshot[name]) is type(value)


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (print, ("ran",))

    with pytest.raises(TypeError, match="Python objects"):
        save(tmp_path / "c.npz", Checkpoint(config(), {"a": np.array([Trap()], dtype=object)}, {}))
    np.savez(tmp_path / "trap.npz", tree=np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match="has no checksum"):
        load(tmp_path / "trap.npz", "--resume")
    content = (tmp_path / "trap.npz").read_bytes()
    (tmp_path / "trap.npz").write_bytes(sealed(io.BytesIO(content)))
    with pytest.raises(InputError, match=r"is not a checkpoint .*allow_pickle"):
        load(tmp_path / "trap.npz", "--resume")


def a_checkpoint(path):
    run = config(window=(5, 25))
    execute(run, checkpointing=Checkpointing(path, rounds=30))
    return run


def test_a_checkpoint_that_was_changed_in_any_byte_is_refused(tmp_path):
    path = tmp_path / "checkpoint.npz"
    a_checkpoint(path)
    content = path.read_bytes()
    draw = random.Random(14)
    ends = [*range(80), *range(len(content) - 200, len(content))]
    for place in [*ends, *draw.sample(range(len(content)), 200)]:
        changed = bytearray(content)
        changed[place] ^= draw.randrange(1, 256)
        path.write_bytes(changed)
        with pytest.raises(InputError, match=r"--resume: .*checkpoint"):
            load(path, "--resume")
    for size in draw.sample(range(len(content)), 50):
        path.write_bytes(content[:size])
        with pytest.raises(InputError, match=r"--resume: .*checkpoint"):
            load(path, "--resume")
    path.write_bytes(content + b" ")
    with pytest.raises(InputError, match=r"--resume: .*checkpoint"):
        load(path, "--resume")


def arrays_of(tree, where=()):
    """Every array of a snapshot, by the keys that lead to it."""
    for key, part in tree.items() if isinstance(tree, dict) else ():
        if isinstance(part, np.ndarray):
            yield (*where, key)
        else:
            yield from arrays_of(part, (*where, key))


DAMAGE = {
    "other type": lambda array: array.view(np.uint8) if array.ndim else array,
    "longer": lambda array: np.concatenate([array, array, array[:1]]) if len(array) else None,
    "shorter": lambda array: array[:-1] if len(array) else None,
    "more dimensions": lambda array: array[None],
    "a number": lambda array: 7,
    "text": lambda array: "seven",
    "gone": None,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_arrays_that_a_run_could_not_have_are_refused(tmp_path, damage):
    """Sealed anew, so that only the schema stands before the compiled code."""
    path = tmp_path / "checkpoint.npz"
    run = a_checkpoint(path)
    kept = load(path, "--resume")
    places = list(arrays_of(kept.snapshot))
    assert len(places) > 15
    for *way, name in places:
        owner = kept.snapshot
        for key in way:
            owner = owner[key]
        whole = owner[name]
        change = DAMAGE[damage]
        changed = None if change is None else change(whole)
        if changed is None and change is not None:
            continue
        if change is None:
            del owner[name]
        else:
            owner[name] = changed
        save(path, kept)
        with pytest.raises(InputError, match="not one of this run"):
            execute(run, resume=load(path, "--resume"))
        owner[name] = whole
    save(path, kept)
    execute(run, resume=load(path, "--resume"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"text\n"])
def test_broken_file_is_named(tmp_path, content):
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"--resume: .*checkpoint.npz is not a checkpoint"):
        load(tmp_path, "--resume")


def test_a_failed_write_keeps_the_file_before(tmp_path, monkeypatch):
    path = tmp_path / "c.npz"
    save(path, Checkpoint(config(), {"a": 1}, {}))
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        save(path, Checkpoint(config(), {"a": 2}, {}))
    assert load(path, "--resume").snapshot == {"a": 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["c.npz"]


@pytest.mark.parametrize(
    ("text", "seconds", "rounds"), [("600s", 600, None), ("0.5", 0.5, None), ("50r", None, 50)]
)
def test_when_to_write(text, seconds, rounds):
    assert parse_every(text) == (seconds, rounds)


@pytest.mark.parametrize("text", ["", "r", "-5", "0", "0r", "5m", "1.5r"])
def test_when_to_write_is_checked(text):
    with pytest.raises(InputError, match="--checkpoint-every"):
        parse_every(text)


def test_speed_of_the_machine_does_not_matter(monkeypatch):
    """Rounds are run in chunks whose size follows the clock; the results must not."""
    import simulator.runs.runner

    run = config(interarrival=600.0, window=(2000, 2001))
    fast = execute(run)
    assert fast.status == "saturated"
    monkeypatch.setattr(simulator.runs.runner, "_PACE", 0.0)
    same(execute(run), fast)
    limited = replace(run, max_simulated_hours=33.3, saturation=("off", {}))
    slow = execute(limited)
    monkeypatch.setattr(simulator.runs.runner, "_PACE", 100.0)
    same(execute(limited), slow)


def test_an_unfinished_run_is_not_written_over(tmp_path):
    folder = str(tmp_path / "run")
    work = ["--cluster", "4:4:4", "--jobs", "20", "--output", folder]
    limit = ["--max-simulated-hours", "5", "--checkpoint-every", "10r"]
    assert main(["run", "--policy", "isolated", *work, *limit]) == 0
    (tmp_path / "run" / "summary.json").unlink()  # as if it had been killed
    assert main(["run", "--policy", "fifo", *work]) == 2
    assert main(["run", "--policy", "fifo", *work, "--force"]) == 0
    assert not (tmp_path / "run" / "checkpoint.npz").exists()


def test_a_resumed_run_keeps_what_it_was_to_record(tmp_path):
    words = [
        "run",
        "--policy",
        "max_min_fairness_perf",
        "--cluster",
        "4:4:4",
        "--rate",
        "3",
        "--window",
        "4:20",
    ]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    record = ("--record", "placements,allocations")
    assert not gavel_sim(*words, *record, "--output", whole).returncode
    many = (*words, *record, "--checkpoint-every", "50r", "--output", cut)
    assert not gavel_sim(*many).returncode
    assert not gavel_sim("run", "--resume", cut).returncode
    for name in ("placements", "allocations", "jobs"):
        one, other = (parquet.read_table(run / f"{name}.parquet") for run in (whole, cut))
        assert one.equals(other), name


def test_a_run_that_has_ended_is_not_gone_on_with(tmp_path, capsys):
    folder = str(tmp_path / "run")
    words = ("--policy", "fifo", "--cluster", "2:2:2", "--jobs", "2", "--output", folder)
    assert main(["run", *words]) == 0
    capsys.readouterr()
    assert main(["run", "--resume", folder]) == 2
    said = capsys.readouterr().err
    assert "the run there has ended" in said
    assert "if --checkpoint-every was given" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("every", ["20r", "0.05s"])
def test_a_run_that_goes_on_keeps_to_its_checkpoints(tmp_path, every):
    """It wrote none, and nothing to fork from, unless the flags stood there again."""
    words = ("--policy", "isolated", *WARM, "--output", tmp_path, "--max-simulated-hours", 9)
    done = gavel_sim("run", *words, "--checkpoint-every", every, "--checkpoint-at-job", 30)
    assert "no checkpoint was written" in done.stdout
    assert gavel_sim("run", "--resume", tmp_path, "--max-simulated-hours", 999).returncode == 0
    assert load(tmp_path / "checkpoint-job30.npz", "--fork-from").runner["saved_rounds"]
    plan = load(tmp_path / "checkpoint.npz", "--resume").runner["plan"]
    assert plan["at_job"] == 30
    assert (plan["rounds"], plan["seconds"]) == ((20, None) if every == "20r" else (None, 0.05))


def test_a_run_that_goes_on_may_be_asked_for_a_checkpoint(tmp_path):
    words = ("--policy", "isolated", *WARM, "--output", tmp_path, "--checkpoint-every", "20r")
    assert gavel_sim("run", *words, "--max-simulated-hours", 9).returncode == 0
    more = ("run", "--resume", tmp_path, "--max-simulated-hours", 999, "--checkpoint-at-job")
    done = gavel_sim(*more, 2)
    assert done.returncode == 2
    assert "had arrived by the checkpoint that this goes on from" in done.stderr
    assert gavel_sim(*more, 30).returncode == 0
    assert (tmp_path / "checkpoint-job30.npz").exists()
