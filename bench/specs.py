"""One table of what is measured; tests, reports and plots all read it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

BASELINE = "cvxpy-rebuild"
REFERENCE = "reference"
NOTHING_KEPT = (BASELINE, REFERENCE)
MILLION = 1_000_000
SIZES = (32, 128, 512, 2048, 8192, 32_768, MILLION)
SMOKE = 128
"""Sizes up to here run in the smoke run, the others are marked slow."""


@dataclass(frozen=True)
class Contender:
    """An engine with the settings of a driver, and how large its programs may get.

    ``most`` is the number of jobs beyond which it is not measured where its programs stay small
    (grouped), ``most_ungrouped`` where they grow with the jobs.
    """

    engine: str
    settings: dict[str, Any] = field(default_factory=dict)
    most: int = 32_768
    most_ungrouped: int = 2048


_OWN = {"tie_break": "none", "fallback": ()}
_DEFAULT = {"tie_break": "canonical", "fallback": ("highs",)}

CONTENDERS: dict[str, Contender] = {
    BASELINE: Contender(
        BASELINE, _OWN | {"grouping": False, "tolerance": 1e-4}, most_ungrouped=32_768
    ),
    "cvxpy-cached": Contender("cvxpy-cached", _OWN | {"tolerance": 1e-4}),
    "ecos": Contender("ecos", _OWN | {"tolerance": 1e-4}, most_ungrouped=8192),
    "pulp": Contender("pulp", _OWN),
    "ortools": Contender("ortools", _OWN),
    "ortools-pdlp": Contender("ortools-pdlp", _OWN | {"tolerance": 1e-5}, most_ungrouped=512),
    "highs": Contender("highs", _OWN),
    "highs ungrouped": Contender("highs", _OWN | {"grouping": False}),
    "highs canonical": Contender("highs", _DEFAULT),
    "structured": Contender("structured", _DEFAULT, most=MILLION, most_ungrouped=MILLION),
}
"""Label to contender. Solvers answer with their own optimum (no tie-break); ``structured`` and
``highs canonical`` with the canonical one, which is what users get."""

_HIGHS_STRUCTURED = ("highs", "structured")
GENERAL = (BASELINE, "cvxpy-cached", "ecos", "pulp", "ortools", "highs", "structured")


@dataclass(frozen=True)
class Spec:
    """One workload: a policy on states of one kind.

    Attributes
    ----------
    name
        As it stands in tables.
    policy, kind
        The policy, and the kind of states (:mod:`bench.states`).
    sizes
        Jobs; 0 for streams, whose sizes are their own.
    contenders
        Labels of :data:`CONTENDERS`.
    grouped
        Whether identical jobs are many, so that grouped programs stay small.
    most, baseline_most
        Most jobs, of anyone and of the baseline.
    limits
        Most jobs of single contenders.
    reference
        Whether the reference's own algorithm is measured besides the baseline.
    """

    name: str
    policy: str
    kind: str
    sizes: tuple[int, ...] = SIZES
    contenders: tuple[str, ...] = (BASELINE, "highs", "structured")
    grouped: bool = True
    most: int = MILLION
    baseline_most: int = 32_768
    limits: dict[str, int] = field(default_factory=dict)
    reference: bool = False


SPECS: tuple[Spec, ...] = (
    Spec(
        "max-min perf",
        "max_min_fairness_perf",
        "contended",
        contenders=(*GENERAL, "ortools-pdlp", "highs ungrouped", "highs canonical"),
    ),
    Spec("max-min perf, GPUs for all", "max_min_fairness_perf", "uncontended", most=32_768),
    Spec("max-min perf, priorities", "max_min_fairness_perf", "priorities", most=32_768),
    Spec(
        "max-min perf, every job different",
        "max_min_fairness_perf",
        "distinct",
        contenders=(*GENERAL, "ortools-pdlp"),
        grouped=False,
    ),
    Spec("max-min plain", "max_min_fairness", "contended", most=32_768),
    Spec(
        "max-min packed",
        "max_min_fairness_packed",
        "single-GPU",
        sizes=(32, 128, 512, 2048, 8192),
        contenders=(BASELINE, "cvxpy-cached", "highs", "structured"),
        baseline_most=512,
        limits={"cvxpy-cached": 128},
    ),
    Spec(
        "water filling perf",
        "max_min_fairness_water_filling_perf",
        "contended",
        sizes=(32, 128, 512, 2048, 8192, 32_768),
        contenders=(BASELINE, "cvxpy-cached", "highs", "structured"),
        baseline_most=512,
        reference=True,
    ),
    Spec(
        "strategy-proof fairness",
        "max_min_fairness_strategy_proof",
        "contended",
        sizes=(32, 128),
        contenders=(BASELINE, "structured"),
        baseline_most=32,
    ),
    Spec(
        "finish-time fairness perf",
        "finish_time_fairness_perf",
        "contended",
        contenders=(BASELINE, "cvxpy-cached", "ecos", "highs", "structured"),
        grouped=False,
        most=32_768,
        baseline_most=512,
        limits={"cvxpy-cached": 512, "ecos": 512},
    ),
    Spec(
        "makespan perf",
        "min_total_duration_perf",
        "contended",
        contenders=GENERAL,
        grouped=False,
        most=32_768,
        baseline_most=8192,
        reference=True,
    ),
    Spec(
        "sum of throughputs",
        "max_sum_throughput_perf",
        "contended",
        most=32_768,
        baseline_most=8192,
    ),
    *(
        Spec(f"{name}, {kind}", policy, kind, sizes=(0,), contenders=contenders, reference=ref)
        for kind in ("stream single-GPU", "stream multi-GPU", "stream 6,212 GPUs")
        for name, policy, contenders, ref in (
            ("max-min perf", "max_min_fairness_perf", GENERAL, False),
            ("finish-time fairness perf", "finish_time_fairness_perf", (), False),
            ("water filling perf", "max_min_fairness_water_filling_perf", (), False),
            ("max-min packed", "max_min_fairness_packed", (), False),
        )
        for contenders in (contenders or (BASELINE, "highs", "structured"),)
        if kind == "stream single-GPU" or not policy.endswith("packed")
    ),
)


@dataclass(frozen=True)
class Case:
    """One benchmark: a contender on a workload of one size, first solve or next round."""

    spec: Spec
    label: str
    jobs: int
    mode: str

    @property
    def id(self) -> str:
        parts = (self.spec.name, self.label, str(self.jobs) if self.jobs else "", self.mode)
        return "-".join(part.replace(" ", "_").replace(",", "") for part in parts if part)

    @property
    def smoke(self) -> bool:
        """Whether it is in the smoke run: small, and quick in every part."""
        if self.jobs == 0:
            return self.spec.policy == "max_min_fairness_perf" and self.label in _HIGHS_STRUCTURED
        return self.jobs <= (32 if self.label == BASELINE else SMOKE)


def cases() -> Iterator[Case]:
    """Every benchmark of a policy call."""
    for spec in SPECS:
        labels = (*spec.contenders, REFERENCE) if spec.reference else spec.contenders
        for label in labels:
            for jobs in spec.sizes:
                if jobs > _most(spec, label):
                    continue
                # What keeps nothing has no other first solve than this.
                modes = ("next",) if label in NOTHING_KEPT else ("first", "next")
                for mode in modes:
                    yield Case(spec, label, jobs, mode)


def _most(spec: Spec, label: str) -> int:
    if label == REFERENCE:
        return 512
    most = min(spec.most, spec.limits.get(label, MILLION))
    if label == BASELINE:
        most = min(most, spec.baseline_most)
    contender = CONTENDERS[label]
    grouped = spec.grouped and contender.settings.get("grouping", True)
    return min(most, contender.most if grouped else contender.most_ungrouped)


@dataclass(frozen=True)
class Goal:
    """A ratio to the baseline that was asked for."""

    spec: str
    jobs: int
    mode: str
    label: str
    ratio: float
    reference: bool = False


GOALS: tuple[Goal, ...] = (
    *(
        Goal(spec, jobs, mode, label, ratio)
        for spec, jobs, mode, *ratios in (
            ("max-min perf", 128, "next", 20, 200),
            ("max-min perf", 2048, "next", 200, 1000),
            ("max-min perf", 32_768, "next", 2000, 4000),
            ("max-min perf, every job different", 2048, "next", 5, 100),
            ("max-min packed", 512, "next", 100, 500),
            ("water filling perf", 512, "next", 100, 1000),
            ("finish-time fairness perf", 512, "first", 50, 500),
            ("finish-time fairness perf", 512, "next", 200, 2000),
            ("makespan perf", 512, "next", 8, 300),
        )
        for label, ratio in zip(_HIGHS_STRUCTURED, ratios, strict=True)
    ),
    Goal("max-min perf", 32, "next", "cvxpy-cached", 2),
    Goal("max-min perf", 512, "next", "cvxpy-cached", 5),
    Goal("max-min perf", 2048, "next", "cvxpy-cached", 15),
    Goal("max-min perf", 32, "next", "ortools", 20),
    Goal("max-min perf", 128, "next", "pulp", 1),
    Goal("max-min perf", 2048, "next", "pulp", 1),
)
MILLION_GOALS = {"max-min perf": 0.050, "max-min perf, every job different": 1.0}
"""Seconds for a million jobs."""


def in_goals(case: Case) -> bool:
    """Whether a goal's ratio needs the case."""
    million = case.jobs == MILLION and case.spec.name in MILLION_GOALS
    return (million and case.mode == "next") or any(
        (goal.spec, goal.jobs) == (case.spec.name, case.jobs)
        and (case.label in NOTHING_KEPT or (goal.label, goal.mode) == (case.label, case.mode))
        for goal in GOALS
    )


