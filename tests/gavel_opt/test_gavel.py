"""Gavel's own interface: calls as its scheduler makes them, from dictionaries to dictionaries."""

from __future__ import annotations

import copy
import itertools
import random
import weakref

import numpy as np
import pytest

from gavel_opt import InputError, SolveFailed, gavel
from gavel_opt.gavel import POLICIES, get_policy

SPEC = {"v100": 4, "p100": 4, "k80": 4}
TYPES = sorted(SPEC)


class JobIdPair:
    """What Gavel calls jobs and pairs, as far as its interface goes."""

    def __init__(self, job0, job1):
        self._jobs = (job0, job1) if job1 is None else (min(job0, job1), max(job0, job1))

    def __getitem__(self, at):
        return self._jobs[at]

    def __eq__(self, other):
        return self._jobs == other._jobs

    def __hash__(self):
        return hash(self._jobs)

    def __lt__(self, other):
        return self._key() < other._key()

    def _key(self):
        return (self._jobs[1] is not None, self._jobs[0], self._jobs[1] or 0)

    def is_pair(self):
        return self._jobs[1] is not None

    def as_tuple(self):
        return self._jobs

    def singletons(self):
        return [JobIdPair(job, None) for job in self._jobs if job is not None]

    def __repr__(self):
        return str(self._jobs if self.is_pair() else self._jobs[0])


class Cluster:
    """Jobs of a few types that come and go, as dictionaries; pairs only where asked for."""

    def __init__(self, pairs, seed=0, types=4, single_gpu=False):
        self.rng = random.Random(seed)
        self.pairs, self.single_gpu = pairs, single_gpu
        self.kinds = [
            (f"type {kind}", 1 if kind % 2 == 0 or single_gpu else 2) for kind in range(types)
        ]
        self.alone = {
            kind: dict(zip(TYPES, sorted(self.rng.uniform(1, 9) for _ in TYPES), strict=True))
            for kind in self.kinds
        }
        self.both = {
            (a, b): {t: [self.alone[a][t] * self.rng.uniform(0.4, 0.9),
                         self.alone[b][t] * self.rng.uniform(0.4, 0.9)] for t in TYPES}
            for at, a in enumerate(self.kinds) for b in self.kinds[at:]
        }  # fmt: skip
        for kind in self.kinds:  # two of one type run alike
            self.both[kind, kind] = {t: [v[0], v[0]] for t, v in self.both[kind, kind].items()}
        self.kind, self.throughputs, self.last = {}, {}, 0
        self.steps, self.age = {}, {}

    def together(self, a, b):
        first, second = self.kind[a], self.kind[b]
        if first[1] != second[1]:
            return {t: [0.0, 0.0] for t in TYPES}
        if (first, second) in self.both:
            return {t: list(v) for t, v in self.both[first, second].items()}
        return {t: v[::-1] for t, v in self.both[second, first].items()}

    def arrive(self, count=1):
        for _ in range(count):
            job = JobIdPair(self.last, None) if self.pairs else self.last
            self.last += 1
            self.kind[job] = self.rng.choice(self.kinds)
            self.steps[job], self.age[job] = self.rng.uniform(1e3, 1e5), self.rng.uniform(0, 1e4)
            others = [other for other in self.kind if other != job]
            self.throughputs[job] = dict(self.alone[self.kind[job]])
            if self.pairs:
                for other in others:
                    pair = JobIdPair(other[0], job[0])
                    self.throughputs[pair] = self.together(other, job)

    def leave(self):
        job = self.rng.choice(list(self.kind))
        for column in (self.kind, self.steps, self.age):
            del column[job]
        gone = job[0] if self.pairs else job
        for key in list(self.throughputs):
            members = key.as_tuple() if self.pairs else (key,)
            if gone in members:
                del self.throughputs[key]

    def call(self, policy, name):
        scale = {job: kind[1] for job, kind in self.kind.items()}
        weight = dict.fromkeys(self.kind, 1.0)
        t = self.throughputs
        if name == "allox":
            return policy.get_allocation(t, scale, self.age, self.steps, SPEC)
        if name.startswith("finish_time"):
            return policy.get_allocation(t, scale, weight, self.age, self.steps, SPEC)
        if name.startswith("max_min"):
            return policy.get_allocation(t, scale, weight, SPEC)
        if name.startswith("min_total"):
            return policy.get_allocation(t, scale, self.steps, SPEC)
        if name == "proportional":
            return policy.get_allocation(t, SPEC)
        if name.startswith("max_sum") and "normalized" in name:
            costs = {"v100": 2.0, "p100": 1.0, "k80": 0.5}
            more = {"SLOs": dict.fromkeys(self.kind, 1e6), "num_steps_remaining": self.steps}
            return policy.get_allocation(t, scale, SPEC, instance_costs=costs,
                                         **(more if "SLOs" in name else {}))  # fmt: skip
        return policy.get_allocation(t, scale, SPEC)


def packs(name):
    return "packed" in name or name == "gandiva"


NAMES = [name for name in POLICIES if name != "max_min_fairness_strategy_proof"]


@pytest.mark.parametrize("solver", [None, "ECOS", "highs"])
@pytest.mark.parametrize("name", NAMES)
def test_every_policy_answers_call_after_call(name, solver):
    cluster = Cluster(packs(name), single_gpu=name == "allox")
    policy = get_policy(name, solver=solver, seed=0)
    assert policy.name == POLICIES[name][1]
    for arrivals in (2, 0, 6, 1, 4):
        cluster.arrive(arrivals)
        if arrivals == 1:
            cluster.leave()
        shares = cluster.call(policy, name)
        assert set(shares) == set(cluster.throughputs)
        used = dict.fromkeys(SPEC, 0.0)
        for job, row in shares.items():
            assert list(row) == TYPES
            first = job.singletons()[0] if packs(name) else job
            for kind, share in row.items():
                assert -1e-9 <= share <= 1.0 + 1e-9
                used[kind] += share * cluster.kind[first][1]
        if name not in ("proportional", "fifo"):  # as in the reference
            assert all(used[kind] <= SPEC[kind] * (1.0 + 1e-6) for kind in SPEC)


