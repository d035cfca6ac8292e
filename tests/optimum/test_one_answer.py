"""One answer: a run ends in the same completion times, to the last bit, whatever it runs on.

Every engine, every hash seed, every time. (Any number of processes: ``tests/sweep``.)
"""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from configurations import CONFIGURATIONS, write_trace
from noise import without_progress

from simulator.cli import main
from tests.cli.sim import gavel_sim

FOUR = "structured,highs,ortools," + ("ecos" if find_spec("ecos") else "pulp")
"""One of each kind of solver: own interior point, two simplex codes, cones."""


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    return write_trace(tmp_path_factory.mktemp("traces") / "mixed.trace")


def compare(configuration, size, trace, engines, capsys):
    words = configuration.command(size, trace)
    status = main(["compare", "--engines", engines, *words, "--json"])
    found = json.loads(capsys.readouterr().out)
    for run in found["runs"]:
        difference = run["difference"]
        assert difference is None, f"{run['name']}: {difference['what']}"
    assert (status, found["equal"]) == (0, True)
    assert found["runs"][0]["average_jct"] > 0
    return found


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.policy)
def test_four_engines(configuration, trace, capsys):
    found = compare(configuration, "small", trace, FOUR, capsys)
    assert len(found["runs"]) == 4
    assert found["runs"][0]["fallbacks"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.policy)
def test_all_engines(configuration, trace, capsys):
    found = compare(configuration, "full", trace, "all", capsys)
    assert not any("failed" in why for why in found["skipped"].values()), found["skipped"]


def run(configuration, trace, output, **environment):
    words = [*configuration.command("small", trace), "--output", str(output)]
    done = gavel_sim("run", *words, **environment)
    assert (done.returncode, without_progress(done.stderr)) == (0, "")
    tables = [(output / f"{name}.parquet").read_bytes() for name in ("jobs", "rounds")]
    return json.loads((output / "summary.json").read_text())["jct"], tables


@pytest.mark.parametrize("policy", ["max_min_fairness_packed", "finish_time_fairness_perf"])
def test_same_bits_again_under_any_hash_seed(policy, trace, tmp_path):
    (configuration,) = (c for c in CONFIGURATIONS if c.policy == policy)
    one, two = (
        run(configuration, trace, tmp_path / seed, PYTHONHASHSEED=seed) for seed in ("0", "4242")
    )
    assert one[0]
    assert one == two
