"""The bound by arithmetic: its value, its prices, and that sharing and traces count."""

from __future__ import annotations

import numpy as np
import pytest

from gavel_opt import InputError
from simulator.runs.saturation.bounds import evenly_shared_rate, highest_rate, packs
from simulator.runs.saturation.offered_load import mean_duration
from simulator.settings.options import make_config


def config(**settings):
    return make_config(**{"policy": "fifo", "rate": 1.0, "window": (0, 1), **settings})


def test_papers_cluster():
    """No policy without space sharing can go beyond 5.84; equal time everywhere gives 4.80."""
    assert highest_rate(config()).rate == pytest.approx(5.8377, abs=1e-4)
    assert evenly_shared_rate(config()) == pytest.approx(4.7958, abs=1e-4)
    assert highest_rate(config(multi_gpu=True)).rate == pytest.approx(2.7866, abs=1e-4)


def test_sharing_workers_raises_it():
    alone, shared = highest_rate(config()), highest_rate(config(), space_sharing=True)
    assert shared.rate == pytest.approx(7.5116, abs=1e-4)
    assert shared.rate > alone.rate
    assert packs(config(policy="gandiva"))
    assert packs(config(policy="max_min_fairness_packed"))
    assert not packs(config(policy="max_min_fairness_perf"))


@pytest.mark.parametrize("space_sharing", [False, True])
def test_prices_add_up_and_are_derivatives(space_sharing):
    """Workers at their prices earn the rate; one more of a type raises it by its price."""
    bound = highest_rate(config(), space_sharing)
    assert bound.prices @ bound.workers == pytest.approx(bound.rate, rel=1e-9)
    assert bound.key_prices @ bound.work == pytest.approx(1.0, rel=1e-9)
    assert bound.shares.sum() == pytest.approx(1.0)
    assert bound.worker_types == ("k80", "p100", "v100")
    more = highest_rate(config(cluster="37:36:36"), space_sharing).rate
    assert more - bound.rate == pytest.approx(bound.prices[2], rel=0.02)


def test_one_type_of_worker_is_arithmetic():
    alone = config(cluster={"v100": 10})
    bound = highest_rate(alone)
    assert bound.rate == pytest.approx(10 * 3600 / mean_duration(None), rel=1e-9)
    assert evenly_shared_rate(alone) == pytest.approx(bound.rate, rel=1e-9)
    assert not bound.proves_saturated(bound.rate)
    assert bound.proves_saturated(1.001 * bound.rate)


def test_every_key_pays_at_least_its_price():
    """Duality: no type of worker does work for less than the work is worth."""
    bound = highest_rate(config(multi_gpu=True))
    assert (bound.prices >= 0).all()
    assert (bound.key_prices[bound.work > 0] > 0).all()
    assert np.isfinite(bound.key_prices).all()


def test_jobs_that_fit_nowhere_are_named():
    with pytest.raises(InputError, match="on 8 workers fit on no worker type"):
        highest_rate(config(cluster="4:4:4", multi_gpu=True, fixed_duration=60.0))