@pytest.mark.parametrize("name", [*NAMES, "max_min_fairness_strategy_proof"])
def test_a_call_without_jobs(name):
    policy = get_policy(name)
    cluster = Cluster(packs(name))
    assert cluster.call(policy, name) == ({} if name.startswith("fifo") else None)


def test_names_and_solvers():
    assert get_policy("allox_alpha=0.2").driver.policy._alpha == 0.2
    assert get_policy("max_min_fairness", solver="ECOS").driver.engine.name == "ecos"
    assert get_policy("max_min_fairness", solver="ECOS").driver.tie_break == "none"
    assert get_policy("max_min_fairness", solver="highs").driver.tie_break == "canonical"
    assert (
        get_policy("max_min_fairness", solver="highs", tie_break="none").driver.tie_break == "none"
    )
    with pytest.raises(InputError, match="did you mean fifo"):
        get_policy("fifoo")
    with pytest.raises(InputError, match="unknown solver 'GUROBI'"):
        get_policy("max_min_fairness", solver="GUROBI")
    with pytest.raises(InputError, match="'x' is not a number"):
        get_policy("allox_alpha=x")


FILLING = "max_min_fairness_water_filling"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"policy_name": None}, "policy_name is None, expected a text"),
        ({"solver": ["ECOS"]}, r"solver is \['ECOS'\], expected a text or None"),
        ({"tie_break": 5}, "tie_break is 5, expected a text or None"),
        (
            {"policy_name": FILLING, "priority_reweighting_policies": 5},
            "is a int, expected a dictionary by entity",
        ),
    ],
)
def test_arguments_of_another_kind_are_named(given, says):
    with pytest.raises(InputError, match=says):
        get_policy(**({"policy_name": "max_min_fairness"} | given))


def test_allox_takes_the_arguments_of_the_reference_and_no_others():
    policy, cluster = get_policy("allox"), {"v100": 1}
    job = ({0: {"v100": 1.0}}, {0: 1}, {0: 0.0}, {0: 10})
    alike = [
        policy.get_allocation(*job, cluster),
        policy.get_allocation(*job, {}, cluster),
        policy.get_allocation(*job, cluster_spec=cluster),
        policy.get_allocation(*job, {}, cluster_spec=cluster),
        policy.get_allocation(*job, per_round_schedule={}, cluster_spec=cluster),
    ]
    assert alike == [{0: {"v100": 1.0}}] * 5
    with pytest.raises(TypeError, match="unexpected keyword argument 'cluster'"):
        policy.get_allocation(*job, cluster, cluster=cluster)
    with pytest.raises(TypeError, match="takes no more than"):
        policy.get_allocation(*job, {}, cluster, cluster_spec=cluster)


def test_classes_of_the_reference():
    made = gavel.max_min_fairness.MaxMinFairnessPolicyWithPerf(solver="ECOS")
    assert made.name == "MaxMinFairness_Perf"
    assert gavel.fifo.FIFOPolicy(mode="packing", packing_threshold=1.2).name == "FIFO_Packing"
    assert gavel.allox.AlloXPolicy(alpha=0.5).driver.policy._alpha == 0.5
    assert gavel.gandiva.GandivaPolicy(seed=3).name == "Gandiva_Packing"
    assert gavel.fifo.FIFOPolicy("base", 3, 1.5).name == "FIFO"
    assert gavel.fifo.FIFOPolicyWithPerf(True).name == "FIFO_Perf"
    assert gavel.allox.AlloXPolicy(0.5).driver.policy._alpha == 0.5
    assert gavel.gandiva.GandivaPolicy(3).name == "Gandiva_Packing"
    filling = gavel.max_min_fairness_water_filling.MaxMinFairnessWaterFillingPolicyWithPerf
    assert filling({"a": "fifo"})._within == {"a": "fifo"}
    with pytest.raises(InputError, match="unknown mode 'packed'"):
        gavel.fifo.FIFOPolicy("packed")
    with pytest.raises(TypeError, match="too many positional arguments"):
        gavel.isolated.IsolatedPolicy("ECOS")


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_remembered_of_pairs_changes_nothing(deep):
    """The shares of a fresh policy, whatever came and went, copied or not."""
    cluster = Cluster(True, seed=2)
    cluster.arrive(12)
    policy = get_policy("max_min_fairness_packed")
    for step in range(6):
        if deep:
            cluster.throughputs = copy.deepcopy(cluster.throughputs)
        fresh = cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")
        assert cluster.call(policy, "max_min_fairness_packed") == fresh
        if step % 2:
            cluster.leave()
        cluster.arrive(step % 3)
    assert not policy._pairs._kinds.apart


@pytest.mark.parametrize("name", ["max_min_fairness_packed", "gandiva"])
@pytest.mark.parametrize("keeps", [0, 1, 3])
def test_shares_are_the_callers_alone(name, keeps):
    """Those of a fresh policy, in that order, whatever the caller keeps of earlier ones and does to them."""
    cluster = Cluster(True, seed=8)
    cluster.arrive(10)
    policy, twin, kept = get_policy(name), get_policy(name), []
    for step in range(14):
        fresh = cluster.call(twin, name)
        if name != "gandiva":  # which remembers
            twin = get_policy(name)
        found = cluster.call(policy, name)
        assert list(found.items()) == list(fresh.items())
        assert not any(found is other for other, _ in kept)
        assert all(other == copied for other, copied in kept)
        if step % 3 == 1:
            found[next(reversed(found))] = {"v100": 7.0}
        kept = [*kept, (found, dict(found))][len(kept) + 1 - keeps :]
        del found
        if step % 4 == 3:
            cluster.leave()
        cluster.arrive(step % 2)


