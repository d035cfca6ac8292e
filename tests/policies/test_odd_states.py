"""What real callers hand over: each odd state has one meaning, on every engine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gavel_opt import ClusterState, Driver, InputError, ThroughputTable, make_policy
from gavel_opt.model.odd_states import subset

ENGINES = ("structured", "highs", "ecos")
WEIGHS = ["max_min_fairness", "max_min_fairness_perf", "max_min_fairness_packed",
          "max_min_fairness_water_filling_perf", "finish_time_fairness_packed"]  # fmt: skip
COUNTS_STEPS = ["min_total_duration", "min_total_duration_perf", "min_total_duration_packed",
                "finish_time_fairness", "finish_time_fairness_perf"]  # fmt: skip
SOLVE = ["max_min_fairness_perf", "max_min_fairness_packed", "finish_time_fairness_perf",
         "min_total_duration_perf", "max_sum_throughput_perf"]  # fmt: skip
PLAIN = ["finish_time_fairness", "min_total_duration"]
AT = 3


def cluster(jobs=8):
    rng = np.random.default_rng(4)
    alone = rng.uniform(0.5, 3.0, (5, 3))
    paired = rng.uniform(0.4, 0.9, (5, 5, 2, 3)) * 1.5
    number = np.arange(jobs)
    return ClusterState(
        worker_types=("k80", "p100", "v100"),
        workers=np.array([2, 2, 2]),
        throughputs=ThroughputTable(alone, paired, 2),
        job=number + 10,
        key=number % 5,
        scale_factor=np.ones(jobs, dtype=np.int64),
        weight=np.ones(jobs),
        steps_left=rng.uniform(1e4, 1e5, jobs),
        age=rng.uniform(0.0, 1e4, jobs),
    )


def changed(state, name, value):
    column = getattr(state, name).astype(type(value)).copy()
    column[AT] = value
    return replace(state, **{name: column})


def allocate(policy, state, engine="auto"):
    return Driver(make_policy(policy), engine).allocate(state)


def without(found):
    """The shares of the others."""
    return np.delete(found.x, AT, axis=0)


def others(state):
    return subset(state, np.arange(state.job.size) != AT)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("policy", WEIGHS)
def test_weight_0_is_entitled_to_nothing_and_takes_from_nobody(policy, engine):
    state = changed(cluster(), "weight", 0.0)
    found = allocate(policy, state, engine)
    assert found.x[AT].max() <= 1e-9
    if policy != "finish_time_fairness_packed":  # there the split of the cluster counts all jobs
        assert without(found).tobytes() == allocate(policy, others(state), engine).x.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("steps", [0.0, -500.0])
@pytest.mark.parametrize("policy", COUNTS_STEPS)
def test_a_job_without_steps_is_done(policy, steps, engine):
    found = allocate(policy, changed(cluster(), "steps_left", steps), engine)
    assert found.x[AT].max() <= 1e-9
    assert (without(found).sum(axis=1) > 0.0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_that_overshot_does_not_spoil_the_makespan(engine):
    """The makespan of the others, and not a longer one."""
    state = changed(cluster(), "steps_left", -5000.0)
    found = allocate("min_total_duration_perf", state, engine)
    rest = others(state)
    rate = (state.throughputs.alone[state.key] * found.x).sum(axis=1)
    seconds = np.delete(state.steps_left, AT) / np.delete(rate, AT)
    alone = allocate("min_total_duration_perf", rest, "highs")
    best = rest.steps_left / (rest.throughputs.alone[rest.key] * alone.x).sum(axis=1)
    assert seconds.max() == pytest.approx(best.max(), rel=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("policy", SOLVE)
@pytest.mark.parametrize("why", ["no throughput", "too wide"])
def test_a_job_that_runs_nowhere_is_not_there(policy, why, engine):
    state = cluster()
    if why == "too wide":
        state = changed(state, "scale_factor", 3)
    else:
        table = state.throughputs
        paired = np.zeros((6, 6, 2, 3))
        paired[:5, :5] = table.paired
        lame = ThroughputTable(np.concatenate([table.alone, np.zeros((1, 3))]), paired, 2)
        state = replace(changed(state, "key", 5), throughputs=lame)
    found = allocate(policy, state, engine)
    assert not found.x[AT].any()
    assert without(found).tobytes() == allocate(policy, others(state), engine).x.tobytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("empty", ["p100", "v100"])
@pytest.mark.parametrize("policy", [*SOLVE, *PLAIN, "max_min_fairness_strategy_proof"])
@pytest.mark.parametrize("tie_break", ["canonical", "efficient"])
def test_a_type_without_workers_is_not_there(policy, empty, tie_break, engine):
    """Not even the V100s, whose throughput plain policies take for all types: answers had no proof, and a vertex came out."""
    if policy == "max_min_fairness_strategy_proof" and engine != "structured":
        pytest.skip("takes no products")
    state = cluster()
    at = state.worker_types.index(empty)
    kept = [kind for kind in range(3) if kind != at]
    driver = Driver(make_policy(policy), engine, (), tie_break)
    found = driver.allocate(replace(state, workers=np.where(np.arange(3) == at, 0, 2)))
    assert not found.x[:, at].any()
    assert not found.pair.size or not found.pair_x[:, at].any()
    table = state.throughputs
    alone = table.alone[:, [table.reference] * 2] if policy in PLAIN else table.alone[:, kept]
    narrow = replace(
        state,
        worker_types=tuple(state.worker_types[kind] for kind in kept),
        workers=np.array([2, 2]),
        throughputs=ThroughputTable(alone, table.paired[..., kept], 1),
    )
    expected = Driver(make_policy(policy), engine, (), tie_break).allocate(narrow)
    assert found.x[:, kept].tobytes() == expected.x.tobytes()


@pytest.mark.parametrize("policy", [*SOLVE, "fifo", "gandiva", "isolated", "allox"])
def test_no_jobs_and_no_workers(policy):
    state = cluster()
    empty = subset(state, np.empty(0, dtype=np.int64))
    assert allocate(policy, empty).x.shape == (0, 3)
    idle = replace(state, workers=np.zeros(3, dtype=np.int64))
    assert not allocate(policy, idle).x.any()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("weight", -1.0, "job 13 has weight -1.0, expected 0 or more"),
        ("weight", np.nan, "job 13 has weight nan"),
        ("scale_factor", 0, "job 13 has scale_factor 0, expected at least 1"),
        ("steps_left", np.nan, "job 13 has steps_left nan"),
        ("age", np.inf, "job 13 has age inf"),
        ("key", 9, "job 13 has key 9, but the table of throughputs has 5 rows"),
    ],
)
def test_what_means_nothing_is_refused_by_the_job(name, value, said, engine):
    policy = (
        "finish_time_fairness_perf" if name in ("steps_left", "age") else "max_min_fairness_perf"
    )
    with pytest.raises(InputError, match=said):
        allocate(policy, changed(cluster(), name, value), engine)


def test_a_throughput_that_means_nothing_is_refused_by_the_job():
    state = cluster()
    state.throughputs.alone[3, 1] = np.nan
    with pytest.raises(InputError, match="job 13 has a throughput of nan on 'p100'"):
        allocate("max_min_fairness_perf", state)
    state.throughputs.alone[3, 1] = -1.0
    with pytest.raises(InputError, match="job 13 has a throughput of -1"):
        allocate("max_min_fairness_perf", state)


PACKED = ["max_min_fairness_packed", "min_total_duration_packed", "gandiva", "fifo_packed"]


@pytest.mark.parametrize("policy", PACKED)
@pytest.mark.parametrize("value", [np.nan, -0.5, np.inf])
def test_throughputs_of_pairs_that_mean_nothing_are_refused_by_the_jobs(value, policy):
    """A negative one was taken for a pair that does not run, and Gandiva and FIFO took all of them."""
    state = cluster()
    state.throughputs.paired[1, 3, 1, 0] = value
    said = f"a job like job 13 beside one like job 11 has a throughput of {value} on 'k80'"
    with pytest.raises(InputError, match=said):
        allocate(policy, state)
    spare = replace(state, key=np.where(state.key == 3, 0, state.key))
    found = allocate(policy, spare)  # nobody is of that key
    assert found.x.any() or found.pair_x.any()


@pytest.mark.parametrize("policy", PACKED)
@pytest.mark.parametrize(
    "change",
    [
        lambda paired: paired[..., :2],
        lambda paired: paired[:4, :4],
        lambda paired: paired[:, :, 0],
        lambda paired: paired.tolist(),
        lambda paired: paired.astype(str),
    ],
)
def test_throughputs_of_pairs_that_do_not_fit_are_refused(change, policy):
    """Compiled code read beyond them."""
    state = cluster()
    table = replace(state.throughputs, paired=change(state.throughputs.paired))
    with pytest.raises(InputError, match=r"numbers of shape \(5, 5, 2, 3\), as there are 5 keys"):
        allocate(policy, replace(state, throughputs=table))


@pytest.mark.parametrize("policy", PACKED)
def test_whole_numbers_are_throughputs(policy):
    state = cluster()
    table = state.throughputs
    whole = ThroughputTable(np.ceil(table.alone), np.ceil(table.paired), table.reference)
    ints = ThroughputTable(whole.alone.astype(int), whole.paired.astype(int), table.reference)
    one, two = (allocate(policy, replace(state, throughputs=some)) for some in (whole, ints))
    assert one.x.tobytes() == two.x.tobytes()
    assert one.pair_x.tobytes() == two.pair_x.tobytes()


@pytest.mark.parametrize("tie_break", ["canonical", "none"])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_job_may_run_beside_another_where_it_does_not_alone(engine, tie_break):
    """The pair counted as one that helps nowhere, unless jobs were kept apart.

    Job 10 runs at 0.3 on the one p100, and at 0.9 on the one v100 beside job 11 alone: that is three times as fast.
    """
    paired = np.zeros((2, 2, 2, 2))
    paired[0, 1, :, 1] = paired[1, 0, :, 1] = 0.9
    state = replace(
        cluster(2),
        worker_types=("p100", "v100"),
        workers=np.array([1, 1]),
        throughputs=ThroughputTable(np.array([[0.3, 0.0], [0.0, 1.0]]), paired, 1),
        weight=np.array([5.0, 1.0]),
    )
    driver = Driver(make_policy("max_min_fairness_packed"), engine, (), tie_break)
    found = driver.allocate(state)
    assert found.pair.tolist() == [[10, 11]]
    speed = 0.3 * found.x[0, 0] + 0.9 * found.pair_x[0, 1]
    assert speed == pytest.approx(0.9, rel=1e-6)


def test_a_deadline_that_is_no_number_is_refused():
    """It was taken for none."""
    state = replace(cluster(), deadline=np.full(8, np.inf))
    with pytest.raises(InputError, match="job 13 has deadline nan, expected a number, or infinity"):
        allocate(
            "max_sum_throughput_normalized_by_cost_perf_SLOs", changed(state, "deadline", np.nan)
        )


@pytest.mark.parametrize("policy", ["finish_time_fairness", "min_total_duration"])
def test_plain_variants_name_the_job_that_does_not_run_on_their_type(policy):
    state = cluster()
    state.throughputs.alone[3, 2] = 0.0
    with pytest.raises(InputError, match=r"job 13 has no throughput on 'v100'.*'_perf'"):
        allocate(policy, state)


def _column(name, change):
    return lambda state: replace(state, **{name: change(getattr(state, name))})


def _table(**changes):
    return lambda state: replace(state, throughputs=replace(state.throughputs, **changes))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_column("job", list), "'job' of the state is a list, expected an array of whole numbers"),
        (_column("weight", list), "'weight' of the state is a list"),
        (_column("weight", lambda old: old[:, None]), r"'weight' .* has shape \(8, 1\)"),
        (_column("weight", lambda old: old.astype(str)), "'weight' of the state is an array of <U"),
        (_column("key", lambda old: old * 1.0), "'key' of the state is an array of float64"),
        (_column("scale_factor", lambda old: old * 1.5), "'scale_factor' .* array of float64"),
        (_column("workers", lambda old: old[:2]), "2 worker types with 3 names"),
        (_column("workers", lambda old: np.append(old, 1)), "4 worker types with 3 names"),
        (_column("worker_types", lambda old: old[:2]), "3 worker types with 2 names"),
        (_table(alone=np.ones((5, 2)), paired=None), r"as throughputs a ndarray of shape \(5, 2\)"),
        (_table(alone=np.ones((5, 4)), paired=None), r"of shape \(5, 4\)"),
        (_table(alone=[[1.0] * 3] * 5, paired=None), "as throughputs a list"),
        (_table(reference=5), "column 5 the reference"),
    ],
)
@pytest.mark.parametrize("policy", ["max_min_fairness", "allox", "fifo_perf", *SOLVE])
def test_columns_that_do_not_fit_are_refused(change, said, policy):
    """Compiled code read beyond the table, and fewer workers than types took the first ones."""
    with pytest.raises(InputError, match=said):
        allocate(policy, change(cluster()))


@pytest.mark.parametrize("policy", ["allox", "fifo_perf", "finish_time_fairness_perf"])
def test_jobs_out_of_order_are_refused(policy):
    """Where a job's place counts; shares went to others where one could not run."""
    state = cluster()
    with pytest.raises(InputError, match="job 10 stands after job 11; expected ascending numbers"):
        allocate(policy, replace(state, job=state.job[[1, 0, *range(2, 8)]]))
    with pytest.raises(InputError, match="job 10 stands after job 10"):
        allocate(policy, replace(state, job=state.job[[0, 0, *range(2, 8)]]))


