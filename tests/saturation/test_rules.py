"""The rules as functions of a series, and the traps that others have fallen into."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

import simulator.runs.saturation.rules
from gavel_opt import InputError
from simulator.runs.saturation.rules import (
    HOUR,
    RULES,
    Series,
    Verdict,
    batch_means,
    judge,
)
from simulator.settings.saturation_rule import parse_rule


def verdict(series: Series, rule: str) -> Verdict:
    return judge(series, parse_rule(rule, continuous=True))


class TestCompletionRate:
    def test_fires_when_full_and_few_leave(self, recipe):
        found = verdict(recipe(completions=2.0).series(), "completion-rate")
        assert found.finding == "saturated"
        assert found.figures["completions_per_hour"] == pytest.approx(2.0, rel=0.06)
        assert found.figures["bound_per_hour"] == pytest.approx(3.0)

    def test_utilization_gate(self, recipe):
        series = recipe(completions=2.0, utilization=0.6).series()
        assert verdict(series, "completion-rate").finding == "sustained"
        assert verdict(series, "completion-rate:utilization=0.5").finding == "saturated"

    def test_waits_for_simulated_time_and_completed_jobs(self, recipe):
        assert verdict(recipe(completions=2, hours=9).series(), "completion-rate").finding == (
            "undecided"
        )
        few = recipe(completions=0.2, hours=100).series()
        assert verdict(few, "completion-rate").finding == "undecided"
        assert verdict(few, "completion-rate:jobs=10").finding == "saturated"

    def test_full_cluster_completes_jobs_so_the_known_absolute_rate_stays_silent(self, recipe):
        series = recipe(arrivals=7.0, completions=3.0).series()
        known = "completion-rate:rate=0.1,utilization=0.99,hours=10,jobs=50"
        assert verdict(series, known).finding == "sustained"
        assert verdict(series, "completion-rate").finding == "saturated"

    def test_once_is_enough(self, recipe):
        """The rule looks at every round so far, so it does not depend on when it is asked."""
        series = recipe(completions=6.0).series()
        assert verdict(series, "completion-rate").finding == "sustained"
        series.completed[1000:1030] = series.completed[1000]
        found = verdict(series, "completion-rate")
        assert found.finding == "saturated"
        assert found.time < series.time[1030]

    def test_absolute_rate_counts_since_the_start(self, recipe):
        series = recipe(arrivals=7.0, completions=0.5, hours=400).series()
        assert verdict(series, "completion-rate:rate=0.6").finding == "saturated"
        assert verdict(series, "completion-rate:rate=0.4").finding == "sustained"


class TestJctGrowth:
    def test_fires_on_three_windows_in_a_row(self, recipe):
        growing = [HOUR * 1.25 ** (job // 100) for job in range(1100)]
        series = recipe(completions=5.0, jct=growing).series()
        found = verdict(series, "jct-growth")
        assert found.finding == "saturated"
        assert found.figures["ratio_3"] == pytest.approx(1.25, rel=0.05)

    def test_two_windows_are_not_enough(self, recipe):
        levels = [1.0] * 8 + [1.3, 1.7, 1.7]
        series = recipe(jct=[HOUR * levels[job // 100] for job in range(1100)], hours=185).series()
        assert verdict(series, "jct-growth").finding == "undecided"

    def test_the_start_does_not_count(self, recipe):
        """At first only short jobs can have completed, so mean completion times grow anyway."""
        growing = [HOUR * 1.25 ** (job // 100) for job in range(500)]
        series = recipe(completions=3.0, jct=growing, hours=160).series()
        assert verdict(series, "jct-growth").finding == "undecided"
        assert verdict(series, "jct-growth:skip=0").finding == "saturated"

    def test_steady_is_sustained(self, recipe):
        assert verdict(recipe().series(), "jct-growth").finding == "sustained"

    def test_needs_enough_windows(self, recipe):
        assert verdict(recipe(hours=60).series(), "jct-growth").finding == "undecided"


class TestConvergence:
    def test_interval_covers_an_autocorrelated_mean(self):
        """An AR(1) series: the naive interval covers its mean far too seldom, ours does not."""
        draws = np.random.default_rng(7)
        ours = naive = 0
        for _ in range(300):
            noise = draws.normal(size=4000)
            values = np.empty(4000)
            last = 0.0
            for place, shock in enumerate(noise):
                last = 0.8 * last + shock
                values[place] = last
            mean, half, _ = batch_means(values, 20, 0.95)
            ours += abs(mean) <= half
            naive += abs(values.mean()) <= 1.96 * values.std() / math.sqrt(values.size)
        assert 0.92 <= ours / 300 <= 0.98
        assert naive / 300 < 0.6

    def test_stops_once_narrow(self, recipe):
        jct = list(np.random.default_rng(1).normal(10 * HOUR, HOUR, 5000))
        series = recipe(window=(100, 1100), jct=jct).series()
        found = verdict(series, "convergence")
        assert found.finding == "converged"
        assert found.stops
        assert found.figures["lower"] < 10 * HOUR < found.figures["upper"]
        assert verdict(series, "convergence:width=0.001").finding == "undecided"

    def test_takes_no_job_behind_an_open_one(self, recipe):
        """Later jobs that are done already are the short ones; they would bias the mean."""
        jct = list(np.random.default_rng(1).normal(10 * HOUR, HOUR, 5000))
        series = recipe(window=(100, 1100), jct=jct).series()
        series.finish[150] = np.nan
        assert verdict(series, "convergence").figures["jobs"] == 50

    def test_correlated_batches_are_refused(self, recipe):
        trend = [HOUR * (10 + job / 400) for job in range(5000)]
        series = recipe(window=(100, 1100), jct=trend).series()
        assert verdict(series, "convergence").reason == "batches are still correlated"


class TestTraps:
    def test_zero_completions_of_measured_jobs_mean_nothing(self, recipe):
        """The window is jobs 10,000 to 11,000: none has arrived, and no rule takes that as a sign."""
        series = recipe(arrivals=6.0, completions=5.9).series()
        assert series.window[0] > series.arrival.size
        for rule in RULES:
            assert verdict(series, rule).finding != "saturated", rule

    def test_no_rule_knows_the_wall_clock(self):
        tree = ast.parse(Path(simulator.runs.saturation.rules.__file__).read_text())
        imported = {
            alias.name.split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in [*node.names, ast.alias(getattr(node, "module", None) or "")]
        }
        assert not imported & {"time", "datetime", "os"}

    def test_rules_leave_the_series_alone(self, recipe):
        series = recipe(window=(10, 500)).series()
        before = {
            name: value.copy()
            for name in Series.__slots__
            if isinstance(value := getattr(series, name), np.ndarray)
        }
        for rule in RULES:
            assert verdict(series, rule) == verdict(series, rule)
        for name, value in before.items():
            np.testing.assert_array_equal(getattr(series, name), value)

    def test_an_empty_run_is_undecided(self, recipe):
        series = recipe(hours=0.05, completions=0.0).series()
        for rule in RULES:
            assert verdict(series, rule).finding == "undecided"


class TestParsing:
    def test_default_only_where_jobs_keep_arriving(self):
        assert parse_rule(None, continuous=True)[0] == "long-queue"
        assert parse_rule(None, continuous=False) == ("off", {})

    def test_parameters(self):
        name, parameters = parse_rule("completion-rate:ratio=0.4,hours=20", continuous=True)
        assert name == "completion-rate"
        assert (parameters["ratio"], parameters["hours"], parameters["jobs"]) == (0.4, 20.0, 50.0)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("long-qeue", "did you mean long-queue"),
            ("long-queue:margn=1", "did you mean margin"),
            ("long-queue:margin=x", "margin=x is not a number"),
            ("long-queue:margin=-1", "margin=-1 is not a number of at least 0"),
            ("long-queue:margin", "margin= is not a number"),
            ("long-queue:share=0", "share=0 is not above 0"),
            ("completion-rate:ratio=2", "ratio=2 is not above 0 and at most 1"),
            ("completion-rate:utilization=0", "utilization=0 is not above 0 and at most 1"),
            ("completion-rate:window=0", "window=0 is not above 0"),
            ("jct-growth:jobs=0", "jobs=0 is not a whole number of at least 1"),
            ("jct-growth:windows=0", "windows=0 is not a whole number of at least 1"),
            ("jct-growth:growth=0.9", "growth=0.9 is not at least 1"),
            ("convergence:batches=1", "batches=1 is not a whole number of at least 2"),
            ("convergence:batches=2.5", "batches=2.5 is not a whole number"),
            ("convergence:confidence=1", "confidence=1 is not above 0 and below 1"),
        ],
    )
    def test_bad_input_says_what_was_expected(self, text, said):
        with pytest.raises(InputError, match=said):
            parse_rule(text, continuous=True)