@pytest.mark.parametrize("name", ["max_min_fairness_perf", "max_min_fairness_packed"])
def test_copies_made_for_one_call_are_not_kept(name):
    """Freed inside a later call, they would take longer than all the rest of it."""
    cluster = Cluster(name.endswith("packed"), seed=7)
    cluster.arrive(12)
    policy, own = get_policy(name), cluster.throughputs
    cluster.call(policy, name)
    for _ in range(3):
        cluster.throughputs = {
            JobIdPair(key, None) if isinstance(key, int) else copy.deepcopy(key): row
            for key, row in copy.deepcopy(own).items()
        }
        cluster.call(policy, name)
        some = [weakref.ref(key) for key in list(cluster.throughputs)[1:4]]
        cluster.throughputs = own
        assert not any(key() for key in some)


def test_a_call_that_changes_few_jobs_reads_few(monkeypatch):
    """Of 30 jobs' 435 pairs, the 29 of the one that came, and those whose turn it is."""
    from gavel_opt.gavel import pairs

    cluster = Cluster(True, seed=6)
    cluster.arrive(30)
    policy = get_policy("max_min_fairness_packed")
    cluster.call(policy, "max_min_fairness_packed")
    read, honest = [], pairs._pair_rates
    monkeypatch.setattr(pairs, "_CHECKED", 10)
    monkeypatch.setattr(
        pairs,
        "_pair_rates",
        lambda rows, types: read.append(len(rows)) or honest(rows, types),
    )
    for _ in range(3):
        cluster.leave()
        cluster.arrive()
        cluster.call(policy, "max_min_fairness_packed")
    assert max(read) == 29
    assert sum(read) <= 3 * (29 + 10)
    assert len(policy._pairs._key) <= 2 * 435, "slots of jobs that left are not used again"
    replaced = next(key for key in cluster.throughputs if key.is_pair())
    cluster.throughputs[replaced] = {kind: [0.1, 0.1] for kind in TYPES}
    found = cluster.call(policy, "max_min_fairness_packed")
    assert found == cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")


def test_a_pair_that_is_changed_in_place_is_noticed():
    cluster = Cluster(True, seed=3)
    cluster.arrive(8)
    policy = get_policy("max_min_fairness_packed")
    cluster.call(policy, "max_min_fairness_packed")
    pair = next(key for key in cluster.throughputs if key.is_pair())
    cluster.throughputs[pair]["v100"][0] *= 0.1
    found = cluster.call(policy, "max_min_fairness_packed")
    assert not policy._pairs.trusts
    assert found == cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")


def test_jobs_that_leave_together_take_no_pair_of_others_with_them():
    """The pair of two that left was forgotten twice, and two pairs that came shared its place."""
    cluster = Cluster(True, seed=5, types=60, single_gpu=True)
    cluster.arrive(8)
    policy = get_policy("max_min_fairness_packed")
    for _ in range(6):
        cluster.call(policy, "max_min_fairness_packed")
        for _ in range(3):
            cluster.leave()
        cluster.arrive(3)
        found = cluster.call(policy, "max_min_fairness_packed")
        fresh = cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")
        assert found == fresh


def test_jobs_that_are_equal_alone_and_differ_beside_others():
    cluster = Cluster(True, seed=4, types=1)
    cluster.arrive(6)
    policy = get_policy("max_min_fairness_packed")
    cluster.call(policy, "max_min_fairness_packed")
    cluster.arrive()
    for key, row in cluster.throughputs.items():
        if key.is_pair() and 6 in key.as_tuple():
            row.update({kind: [value * 0.5 for value in both] for kind, both in row.items()})
    found = cluster.call(policy, "max_min_fairness_packed")
    assert policy._pairs._kinds.apart
    assert found == cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")


def test_jobs_that_differ_no_longer_are_of_one_kind_again():
    """What is answered depends on the jobs that are there, not on those that were."""
    cluster = Cluster(True, seed=1, types=2, single_gpu=True)
    cluster.arrive(6)
    odd = next(key for key in cluster.throughputs if key.is_pair())
    cluster.throughputs[odd] = {kind: [0.5, 0.25] for kind in TYPES}
    policy = get_policy("max_min_fairness_packed")
    cluster.call(policy, "max_min_fairness_packed")
    assert policy._pairs._kinds.apart
    gone = odd.as_tuple()[0]
    for column in (cluster.kind, cluster.steps, cluster.age):
        del column[JobIdPair(gone, None)]
    for key in list(cluster.throughputs):
        if gone in key.as_tuple():
            del cluster.throughputs[key]
    found = cluster.call(policy, "max_min_fairness_packed")
    assert not policy._pairs._kinds.apart
    assert found == cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")


def test_kinds_of_jobs_that_left_are_not_kept_for_ever():
    cluster = Cluster(True, seed=1, types=1, single_gpu=True)
    policy = get_policy("gandiva")
    for turn in range(200):
        cluster.arrive()
        job = next(reversed(cluster.kind))
        cluster.throughputs[job] = dict.fromkeys(TYPES, 1.0 + turn)
        if turn > 6:
            cluster.leave()
        cluster.call(policy, "gandiva")
    kinds = policy._pairs._kinds
    assert len(kinds._id) <= 4 * 7 + 64 + 7
    number = [job[0] for job in cluster.kind]
    first, second = (kinds._of[job] for job in number[:2])
    pair = cluster.throughputs[JobIdPair(*number[:2])]
    assert kinds._paired[first, second].T.tolist() == [pair[kind] for kind in TYPES]


