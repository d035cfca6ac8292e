import numpy as np
import pytest

from gavel_opt import InputError
from gavel_opt.policies.estimation import ThroughputEstimator, complete
from simulator.world.job_types import JOB_TYPES
from simulator.world.throughputs import load_throughputs

TYPES = ("k80", "p100", "v100")


@pytest.fixture(scope="module")
def measured():
    measurements = load_throughputs()
    return measurements.table(TYPES), np.array([measurements.row(n, 1) for n in JOB_TYPES])


def test_everything_profiled_matches_every_type_to_itself(measured):
    table, types = measured
    estimator = ThroughputEstimator(table, types, references=types.size, profiled=1.0)
    for place, key in enumerate(types):
        row = estimator.match(int(key))
        assert row == table.alone.shape[0] + place * types.size + place
        np.testing.assert_array_equal(estimator.table.alone[row], table.alone[key])


def test_full_estimate_is_the_measured_table(measured):
    table, types = measured
    estimator = ThroughputEstimator(table, types, references=types.size, profiled=1.0)
    rows = np.array([estimator.match(int(key)) for key in types])
    ours = estimator.table.paired[np.ix_(rows, rows)]
    np.testing.assert_allclose(ours, table.paired[np.ix_(types, types)], rtol=1e-12)


def test_a_fifth_profiled_is_better_than_guessing(measured):
    """The completed row is nearer to the truth than the mean reference row is."""
    table, types = measured
    errors, guesses = [], []
    for seed in range(4):
        estimator = ThroughputEstimator(table, types, 16, 0.2, seed=seed)
        known, count = table.alone.shape[0], estimator.references.size
        for place, key in enumerate(types):
            matched = (estimator.match(int(key)) - known) % count
            truth = estimator._rows[place]
            errors.append(np.abs(estimator._reference[matched] - truth).mean())
            guesses.append(np.abs(estimator._reference.mean(axis=0) - truth).mean())
    assert np.mean(errors) < 0.06
    assert np.mean(errors) < 0.5 * np.mean(guesses)


def test_completion_recovers_a_row_of_low_rank():
    draws = np.random.default_rng(1)
    basis = draws.uniform(size=(3, 40)) / 3
    row = np.array([0.5, 0.2, 0.9]) @ basis
    seen = draws.random(40) < 0.3
    completed = complete(10 * basis, row, seen)
    assert np.abs(completed - row).max() < 2e-3


def test_same_seed_same_matches(measured):
    table, types = measured
    runs = [
        [ThroughputEstimator(table, types, 16, 0.2, seed=3).match(int(k)) for k in types]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_a_snapshot_goes_on_where_it_was(measured):
    table, types = measured
    first = ThroughputEstimator(table, types, 16, 0.2)
    first.match(int(types[0]))
    second = ThroughputEstimator(table, types, 16, 0.2)
    second.restore(first.snapshot())
    assert [first.match(int(k)) for k in types] == [second.match(int(k)) for k in types]


def test_other_scale_factors_keep_their_measurements(measured):
    table, types = measured
    wide = next(key for key in range(table.alone.shape[0]) if key not in types)
    assert ThroughputEstimator(table, types, 16, 0.2).match(wide) == wide


@pytest.mark.parametrize(("references", "profiled"), [(0, 0.2), (27, 0.2), (16, 1.5), (16, -0.1)])
def test_bad_numbers_name_the_flag(measured, references, profiled):
    table, types = measured
    with pytest.raises(InputError, match="--"):
        ThroughputEstimator(table, types, references, profiled)