@dataclass(frozen=True)
class Run:
    """A whole simulation: a point of the paper's Figure 9, 10 or 11 at seed 0.

    ``paper`` is the curve's mean completion time in hours (all three seeds), a sanity bound only:
    which optimum an engine returns moves it. ``reference`` is the reference's CPU seconds, where
    it was measured.
    """

    name: str
    policy: str
    rate: float
    multi_gpu: bool
    goal: float
    paper: float | None = None
    reference: float | None = None


RUNS: tuple[Run, ...] = (
    Run("max-min perf, 4.0 jobs/hr", "max_min_fairness_perf", 4.0, False, 0.25, 16.257, 91.0),
    Run("max-min perf, 6.4 jobs/hr", "max_min_fairness_perf", 6.4, False, 0.8, 54.314),
    Run("max-min plain, 5.6 jobs/hr", "max_min_fairness", 5.6, False, 1.5, 91.293),
    Run("max-min plain, 6.4 jobs/hr", "max_min_fairness", 6.4, False, 8.0, None, 3600.0),
    Run(
        "finish-time fairness perf, multi-GPU, 2.0 jobs/hr",
        "finish_time_fairness_perf",
        2.0,
        True,
        1.0,
        18.631,
        490.0,
    ),
    Run(
        "finish-time fairness perf, multi-GPU, 3.2 jobs/hr",
        "finish_time_fairness_perf",
        3.2,
        True,
        10.0,
    ),
    Run("max-min packed, 5.6 jobs/hr", "max_min_fairness_packed", 5.6, False, 20.0, 19.077),
)