def test_throughputs_by_job_type_give_what_those_by_pair_give():
    cluster = Cluster(True, seed=5)
    cluster.arrive(9)
    by_type = {kind: {t: {None: cluster.alone[kind][t]} for t in TYPES} for kind in cluster.kinds}
    for a in cluster.kinds:
        for b in cluster.kinds:
            for t in TYPES:
                by_type[a][t][b] = 0.0
                if a[1] == b[1]:
                    pair = (a, b) if (a, b) in cluster.both else (b, a)
                    by_type[a][t][b] = cluster.both[pair][t][pair.index(a)]
    scale = {job: kind[1] for job, kind in cluster.kind.items()}
    weight = dict.fromkeys(cluster.kind, 1.0)
    policy = get_policy("max_min_fairness_packed")
    found = policy.get_allocation_using_job_type_throughputs(
        by_type, cluster.kind, scale, weight, SPEC
    )
    expected = cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")
    assert set(found) == set(expected)

    def level(shares):
        """Smallest normalised throughput."""
        levels = []
        for job, kind in cluster.kind.items():
            speed = 0.0
            for key, row in shares.items():
                if job[0] in key.as_tuple():
                    side = key.as_tuple().index(job[0])
                    rate = cluster.throughputs[key]
                    speed += sum(
                        row[t] * (rate[t][side] if key.is_pair() else rate[t]) for t in TYPES
                    )
            equal = sum(cluster.alone[kind][t] * SPEC[t] for t in TYPES) / sum(SPEC.values())
            levels.append(kind[1] * speed / equal)
        return min(levels)

    assert level(found) == pytest.approx(level(expected), rel=1e-3)
    assert policy.get_allocation_using_job_type_throughputs({}, {}, {}, {}, SPEC) is None


def test_shares_of_idle_pairs_are_one_object_that_cannot_be_changed():
    cluster = Cluster(True)
    cluster.arrive(8)
    shares = cluster.call(get_policy("max_min_fairness_packed"), "max_min_fairness_packed")
    idle = next(row for key, row in shares.items() if key.is_pair() and not any(row.values()))
    with pytest.raises(TypeError, match="copy the allocation first"):
        idle["v100"] = 1.0
    mine = copy.deepcopy(shares)
    for row in mine.values():
        row["v100"] = 0.0


def test_entities_of_water_filling_are_handed_to_every_call():
    policy = get_policy(
        "max_min_fairness_water_filling_perf",
        priority_reweighting_policies={"a": "fairness", "b": "fifo"},
    )
    thr = {job: {"v100": 1.0} for job in range(4)}
    one = dict.fromkeys(thr, 1)
    of = {"a": [0, 1], "b": [2, 3]}
    for weights, expected in (({"a": 1, "b": 1}, 0.5), ({"a": 1, "b": 3}, 0.25)):
        shares = policy.get_allocation(thr, one, one, {"v100": 1}, entity_weights=weights,
                                       entity_to_job_mapping=of)  # fmt: skip
        assert shares[0]["v100"] + shares[1]["v100"] == pytest.approx(expected)
        assert shares[3]["v100"] == pytest.approx(0.0, abs=1e-9)
    normal, jobs = policy.get_allocation(thr, one, one, {"v100": 1}, entity_weights=weights,
                                         entity_to_job_mapping=of,
                                         return_effective_throughputs=True)  # fmt: skip
    assert jobs == [0, 1, 2, 3]
    assert normal.sum() == pytest.approx(1.0)
    with pytest.raises(InputError, match="job 3 belongs to no entity"):
        policy.get_allocation(thr, one, one, {"v100": 1}, entity_weights=weights,
                              entity_to_job_mapping={"a": [0, 1], "b": [2]})  # fmt: skip
    with pytest.raises(InputError, match="need entity_weights"):
        policy.get_allocation(thr, one, one, {"v100": 1})


def test_strategy_proof_gives_what_each_job_keeps():
    policy = get_policy("max_min_fairness_strategy_proof", solver="cvxpy-rebuild")
    thr = {0: {"v100": 2.0, "k80": 1.0}, 1: {"v100": 3.0, "k80": 1.0}, 2: {"v100": 1.0, "k80": 1.0}}
    one = dict.fromkeys(thr, 1)
    shares, kept = policy.get_allocation(thr, one, one, {"v100": 1, "k80": 1})
    assert set(shares) == set(thr)
    assert kept.shape == (3,)
    assert ((kept > 0.0) & (kept <= 1.0)).all()


def test_order_of_keys_and_kinds_of_numbers():
    policy = get_policy("max_min_fairness_perf")
    thr = {3: {"v100": 4, "k80": 1}, 1: {"k80": 1.0, "v100": np.float64(2.0)}}
    found = policy.get_allocation(thr, {1: 1, 3: 1}, {3: 1, 1: 1}, {"v100": 1, "k80": 1})
    again = policy.get_allocation(dict(sorted(thr.items())), {3: 1, 1: 1, 8: 2}, {1: 1, 3: 1},
                                  {"k80": 1, "v100": 1})  # fmt: skip
    assert found == again
    assert list(found) == [1, 3]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["t"][1].pop("k80"), "throughputs of job 1 have no worker type 'k80'"),
        (lambda c: c["t"][1].update(k80="x"), "throughput of job 1 on 'k80' is 'x', not a number"),
        (lambda c: c["t"][1].update(k80=-1.0), "job 1 has a throughput of -1.0 on 'k80'"),
        (lambda c: c["s"].pop(1), "scale_factors has no job 1"),
        (lambda c: c["s"].update({1: 1.5}), "scale_factors of job 1 is 1.5, not whole"),
        (lambda c: c["w"].update({1: "x"}), "priority_weights of job 1 is 'x', not a number"),
        (lambda c: c["w"].update({1: -1}), "job 1 has weight -1.0, expected 0 or more"),
        (lambda c: c["spec"].pop("k80"), "cluster_spec has no worker type 'k80'"),
        (lambda c: c["spec"].update(k80=float("nan")), "cluster_spec of 'k80' is nan, not whole"),
        (lambda c: c["spec"].update(k80=float("inf")), "cluster_spec of 'k80' is inf, not whole"),
        (lambda c: c["spec"].update(k80=None), "cluster_spec of 'k80' is None, not whole"),
        (lambda c: c["spec"].update(k80=10**30), "expected 1,000,000,000 at most"),
        (lambda c: c.update(spec=[1, 1]), "cluster_spec is a list, expected a dictionary"),
        (lambda c: c.update(s=[1, 1]), "scale_factors is a list, expected a dictionary by job"),
        (lambda c: c.update(t=[1, 1]), "throughputs is a list, expected a dictionary by job"),
        (lambda c: c["t"].update({1: None}), "throughputs of job 1 are None, expected"),
        (lambda c: c["t"].update({0: [2.0, 1.0]}), r"throughputs of job 0 are \[2.0, 1.0\]"),
        (lambda c: c["t"].update({0: {"k80": 1.0, 5: 1.0}}), "throughputs of job 0 are {'k80'"),
        (lambda c: c["t"][1].update(k80=10**400), "job 1 on 'k80' is beyond what a float can be"),
        (lambda c: c["w"].update({1: 10**400}), "priority_weights of job 1 is beyond what a float"),
        (lambda c: c["t"].update({"a": {"v100": 1.0, "k80": 1.0}}), "jobs .*are whole numbers, "),
    ],
)
def test_errors_name_the_job(change, said):
    call = {
        "t": {job: {"v100": 2.0, "k80": 1.0} for job in (0, 1)},
        "s": {0: 1, 1: 1},
        "w": {0: 1.0, 1: 1.0},
        "spec": {"v100": 1, "k80": 1},
    }
    change(call)
    for policy in ("max_min_fairness_perf", "max_min_fairness_packed"):
        with pytest.raises(InputError, match=said):
            get_policy(policy).get_allocation(*call.values())


