"""What a workbench or a notebook needs: the schema of every setting, and tables as frames."""

from __future__ import annotations

import json
import subprocess
import sys
import threading

import numpy as np
import pyarrow as pa
import pytest

import simulator
from gavel_opt import InputError, MissingLibraryError
from simulator.cli import main
from simulator.runs import events
from simulator.runs.output.arrow_tables import arrow
from simulator.settings.config import SETTINGS, RunConfig
from simulator.settings.options import make_config


@pytest.fixture(scope="module")
def result():
    return simulator.run(policy="isolated", cluster="4:4:4", jobs=6)


def test_the_schema_says_every_setting(capsys):
    assert main(["run", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == RunConfig.schema()
    assert set(schema["properties"]) == set(SETTINGS)
    assert schema["required"] == ["policy", "cluster"]
    for one in schema["properties"].values():
        assert one["description"]
        assert "type" in one or "enum" in one


def test_configurations_fit_their_schema():
    check = pytest.importorskip("jsonschema").validate
    RunConfig.schema()["properties"].clear()  # is the caller's own
    given = {"cluster": "4:4:4", "policy": "fifo_packed"}
    for more in (
        {"jobs": 3, "policy_settings": {"packing_threshold": 1.2}},
        {"rate": 2.0, "window": (3, 9), "timeout": 60},
    ):
        config = json.loads(json.dumps(make_config(**given, **more).to_json()))
        check(config, RunConfig.schema())


def test_tables_as_frames(result):
    table = result.to_arrow()
    assert table.num_rows == 6
    assert table.schema.field("jct").metadata[b"unit"]
    assert result.to_arrow("rounds").num_rows == result.summary["rounds"]
    with pytest.raises(InputError, match="placements were not recorded"):
        result.to_arrow("placements")
    with pytest.raises(InputError, match="unknown table 'job'; did you mean jobs"):
        result.to_arrow("job")


def test_columns_are_what_pyarrow_makes_of_them():
    """But for pandas, which ``pyarrow.array`` loads where it is installed."""
    draw = np.random.default_rng(0)
    for n in (0, 1, 7, 8, 9, 1000):
        for column in (
            draw.integers(-9, 9, n),
            draw.integers(-9, 9, 2 * n)[::2],
            draw.integers(0, 9, n).astype(np.uint8),
            draw.random(n),
            np.where(draw.random(n) < 0.3, np.nan, draw.random(n).astype(np.float32)),
            draw.random(n) < 0.5,
            np.array(["é" * repeats + "a" for repeats in draw.integers(0, 5, n)], dtype=np.str_),
        ):
            ours = arrow({"column": column})["column"]
            ours.validate(full=True)
            theirs = pa.chunked_array([pa.array(column, from_pandas=column.dtype.kind == "f")])
            assert ours.equals(theirs)
            assert ours.null_count == theirs.null_count


def test_writing_tables_loads_no_library_that_is_not_needed(tmp_path):
    code = (
        "import simulator, sys; "
        "simulator.run(policy='isolated', cluster='4:4:4', jobs=6, output=sys.argv[1]); "
        "print('pyarrow' in sys.modules, 'pandas' in sys.modules)"
    )
    words = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == "True False\n"


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_of_other_libraries(result, library, monkeypatch):
    pytest.importorskip(library)
    assert len(getattr(result, f"to_{library}")()) == 6


def test_a_library_that_is_missing_is_named(result, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(MissingLibraryError, match="needs polars: pip install polars"):
        result.to_polars()


def listened(every, cancel=None, **more):
    told = []
    settings = {"policy": "max_min_fairness_perf", "cluster": "2:2:2", "jobs": 12} | more
    result = simulator.run(on_round=told.append, every=every, cancel=cancel, **settings)
    return result, told


@pytest.mark.parametrize("every", [1, 7, 100])
def test_events_tell_all_that_happens_once_and_in_order(every):
    silent = simulator.run(policy="max_min_fairness_perf", cluster="2:2:2", jobs=12)
    result, told = listened(every)
    assert result.jct == silent.jct  # listening changes nothing
    assert [one.job for one in told if isinstance(one, events.Arrival)] == list(range(12))
    done = {one.job: one.jct for one in told if isinstance(one, events.Completion)}
    assert done == result.jct
    rounds = [one.rounds for one in told if isinstance(one, events.Round)]
    assert rounds[:-1] == [every * place for place in range(1, len(rounds))]
    assert rounds[-1] == result.summary["rounds"]
    again = [one.allocations for one in told if isinstance(one, events.Recomputation)]
    assert again == sorted(set(again))
    assert again[-1] == result.summary["allocations"]
    assert told[-1] == events.End(result.summary["makespan"], rounds[-1], "completed")
    assert sum(isinstance(one, events.End) for one in told) == 1


@pytest.mark.parametrize(
    ("policy", "every"), [("max_min_fairness_perf", 9), ("allox", 1), ("gandiva", 40)]
)
def test_what_is_told_before_a_round_has_happened_in_it(policy, every, monkeypatch):
    monkeypatch.setattr(events, "LATE", 0.0)  # told in many parts
    parts = listened(every, policy=policy, jobs=60)[1]
    monkeypatch.setattr(events, "LATE", 1e9)  # and all at once
    result, told = listened(every, policy=policy, jobs=60)
    assert told == parts
    before, seen = -1.0, dict.fromkeys((events.Arrival, events.Completion), 0)
    rounds = result.to_arrow("rounds").to_pylist()
    open_since = []
    for one in told[:-1]:
        if isinstance(one, events.Round):
            assert all(before < time <= one.time for time in open_since)
            assert (one.arrived, one.completed) == tuple(seen.values())
            row = rounds[one.rounds - 1]
            assert (one.time, one.active, one.utilization) == (
                row["time"], row["active"], row["utilization"]
            )  # fmt: skip
            before, open_since = one.time, []
        else:
            open_since.append(one.time)
            if type(one) in seen:
                seen[type(one)] += 1
    assert not open_since


def test_a_run_is_cancelled_from_a_listener():
    cancel = threading.Event()
    told = []

    def listen(event):
        told.append(event)
        cancel.set()

    result = simulator.run(
        policy="isolated", rate=0.02, window=(0, 50_000), on_round=listen, every=100, cancel=cancel
    )
    assert result.status == "cancelled"
    assert result.average_jct is None
    # rounds went on while it was told, and are told of all the same
    assert told[-1] == events.End(told[-2].time, result.summary["rounds"], "cancelled")
    assert told[-2].rounds == result.summary["rounds"]


@pytest.mark.parametrize("wrong", [StopIteration, ZeroDivisionError])
def test_what_a_listener_raises_is_raised(wrong):
    def listen(event):
        raise wrong

    with pytest.raises(wrong):
        simulator.run(policy="isolated", cluster="2:2:2", jobs=12, on_round=listen, every=20)


def test_a_verdict_is_told():
    work = {"policy": "isolated", "cluster": "1:1:1", "rate": 20, "window": "200:400"}
    told = []
    result = simulator.run(on_round=told.append, every=1000, **work)
    assert result.status == "saturated"
    verdict = next(one for one in told if isinstance(one, events.Verdict))
    assert verdict.finding == "saturated"
    assert verdict.reason
    assert isinstance(told[-1], events.End)


def test_every_must_be_rounds():
    with pytest.raises(InputError, match="every: 0 is not a positive whole number of rounds"):
        listened(0)


def test_clusters_by_name():
    paper = {"v100": 36, "p100": 36, "k80": 36}
    assert make_config(policy="fifo", jobs=3, cluster="@paper").cluster == paper
    with pytest.raises(InputError, match=r"unknown cluster .*'@papr'; did you mean @paper"):
        make_config(policy="fifo", jobs=3, cluster="@papr")