def test_shares_never_go_to_another_job():
    state = changed(cluster(), "scale_factor", 4)  # on no type: the others' shares are spread again
    with pytest.raises(InputError, match="expected ascending numbers"):
        allocate("max_min_fairness_perf", replace(state, job=state.job[::-1].copy()))


@pytest.mark.parametrize("name", ["entity", "deadline"])
def test_what_some_states_have_is_as_long_as_the_rest(name):
    with pytest.raises(InputError, match=f"8 jobs, but 3 values in '{name}'"):
        allocate("isolated", replace(cluster(), **{name: np.zeros(3, dtype=np.int64)}))


@pytest.mark.parametrize("policy", ["max_min_fairness_perf", "min_total_duration_perf", "gandiva"])
@pytest.mark.parametrize("name", ["job", "weight", "steps_left", "workers", "alone"])
def test_bytes_in_the_order_of_another_machine_are_refused(policy, name):
    """Compiled code takes none, and what had met some once was interpreted ever after."""
    state = cluster()
    table = state.throughputs
    values = table.alone if name == "alone" else getattr(state, name)
    odd = values.astype(values.dtype.newbyteorder(">"))
    if name == "alone":
        state = replace(state, throughputs=replace(table, alone=odd))
    else:
        state = replace(state, **{name: odd})
    with pytest.raises(InputError, match=rf"{name}' of the state is an array of >.*\.astype\("):
        allocate(policy, state)