def test_odd_states_of_real_callers():
    policy = get_policy("min_total_duration_perf")
    thr = {job: {"v100": 2.0, "k80": 1.0} for job in range(3)}
    one = dict.fromkeys(thr, 1)
    for left in (0, -40):
        shares = policy.get_allocation(thr, one, {0: 100, 1: left, 2: 50}, {"v100": 1, "k80": 1})
        assert not any(shares[1].values())
        assert sum(shares[0].values()) == pytest.approx(1.0)
    with pytest.raises(InputError, match="takes the throughput on 'v100', which is not there"):
        get_policy("min_total_duration").get_allocation(
            {0: {"k80": 1.0}}, {0: 1}, {0: 5}, {"k80": 1}
        )


def test_calls_of_forks():
    """POP's threads and copies of a policy, Shockwave's longer call of AlloX, Sia's names of jobs."""
    cluster = Cluster(False, single_gpu=True)
    cluster.arrive(6)
    for name in ("max_min_fairness_perf", "min_total_duration_perf", "allox"):
        made = get_policy(name, num_threads=4)
        assert cluster.call(copy.deepcopy(made), name) == cluster.call(get_policy(name), name)
    assert gavel.min_total_duration.MinTotalDurationPolicyWithPerf("ECOS", num_threads=1).name
    numbered = cluster.call(get_policy("allox"), "allox")
    one = dict.fromkeys(cluster.kind, 1)
    longer = get_policy("allox").get_allocation(
        cluster.throughputs, one, cluster.age, cluster.steps, [], SPEC
    )
    assert longer == numbered
    named = [f"cifar10-{job}" for job in cluster.kind]
    call = [dict(zip(named, column.values(), strict=True)) for column in
            (cluster.throughputs, one, cluster.age, cluster.steps)]  # fmt: skip
    policy = get_policy("allox")
    found = policy.get_allocation(*call, SPEC)
    assert list(found) == named
    assert list(found.values()) == list(numbered.values())
    for column in call:
        del column["cifar10-2"]
    assert "cifar10-2" not in policy.get_allocation(*call, SPEC)
    with pytest.raises(InputError, match="priority_weights has no job cifar10-1"):
        get_policy("max_min_fairness").get_allocation(call[0], call[1], {"cifar10-0": 1.0}, SPEC)
    with pytest.raises(InputError, match=r"of a policy with pairs"):
        get_policy("gandiva").get_allocation(call[0], call[1], SPEC)


@pytest.mark.parametrize(
    ("pair", "row", "said"),
    [
        ((0, 1), [1.0, 1.0, 1.0], "on 'v100' is .*, not one for each"),
        ((0, 1), [1.0], "on 'v100' is .*, not one for each"),
        ((0, 1), 1.0, "on 'v100' is 1.0, not one for each"),
        ((0, 1), [1.0, float("nan")], r"jobs \(0, 1\) are not all 0 or more"),
        ((0, 1), [1.0, -1.0], r"jobs \(0, 1\) are not all 0 or more"),
        ((0, 7), [1.0, 1.0], r"jobs \(0, 7\) have a job without its own"),
    ],
)
def test_errors_name_the_pair(pair, row, said):
    jobs = [JobIdPair(job, None) for job in (0, 1)]
    one = dict.fromkeys(jobs, 1)
    thr = {job: {"v100": 2.0} for job in jobs} | {JobIdPair(*pair): {"v100": row}}
    policy = get_policy("max_min_fairness_packed")
    policy.get_allocation(dict(list(thr.items())[:2]), one, one, {"v100": 1})
    for _ in range(2):  # what is wrong is not taken as seen
        with pytest.raises(InputError, match=said):
            policy.get_allocation(thr, one, one, {"v100": 1})


def test_workers_are_whole():
    with pytest.raises(InputError, match=r"cluster_spec of 'v100' is 1\.5, not whole"):
        get_policy("isolated").get_allocation({0: {"v100": 1.0}}, {0: 1}, {"v100": 1.5})


def test_a_number_beyond_64_bits_is_named():
    policy = get_policy("max_min_fairness_perf")
    speeds = {"v100": 4.0, "p100": 2.0, "k80": 1.0}
    jobs = {3: speeds, 2**64 + 1: speeds}
    given = (jobs, dict.fromkeys(jobs, 1), dict.fromkeys(jobs, 1.0), dict.fromkeys(speeds, 2))
    with pytest.raises(InputError, match=f"job {2**64 + 1}: numbers of jobs go up to"):
        policy.get_allocation(*given)


@pytest.mark.parametrize("name", ["max_min_fairness_perf", "max_sum_throughput_perf"])
def test_no_share_is_a_zero_with_a_sign(name):
    rows = {0: {"k80": 1.0, "v100": 2.0}, 1: {"k80": 1.0, "v100": 3.0}, 2: {"k80": 0.5, "v100": 4}}
    ones = dict.fromkeys(rows, 1)
    weights = [ones] if "max_min" in name else []
    found = get_policy(name).get_allocation(rows, ones, *weights, {"k80": 2, "v100": 0})
    assert not any(str(share).startswith("-") for row in found.values() for share in row.values())


def test_pairs_of_jobs_that_are_plain_numbers_are_tuples() -> None:
    speeds = {job: dict(zip(SPEC, (1.0 + job, 0.5, 0.2), strict=True)) for job in range(4)}
    scarce = dict.fromkeys(SPEC, 1)
    policy = get_policy("gandiva", seed=0)
    for _ in range(3):
        found = policy.get_allocation(speeds, dict.fromkeys(speeds, 1), scarce)
    pairs = [name for name in found if isinstance(name, tuple)]
    assert len(found) == 4 + len(pairs)
    assert sorted(job for pair in pairs for job in pair) == [0, 1, 2, 3]


@pytest.mark.parametrize("turned", [False, True], ids=["in order", "turned round"])
def test_throughputs_of_tuples_are_those_of_pairs(turned: bool) -> None:
    draws = np.random.default_rng(3)
    alone = {job: dict(zip(SPEC, draws.uniform(1, 5, 3), strict=True)) for job in range(5)}
    both = {
        pair: {kind: draws.uniform(0.5, 4, 2).tolist() for kind in SPEC}
        for pair in itertools.combinations(alone, 2)
    }
    ones = dict.fromkeys(alone, 1)
    workers = dict.fromkeys(SPEC, 1)
    as_objects = {JobIdPair(job, None): row for job, row in alone.items()} | {
        JobIdPair(*pair): row for pair, row in both.items()
    }
    their_ones = {JobIdPair(job, None): 1 for job in alone}
    wanted = get_policy("max_min_fairness_packed").get_allocation(
        as_objects, their_ones, their_ones, workers
    )
    step = -1 if turned else 1
    as_tuples = alone | {
        pair[::step]: {kind: rates[::step] for kind, rates in row.items()}
        for pair, row in both.items()
    }
    policy = get_policy("max_min_fairness_packed")
    for _ in range(2):
        found = policy.get_allocation(as_tuples, ones, ones, workers)
        assert list(found) == list(as_tuples)
        assert list(found.values()) == list(wanted.values())
    twice = as_tuples | {(0, 1): both[0, 1], (1, 0): both[0, 1]}
    with pytest.raises(InputError, match="a pair of jobs is there twice"):
        policy.get_allocation(twice, ones, ones, workers)


def test_a_job_that_comes_back_goes_on_where_it_left() -> None:
    """Its time under isolation began at 0 again; the reference keeps it."""
    policy = get_policy("finish_time_fairness_perf")

    def shares(age: float, steps: dict[int, float]) -> dict:
        return policy.get_allocation(
            {job: {"v100": 1.0} for job in steps},
            dict.fromkeys(steps, 1),
            dict.fromkeys(steps, 1.0),
            dict.fromkeys(steps, age),
            steps,
            {"v100": 1},
        )

    shares(0.0, {0: 1000.0, 1: 1000.0})
    shares(1000.0, {0: 600.0, 1: 900.0})  # 800 s and 200 s at half a worker
    shares(2000.0, {1: 800.0})  # 400 s
    found = shares(3000.0, {0: 600.0, 1: 700.0})  # 800 s as before, and 500 s
    x = found[0]["v100"]
    ratios = [
        (3000.0 + 600.0 / x) / (800.0 + 1200.0),
        (3000.0 + 700.0 / (1.0 - x)) / (500.0 + 1400.0),
    ]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-6)
    assert found[1]["v100"] == pytest.approx(1.0 - x, abs=1e-6)


def test_allox_remembers_over_a_call_without_jobs() -> None:
    policy, spec = get_policy("allox"), {"k80": 1, "v100": 1}

    def shares(*jobs: int) -> dict:
        speed = {1: {"k80": 1.0, "v100": 3.0}, 2: {"k80": 1.0, "v100": 9.0}}
        every = [dict.fromkeys(jobs, value) for value in (1, 0.0, 1000.0)]
        return policy.get_allocation({job: speed[job] for job in jobs}, *every, spec)

    assert shares(1)[1]["v100"] == 1.0
    assert shares() is None
    assert shares(1, 2)[1]["v100"] == 1.0  # 2 would take it from 1 otherwise


def test_allox_without_its_cluster_says_so() -> None:
    call = [{0: dict.fromkeys(SPEC, 1.0)}, {0: 1}, {0: 0.0}, {0: 10.0}]
    with pytest.raises(InputError, match="cluster_spec is missing"):
        get_policy("allox").get_allocation(*call)


@pytest.mark.parametrize("name", ["max_min_fairness_packed", "finish_time_fairness_packed"])
@pytest.mark.parametrize("weights", [(1.0, 1e-9, 1e9), (1.0, 1e300, 1.0), (1e-12, 1.0, 1e12)])
def test_weights_far_apart_are_answered_or_refused(name: str, weights: tuple[float, ...]) -> None:
    """HiGHS does not take coefficients of 1e15: what priced in pairs of a program that was not there raised."""
    types, jobs = ("k80", "v100"), range(3)
    thr = dict(zip(jobs, ({"k80": 2.1, "v100": 7.8}, {"k80": 7.1, "v100": 3.0}, {"k80": 5.0, "v100": 4.6}), strict=True))  # fmt: skip
    one = dict.fromkeys(jobs, 1)
    given = [thr, one, dict(zip(jobs, weights, strict=True)), dict.fromkeys(types, 2)]
    if name.startswith("finish"):
        given[3:3] = [dict.fromkeys(jobs, 100.0), dict.fromkeys(jobs, 1e4)]
    try:
        shares = get_policy(name).get_allocation(*given)
    except SolveFailed as failed:
        assert "raised" not in str(failed)  # noqa: PT017
        return
    heaviest = max(jobs, key=lambda job: weights[job])
    fastest = max(types, key=lambda kind: thr[heaviest][kind])
    if name.startswith("max"):
        assert shares[heaviest][fastest] == pytest.approx(1.0, abs=1e-6)
    assert all(sum(shares[job].values()) <= 1.0 + 1e-6 for job in jobs)


@pytest.mark.parametrize(
    ("beside", "together"),
    [
        pytest.param({(0, 1): (8.0, 8.0), (1, 2): (1.0, 1.0)}, (0, 1), id="the first is faster"),
        pytest.param({(0, 1): (1.0, 1.0), (1, 2): (8.0, 8.0)}, (1, 2), id="the second is"),
        pytest.param({(0, 1): (8.0, 8.0)}, (0, 1), id="the second is not there"),
        pytest.param({(1, 2): (8.0, 8.0)}, (1, 2), id="the first is not there"),
    ],
)
def test_jobs_alike_alone_are_told_apart_by_their_pairs(beside, together) -> None:
    """Jobs 0 and 2 are equal alone, and job 1 stands between them: one pair of kinds, both ways round."""
    alone = {0: {"v100": 10.0}, 1: {"v100": 9.0}, 2: {"v100": 10.0}}
    throughputs = alone | {pair: {"v100": speeds} for pair, speeds in beside.items()}
    ones = dict.fromkeys(alone, 1)
    policy = get_policy("max_min_fairness_packed")
    shares = policy.get_allocation(throughputs, ones, ones, {"v100": 1})
    assert set(shares) == set(throughputs)
    level = [
        shares[job]["v100"]
        + (shares[together]["v100"] * 8.0 / speed["v100"] if job in together else 0)
        for job, speed in alone.items()
    ]
    assert level == pytest.approx([40 / 89] * 3)


@pytest.mark.parametrize("solver", ["ECOS", "SCS"])
def test_pairs_that_are_not_there_are_not_in_the_answer(solver: str) -> None:
    throughputs = {0: {"v100": 10.0}, 1: {"v100": 9.0}, 2: {"v100": 10.0}, (0, 1): {"v100": (8, 8)}}
    ones = {0: 1, 1: 1, 2: 1}
    shares = get_policy("max_min_fairness_packed", solver).get_allocation(
        throughputs, ones, ones, {"v100": 1}
    )
    assert set(shares) == set(throughputs)


def test_jobs_alike_alone_may_differ_beside_each_other() -> None:
    throughputs = {0: {"v100": 10.0}, 1: {"v100": 10.0}, (0, 1): {"v100": (9.0, 2.0)}}
    ones = {0: 1, 1: 1}
    policy = get_policy("max_min_fairness_packed")
    shares = policy.get_allocation(throughputs, ones, ones, {"v100": 1})
    together = shares[0, 1]["v100"]
    assert together * 9.0 == pytest.approx(shares[1]["v100"] * 10.0 + together * 2.0)
    assert together * 9.0 == pytest.approx(90 / 17)


def test_a_kind_that_comes_back_has_no_pairs_but_those_that_are_given() -> None:
    slow, fast = {"v100": 1.0}, {"v100": 2.0}
    policy = get_policy("max_min_fairness_packed")
    first = {0: slow, 1: fast, (0, 1): {"v100": (1.0, 2.0)}}
    for throughputs in (first, {0: slow}, {0: slow, 2: fast}):
        ones = {job: 1 for job in throughputs if not isinstance(job, tuple)}
        shares = policy.get_allocation(throughputs, ones, ones, {"v100": 1})
        assert set(shares) == set(throughputs)
    assert shares[0]["v100"] == pytest.approx(0.5)


@pytest.mark.parametrize("steps", [-5.0, 0.0])
def test_a_job_that_overshot_before_its_deadline_asks_for_nothing(steps: float) -> None:
    policy = get_policy("max_sum_throughput_normalized_by_cost_perf_SLOs")
    shares = policy.get_allocation(
        {0: {"v100": 9.0}, 1: {"v100": 10.0}}, {0: 1, 1: 1}, {"v100": 1},
        SLOs={0: 10.0}, num_steps_remaining={0: steps},
    )  # fmt: skip
    assert shares[1]["v100"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"SLOs": {0: float("nan")}}, "SLOs of job 0 is nan"),
        ({"SLOs": {0: "soon"}}, "SLOs of job 0 is 'soon', not a number"),
        ({"SLOs": [10.0]}, "SLOs is a list, expected a dictionary by job"),
        ({"num_steps_remaining": {0: None}}, "steps_left nan"),
        ({"num_steps_remaining": 5.0}, "num_steps_remaining is a float"),
        ({"instance_costs": {"k80": 1.0}}, "instance_costs has no worker type 'v100'"),
        ({"instance_costs": {"v100": "dear"}}, "instance_costs of 'v100' is 'dear', not a number"),
        ({"instance_costs": {"v100": 10**400}}, "beyond what a float can be"),
        ({"instance_costs": 2.0}, "instance_costs is a float"),
    ],
)
def test_what_a_sum_is_told_is_checked(given, said) -> None:
    more = {"SLOs": {0: 10.0}, "num_steps_remaining": {0: 5.0}} | given
    policy = get_policy("max_sum_throughput_normalized_by_cost_perf_SLOs")
    with pytest.raises(InputError, match=said):
        policy.get_allocation({0: {"v100": 9.0}}, {0: 1}, {"v100": 1}, **more)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (None, "throughputs of job .* are None"),
        ({"v100": (10**400, 1)}, "a value is not a number"),
        ({"v100": np.float32(3)}, "not one for each"),
    ],
)
def test_what_a_pair_is_told_is_checked(row, said) -> None:
    throughputs = {0: {"v100": 9.0}, 1: {"v100": 9.0}, (0, 1): row}
    with pytest.raises(InputError, match=said):
        get_policy("fifo_packed").get_allocation(throughputs, {0: 1, 1: 1}, {"v100": 1})


A, B = ("a", 1), ("b", 1)
ROW = {None: 2.0, A: 1.0, B: 1.0}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"speeds": {A: {"v100": {None: 2.0, A: 1.0}}, B: {"v100": ROW}}}, "'v100' are not steps"),
        ({"speeds": {"a": {"v100": ROW}}}, "job types are pairs of a name"),
        ({"speeds": {A: {"v100": ROW | {B: -1.0}}, B: {"v100": ROW}}}, "not all 0 or more"),
        ({"jobs": {0: ["a"]}}, r"job type \['a'\] has no throughputs"),
        ({"scale": {0: 1.5}}, "scale_factors of job 0 is 1.5, not whole"),
        ({"workers": {}}, "cluster_spec names no worker type"),
    ],
)
def test_what_job_types_are_told_is_checked(change, said) -> None:
    given = {
        "speeds": {A: {"v100": ROW}, B: {"v100": ROW}}, "jobs": {0: A}, "scale": {0: 1},
        "weights": {0: 1.0}, "workers": {"v100": 1},
    }  # fmt: skip
    policy = get_policy("max_min_fairness_packed")
    assert policy.get_allocation_using_job_type_throughputs(*given.values()) == {0: {"v100": 1.0}}
    with pytest.raises(InputError, match=said):
        policy.get_allocation_using_job_type_throughputs(*(given | change).values())


@pytest.mark.parametrize("name", ["fifo", "fifo_perf", "allox"])
def test_the_latest_jobs_wait_when_workers_are_taken_away(name: str) -> None:
    policy = get_policy(name)
    speeds = {"k80": 1.0, "v100": 4.0}

    def running(jobs: range, workers: dict[str, int], speeds: dict[str, float]) -> dict[int, str]:
        columns = dict.fromkeys(jobs, 1.0)
        steps = (columns, columns) if name == "allox" else ()
        rows = {job: dict(speeds) for job in jobs}
        found = policy.get_allocation(rows, columns, *steps, workers)
        assert found is not None
        return {
            job: kind for job, row in found.items() for kind, share in row.items() if share == 1.0
        }

    before = running(range(3), {"k80": 0, "v100": 3}, speeds)
    assert before == dict.fromkeys(range(3), "v100")
    for jobs in (range(3), range(5)):
        assert running(jobs, {"k80": 0, "v100": 1}, speeds) == {0: "v100"}
    assert running(range(5), {"v100": 1}, {"v100": 4.0}) == {
        0: "v100"
    }  # its type's place is another
    assert running(range(5), {"k80": 1, "v100": 1}, speeds)[0] == "v100"


@pytest.mark.parametrize("jobs", [(1.5, 2), ("1", 2), (1.5, 1.2)])
def test_no_job_is_taken_for_another_number(jobs) -> None:
    with pytest.raises(InputError, match=f"jobs are whole numbers.*found {jobs[0]!r}"):
        get_policy("isolated").get_allocation(
            {job: {"v100": 1.0} for job in jobs}, dict.fromkeys(jobs, 1), {"v100": 1}
        )


@pytest.mark.parametrize("digits", [400, 5000])
def test_long_numbers_are_named_in_short(digits: int) -> None:
    long = 10**digits
    for job, workers in ((long, 1), (1, long)):
        with pytest.raises(InputError) as wrong:
            get_policy("isolated").get_allocation({job: {"v100": 1.0}}, {job: 1}, {"v100": workers})
        assert len(str(wrong.value)) < 200


def test_a_job_is_no_pair_with_itself() -> None:
    rows = {1: {"v100": 1.0}, 2: {"v100": 1.0}, (1, 1): {"v100": [0.9, 0.9]}}
    ones = {1: 1, 2: 1}
    with pytest.raises(InputError, match=r"jobs \(1, 1\) pair a job with itself"):
        get_policy("max_min_fairness_packed").get_allocation(rows, ones, ones, {"v100": 1})


FAIR = {"a": "fairness", "b": "fifo"}


def _entities(weights, members):
    jobs = (1, 2, 3)
    policy = get_policy("max_min_fairness_water_filling_perf", priority_reweighting_policies=FAIR)
    rows, ones = {job: {"v100": 1.0} for job in jobs}, dict.fromkeys(jobs, 1)
    return policy.get_allocation(rows, ones, ones, {"v100": 1}, weights, members)


def test_entities_have_weights_of_any_kind_of_number() -> None:
    found = _entities({"a": np.float32(1), "b": np.int64(2)}, {"a": [1, 2], "b": [3]})
    assert [found[job]["v100"] for job in (1, 2, 3)] == pytest.approx([1 / 6, 1 / 6, 2 / 3])


@pytest.mark.parametrize(
    ("weights", "members", "said"),
    [
        (
            {"a": 1, "b": 2},
            {"a": [1, 2], "b": [2, 3]},
            "job 2 belongs to two entities, 'a' and 'b'",
        ),
        ({"a": 1, "b": 2}, {"a": 1, "b": [3]}, "jobs of entity 'a' are 1, expected a list"),
        ({"a": 1, "b": 2}, {"a": "12", "b": [3]}, "jobs of entity 'a' are '12', expected a list"),
        ({"a": 1, "b": 2}, [[1, 2], [3]], "entity_to_job_mapping is a list"),
        ([1, 2], {"a": [1, 2], "b": [3]}, "entity_weights is a list"),
        (
            {"a": 10**400, "b": 1},
            {"a": [1, 2], "b": [3]},
            "weight of entity 0 is 1000.*expected > 0",
        ),
    ],
)
def test_what_entities_are_told_is_checked(weights, members, said: str) -> None:
    with pytest.raises(InputError, match=said):
        _entities(weights, members)


def test_a_policy_of_ones_own_is_said_where_it_goes() -> None:
    with pytest.raises(InputError, match=r"mine.py:Mine'.*gavel_opt.make_policy"):
        get_policy("mine.py:Mine")
